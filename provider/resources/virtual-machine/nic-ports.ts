import type { Libvirt } from "../../libvirt/api";
import { LibvirtError } from "../../libvirt/errors";
import { networkHandle } from "../../libvirt/procedures";
import { child, type Element } from "../../schema/tree";
import { devicesOf } from "./alias";
import type { Domain } from "./domain";

/** An interface that a tap plugs into the bridge of a network. */
export interface Plugged {
  readonly network: string;
  readonly bridge: string;
  /** libvirt's number of the port of the network (libvirt 5.5). */
  readonly portid: string;
}

/** Where the running guest's document says that the interface is plugged in. */
export function pluggedInto(nic: Element): Plugged | undefined {
  const { network, bridge, portid } = child(nic, "source")?.attributes ?? {};
  if (network === undefined || bridge === undefined || portid === undefined) return undefined;
  return child(nic, "virtualport") ? undefined : { network, bridge, portid };
}

/**
 * Takes the network out of the interfaces of a running guest whose network was stopped and started anew: their taps are
 * on no bridge, and the ports that libvirt shows with all that it knows are none of the network's any more.
 */
export async function forgetLostPorts(domain: Domain, live: Element): Promise<void> {
  const networkOf = (nic: Element) => child(nic, "source")?.attributes["network"];
  const names = [...new Set(devicesOf(live, "interface").flatMap((nic) => networkOf(nic) ?? []))];
  if (names.length === 0) return;
  const ports = Promise.all(names.map(async (name) => [name, await portsOf(domain.libvirt, name)] as const));
  const [found, full] = await Promise.all([ports, domain.liveInFull()]);
  const known = new Map(found);
  const lost = devicesOf(full, "interface").filter((nic) => {
    const plugged = pluggedInto(nic);
    return plugged && known.get(plugged.network)?.includes(plugged.portid) === false;
  });
  const macs = lost.map(macOf);
  for (const nic of devicesOf(live, "interface")) {
    if (macs.includes(macOf(nic))) delete child(nic, "source")?.attributes["network"];
  }
}

function macOf(nic: Element): string | undefined {
  return child(nic, "mac")?.attributes["address"];
}

/** The ports of a network that runs. What cannot be seen is taken for no fault. */
async function portsOf(libvirt: Libvirt, name: string): Promise<readonly string[] | undefined> {
  try {
    const { net } = await libvirt.call("NETWORK_LOOKUP_BY_NAME", { name });
    const network = networkHandle(net.uuid);
    const [{ active }, { ports }] = await Promise.all([
      libvirt.call("NETWORK_IS_ACTIVE", { net: network }),
      libvirt.call("NETWORK_LIST_ALL_PORTS", { network, needResults: 1, flags: 0 }),
    ]);
    return active === 1 ? ports.map(({ uuid }) => uuid) : undefined;
  } catch (error) {
    if (error instanceof LibvirtError) return undefined;
    throw error;
  }
}
