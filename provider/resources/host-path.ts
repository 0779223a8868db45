import type { Libvirt } from "../libvirt/api";
import { errorCode, LibvirtError } from "../libvirt/errors";

/**
 * Whether the host has that folder; undefined where libvirt does not say. It has no call that tells, but before it runs
 * what it is asked for the capabilities of, it says why it cannot: a folder is not executable, nothing is not there.
 * For folders of /sys alone: no file there can be run (ADR 0014).
 */
export async function hasFolder(libvirt: Libvirt, path: `/sys/${string}`): Promise<boolean | undefined> {
  const asked = { emulatorbin: path, arch: undefined, machine: undefined, virttype: undefined, flags: 0 };
  try {
    await libvirt.call("CONNECT_GET_DOMAIN_CAPABILITIES", asked);
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    if (error.code !== errorCode.systemError) return undefined;
    if (/is not executable/.test(error.message)) return true;
    if (/No such file or directory/.test(error.message)) return false;
  }
  return undefined;
}

/**
 * Whether the host has an interface of that name. Many a daemon comes without the driver that knows them, and the one by
 * netcf, which older hosts have, knows those that are configured alone: what it does not find may be there.
 */
export async function hasInterface(libvirt: Libvirt, name: string): Promise<boolean | undefined> {
  try {
    await libvirt.call("INTERFACE_LOOKUP_BY_NAME", { name });
    return true;
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    return hasFolder(libvirt, `/sys/class/net/${name}`);
  }
}
