import type { Attribute, Entries, Row, Rows } from "../../core/attribute";
import { equal } from "../../core/equal";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { child, clone, type Element, element, remove } from "../../schema/tree";
import { claimRows } from "../claim";
import { readRows } from "../document";
import { newTimers } from "./clock";
import { scsiEntries } from "./disk-controllers";
import { diskEntries } from "./disk-entries";
import { everything } from "./pending";
import { rows } from "./rows";
import { isSerialConsole } from "./serial-console";

/** What a document says of a machine, whoever made it. */
export interface Description {
  /** Every value that our rows find. */
  readonly values: Values;
  /** The document, with our names on the devices that the values speak of. */
  readonly document: Element;
}

/** Names for the entries of a map by what they are, where they have none by nature. */
const labels: Readonly<Record<string, (device: Element) => string | undefined>> = {
  nics: (nic) => {
    const { network, bridge, dev } = child(nic, "source")?.attributes ?? {};
    return network ?? bridge ?? dev;
  },
  filesystems: (share) => child(share, "target")?.attributes["dir"],
  hostDevices: ({ attributes }) => attributes["type"],
  inputs: ({ attributes }) => attributes["type"],
  channels: (channel) => child(channel, "target")?.attributes["name"]?.split(".").at(-2),
  shmems: ({ attributes }) => attributes["name"],
  redirdevs: ({ attributes }) => attributes["bus"],
};

/** Reads a machine out of its document; devices get names for which the program may pick others later. */
export function describe(original: Element): Description {
  const document = clone(original);
  claimRows(rows, alone(rows), document);
  for (const [name, row] of Object.entries<Row>(rows)) {
    const entries = row.kind === "map" ? (row.entries as Entries<Element> | undefined) : undefined;
    if (row.kind === "map" && entries?.unnamed) nameEach(name, row.key, entries, document);
  }
  forgetPlainController(document);
  const managed = Object.fromEntries(
    Object.entries<Row>(rows).map(([name, row]) => [name, row.kind === "map" ? keysOf(row, document) : all(row)]),
  );
  const values = readRows(rows, managed, document);
  const [disks, nics] = [disksOf(values["disks"], document), nicsOf(values["nics"])];
  const said = withoutEmpty(rows, { ...values, disks, nics });
  return { values: withoutUsual(said, document), document };
}

/** A place that says nothing at all. */
const blank = element("blank");

/** Without what an empty document says too, and without blocks of which nothing is said. */
function withoutEmpty(of: Rows, values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]): [string, unknown][] => {
      const row = of[name];
      if (row?.kind === "attribute") return saysNothing(row, value) ? [] : [[name, value]];
      if (!row || !isPlainObject(value)) return [[name, value]];
      if (row.kind === "map") {
        const entries = Object.entries(value).map(([key, entry]) => [
          key,
          isPlainObject(entry) ? withoutEmpty(row.rows, entry) : entry,
        ]);
        return entries.length > 0 ? [[name, Object.fromEntries(entries)]] : [];
      }
      const rest = withoutEmpty(row.rows, value);
      return Object.keys(rest).length > 0 ? [[name, rest]] : [];
    }),
  );
}

/** Whether a value that may be left out is what is read where nothing is written. */
function saysNothing({ schema, lens }: Attribute, value: unknown): boolean {
  return lens !== undefined && schema.safeParse(undefined).success && equal(lens.get(blank, true), value);
}

/** What libvirt writes of its own accord is nothing that a program would say. */
const usual: Values = {
  balloon: { model: "virtio" },
  audio: "none",
  onPoweroff: "destroy",
  onReboot: "restart",
  onCrash: "destroy",
};

/** The clocks of a machine of which nothing was said, by libvirt and by us. */
const usualClocks: readonly Values[] = [{ offset: "utc" }, { offset: "utc", timers: newTimers }];

/** Memory that libvirt gives video cards. */
const usualMemory: Values = { heads: 1, vgamem: "16 MiB", ram: "64 MiB" };

function withoutUsual(values: Values, document: Element): Values {
  // Firmware that libvirt has found by itself, which newer ones write down.
  const isFound = child(document, "os")?.attributes["firmware"] !== undefined;
  const said = Object.entries(values).filter(
    ([name, value]) =>
      !equal(usual[name], value) &&
      !(name === "clock" && usualClocks.some((clock) => equal(clock, value))) &&
      !(isFound && ["loader", "nvram"].includes(name)),
  );
  const { video, ...others } = Object.fromEntries(said);
  return { ...others, ...(isPlainObject(video) && { video: videoOf(video) }) };
}

function videoOf(video: Values): Values {
  const vram = video["model"] === "qxl" ? "64 MiB" : "16 MiB";
  return Object.fromEntries(
    Object.entries(video).filter(
      ([name, value]) => value !== usualMemory[name] && !(name === "vram" && value === vram),
    ),
  );
}

/** Every value of which there is one: these devices are known by being the only ones. */
function alone(of: Rows): Values {
  return Object.fromEntries(
    Object.entries(everything(of)).filter(([name]) => of[name]?.kind !== "map" && name !== "overlay"),
  );
}

function all(row: Row): unknown {
  return row.kind === "attribute" ? true : everything(row.rows);
}

function keysOf(row: Extract<Row, { kind: "map" }>, document: Element): Values {
  const found = row.entries?.list(document) as ReadonlyMap<string, Element> | undefined;
  return Object.fromEntries([...(found?.keys() ?? [])].map((key) => [key, everything(row.rows)]));
}

function nameEach(map: string, pattern: RegExp, entries: Entries<Element>, document: Element): void {
  const { unnamed } = entries;
  const taken = new Set(entries.list(document).keys());
  for (const device of unnamed?.list(document) ?? []) {
    // Keyboard and mouse that every machine has.
    if (map === "inputs" && device.attributes["bus"] === "ps2") continue;
    // The console is the first serial port once more.
    if (isSerialConsole(device)) continue;
    const label = unnamed?.natural?.(device) ?? labels[map]?.(device) ?? map.replace(/s$/, "");
    const key = free(spelled(label), pattern, taken);
    taken.add(key);
    unnamed?.name(device, key);
  }
}

/** A label in the letters that names of entries may have. */
function spelled(label: string): string {
  const plain = label.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[^A-Za-z]+/, "");
  return plain.slice(0, 28) || "device";
}

function free(label: string, pattern: RegExp, taken: ReadonlySet<string>): string {
  const fits = (key: string) => !taken.has(key) && pattern.test(key);
  if (fits(label)) return label;
  let number = 2;
  while (!fits(`${label}${number}`)) number++;
  return `${label}${number}`;
}

/** One virtio-scsi controller that nothing is said of is what disks hang on anyway. */
function forgetPlainController(document: Element): void {
  const [[key, only] = [], ...others] = [...scsiEntries.list(document)];
  if (key === undefined || !only || others.length > 0 || child(only, "driver")) return;
  if (only.attributes["model"] === "virtio-scsi" && only.attributes["index"] === "0") remove(only, "alias");
}

/** Disks by path, with the controllers that they hang on. */
function disksOf(disks: unknown, document: Element): Values {
  const controllers = new Map(
    [...scsiEntries.list(document)].map(([key, { attributes }]) => [attributes["index"] ?? "0", key]),
  );
  const found = diskEntries.list(document);
  return Object.fromEntries(
    Object.entries(isPlainObject(disks) ? disks : {}).map(([key, entry]) => {
      const { volume: _, ...disk } = isPlainObject(entry) ? entry : {};
      const place = found.get(key) && child(found.get(key) as Element, "address")?.attributes;
      const controller = disk["bus"] === "scsi" ? controllers.get(place?.["controller"] ?? "0") : undefined;
      return [key, { ...disk, ...(controller !== undefined && { controller }) }];
    }),
  );
}

/** One pair of queues is what every interface has. */
function nicsOf(nics: unknown): Values {
  return Object.fromEntries(
    Object.entries(isPlainObject(nics) ? nics : {}).map(([key, entry]) => {
      const { queues, ...nic } = isPlainObject(entry) ? entry : {};
      return [key, { ...nic, ...(queues !== 1 && { queues }) }];
    }),
  );
}

/** Pool and volume that a disk names in place of a path. */
export function namedVolume(
  document: Element,
  key: string,
): { readonly pool: string; readonly volume: string } | undefined {
  const disk = diskEntries.list(document).get(key);
  const { pool, volume } = (disk && child(disk, "source")?.attributes) ?? {};
  return pool === undefined || volume === undefined ? undefined : { pool, volume };
}
