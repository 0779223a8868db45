import { isHostsOwn, type NodeDevices, type PciDevice, pciName } from "./node-devices";

/** What is wrong with a claim, and what to do. */
export interface Objection {
  readonly reason: string;
  readonly remedy: string;
  /** The resource that has it, where another one of ours does. */
  readonly holder?: string | undefined;
}

/**
 * Whether the host itself works with a PCI device, as far as libvirt can tell: an interface that is up or carries a
 * bridge, disks, the only screen. What stands on a disk libvirt does not know, so one that hangs on a driver of the
 * host is left to its owner to take away first.
 */
export async function usedByHost(
  address: string,
  device: PciDevice,
  devices: NodeDevices,
  ports: ReadonlyMap<string, string>,
): Promise<Objection | undefined> {
  const setAside = `set it aside yourself: virsh nodedev-detach ${pciName(address)}`;
  const interfaces = (await devices.interfaces()).filter(({ parent }) => parent === pciName(address));
  const port = interfaces.find(({ name }) => ports.has(name))?.name;
  if (port !== undefined) {
    return {
      reason: `${address} is in use by the host: its interface ${port} is the uplink of the bridge ${ports.get(port)}`,
      remedy: `give another device, or take ${port} out of the bridge (ip link set ${port} nomaster)`,
    };
  }
  const up = device.isVirtualFunction ? undefined : interfaces.find(({ isUp }) => isUp);
  if (up) {
    return {
      reason: `${address} is in use by the host: its interface ${up.name} is up`,
      remedy: `give another device, or set the interface down for good (ip link set ${up.name} down) when the host is reached by another one`,
    };
  }
  if (!isHostsOwn(device)) return undefined;
  const disks = await devices.disksOf(address);
  if (disks.length > 0) {
    return {
      reason: `${address} is in use by the host: ${disks.join(", ")} ${disks.length > 1 ? "hang" : "hangs"} on it`,
      remedy: `give another device; or, when nothing of the host is on the disk (lsblk), ${setAside}`,
    };
  }
  if (device.isDisplay && (await devices.displays()) === 1) {
    return {
      reason: `${address} is in use by the host: it is its only screen (driver ${device.driver})`,
      remedy: `give another card; or, when the host is reached without it, ${setAside}`,
    };
  }
  return undefined;
}
