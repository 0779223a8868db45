import { attribute, type ChangeRule, z } from "../../core/attribute";
import { uuid } from "../../core/quantities";
import type { ElementLens } from "../../schema/lens";
import { child, type Element, element, remove } from "../../schema/tree";
import { pciAddress, pciElement, pciText } from "../pci-address";

/** Gives the device that type of source, in place of another one. */
function setSource(device: Element, type: string, more: Readonly<Record<string, string>>, ...inside: Element[]): void {
  Object.assign(device.attributes, { mode: "subsystem", type, ...more });
  remove(device, "source");
  device.children.push(element("source", {}, ...inside));
}

const pciLens: ElementLens<string> = {
  get(device) {
    const address = child(device, "source/address");
    return device.attributes["type"] === "pci" && address ? pciText(address) : undefined;
  },
  set(device, value) {
    // Without a value another kind of source has taken over, or will.
    if (value === undefined || pciLens.get(device) === value) return;
    setSource(device, "pci", {}, pciElement(value));
  },
};

const usbId = z
  .string()
  .regex(/^(0x)?[0-9a-fA-F]{4}$/, 'must be four hex digits like "046d"')
  .transform((value) => value.replace(/^0x/, "").toLowerCase());
const usbForm =
  'expected an object: { vendor: "046d", product: "c52b" } for what lsusb shows as 046d:c52b, or its bus and device';
const usbSchema = z
  .strictObject(
    {
      vendor: usbId.refine((value) => value !== "0000", "is no vendor").optional(),
      product: usbId.optional(),
      bus: z.int().min(1).max(255).optional(),
      device: z.int().min(1).max(255).optional(),
    },
    { error: ({ code }) => (code === "invalid_type" ? usbForm : undefined) },
  )
  .refine(
    ({ vendor, product, bus, device }) =>
      (vendor === undefined) === (product === undefined) &&
      (bus === undefined) === (device === undefined) &&
      (vendor !== undefined || bus !== undefined),
    "needs vendor and product (lsusb shows them as vendor:product), or bus and device, or all four",
  );
type Usb = z.infer<typeof usbSchema>;

/** A running guest shows the place of the device that it was given. */
const usbLens: ElementLens<Usb> & { get(device: Element, managed?: unknown): Usb | undefined } = {
  get(device, managed?: unknown) {
    if (device.attributes["type"] !== "usb") return undefined;
    const id = (name: string) => child(device, `source/${name}`)?.attributes["id"]?.replace(/^0x/, "").toLowerCase();
    const [vendor, product] = [id("vendor"), id("product")];
    const place = child(device, "source/address")?.attributes;
    const isPlaced = vendor === undefined || (managed as Usb | undefined)?.bus !== undefined;
    return {
      ...(vendor !== undefined && { vendor }),
      ...(product !== undefined && { product }),
      ...(place && isPlaced && { bus: Number(place["bus"]), device: Number(place["device"]) }),
    };
  },
  set(device, value) {
    if (value === undefined) return;
    const { vendor, product, bus, device: number } = value;
    const ids = Object.entries({ vendor, product }).flatMap(([name, id]) =>
      id === undefined ? [] : [element(name, { id: `0x${id}` })],
    );
    const place = bus === undefined ? [] : [element("address", { bus: String(bus), device: String(number) })];
    // startupPolicy and guestReset are rows of their own, which come after this one.
    setSource(device, "usb", {}, ...ids, ...place);
  },
};

const scsiSchema = z.strictObject({
  adapter: z.string().regex(/^scsi_host\d+$/, 'is not an adapter like "scsi_host0"'),
  bus: z.int().min(0),
  target: z.int().min(0),
  unit: z.int().min(0),
});
type Scsi = z.infer<typeof scsiSchema>;

const scsiLens: ElementLens<Scsi> = {
  get(device) {
    const adapter = child(device, "source/adapter")?.attributes["name"];
    const { bus, target, unit } = child(device, "source/address")?.attributes ?? {};
    if (device.attributes["type"] !== "scsi" || adapter === undefined) return undefined;
    return { adapter, bus: Number(bus), target: Number(target), unit: Number(unit) };
  },
  set(device, value) {
    if (value === undefined) return;
    const { adapter, bus, target, unit } = value;
    const place = { bus: String(bus), target: String(target), unit: String(unit) };
    setSource(device, "scsi", {}, element("adapter", { name: adapter }), element("address", place));
  },
};

const mdevLens: ElementLens<string> = {
  get: (device) =>
    device.attributes["type"] === "mdev" ? child(device, "source/address")?.attributes["uuid"] : undefined,
  set(device, value) {
    if (value === undefined || mdevLens.get(device) === value) return;
    setSource(device, "mdev", { model: "vfio-pci" }, element("address", { uuid: value }));
  },
};

/** The device that a `<hostdev>` names: one of them, or none that we know. */
export interface DeviceSource {
  readonly pci?: string | undefined;
  readonly usb?: Usb | undefined;
  readonly scsi?: Scsi | undefined;
  readonly mdev?: string | undefined;
}

/** What any `<hostdev>` names, with the place of a USB device where it has one. */
export function sourceOf(device: Element): DeviceSource {
  return {
    pci: pciLens.get(device),
    usb: usbLens.get(device, { bus: 1 }),
    scsi: scsiLens.get(device),
    mdev: mdevLens.get(device),
  };
}

/** Which device it is: exactly one of them. */
export function hostdevSources(change: ChangeRule) {
  return {
    pci: attribute({
      doc: 'Address of a PCI device, such as "0000:65:00.0". All of its IOMMU group that a driver of the host holds must be given too. Before anything is written that is looked at, and that no other domain has the device and the host does not work with it: no interface is up or under a bridge, no disk hangs on it, it is not the only screen. The output `iommuGroups` shows the group.',
      schema: pciAddress.optional(),
      change,
      lens: pciLens,
    }),
    usb: attribute({
      doc: "A USB device: `vendor` and `product` as lsusb shows them, or the `bus` and `device` number where it is now, or all four to tell two alike apart.",
      schema: usbSchema.optional(),
      change,
      lens: usbLens,
    }),
    scsi: attribute({
      doc: "A SCSI device (tape, changer): the host's `adapter`, then `bus`, `target` and `unit` as lsscsi shows them.",
      schema: scsiSchema.optional(),
      change,
      lens: scsiLens,
    }),
    mdev: attribute({
      doc: "UUID of a mediated device (vGPU) that the host has; no other domain may have it. Default: derived, with `mdevFrom`.",
      schema: uuid.optional(),
      derive: ({ identity, keys, siblings, olds }) =>
        siblings["mdevFrom"] === undefined
          ? undefined
          : ((olds?.["mdev"] as string | undefined) ?? identity.deviceUuid(keys.join("/"))),
      follows: true,
      change,
      lens: mdevLens,
    }),
    mdevFrom: attribute({
      doc: 'Makes the mediated device for this guest, of a `type` ("nvidia-35") of the card at the address `parent`, and takes it away with it; it is there after a start of the host too (virNodeDeviceDefineXML, virNodeDeviceCreate; libvirt 7.8, mdevctl on the host). Refused when the card has no such type or no room. Default: the host has the device already.',
      schema: z.strictObject({ type: z.string().regex(/^[A-Za-z0-9_.-]+$/), parent: pciAddress }).optional(),
      since: "7.8",
      change,
    }),
  };
}
