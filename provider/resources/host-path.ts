import type { Libvirt } from "../libvirt/api";
import { errorCode } from "../libvirt/errors";
import { unlessRefused } from "./failure";

/**
 * Whether the host has that folder; undefined where libvirt does not say. It has no call that tells, but before it runs
 * what it is asked for the capabilities of, it says why it cannot: a folder is not executable, nothing is not there.
 * For folders of /sys alone: no file there can be run (ADR 0014).
 */
export function hasFolder(libvirt: Libvirt, path: `/sys/${string}`): Promise<boolean | undefined> {
  const asked = { emulatorbin: path, arch: undefined, machine: undefined, virttype: undefined, flags: 0 };
  const work = () => libvirt.call("CONNECT_GET_DOMAIN_CAPABILITIES", asked).then(() => undefined);
  return unlessRefused({ step: `look for ${path}`, host: libvirt.uri }, work, ({ code, message }) => {
    if (code !== errorCode.systemError) return undefined;
    if (/is not executable/.test(message)) return true;
    return /No such file or directory/.test(message) ? false : undefined;
  });
}

/**
 * Whether the host has an interface of that name. Many a daemon comes without the driver that knows them, and the one by
 * netcf, which older hosts have, knows those that are configured alone: what it does not find may be there.
 */
export function hasInterface(libvirt: Libvirt, name: string): Promise<boolean | undefined> {
  const work = () => libvirt.call("INTERFACE_LOOKUP_BY_NAME", { name }).then(() => true);
  const step = { step: `look for the interface ${name}`, host: libvirt.uri };
  return unlessRefused(step, work, () => hasFolder(libvirt, `/sys/class/net/${name}`));
}
