import { attribute, z } from "../../core/attribute";
import { hugePageRows } from "./huge-pages";
import { ksmRows } from "./ksm";
import { limitRows } from "./limits";

const drivers = ["qemu", "test"];
const transports = ["unix", "ssh", "libssh", "libssh2", "tls", "tcp"];

/** What is wrong with a libvirt URI, with what to write instead; undefined for one that can be tried. */
export function uriFault(uri: string): string | undefined {
  const match = /^([a-z]+)(?:\+([a-z0-9]+))?:\/\/([^/?#\s]*)(\/[^?#\s]*)(?:\?[^#\s]*)?$/.exec(uri);
  if (!match) {
    return `"${uri}" is not a libvirt URI; write for example "qemu+ssh://root@rack1.example/system" or "qemu:///system"`;
  }
  const [, driver = "", transport, authority = "", path = ""] = match;
  if (!drivers.includes(driver)) return `the driver "${driver}" is not supported; write "qemu"`;
  if (transport !== undefined && !transports.includes(transport)) {
    return `the transport "${transport}" is not known; known are ${transports.join(", ")}`;
  }
  if (/:[^@]*@/.test(authority)) {
    return "must not hold a password, it would be kept in state; use the ssh agent, identityFile or identityEnv";
  }
  if (transport === "unix" && authority !== "") {
    return 'the transport "unix" is local and has no host name; write "qemu+ssh://" to reach another machine';
  }
  if (transport !== undefined && transport !== "unix" && authority.replace(/^.*@/, "") === "") {
    return `the transport "${transport}" needs a host name, as in "${driver}+${transport}://root@rack1.example${path}"`;
  }
  if (driver === "qemu" && path !== "/system" && path !== "/session") {
    return `the path "${path}" means nothing to the qemu driver; end the address in "/system"`;
  }
  return undefined;
}

const uri = z.string({ error: "expected a libvirt URI" }).superRefine((value, context) => {
  const message = uriFault(value);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

const hostKey = z
  .string()
  .trim()
  .regex(
    /^(SHA256:[A-Za-z0-9+/]{43}=?|(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?)$/,
    'is neither a public key like "ssh-ed25519 AAAA..." nor a fingerprint like "SHA256:..." (43 characters)',
  );

export const rows = {
  uri: attribute({
    doc: 'Address of the host\'s libvirt daemon, a libvirt URI such as "qemu+ssh://root@rack1.example/system". Another address of the same machine is saved in place; another machine is refused.',
    schema: uri,
    change: () => ({ class: "live", reason: "the address only, if the same machine answers there" }),
  }),
  hostKey: attribute<string | undefined>({
    doc: 'The only ssh host key to accept: "ssh-ed25519 AAAA..." or "SHA256:...". Default: known_hosts decides.',
    schema: hostKey.optional(),
    change: "live",
  }),
  identityFile: attribute<string | undefined>({
    doc: "Private ssh key file on the machine that runs Pulumi. Default: the ssh agent and the files that ssh itself would try.",
    schema: z.string().min(1, "must not be empty").optional(),
    change: "live",
  }),
  identityEnv: attribute<string | undefined>({
    doc: "Name of an environment variable that holds a private ssh key as text; the key itself is never stored.",
    schema: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is the name of an environment variable, not the key itself")
      .optional(),
    change: "live",
  }),
  ...limitRows,
  ...hugePageRows,
  ...ksmRows,
};
