import { messageOf } from "../../core/errors";
import type { Context } from "../../core/handler";
import type { Libvirt } from "../../libvirt/api";
import { element, render } from "../../schema/tree";
import { attempt } from "../failure";
import type { Objection } from "./host-use";
import { NodeDevices, pciName } from "./node-devices";
import type { Inputs } from "./rows";
import { entriesOf } from "./rule-entries";

type Hostdev = Inputs["hostDevices"][string];

/** What a mediated device is made from: a type of the card at that address. */
export interface MediatedSource {
  readonly type: string;
  readonly parent: string;
}

/** A mediated device that comes and goes with its guest. */
interface OnDemand extends MediatedSource {
  readonly uuid: string;
  readonly at: string;
}

/** The mediated devices that are made for this guest. */
function onDemand(hostDevices: unknown): readonly OnDemand[] {
  return entriesOf<Hostdev>(hostDevices).flatMap(([key, { mdev, mdevFrom }]) =>
    mdev !== undefined && mdevFrom ? [{ ...mdevFrom, uuid: mdev, at: `hostDevices.${key}.mdevFrom` }] : [],
  );
}

/** What is wrong with a mediated device that the host has already, or that is to be made of one of its cards. */
export async function mediatedObjection(
  uuid: string,
  from: MediatedSource | undefined,
  devices: NodeDevices,
): Promise<Objection | undefined> {
  const present = await devices.mediated(uuid);
  const list = "`virsh nodedev-list --cap mdev_types` on the host shows what can be made";
  if (!from) {
    if (!present) return { reason: `the host has no mediated device ${uuid}`, remedy: `make it first: ${list}` };
    if (present.isActive) return undefined;
    const remedy = `start it: virsh nodedev-start ${present.name}`;
    return { reason: `the mediated device ${uuid} is defined and not there`, remedy };
  }
  if (present) {
    if (present.type === from.type && present.parent === from.parent) return undefined;
    return {
      reason: `the mediated device ${uuid} is a ${present.type} of ${present.parent}, not a ${from.type} of ${from.parent}`,
      remedy: `another name of the entry makes another one; virsh nodedev-destroy ${present.name} takes that one away`,
    };
  }
  const parent = await devices.pci(from.parent);
  if (!parent) return { reason: `the host has no PCI device ${from.parent}`, remedy: list };
  const room = parent.mediatedTypes.get(from.type);
  if (room === undefined) {
    const offered = [...parent.mediatedTypes.keys()].join(", ") || "none: its driver makes no mediated devices";
    return { reason: `${from.parent} has no type ${from.type} (it offers ${offered})`, remedy: list };
  }
  if (room > 0) return undefined;
  return {
    reason: `${from.parent} has no room for one more ${from.type}`,
    remedy: "take one away from another guest, choose a smaller type, or another card",
  };
}

/**
 * Makes the mediated devices of this guest that are not there, so that they are there after a start of the host too
 * (virNodeDeviceDefineXML, virNodeDeviceCreate). One that fails leaves none behind. Answers a way to take back what
 * was made.
 */
export async function makeMediated(libvirt: Libvirt, inputs: Inputs, context: Context): Promise<() => Promise<void>> {
  const host = inputs.host.uri;
  const devices = new NodeDevices(libvirt, host);
  const made: string[] = [];
  const undo = async () => {
    for (const uuid of made) await removeOne(libvirt, host, uuid);
  };
  try {
    for (const { uuid, type, parent, at } of onDemand(inputs.hostDevices)) {
      const step = { step: `make ${at} (${type} of ${parent}) for VirtualMachine ${inputs.name}`, host, remedy: tools };
      const present = await devices.mediated(uuid);
      if (present?.isActive) continue;
      context.progress(`making a ${type} of ${parent}`);
      made.push(uuid);
      const name = present?.name ?? (await attempt(step, () => define(libvirt, uuid, type, parent)));
      await attempt(step, async () => {
        // One that is started is looked at no more, whoever was cut off after it.
        await libvirt.call("NODE_DEVICE_SET_AUTOSTART", { name, autostart: 1 });
        await libvirt.call("NODE_DEVICE_CREATE", { name, flags: 0 });
      });
    }
    return undo;
  } catch (error) {
    await undo().catch((failure: unknown) => context.warn(messageOf(failure)));
    throw error;
  }
}

const tools = "the host needs mdevctl and the vendor's driver of the card; then run pulumi up again";

async function define(libvirt: Libvirt, uuid: string, type: string, parent: string): Promise<string> {
  const capability = element("capability", { type: "mdev" }, element("type", { id: type }), element("uuid", {}, uuid));
  const document = element("device", {}, element("parent", {}, pciName(parent)), capability);
  const { dev } = await libvirt.call("NODE_DEVICE_DEFINE_XML", { xmlDesc: render(document), flags: 0 });
  return dev.name;
}

/** Takes away the devices that were made for `olds` and that `news` does not have any more. */
export async function removeMediated(
  libvirt: Libvirt,
  { host, hostDevices }: Pick<Inputs, "host" | "hostDevices">,
  news: Pick<Inputs, "hostDevices"> | undefined,
): Promise<void> {
  for (const { uuid } of goneOf(hostDevices, news?.hostDevices)) await removeOne(libvirt, host.uri, uuid);
}

/**
 * The inputs, naming also what was made for `olds` and may be on the host still, so that the next update takes it away.
 * The names are none that a program gives: one that puts the device back has something to change.
 */
export function withLeftovers<I extends Pick<Inputs, "hostDevices">>(inputs: I, olds: Pick<Inputs, "hostDevices">): I {
  const left = entriesOf<Hostdev>(olds.hostDevices).flatMap(([, device]) => {
    const [gone] = goneOf({ device }, inputs.hostDevices);
    return gone ? [[`mdev ${gone.uuid}`, device]] : [];
  });
  return left.length === 0
    ? inputs
    : { ...inputs, hostDevices: { ...inputs.hostDevices, ...Object.fromEntries(left) } };
}

/** The devices that were made for the one and that the other does not have any more. */
function goneOf(before: unknown, now: unknown): readonly OnDemand[] {
  const kept = new Set(onDemand(now).map(({ uuid }) => uuid));
  return onDemand(before).filter(({ uuid }) => !kept.has(uuid));
}

async function removeOne(libvirt: Libvirt, host: string, uuid: string): Promise<void> {
  const present = await new NodeDevices(libvirt, host).mediated(uuid);
  if (!present) return;
  const { name, isActive } = present;
  const remedy = `when no guest has it any more: virsh nodedev-destroy ${name}; virsh nodedev-undefine ${name}`;
  await attempt({ step: `take away the mediated device ${uuid}`, host, remedy }, async () => {
    if (isActive) await libvirt.call("NODE_DEVICE_DESTROY", { name });
    await libvirt.call("NODE_DEVICE_UNDEFINE", { name, flags: 0 });
  });
}
