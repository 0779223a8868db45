import { SeedError } from "./seed-error";

/** One file in the root of the image. */
export interface IsoFile {
  /** Lower-case letters, digits, "_" and "-", with at most one extension: readable with and without Joliet. */
  readonly name: string;
  readonly content: Buffer;
}

const SECTOR = 2048;
const SYSTEM_AREA_SECTORS = 16;
const NAME = /^[a-z0-9_-]{1,22}(\.[a-z0-9_-]{1,7})?$/;
const LABEL = /^[A-Z0-9_]{1,16}$/;
/** Every image carries the same date: its bytes, and so its hash, depend on its content alone. */
const YEAR = 2000;

/** A volume descriptor and its directory: the image has one plain and one Joliet view of the same files. */
interface View {
  readonly descriptorType: 1 | 2;
  readonly escape: string;
  /** How identifiers are stored: ASCII, or UCS-2 with the high byte first. */
  readonly encode: (text: string) => Buffer;
  readonly fileName: (name: string) => string;
}

const PLAIN: View = {
  descriptorType: 1,
  escape: "",
  encode: (text) => Buffer.from(text, "latin1"),
  // A reader without Joliet folds this to lower case and drops ".;1", which gives the same name again.
  fileName: (name) => `${name.toUpperCase()}${name.includes(".") ? "" : "."};1`,
};

const JOLIET: View = {
  descriptorType: 2,
  escape: "%/E",
  encode: (text) => Buffer.from(text, "utf16le").swap16(),
  fileName: (name) => name,
};

/** Where a file or directory lies, in sectors, and how long it is, in bytes. */
interface Extent {
  readonly sector: number;
  readonly length: number;
}

/**
 * An ISO 9660 image (level 2) with Joliet names, holding the files in its root directory. The same files give the same
 * bytes, whatever their order.
 *
 * @throws SeedError for names and labels that not every reader would see alike, and for repeated names.
 */
export function writeIso(label: string, files: readonly IsoFile[]): Buffer {
  if (!LABEL.test(label)) throw new SeedError(`"${label}" is no ISO 9660 volume label (A-Z, 0-9 and _, at most 16)`);
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  sorted.forEach(({ name }, index) => {
    if (!NAME.test(name)) throw new SeedError(`"${name}" is no file name that every ISO 9660 reader shows alike`);
    if (sorted[index + 1]?.name === name) throw new SeedError(`the file "${name}" is given twice`);
  });

  let next = SYSTEM_AREA_SECTORS;
  const reserve = (length: number): Extent => {
    const extent = { sector: next, length };
    next += Math.ceil(length / SECTOR);
    return extent;
  };
  const descriptors = reserve(3 * SECTOR);
  const layouts = [PLAIN, JOLIET].map((view) => ({
    view,
    pathTables: reserve(2 * SECTOR),
    root: reserve(directory(view, { sector: 0, length: 0 }, sorted, []).length),
  }));
  const extents = sorted.map((file) => reserve(file.content.length));

  const image = Buffer.alloc(next * SECTOR);
  layouts.forEach(({ view, pathTables, root }, index) => {
    const descriptor = volumeDescriptor(view, label, next, pathTables, root);
    descriptor.copy(image, (descriptors.sector + index) * SECTOR);
    pathTable(root, "LE").copy(image, pathTables.sector * SECTOR);
    pathTable(root, "BE").copy(image, (pathTables.sector + 1) * SECTOR);
    directory(view, root, sorted, extents).copy(image, root.sector * SECTOR);
  });
  header(255).copy(image, (descriptors.sector + 2) * SECTOR);
  sorted.forEach((file, index) => {
    file.content.copy(image, (extents[index]?.sector ?? 0) * SECTOR);
  });
  return image;
}

function header(type: number): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from("CD001\x01", "latin1")]);
}

function volumeDescriptor(view: View, label: string, sectors: number, pathTables: Extent, root: Extent): Buffer {
  const block = Buffer.alloc(SECTOR);
  header(view.descriptorType).copy(block);
  identifier(view, "LINUX", 32).copy(block, 8);
  identifier(view, label, 32).copy(block, 40);
  both32(sectors).copy(block, 80);
  block.write(view.escape, 88, "latin1");
  both16(1).copy(block, 120); // volumes in the set
  both16(1).copy(block, 124); // number of this volume
  both16(SECTOR).copy(block, 128);
  both32(pathTable(root, "LE").length).copy(block, 132);
  block.writeUInt32LE(pathTables.sector, 140);
  block.writeUInt32BE(pathTables.sector + 1, 148);
  directoryRecord(Buffer.from([0]), root, true).copy(block, 156);
  for (const [offset, length] of [
    [190, 128],
    [318, 128],
    [446, 128],
    [574, 128],
    [702, 37],
    [739, 37],
    [776, 37],
  ] as const) {
    identifier(view, "", length).copy(block, offset);
  }
  for (const offset of [813, 830]) block.write(`${YEAR}${"0101".padEnd(12, "0")}`, offset, "latin1"); // created, modified
  for (const offset of [847, 864]) block.write("0".repeat(16), offset, "latin1"); // expires, effective: not set
  block[881] = 1; // file structure version
  return block;
}

/** An identifier field, filled up with blanks; an odd last byte of a two-byte encoding stays zero. */
function identifier(view: View, text: string, length: number): Buffer {
  const blank = view.encode(" ");
  const field = Buffer.alloc(length);
  const characters = Math.floor(length / blank.length);
  view.encode(text.padEnd(characters)).copy(field);
  return field;
}

/** The path table of an image whose only directory is its root. */
function pathTable(root: Extent, order: "LE" | "BE"): Buffer {
  const table = Buffer.alloc(10);
  table[0] = 1;
  if (order === "LE") {
    table.writeUInt32LE(root.sector, 2);
    table.writeUInt16LE(1, 6);
  } else {
    table.writeUInt32BE(root.sector, 2);
    table.writeUInt16BE(1, 6);
  }
  return table;
}

/** The root directory, padded to whole sectors; no record may cross from one sector into the next. */
function directory(view: View, root: Extent, files: readonly IsoFile[], extents: readonly Extent[]): Buffer {
  const records = [directoryRecord(Buffer.from([0]), root, true), directoryRecord(Buffer.from([1]), root, true)];
  files.forEach((file, index) => {
    const extent = extents[index] ?? { sector: 0, length: 0 };
    records.push(directoryRecord(view.encode(view.fileName(file.name)), extent, false));
  });
  const sectors: Buffer[] = [];
  let current: Buffer[] = [];
  let used = 0;
  const close = () => sectors.push(Buffer.concat(current, SECTOR));
  for (const record of records) {
    if (used + record.length > SECTOR) {
      close();
      current = [];
      used = 0;
    }
    current.push(record);
    used += record.length;
  }
  close();
  return Buffer.concat(sectors);
}

function directoryRecord(name: Buffer, extent: Extent, isDirectory: boolean): Buffer {
  const length = 33 + name.length + ((name.length + 1) % 2);
  const record = Buffer.alloc(length);
  record[0] = length;
  both32(extent.sector).copy(record, 2);
  both32(extent.length).copy(record, 10);
  Buffer.from([YEAR - 1900, 1, 1, 0, 0, 0, 0]).copy(record, 18);
  record[25] = isDirectory ? 2 : 0;
  both16(1).copy(record, 28); // number of the volume that holds it
  record[32] = name.length;
  name.copy(record, 33);
  return record;
}

function both16(value: number): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt16LE(value, 0);
  field.writeUInt16BE(value, 2);
  return field;
}

function both32(value: number): Buffer {
  const field = Buffer.alloc(8);
  field.writeUInt32LE(value, 0);
  field.writeUInt32BE(value, 4);
  return field;
}
