import { attribute, z } from "../../core/attribute";
import { size } from "../../core/quantities";
import { attributeAt, type ElementLens, number, oneOf, words } from "../../schema/lens";
import { child, children, element, ensure, remove } from "../../schema/tree";
import { sizeAt } from "../document";
import { ringSize } from "./device-rows";
import { imagePath, isBlockDevice } from "./disk-sources";
import { isRemovable } from "./disk-targets";

const caches = ["none", "writeback", "writethrough", "directsync", "unsafe"] as const;
const ios = ["native", "threads", "io_uring"] as const;
const errorPolicies = ["stop", "report", "ignore", "enospace"] as const;

/** libvirt compares every driver option of a plugged disk and refuses another one. */
const plugged = () =>
  ({ class: "restart", reason: "libvirt changes no driver option of a disk that is plugged in" }) as const;

const driver = (name: string) => attributeAt("driver", name);
const onOff = (name: string) => words(driver(name), "on", "off");

/** Block devices take direct I/O whatever they hold; of a file only its file system knows. */
function isDirect(siblings: Readonly<Record<string, unknown>>): boolean {
  const { device, cache } = siblings;
  if (isRemovable(device) || (cache ?? "none") !== "none") return false;
  return isBlockDevice(imagePath(siblings));
}

export interface MappedThread {
  readonly iothread: number;
  readonly queues?: readonly number[] | undefined;
}

export const mappingSchema = z
  .array(z.strictObject({ iothread: z.int().min(1).max(4096), queues: z.array(z.int().min(0)).min(1).optional() }))
  .min(1);

/** `<driver><iothreads>`: which IOThreads serve a disk or controller, each with the queues that are its own. */
export const mappingLens: ElementLens<readonly MappedThread[]> = {
  get(device) {
    const found = child(device, "driver/iothreads");
    return (
      found &&
      children(found, "iothread").map((thread) => {
        const queues = children(thread, "queue").map((queue) => Number(queue.attributes["id"]));
        return { iothread: Number(thread.attributes["id"]), ...(queues.length > 0 && { queues }) };
      })
    );
  },
  set(device, value) {
    remove(device, "driver/iothreads");
    if (value === undefined) return;
    const threads = value.map(({ iothread, queues = [] }) =>
      element("iothread", { id: String(iothread) }, ...queues.map((queue) => element("queue", { id: String(queue) }))),
    );
    ensure(device, "driver").children.push(element("iothreads", {}, ...threads));
  },
};

/** How QEMU does the I/O of a disk (`<driver>`). */
export const diskDriverRows = {
  cache: attribute({
    doc: "Cache mode of QEMU (`<driver cache>`). Default: none for block devices, which never double what the guest caches; else QEMU's own, writeback, for not every file system can do direct I/O.",
    schema: z.enum(caches).optional(),
    defaults: { 1: ({ siblings }) => (isDirect(siblings) ? "none" : undefined) },
    change: plugged,
    lens: oneOf(driver("cache"), caches),
  }),
  io: attribute({
    doc: "How QEMU does asynchronous I/O (`<driver io>`). `native` needs cache none or directsync and blocks QEMU on sparse files; `io_uring` hangs on LVM and CIFS with some kernels. Default: native for block devices with cache none, else QEMU's own, threads.",
    schema: z.enum(ios).optional(),
    newWords: [{ word: "io_uring", since: "6.3" }],
    defaults: { 1: ({ siblings }) => (isDirect(siblings) ? "native" : undefined) },
    change: plugged,
    lens: oneOf(driver("io"), ios),
  }),
  iothread: attribute({
    doc: "Number of the IOThread, from 1, that serves a virtio disk (`<driver iothread>`). Default: QEMU's main loop.",
    schema: z.int().min(1).max(4096).optional(),
    change: () => ({ class: "restart", reason: "libvirt moves no plugged disk to another IOThread" }),
    lens: number(driver("iothread")),
  }),
  iothreadMapping: attribute({
    doc: "IOThreads that share the queues of a virtio disk (`<driver><iothreads>`), in place of `iothread`; either every one or none names its `queues`, counted from 0.",
    schema: mappingSchema.optional(),
    since: "10.0",
    change: () => ({ class: "restart", reason: "libvirt moves no plugged disk to another IOThread" }),
    lens: mappingLens,
  }),
  queues: attribute({
    doc: "Request queues of a virtio disk, at most `maxVcpus` (`<driver queues>`). Default: QEMU's own, one for each vCPU since QEMU 5.2.",
    schema: z.int().min(1).max(1024).optional(),
    change: plugged,
    lens: number(driver("queues")),
  }),
  queueSize: attribute({
    doc: "Requests that fit into one queue of a virtio disk, a power of two from 2 to 1024 (`<driver queue_size>`). Default: QEMU's own, 256.",
    schema: ringSize(2).optional(),
    since: "7.8",
    change: plugged,
    lens: number(driver("queue_size")),
  }),
  ioeventfd: attribute({
    doc: "Whether a virtio disk's requests leave the vCPU at once (`<driver ioeventfd>`). Default: QEMU's own, on.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: onOff("ioeventfd"),
  }),
  eventIdx: attribute({
    doc: "Whether a virtio disk suppresses needless interrupts (`<driver event_idx>`). Default: QEMU's own, on.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: onOff("event_idx"),
  }),
  packed: attribute({
    doc: "Packed layout of the virtio rings (`<driver packed>`), which a guest kernel since 5.0 drives. Default: QEMU's own, off.",
    schema: z.boolean().optional(),
    since: "6.3",
    change: plugged,
    lens: onOff("packed"),
  }),
  discard: attribute({
    doc: "Whether discards of the guest free space of the image (`<driver discard>`). Default unmap for disks.",
    schema: z.enum(["unmap", "ignore"]).optional(),
    defaults: {
      1: ({ siblings }) => (["disk", undefined].includes(siblings["device"] as never) ? "unmap" : undefined),
    },
    change: plugged,
    lens: oneOf(driver("discard"), ["unmap", "ignore"] as const),
  }),
  detectZeroes: attribute({
    doc: "Whether written zeroes are looked for (`<driver detect_zeroes>`): `on` makes them holes where that is cheap, `unmap` frees their space. Default: off.",
    schema: z.enum(["off", "on", "unmap"]).optional(),
    change: plugged,
    lens: oneOf(driver("detect_zeroes"), ["off", "on", "unmap"] as const),
  }),
  discardNoUnref: attribute({
    doc: "A discarded cluster of a qcow2 image keeps its place, so that the image does not fragment (`<driver discard_no_unref>`). Default: QEMU's own, off.",
    schema: z.boolean().optional(),
    since: "9.5",
    change: plugged,
    lens: onOff("discard_no_unref"),
  }),
  copyOnRead: attribute({
    doc: "What is read from a backing image is copied into this one (`<driver copy_on_read>`). Default off.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: onOff("copy_on_read"),
  }),
  errorPolicy: attribute({
    doc: "What a failed write does (`<driver error_policy>`): `stop` pauses the guest, `report` tells it, `ignore`, `enospace` pauses only for a full disk. Default: QEMU's own, enospace.",
    schema: z.enum(errorPolicies).optional(),
    change: plugged,
    lens: oneOf(driver("error_policy"), errorPolicies),
  }),
  rerrorPolicy: attribute({
    doc: "What a failed read does (`<driver rerror_policy>`): `stop`, `report` or `ignore`. Default: as `errorPolicy`, where that may be.",
    schema: z.enum(["stop", "report", "ignore"]).optional(),
    change: plugged,
    lens: oneOf(driver("rerror_policy"), ["stop", "report", "ignore"] as const),
  }),
  metadataCache: attribute({
    doc: "Most memory that QEMU keeps for the tables of a qcow2 image (`<driver><metadata_cache>`). Default: QEMU's own, 32 MiB.",
    schema: size.optional(),
    since: "7.0",
    change: plugged,
    lens: sizeAt("driver/metadata_cache/max_size", "bytes"),
  }),
};
