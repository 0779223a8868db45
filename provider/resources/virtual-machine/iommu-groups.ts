import type { Libvirt } from "../../libvirt/api";
import { pciDevicesOf } from "./hostdev-rules";
import { NodeDevices } from "./node-devices";
import type { Inputs } from "./rows";

/** The IOMMU groups of what the guest is given; a device that is gone from the host has none. */
export async function groupsOf(libvirt: Libvirt, inputs: Inputs) {
  const given = pciDevicesOf(inputs);
  if (given.length === 0) return undefined;
  const devices = new NodeDevices(libvirt, inputs.host.uri);
  const found = await Promise.all(
    given.map(async ([property, address]) => {
      const group = (await devices.pci(address))?.group;
      return group ? [[property, { group: group.number, members: group.members }] as const] : [];
    }),
  );
  return Object.fromEntries(found.flat());
}
