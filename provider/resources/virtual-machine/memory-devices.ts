import { type Around, attribute, block, mapOf, type Verdict, z } from "../../core/attribute";
import { hostPath, size, sizeInKiB } from "../../core/quantities";
import { formatBytes, parseBytes } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, number, oneOf, presenceAt, textAt, words } from "../../schema/lens";
import { child, children, type Element, remove } from "../../schema/tree";
import { sizeAt } from "../document";
import { numberSet } from "../number-set";
import { deviceEntries } from "./alias";
import { placing } from "./device-address";
import { setAt } from "./host-sets";

const memoryModels = ["virtio-mem", "dimm", "nvdimm", "virtio-pmem", "sgx-epc"] as const;
export type MemoryModel = (typeof memoryModels)[number];

export const memoryEntries = deviceEntries("memory", "memory", ["size"]);

/** Bytes that hold `<size>` of a memory device, or what the guest has taken of it. */
export function bytesOf(device: Element, part: "size" | "requested" | "current"): bigint {
  return parseBytes(sizeAt(`target/${part}`, "KiB").get(device) ?? 0);
}

const devices = (document: Element) => [...memoryEntries.list(document).values()];
const isModel = (model: MemoryModel) => (device: Element) => device.attributes["model"] === model;
const sum = (sizes: readonly bigint[]) => sizes.reduce((all, one) => all + one, 0n);

/** What the devices of the program add to `<memory>`. */
export function memoryOfDevices(document: Element): bigint {
  return sum(devices(document).map((device) => bytesOf(device, "size")));
}

/** Memory modules, which the balloon counts as its own. */
export function memoryOfModules(document: Element): bigint {
  return sum(
    devices(document)
      .filter(isModel("dimm"))
      .map((device) => bytesOf(device, "size")),
  );
}

/** What devices add to `<currentMemory>`: modules, and in a running guest what it has taken of virtio-mem. */
export function currentOfDevices(document: Element): bigint {
  const taken = devices(document)
    .filter(isModel("virtio-mem"))
    .map((device) => bytesOf(device, "current"));
  return memoryOfModules(document) + sum(taken);
}

/** The NUMA cell that the room for memory brought goes with it. */
const limitLens: ElementLens<string> = {
  get: sizeAt("maxMemory", "KiB").get,
  set(document, value) {
    sizeAt("maxMemory", "KiB").set(document, value);
    const table = child(document, "cpu/numa");
    if (value === undefined && table && children(table, "cell").length === 1) remove(document, "cpu/numa");
  },
};

const room = () => ({ class: "restart", reason: "the room for memory is made at the start of the guest" }) as const;
const fixed = () =>
  ({ class: "restart", reason: "memory stays as it was plugged in; another name plugs in another" }) as const;

const bytes = (value: unknown) => (typeof value === "string" ? parseBytes(value) : 0n);
const object = (value: unknown) => (isPlainObject(value) ? value : {});
const entriesOf = (values: Around["old"]) => Object.values(object(values["memoryDevices"])).map(object);

/** Whether all that is wanted fits into the room that the guest was started with. */
function hasRoom({ old, next }: Around): boolean {
  const { limit, slots } = object(old["memoryHotplug"]);
  const wanted = entriesOf(next);
  const whole = bytes(old["maxMemory"]) + sum(wanted.map((device) => bytes(device["size"])));
  return whole <= bytes(limit) && typeof slots === "number" && wanted.length <= slots;
}

/** Adding and removing whole devices. */
function entryChange(old: unknown, next: unknown, around: Around): Verdict {
  const word = next === undefined ? "removed" : "added";
  const restart = (reason: string) => ({ class: "restart", reason: `${word}; ${reason}` }) as const;
  const model = object(next ?? old)["model"];
  if (next === undefined) {
    return model === "dimm" || model === "virtio-mem"
      ? { class: "live", reason: word }
      : restart(`QEMU unplugs no ${model}`);
  }
  if (model === "sgx-epc") return restart("QEMU plugs in no sgx-epc");
  if (model === "nvdimm" && !entriesOf(around.old).some((device) => device["model"] === "nvdimm"))
    return restart("QEMU takes an nvdimm only when it was started with one");
  return hasRoom(around) ? { class: "live", reason: word } : restart("the guest was started without room for it");
}

/** The page that the memory lies in: its own, or the largest of the guest's; at least 2 MiB, as it is plugged in. */
export function pageOf(own: unknown, hugePages: unknown): bigint {
  const guests = Array.isArray(hugePages) ? hugePages.map((page) => object(page)["size"]) : [];
  const known = (own === undefined ? guests : [own]).flatMap((value) => {
    const parsed = size.safeParse(value);
    return parsed.success ? [Number(parseBytes(parsed.data))] : [];
  });
  return BigInt(Math.max(2097152, ...known));
}

/** Room for memory that is plugged in, and the devices that bring it. */
export const memoryDeviceRows = {
  memoryHotplug: block({
    doc: "Room for memory beside what the guest starts with, for `memoryDevices`. Brings one NUMA cell for all when `numa` gives none. Default: none.",
    rows: {
      limit: attribute({
        doc: "Most memory of the guest, with all devices (`<maxMemory>`).",
        schema: size,
        change: room,
        lens: limitLens,
      }),
      slots: attribute({
        doc: "Most devices, 1 to 256 (`<maxMemory slots>`). Default 16.",
        schema: z.int().min(1).max(256),
        defaults: { 1: 16 },
        change: room,
        lens: number(attributeAt("maxMemory", "slots")),
      }),
    },
  }),
  memoryDevices: mapOf({
    doc: "Memory beside `maxMemory`, under names of your choice (`<memory model>`), in the room of `memoryHotplug`. Modules and virtio-mem come and go as the guest runs; a Linux guest gives a module back when it was put online as movable (kernel argument `memhp_default_state=online_movable`).",
    change: entryChange,
    entries: memoryEntries,
    rows: {
      model: attribute({
        doc: "`virtio-mem` (grows and shrinks in the running guest), `dimm` (a module), `nvdimm` and `virtio-pmem` (lasting memory in a file; libvirt 9.0 starts no guest with virtio-pmem), `sgx-epc` (enclaves). Default virtio-mem.",
        schema: z.enum(memoryModels),
        newWords: [
          { word: "virtio-mem", since: "7.9" },
          { word: "virtio-pmem", since: "7.1" },
          { word: "sgx-epc", since: "8.10" },
        ],
        defaults: { 1: "virtio-mem" },
        change: fixed,
        lens: placing(oneOf(attributeAt("", "model"), memoryModels)),
      }),
      size: attribute({
        doc: "Size, whole blocks of 2 MiB; Linux uses whole blocks of 128 MiB of a dimm (`<size>`).",
        schema: size,
        change: fixed,
        lens: sizeAt("target/size", "KiB"),
      }),
      requested: attribute({
        doc: "What the guest shall have of virtio-mem, from 0 to `size`; changed in the running guest (`<requested>`). Default: all.",
        schema: size.optional(),
        defaults: { 1: ({ siblings }) => forVirtioMem(siblings, siblings["size"]) },
        change: (_old, next, { old, next: { model } }) => {
          if (old["model"] !== model) return fixed();
          return bytes(next) <= bytes(old["size"]) ? { class: "live" } : { class: "restart", reason: "above size" };
        },
        lens: sizeAt("target/requested", "KiB"),
      }),
      block: attribute({
        doc: "Steps in which virtio-mem grows and shrinks, a power of two (`<block>`). Default: the page size of its memory, at least 2 MiB.",
        schema: size.optional(),
        defaults: {
          1: ({ siblings, inputs }) =>
            forVirtioMem(siblings, formatBytes(pageOf(siblings["pageSize"], inputs["hugePages"]))),
        },
        change: fixed,
        lens: sizeAt("target/block", "KiB"),
      }),
      cell: attribute({
        doc: "NUMA cell of the guest that it belongs to (`<node>`). Default 0; none for virtio-pmem and sgx-epc.",
        schema: z.int().min(0).max(127).optional(),
        defaults: {
          1: ({ siblings: { model } }) => (model === "virtio-pmem" || model === "sgx-epc" ? undefined : 0),
        },
        change: fixed,
        lens: number(textAt("target/node")),
      }),
      nodes: attribute({
        doc: 'Cells of the host that hold it, as "0-1" (`<nodemask>`). Default: any.',
        schema: numberSet.optional(),
        change: fixed,
        lens: setAt(textAt("source/nodemask")),
      }),
      pageSize: attribute({
        doc: "Size of the host's pages that hold it, 2 MiB or 1 GiB (`<pagesize>`). Default: like the rest of the memory.",
        schema: size.optional(),
        change: fixed,
        lens: sizeAt("source/pagesize", "KiB"),
      }),
      access: attribute({
        doc: "Whether other processes of the host see what the guest writes: `shared` or `private` (`access`). Default: like `memoryBacking`.",
        schema: z.enum(["shared", "private"]).optional(),
        change: fixed,
        lens: oneOf(attributeAt("", "access"), ["shared", "private"] as const),
      }),
      discard: attribute({
        doc: "Throws the content away when the guest stops (`discard`). Default: like `memoryBacking`.",
        schema: z.boolean().optional(),
        change: fixed,
        lens: words(attributeAt("", "discard"), "yes", "no"),
      }),
      dynamicSlots: attribute({
        doc: "Lets QEMU manage virtio-mem in smaller parts of the host's memory as it is used (`dynamicMemslots`, libvirt 10.1). Default false.",
        schema: z.boolean().optional(),
        since: "10.1",
        change: fixed,
        lens: words(attributeAt("target", "dynamicMemslots"), "yes", "no"),
      }),
      path: attribute({
        doc: "File or device on the host that holds an nvdimm or virtio-pmem (`<path>`).",
        schema: hostPath.optional(),
        change: fixed,
        lens: textAt("source/path"),
      }),
      labelSize: attribute({
        doc: "Room for the labels of an nvdimm, from 128 KiB, taken from its size (`<label>`). Default: none.",
        schema: sizeInKiB.optional(),
        change: fixed,
        lens: sizeAt("target/label/size", "KiB"),
      }),
      alignSize: attribute({
        doc: "Page size of the device behind an nvdimm (`<alignsize>`). Default: libvirt's own.",
        schema: sizeInKiB.optional(),
        change: fixed,
        lens: sizeAt("source/alignsize", "KiB"),
      }),
      persistent: attribute({
        doc: "The file of an nvdimm lies on lasting memory, so that QEMU makes writes last (`<pmem>`). Default false.",
        schema: z.boolean().optional(),
        change: fixed,
        lens: presenceAt("source/pmem"),
      }),
      readonly: attribute({
        doc: "The guest cannot write to the nvdimm (`<readonly>`). Default false.",
        schema: z.boolean().optional(),
        change: fixed,
        lens: presenceAt("target/readonly"),
      }),
    },
  }),
};

function forVirtioMem(siblings: Readonly<Record<string, unknown>>, value: unknown): string | undefined {
  return (siblings["model"] ?? "virtio-mem") === "virtio-mem" ? (value as string | undefined) : undefined;
}
