import { attribute, z } from "../../core/attribute";
import { size } from "../../core/quantities";
import { formatBytes, parseBytes } from "../../core/units";
import { attributeAt, type ElementLens, mapped, number, oneOf, presenceAt, textAt, words } from "../../schema/lens";
import { child, type Element, ensure, remove } from "../../schema/tree";
import { bootOrderRow } from "./device-rows";

const buses = ["virtio", "scsi", "sata", "ide", "usb", "fdc"] as const;
const devices = ["disk", "cdrom", "floppy", "lun"] as const;
const defaultBuses: Readonly<Record<string, (typeof buses)[number]>> = { cdrom: "scsi", lun: "scsi", floppy: "fdc" };
const snapshots = ["no", "internal", "external", "manual"] as const;
type Snapshot = (typeof snapshots)[number];

/** Whether the device is a drive whose medium the guest may change. */
export function isRemovable(device: unknown): boolean {
  return device === "cdrom" || device === "floppy";
}

/** Another bus means another name and address in the guest. */
const busLens: ElementLens<(typeof buses)[number]> = {
  get: oneOf(attributeAt("target", "bus"), buses).get,
  set(disk, value) {
    const target = ensure(disk, "target");
    if (value === undefined || target.attributes["bus"] === value) return;
    delete target.attributes["dev"];
    remove(disk, "address");
    target.attributes["bus"] = value;
  },
};

const plugged = () => ({ class: "restart", reason: "the guest learns it when the disk is plugged in" }) as const;

const blockSize = size.refine(
  (value) => [512n, 1024n, 2048n, 4096n, 8192n, 16384n, 32768n].includes(parseBytes(value)),
  "must be a power of two from 512 B to 32 KiB",
);

/** `<blockio>` counts in bytes. */
function blockIo(name: string): ElementLens<string> {
  return mapped(
    attributeAt("blockio", name),
    (value) => (/^\d+$/.test(value) ? formatBytes(BigInt(value)) : undefined),
    (value) => String(parseBytes(value)),
  );
}

/** `<transient/>`: what the guest writes is thrown away when it stops. */
const transientLens: ElementLens<boolean | "shared"> = {
  get(disk) {
    const found = child(disk, "transient");
    return found ? (found.attributes["shareBacking"] === "yes" ? "shared" : true) : undefined;
  },
  set(disk, value) {
    remove(disk, "transient");
    if (value) ensure(disk, "transient").attributes = { ...(value === "shared" && { shareBacking: "yes" }) };
  },
};

const snapshotAt = oneOf(attributeAt("", "snapshot"), snapshots);

/** libvirt leaves out what is the default of disks that are read only. */
const snapshotLens: typeof snapshotAt & { get(disk: Element, managed?: unknown): Snapshot | undefined } = {
  get: (disk, managed?: unknown) =>
    snapshotAt.get(disk) ?? (managed === "no" && child(disk, "readonly") ? "no" : undefined),
  set: snapshotAt.set,
};

const serialAt = textAt("serial");
const isFloppy = ({ attributes }: Element) => attributes["device"] === "floppy";
/** QEMU starts no guest whose floppy has a serial number. */
const serialLens: ElementLens<string> = {
  get: (disk) => (isFloppy(disk) ? undefined : serialAt.get(disk)),
  set: (disk, value) => serialAt.set(disk, isFloppy(disk) ? undefined : value),
};

/** What the guest sees of a disk. */
export const diskTargetRows = {
  device: attribute({
    doc: "`disk`, `cdrom`, `floppy`, or `lun`: a SCSI device of the host whose commands reach it unchanged. Drives may be empty. Default disk.",
    schema: z.enum(devices),
    defaults: { 1: "disk" },
    change: plugged,
    lens: oneOf(attributeAt("", "device"), devices),
  }),
  bus: attribute({
    doc: "How the guest sees it. Default virtio; for optical drives and luns scsi (virtio-scsi), which cloud kernels without a SATA driver see too, for floppies fdc; an installer without virtio drivers needs sata, which `guest` windows gives them.",
    schema: z.enum(buses),
    defaults: { 1: ({ siblings }) => defaultBuses[String(siblings["device"])] ?? "virtio" },
    change: plugged,
    lens: busLens,
  }),
  controller: attribute({
    doc: "Name of the entry of `scsiControllers` that it hangs on, for the bus scsi. Default: the first controller; a disk that is there already stays on its own while there is that one.",
    schema: z.string().optional(),
    change: plugged,
  }),
  readonly: attribute({
    doc: "The guest cannot write to it. Optical drives always are.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: presenceAt("readonly"),
  }),
  shareable: attribute({
    doc: "Other guests may have it open too (`<shareable>`): raw, with cache none or directsync, and a cluster file system in the guests. Default false.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: presenceAt("shareable"),
  }),
  transient: attribute({
    doc: "What the guest writes is thrown away when it stops (`<transient>`): `true`, or `shared` for many guests on one image. Excludes migration and snapshots. Default false.",
    schema: z.union([z.boolean(), z.literal("shared")]).optional(),
    since: "6.9",
    newWords: [{ word: "shared", since: "7.4" }],
    change: plugged,
    lens: transientLens,
  }),
  snapshot: attribute({
    doc: "Which part it has in snapshots of the guest (`<disk snapshot>`): `no`, `internal`, `external`, `manual`. Default: libvirt's own, external for what is not qcow2.",
    schema: z.enum(snapshots).optional(),
    change: "live",
    lens: snapshotLens,
  }),
  bootOrder: bootOrderRow("Place in the firmware's boot order, from 1. Default: the first disk."),
  serial: attribute({
    doc: "Serial number that the guest sees, at most 20 characters. Default: derived; a lun shows its own, a floppy has none.",
    schema: z
      .string()
      .regex(/^[A-Za-z0-9_.+-]{1,20}$/, "must be 1 to 20 of A-Z a-z 0-9 _ . + -")
      .optional(),
    derive: ({ identity, keys, siblings }) =>
      siblings["device"] === "lun" || siblings["device"] === "floppy" ? undefined : identity.serial(keys.join("/")),
    change: plugged,
    lens: serialLens,
  }),
  wwn: attribute({
    doc: "World wide name that the guest sees, 16 hex digits, on the buses scsi and ide (`<wwn>`). Default: none.",
    schema: z
      .string()
      .regex(/^[0-9a-fA-F]{16}$/, "must be 16 hex digits")
      .transform((value) => value.toLowerCase())
      .optional(),
    change: plugged,
    lens: textAt("wwn"),
  }),
  vendor: attribute({
    doc: "Vendor that a scsi disk shows, at most 8 printable characters. Default: QEMU's own.",
    schema: z
      .string()
      .regex(/^[ -~]{1,8}$/, "must be 1 to 8 printable characters")
      .optional(),
    change: plugged,
    lens: textAt("vendor"),
  }),
  product: attribute({
    doc: "Product that a scsi disk shows, at most 16 printable characters. Default: QEMU's own.",
    schema: z
      .string()
      .regex(/^[ -~]{1,16}$/, "must be 1 to 16 printable characters")
      .optional(),
    change: plugged,
    lens: textAt("product"),
  }),
  rotationRate: attribute({
    doc: "Revolutions per minute that a scsi, sata or ide disk shows, 1025 to 65534; 1 says solid state (libvirt 7.3). Default: not said.",
    schema: z
      .int()
      .refine((value) => value === 1 || (value > 1024 && value < 65535), "must be 1 or 1025 to 65534")
      .optional(),
    since: "7.3",
    change: plugged,
    lens: number(attributeAt("target", "rotation_rate")),
  }),
  removable: attribute({
    doc: "Whether a usb disk says that it may be pulled out (`<target removable>`). Default: QEMU's own, no.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: words(attributeAt("target", "removable"), "on", "off"),
  }),
  logicalBlockSize: attribute({
    doc: "Sector that the guest addresses (`<blockio logical_block_size>`); sata, ide and floppy disks have no other than the default. Default 512 B.",
    schema: blockSize.optional(),
    change: plugged,
    lens: blockIo("logical_block_size"),
  }),
  physicalBlockSize: attribute({
    doc: "Sector that the guest should align to (`<blockio physical_block_size>`). Default 512 B.",
    schema: blockSize.optional(),
    change: plugged,
    lens: blockIo("physical_block_size"),
  }),
  discardGranularity: attribute({
    doc: "Smallest run that the guest should discard (`<blockio discard_granularity>`). Default: QEMU's own.",
    schema: size.optional(),
    since: "11.3",
    change: plugged,
    lens: blockIo("discard_granularity"),
  }),
};
