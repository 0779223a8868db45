import { Hosts } from "../adapters/hosts";
import type { Libvirt } from "../libvirt/api";
import { type Flags, type Option, textFlag } from "./command";

/** Options of every command that talks to a host; without them ssh's own configuration, agent and known_hosts count. */
export const connectOptions = {
  "host-key": { type: "string", value: "KEY", doc: "The host's key, where known_hosts does not have it." },
  "identity-file": { type: "string", value: "FILE", doc: "The private key to log in with." },
  "identity-env": { type: "string", value: "NAME", doc: "The environment variable that holds the private key." },
} as const satisfies Readonly<Record<string, Option>>;

/** Opens the host that the URI names as the provider does, for as long as the work takes. */
export async function withHost<T>(uri: string, flags: Flags, work: (libvirt: Libvirt) => Promise<T>): Promise<T> {
  const text = (name: keyof typeof connectOptions) => textFlag(flags, name);
  const [hostKey, identityFile, identityEnv] = [text("host-key"), text("identity-file"), text("identity-env")];
  const hosts = new Hosts();
  try {
    const libvirt = await hosts.connect({
      uri,
      ...(hostKey !== undefined && { hostKey }),
      ...(identityFile !== undefined && { identityFile }),
      ...(identityEnv !== undefined && { identityEnv }),
    });
    return await work(libvirt);
  } finally {
    await hosts.close();
  }
}
