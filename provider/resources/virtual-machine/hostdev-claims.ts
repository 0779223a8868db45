import { equal } from "../../core/equal";
import type { Libvirt } from "../../libvirt/api";
import { child, type Element } from "../../schema/tree";
import { Taken } from "../hand-over";
import { bridgePorts } from "../host-devices";
import { makerOf, type OtherDomain, otherDomains } from "../other-domains";
import { pciText } from "../pci-address";
import { devicesOf } from "./alias";
import { type Objection, usedByHost } from "./host-use";
import { type DeviceSource, sourceOf } from "./hostdev-sources";
import { type MediatedSource, mediatedObjection } from "./mediated-devices";
import { isHostsOwn, NodeDevices, type PciDevice } from "./node-devices";
import type { Inputs } from "./rows";
import { entriesOf, type Nic } from "./rule-entries";

type Hostdev = Inputs["hostDevices"][string];

/** One device of the host that the inputs ask for. */
interface Claim {
  readonly at: string;
  readonly source: DeviceSource;
  /** Others may have it too. */
  readonly shareable: boolean;
  /** The guest starts without it when it is not there. */
  readonly optional: boolean;
  /** What a mediated device is made from for this guest. */
  readonly from: MediatedSource | undefined;
}

/**
 * Refuses devices of the host that are not there, that another domain has, that the host works with itself, or whose
 * IOMMU group would be shared with it. Reads only; `own` is the uuid of the domain on the host.
 */
export async function requireHostDevices(libvirt: Libvirt, inputs: Inputs, own = inputs.uuid): Promise<void> {
  const claims = claimsOf(inputs);
  if (claims.length === 0) return;
  const host = inputs.host.uri;
  const devices = new NodeDevices(libvirt, host);
  const hasPci = claims.some(({ source }) => source.pci !== undefined);
  const [others, ports] = await Promise.all([
    otherDomains(libvirt, host, own),
    hasPci ? bridgePorts(libvirt, host) : new Map<string, string>(),
  ]);
  const given = claims.flatMap(({ source }) => source.pci ?? []);
  for (const claim of claims) {
    const objection =
      takenBy(claim, others) ??
      (claim.source.pci === undefined
        ? await missing(claim, devices)
        : await pciObjection(claim.source.pci, given, devices, ports, others));
    if (!objection) continue;
    const step = `give ${claim.at} to VirtualMachine ${inputs.name}`;
    const { remedy, holder } = objection;
    throw new Taken({ step, host, reason: `${objection.reason}; nothing was changed`, remedy }, holder);
  }
}

/** A virtual function is its guest's alone, and must be there. */
const alone = { shareable: false, optional: false, from: undefined };

function claimsOf({ hostDevices, nics }: Inputs): Claim[] {
  const devices = entriesOf<Hostdev>(hostDevices).flatMap(([key, { pci, usb, scsi, mdev, ...more }]) => {
    const source = { pci, usb, scsi, mdev };
    const kind = (["pci", "usb", "scsi", "mdev"] as const).find((name) => source[name] !== undefined);
    const optional = more.startupPolicy === "optional" || more.startupPolicy === "requisite";
    const claim = { source, shareable: more.shareable === true, optional, from: more.mdevFrom };
    return kind ? [{ at: `hostDevices.${key}.${kind}`, ...claim }] : [];
  });
  const functions = entriesOf<Nic>(nics).flatMap(([key, { hostdev }]) =>
    typeof hostdev?.address === "string"
      ? [{ at: `nics.${key}.hostdev.address`, source: { pci: hostdev.address }, ...alone }]
      : [],
  );
  return [...devices, ...functions];
}

function takenBy(claim: Claim, others: Awaited<ReturnType<typeof otherDomains>>): Objection | undefined {
  for (const other of others) {
    const { name, documents } = other;
    const theirs = documents.flatMap((document) => devicesOf(document)).find((device) => collides(claim, device));
    if (!theirs) continue;
    return {
      reason: `${nameOf(claim.source)} is given to the domain ${name}`,
      remedy: `take it away there first (virsh edit ${name}), or give this guest another device`,
      holder: makerOf(other),
    };
  }
  return undefined;
}

function collides({ source, shareable }: Claim, device: Element): boolean {
  const theirs = sourceAt(device);
  if (source.pci !== undefined) return source.pci === theirs.pci;
  if (source.mdev !== undefined) return source.mdev === theirs.mdev;
  if (source.scsi && theirs.scsi) {
    return equal(source.scsi, theirs.scsi) && !(shareable && child(device, "shareable") !== undefined);
  }
  return source.usb !== undefined && theirs.usb !== undefined && isSameUsb(source.usb, theirs.usb);
}

function sourceAt(device: Element): DeviceSource {
  if (device.name === "hostdev") return sourceOf(device);
  const address = child(device, "source/address");
  return device.name === "interface" && device.attributes["type"] === "hostdev" && address
    ? { pci: pciText(address) }
    : {};
}

type Usb = NonNullable<DeviceSource["usb"]>;

/** Whether the two mean one device: what both name is the same, and they name one thing at least. */
function isSameUsb(one: Usb, other: Partial<Usb>): boolean {
  const both = (["vendor", "product", "bus", "device"] as const).filter(
    (name) => one[name] !== undefined && other[name] !== undefined,
  );
  return both.length > 0 && both.every((name) => one[name] === other[name]);
}

async function pciObjection(
  address: string,
  given: readonly string[],
  devices: NodeDevices,
  ports: ReadonlyMap<string, string>,
  others: readonly OtherDomain[],
): Promise<Objection | undefined> {
  const device = await devices.pci(address);
  if (!device) {
    return {
      reason: `the host has no PCI device ${address}`,
      remedy: "`lspci -D` on the host shows those that it has",
    };
  }
  const used = (await usedByHost(address, device, devices, ports)) ?? functionTaken(address, device, others);
  if (used) return used;
  if (!device.group) {
    return {
      reason: `${address} is in no IOMMU group: the IOMMU is off`,
      remedy:
        "enable VT-d or AMD-Vi in the firmware of the host, on Intel boot its kernel with intel_iommu=on, then start it anew",
    };
  }
  const rest: string[] = [];
  for (const member of device.group.members.filter((item) => !given.includes(item))) {
    const found = await devices.pci(member);
    if (found && !found.isBridge && isHostsOwn(found)) rest.push(`${member} (${found.driver})`);
  }
  if (rest.length === 0) return undefined;
  return {
    reason: `IOMMU group ${device.group.number} of ${address} also has ${rest.join(", ")}, which the host works with`,
    remedy:
      "give the whole group to the guest, by further hostDevices, or take the rest from the host's drivers (virsh nodedev-detach)",
  };
}

/** Virtual functions go as soon as the host's driver lets go of the card that they are of. */
function functionTaken(address: string, device: PciDevice, others: readonly OtherDomain[]): Objection | undefined {
  for (const other of others) {
    const { name, documents } = other;
    const theirs = documents.flatMap((document) => devicesOf(document)).map((item) => sourceAt(item).pci ?? "");
    const found = device.virtualFunctions.find((item) => theirs.includes(item));
    if (found === undefined) continue;
    return {
      reason: `${found}, a virtual function of ${address}, is given to the domain ${name}, and would go with the card`,
      remedy: `take it away there first (virsh edit ${name}), or give this guest a virtual function too`,
      holder: makerOf(other),
    };
  }
  return undefined;
}

async function missing({ source, optional, from }: Claim, devices: NodeDevices): Promise<Objection | undefined> {
  const { usb, scsi, mdev } = source;
  const what = nameOf(source);
  if (mdev !== undefined) return mediatedObjection(mdev, from, devices);
  if (scsi && !(await devices.hasScsi(scsi.adapter, scsi.bus, scsi.target, scsi.unit))) {
    return { reason: `the host has no ${what}`, remedy: "`lsscsi` on the host shows those that it has" };
  }
  if (!usb || optional) return undefined;
  const found = (await devices.usb()).filter((device) => isSameUsb(usb, device));
  if (found.length === 0) {
    return {
      reason: `the host has no ${what}`,
      remedy: 'plug it in, or set startupPolicy: "optional"; `lsusb` shows those that it has',
    };
  }
  if (found.length === 1) return undefined;
  const places = found.map(({ bus, device }) => `bus ${bus} device ${device}`).join(", ");
  return { reason: `the host has ${found.length} of the ${what}: ${places}`, remedy: "name bus and device too" };
}

function nameOf({ pci, usb, scsi, mdev }: DeviceSource): string {
  if (pci !== undefined) return pci;
  if (mdev !== undefined) return `mediated device ${mdev}`;
  if (scsi) return `SCSI device ${scsi.adapter} ${scsi.bus}:${scsi.target}:${scsi.unit}`;
  const id = usb?.vendor === undefined ? "" : ` ${usb.vendor}:${usb.product}`;
  return `USB device${id}${usb?.bus === undefined ? "" : ` at bus ${usb.bus} device ${usb.device}`}`;
}
