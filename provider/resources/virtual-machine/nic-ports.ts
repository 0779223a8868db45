import { errorCode } from "../../libvirt/errors";
import { networkHandle } from "../../libvirt/procedures";
import { child, type Element } from "../../schema/tree";
import { unlessRefused } from "../failure";
import { devicesOf } from "./alias";
import type { Domain } from "./domain";

/** An interface that a tap plugs into the bridge of a network. */
interface Plugged {
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
  const nics = devicesOf(live, "interface");
  if (!nics.some((nic) => child(nic, "source")?.attributes["network"])) return;
  const full = devicesOf(await domain.liveInFull(), "interface");
  const lost = await Promise.all(full.map((nic) => hasLostPort(domain, nic)));
  const macs = full.filter((_, index) => lost[index]).map(macOf);
  for (const nic of nics) if (macs.includes(macOf(nic))) delete child(nic, "source")?.attributes["network"];
}

function macOf(nic: Element): string | undefined {
  return child(nic, "mac")?.attributes["address"];
}

/** Whether the network runs and knows no such port. What cannot be seen is taken for no fault. */
async function hasLostPort({ libvirt, name, host }: Domain, nic: Element): Promise<boolean> {
  const plugged = pluggedInto(nic);
  if (!plugged) return false;
  const look = async () => {
    const { net } = await libvirt.call("NETWORK_LOOKUP_BY_NAME", { name: plugged.network });
    await libvirt.call("NETWORK_PORT_LOOKUP_BY_UUID", { network: networkHandle(net.uuid), uuid: plugged.portid });
    return false;
  };
  const step = { step: `see the interfaces of VirtualMachine ${name} on their networks`, host };
  return unlessRefused(step, look, ({ code }) => code === errorCode.noNetworkPort);
}
