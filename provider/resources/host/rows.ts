import { attribute, z } from "../../core/attribute";
import { uriFaults } from "../../transport/uri";
import { hugePageRows } from "./huge-pages";
import { ksmRows } from "./ksm";
import { limitRows } from "./limits";

const uri = z.string({ error: "expected a libvirt URI" }).superRefine((value, context) => {
  for (const message of uriFaults(value)) context.addIssue({ code: "custom", message });
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
    schema: z
      .string()
      .min(1, "must not be empty")
      .refine(
        (path) => !/[\r\n]|-----BEGIN/.test(path),
        "is the path of a key, not the key itself: that would stand in the state",
      )
      .optional(),
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
