import { KvmError } from "../core/errors";
import { unwritable } from "./unwritable";

/**
 * What to say where a network or pool is gone since its new definition could not be written: libvirt (seen in 9.0) takes
 * it off its list then, and leaves the file of the former definition, which its daemon finds when it is started.
 */
export function forgotten({ code, details }: KvmError, what: "network" | "pool", daemon: string): KvmError {
  const cause = unwritable(details.reason) ?? "remove the cause";
  return new KvmError(code, {
    ...details,
    reason: `${details.reason}; with that libvirt has lost sight of the ${what} until its daemon starts anew, and finds it as it was`,
    remedy: `${cause}, restart libvirtd (or ${daemon}) there, which leaves guests running, and run pulumi up again`,
  });
}
