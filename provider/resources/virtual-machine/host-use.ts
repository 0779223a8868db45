import type { Libvirt } from "../../libvirt/api";
import { LibvirtError } from "../../libvirt/errors";
import { parseAnswer } from "../../schema/answer";
import { child, children } from "../../schema/tree";
import { attempt } from "../failure";
import { isHostsOwn, type NodeDevices, type PciDevice, pciName } from "./node-devices";

/** What is wrong with a claim, and what to do. */
export interface Objection {
  readonly reason: string;
  readonly remedy: string;
}

/** A port of a bridge of the host. */
export interface BridgePort {
  readonly name: string;
  readonly bridge: string;
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
  ports: readonly BridgePort[],
): Promise<Objection | undefined> {
  const setAside = `set it aside yourself: virsh nodedev-detach ${pciName(address)}`;
  const interfaces = (await devices.interfaces()).filter(({ parent }) => parent === pciName(address));
  const port = ports.find(({ name }) => interfaces.some((item) => item.name === name));
  if (port) {
    return {
      reason: `${address} is in use by the host: its interface ${port.name} is the uplink of the bridge ${port.bridge}`,
      remedy: `give another device, or take ${port.name} out of the bridge (ip link set ${port.name} nomaster)`,
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

/** The ports of the host's bridges; none where libvirt has no driver for interfaces. */
export async function bridgePorts(libvirt: Libvirt, host: string): Promise<readonly BridgePort[]> {
  const step = { step: "list the bridges of the host", host };
  try {
    // VIR_CONNECT_LIST_INTERFACES_ACTIVE
    const { ifaces } = await libvirt.call("CONNECT_LIST_ALL_INTERFACES", { needResults: 1, flags: 2 });
    const documents = await attempt(step, () =>
      Promise.all(ifaces.map((iface) => libvirt.call("INTERFACE_GET_XML_DESC", { iface, flags: 0 }))),
    );
    return documents
      .map(({ xml }) => parseAnswer(xml))
      .flatMap((document) => {
        const bridge = document.attributes["name"] ?? "";
        const ports = document.attributes["type"] === "bridge" ? child(document, "bridge") : undefined;
        return (ports ? children(ports, "interface") : []).map(({ attributes: { name = "" } }) => ({ name, bridge }));
      });
  } catch (error) {
    if (error instanceof LibvirtError && error.code === noSupport) return [];
    throw error;
  }
}

/** VIR_ERR_NO_SUPPORT */
const noSupport = 3;
