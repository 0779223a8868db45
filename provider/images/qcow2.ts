import { type ImageInfo, malformed, type ReadImage, readHeader } from "./header";
import { ImageError } from "./image-error";

export const QCOW2_MAGIC = Buffer.from("QFI\xfb", "latin1");

const V2_LENGTH = 72;
const V3_LENGTH = 104;
const MAX_BACKING_NAME = 1023;
/** QEMU reads no larger first-level table (32 MiB). */
const MAX_L1_ENTRIES = 4 * 1024 * 1024;

const EXTENSION_END = 0;
const EXTENSION_BACKING_FORMAT = 0xe2792aca;
const EXTENSION_DATA_FILE = 0x44415441;

/** Bits of "incompatible features": who does not know one must not open the image. */
const CORRUPT = 1n << 1n;
const EXTERNAL_DATA = 1n << 2n;
const EXTENDED_L2 = 1n << 4n;
/** dirty, corrupt, external data file, compression type, extended L2 entries */
const KNOWN_FEATURES = 0b11111n;

/**
 * Reads the header of a qcow2 image, version 2 or 3, with its extensions.
 *
 * @throws ImageError "invalid" for headers that QEMU would refuse, "unsupported" for versions and features we do not know.
 */
export async function inspectQcow2(read: ReadImage): Promise<ImageInfo> {
  const head = await readHeader(read, "qcow2", 0, V2_LENGTH);
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) {
    throw new ImageError(
      "unsupported",
      `the image is of qcow2 version ${version}; versions 2 and 3 are known`,
      "Convert it: qemu-img convert -O qcow2 OLD NEW",
    );
  }
  const clusterBits = head.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) throw malformed("qcow2", `clusters of 2^${clusterBits} bytes`);
  const clusterSize = 2 ** clusterBits;
  const virtualSize = head.readBigUInt64BE(24);
  const cryptMethod = head.readUInt32BE(32);
  if (cryptMethod > 2) throw malformed("qcow2", `unknown encryption method ${cryptMethod}`);

  const v3 = version === 3 ? await readV3(read, clusterSize) : { features: 0n, length: V2_LENGTH };
  checkL1(head, clusterSize, virtualSize, v3.features);

  const backingName = await readBackingName(read, head, v3.length, clusterSize);
  const extensions = await readExtensions(read, v3.length, backingName?.offset ?? clusterSize);
  const backingFormat = extensions.get(EXTENSION_BACKING_FORMAT)?.toString("utf8");
  return {
    format: "qcow2",
    virtualSize,
    ...(backingName === undefined ? {} : { backingFile: backingName.name }),
    ...(backingName === undefined || backingFormat === undefined ? {} : { backingFormat }),
    dataFile: (v3.features & EXTERNAL_DATA) !== 0n || extensions.has(EXTENSION_DATA_FILE),
    encrypted: cryptMethod !== 0,
    compat: version === 2 ? "0.10" : "1.1",
  };
}

async function readV3(read: ReadImage, clusterSize: number): Promise<{ features: bigint; length: number }> {
  const head = await readHeader(read, "qcow2", 0, V3_LENGTH);
  const features = head.readBigUInt64BE(72);
  const length = head.readUInt32BE(100);
  if (length < V3_LENGTH || length > clusterSize || length % 8 !== 0)
    throw malformed("qcow2", `a header of ${length} bytes`);
  const unknown = features & ~KNOWN_FEATURES;
  if (unknown !== 0n) {
    throw new ImageError(
      "unsupported",
      `the qcow2 image needs features that are not known here (0x${unknown.toString(16)})`,
    );
  }
  if ((features & CORRUPT) !== 0n) {
    throw new ImageError("invalid", "the qcow2 image is marked as corrupt", "Repair it: qemu-img check -r all IMAGE");
  }
  return { features, length };
}

/** The first-level table must reach the whole disk; a header that lies about its size fails here. */
function checkL1(head: Buffer, clusterSize: number, virtualSize: bigint, features: bigint): void {
  const entries = head.readUInt32BE(36);
  const entrySize = (features & EXTENDED_L2) !== 0n ? 16 : 8;
  const reach = BigInt(clusterSize) * BigInt(clusterSize / entrySize);
  const needed = (virtualSize + reach - 1n) / reach;
  if (entries > MAX_L1_ENTRIES || needed > BigInt(entries)) {
    throw malformed("qcow2", `a disk of ${virtualSize} bytes with a first-level table of ${entries} entries`);
  }
}

async function readBackingName(
  read: ReadImage,
  head: Buffer,
  headerLength: number,
  clusterSize: number,
): Promise<{ name: string; offset: number } | undefined> {
  const offset = head.readBigUInt64BE(8);
  const length = head.readUInt32BE(16);
  if (offset === 0n) return undefined;
  if (length > MAX_BACKING_NAME) throw malformed("qcow2", `a backing file name of ${length} bytes`);
  if (offset < BigInt(headerLength) || offset + BigInt(length) > BigInt(clusterSize)) {
    throw malformed("qcow2", `a backing file name at byte ${offset}, outside of the first cluster`);
  }
  if (length === 0) return undefined;
  const name = await readHeader(read, "qcow2", Number(offset), length);
  return { name: name.toString("utf8"), offset: Number(offset) };
}

async function readExtensions(read: ReadImage, start: number, end: number): Promise<Map<number, Buffer>> {
  const extensions = new Map<number, Buffer>();
  let offset = start;
  while (offset + 8 <= end) {
    const head = await readHeader(read, "qcow2", offset, 8);
    const type = head.readUInt32BE(0);
    const length = head.readUInt32BE(4);
    if (type === EXTENSION_END) break;
    offset += 8;
    if (length > end - offset) throw malformed("qcow2", `a header extension of ${length} bytes at byte ${offset}`);
    extensions.set(type, await readHeader(read, "qcow2", offset, length));
    offset += Math.ceil(length / 8) * 8;
  }
  return extensions;
}
