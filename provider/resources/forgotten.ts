import { KvmError } from "../core/errors";
import { unwritable, unwritableRemedy } from "./unwritable";

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

/**
 * What to do where libvirt cannot take away the file of a definition: it insists on that, also where somebody has deleted
 * it by hand, until its daemon looks anew which there are. Of a pool it does not say which of the two it is.
 */
export function undefineRemedy(folder: string, daemon: string): (said: string) => string | undefined {
  const remedy = `look into ${folder} on the host: where its file is not there any more, restart libvirtd (or ${daemon}), which leaves guests running, and run pulumi again; where it is, make the file system writable (dmesg tells of errors)`;
  return (said) => unwritableRemedy(said) ?? (/cannot remove config/.test(said) ? remedy : undefined);
}
