import { attribute, mapOf, type Verdict, z } from "../../core/attribute";
import { equal } from "../../core/equal";
import { hostPath } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, mapped, number, presenceAt, textAt } from "../../schema/lens";
import { child, type Element, ensure, remove } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { copyChildren, type LiveOperations } from "./live";

export const buses = ["virtio", "scsi", "sata", "ide", "usb"] as const;
const caches = ["none", "writeback", "writethrough", "directsync", "unsafe"] as const;
const ios = ["native", "threads", "io_uring"] as const;

/** Buses that take a disk while the guest runs. */
const hotPlug: readonly unknown[] = ["virtio", "scsi", "usb"];

const volumeSchema = z.object({
  pool: z.string().optional(),
  name: z.string().optional(),
  path: hostPath,
  format: z.string().optional(),
  host: z.unknown().optional(),
});
export type VolumeReference = z.infer<typeof volumeSchema>;

export const diskEntries = deviceEntries("disk", "disk");

/** Path of the image or block device behind a disk. */
export function sourcePath(disk: Element): string | undefined {
  const source = child(disk, "source");
  return source?.attributes["file"] ?? source?.attributes["dev"];
}

/** Points the disk at a file or block device of the host. */
function setSource(disk: Element, path: string): void {
  const isBlock = path.startsWith("/dev/");
  if (sourcePath(disk) !== path) remove(disk, "source");
  const source = ensure(disk, "source");
  disk.attributes["type"] = isBlock ? "block" : "file";
  source.attributes[isBlock ? "dev" : "file"] = path;
}

/** Which of volume and path is meant cannot be seen in the document: what becomes of a disk without either is settled in layout.ts. */
const volumeLens: ElementLens<VolumeReference> = {
  get(disk) {
    const path = sourcePath(disk);
    return path === undefined ? undefined : { path, format: child(disk, "driver")?.attributes["type"] ?? "raw" };
  },
  set(disk, value) {
    if (value === undefined) return;
    setSource(disk, value.path);
    attributeAt("driver", "type").set(disk, driverType(value.format));
  },
};

const pathLens: ElementLens<string> = {
  get: sourcePath,
  set(disk, value) {
    if (value !== undefined) setSource(disk, value);
  },
};

const formatLens: ElementLens<"raw" | "qcow2"> = oneOf(attributeAt("driver", "type"), ["raw", "qcow2"] as const);

/** An image of any kind that QEMU knows no driver for is a run of sectors. */
export function driverType(format: string | undefined): string {
  return format === undefined || format === "iso" ? "raw" : format;
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

/** Media may be changed in a drive; the image behind a disk may not. */
function sourceChange(
  old: unknown,
  next: unknown,
  around: { readonly next: Readonly<Record<string, unknown>> },
): Verdict {
  if (equal(imageOf(old), imageOf(next))) return { class: "none" };
  if (around.next["device"] === "cdrom") return { class: "live", reason: "the medium is changed in the drive" };
  return { class: "restart", reason: "the image behind a disk cannot be changed while the guest has it open" };
}

function imageOf(value: unknown): unknown {
  if (!isPlainObject(value)) return value;
  const format = typeof value["format"] === "string" ? driverType(value["format"]) : value["format"];
  return { path: value["path"], format: format ?? "raw" };
}

/** Adding and removing whole disks. */
function entryChange(old: unknown, next: unknown): Verdict {
  const disk = isPlainObject(next) ? next : isPlainObject(old) ? old : {};
  const word = next === undefined ? "removed" : "added";
  if (hotPlug.includes(disk["bus"])) return { class: "live", reason: word };
  return { class: "restart", reason: `${word}; the bus ${String(disk["bus"])} has no hot-plug` };
}

export const diskRows = {
  disks: mapOf({
    doc: "Disks and optical drives under names of your choice. The one called root, boot, system or os comes first, then the others by name.",
    change: entryChange,
    entries: diskEntries,
    rows: {
      volume: attribute({
        doc: "The volume behind it.",
        schema: volumeSchema.optional(),
        references: ["Volume", "CloudInitDisk"],
        change: sourceChange,
        lens: volumeLens,
      }),
      path: attribute({
        doc: "Path of an image or, below /dev/, of a block device on the host, in place of `volume`.",
        schema: hostPath.optional(),
        change: sourceChange,
        lens: pathLens,
      }),
      format: attribute({
        doc: "Format of the image at `path`; it is never guessed. Default raw.",
        schema: z.enum(["raw", "qcow2"]).optional(),
        change: sourceChange,
        lens: formatLens,
      }),
      device: attribute({
        doc: "`disk` or `cdrom`. An optical drive may be empty. Default disk.",
        schema: z.enum(["disk", "cdrom"]),
        defaults: { 1: "disk" },
        change: "restart",
        lens: oneOf(attributeAt("", "device"), ["disk", "cdrom"] as const),
      }),
      bus: attribute({
        doc: "How the guest sees it. Default virtio; for optical drives scsi (virtio-scsi), which cloud kernels without a SATA driver see too; an installer without virtio drivers needs sata.",
        schema: z.enum(buses),
        defaults: { 1: ({ siblings }) => (siblings["device"] === "cdrom" ? "scsi" : "virtio") },
        change: "restart",
        lens: busLens,
      }),
      cache: attribute({
        doc: "Cache mode of QEMU (`<driver cache>`). Default: QEMU's own, writeback.",
        schema: z.enum(caches).optional(),
        change: "restart",
        lens: oneOf(attributeAt("driver", "cache"), caches),
      }),
      io: attribute({
        doc: "How QEMU does asynchronous I/O (`<driver io>`). `native` needs cache none or directsync; io_uring needs libvirt 6.3.",
        schema: z.enum(ios).optional(),
        change: "restart",
        lens: oneOf(attributeAt("driver", "io"), ios),
      }),
      discard: attribute({
        doc: "Whether discards of the guest free space of the image. Default unmap for disks.",
        schema: z.enum(["unmap", "ignore"]).optional(),
        defaults: { 1: ({ siblings }) => (siblings["device"] === "cdrom" ? undefined : "unmap") },
        change: "restart",
        lens: oneOf(attributeAt("driver", "discard"), ["unmap", "ignore"] as const),
      }),
      readonly: attribute({
        doc: "The guest cannot write to it. Optical drives always are.",
        schema: z.boolean().optional(),
        change: "restart",
        lens: presenceAt("readonly"),
      }),
      bootOrder: attribute({
        doc: "Place in the firmware's boot order, from 1. Default: the first disk.",
        schema: z.int().min(1).max(1000).optional(),
        change: "restart",
        lens: number(attributeAt("boot", "order")),
      }),
      serial: attribute({
        doc: "Serial number that the guest sees, at most 20 characters. Default: derived.",
        schema: z.string().regex(/^[A-Za-z0-9_.+-]{1,20}$/, "must be 1 to 20 of A-Z a-z 0-9 _ . + -"),
        derive: ({ identity, keys }) => identity.serial(keys.join("/")),
        change: "restart",
        lens: textAt("serial"),
      }),
    },
  }),
};

/** Puts another medium into the drive; all else of the live element is sent as it is. */
function copyMedium(live: Element, configured: Element): void {
  copyChildren(live, configured, ["source"]);
  remove(live, "backingStore");
  live.attributes["type"] = configured.attributes["type"] ?? "file";
  attributeAt("driver", "type").set(live, child(configured, "driver")?.attributes["type"] ?? "raw");
}

export const diskOperations: LiveOperations = {
  "disks.*": (operation) => operation.plug(diskEntries),
  "disks.*.volume": (operation) => operation.changeMedium(diskEntries, copyMedium),
  "disks.*.path": (operation) => operation.changeMedium(diskEntries, copyMedium),
  "disks.*.format": (operation) => operation.changeMedium(diskEntries, copyMedium),
};

/** A place that holds one of a few words. */
function oneOf<T extends string>(lens: ElementLens<string>, known: readonly T[]): ElementLens<T> {
  return mapped(
    lens,
    (value) => known.find((item) => item === value),
    (value) => value,
  );
}
