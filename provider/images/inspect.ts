import { type ImageFormat, type ImageInfo, malformed, type ReadImage, readHeader } from "./header";
import { inspectQcow2, QCOW2_MAGIC } from "./qcow2";
import { inspectVhdx, VHDX_MAGIC } from "./vhdx";
import {
  inspectVmdkDescriptor,
  inspectVmdkEsx,
  inspectVmdkSparse,
  VMDK_DESCRIPTOR_MAGIC,
  VMDK_ESX_MAGIC,
  VMDK_SPARSE_MAGIC,
} from "./vmdk";

interface Signature {
  readonly offset: number;
  readonly magic: Buffer;
  readonly inspect: (read: ReadImage) => Promise<ImageInfo>;
}

const latin1 = (text: string) => Buffer.from(text, "latin1");
const opaque = (format: ImageFormat) => async () => ({ format, virtualSize: undefined });

/** In order: a disk image may well hold an ISO 9660 label further in, hence that one comes last. */
const SIGNATURES: readonly Signature[] = [
  { offset: 0, magic: QCOW2_MAGIC, inspect: inspectQcow2 },
  { offset: 0, magic: latin1("QED\0"), inspect: inspectQed },
  { offset: 0, magic: VMDK_SPARSE_MAGIC, inspect: inspectVmdkSparse },
  { offset: 0, magic: VMDK_ESX_MAGIC, inspect: inspectVmdkEsx },
  { offset: 0, magic: VMDK_DESCRIPTOR_MAGIC, inspect: inspectVmdkDescriptor },
  { offset: 0, magic: VHDX_MAGIC, inspect: inspectVhdx },
  { offset: 0, magic: latin1("conectix"), inspect: inspectVpc },
  { offset: 64, magic: latin1("\x7f\x10\xda\xbe"), inspect: inspectVdi },
  { offset: 0, magic: latin1("WithoutFreeSpace"), inspect: opaque("parallels") },
  { offset: 0, magic: latin1("WithouFreSpacExt"), inspect: opaque("parallels") },
  { offset: 0, magic: latin1("LUKS\xba\xbe"), inspect: async () => ({ ...(await opaque("luks")()), encrypted: true }) },
  { offset: 0, magic: latin1("\x1f\x8b\x08"), inspect: opaque("gzip") },
  { offset: 0, magic: latin1("\xfd7zXZ\0"), inspect: opaque("xz") },
  { offset: 0, magic: latin1("\x28\xb5\x2f\xfd"), inspect: opaque("zstd") },
  { offset: 0, magic: latin1("BZh"), inspect: opaque("bzip2") },
  { offset: 0, magic: latin1("PK\x03\x04"), inspect: opaque("zip") },
  { offset: 32769, magic: latin1("CD001"), inspect: opaque("iso") },
];

/**
 * Says what an image is by its content alone, never by its name. What has no known signature is "raw".
 *
 * @throws ImageError for headers that begin as a known format and go wrong.
 */
export async function inspectImage(read: ReadImage): Promise<ImageInfo> {
  const start = await read(0, 512);
  for (const { offset, magic, inspect } of SIGNATURES) {
    const found =
      offset + magic.length <= 512 ? start.subarray(offset, offset + magic.length) : await read(offset, magic.length);
    if (found.equals(magic)) return inspect(read);
  }
  return { format: "raw", virtualSize: undefined };
}

async function inspectQed(read: ReadImage): Promise<ImageInfo> {
  const head = await readHeader(read, "qed", 0, 64);
  const features = head.readBigUInt64LE(16);
  const virtualSize = head.readBigUInt64LE(48);
  if ((features & 1n) === 0n) return { format: "qed", virtualSize };
  const length = head.readUInt32LE(60);
  if (length > 1023) throw malformed("qed", `a backing file name of ${length} bytes`);
  const name = await readHeader(read, "qed", head.readUInt32LE(56), length);
  const isRaw = (features & 4n) !== 0n;
  return { format: "qed", virtualSize, backingFile: name.toString("utf8"), ...(isRaw ? { backingFormat: "raw" } : {}) };
}

/** Virtual PC, dynamic or differencing; the fixed kind is a raw image with a footer and counts as raw, as in QEMU. */
async function inspectVpc(read: ReadImage): Promise<ImageInfo> {
  const DIFFERENCING = 4;
  const head = await readHeader(read, "vpc", 0, 512);
  const hasParent = head.readUInt32BE(60) === DIFFERENCING;
  return {
    format: "vpc",
    virtualSize: head.readBigUInt64BE(48),
    ...(hasParent ? { backingFile: "(named in its parent locator)" } : {}),
  };
}

async function inspectVdi(read: ReadImage): Promise<ImageInfo> {
  const head = await readHeader(read, "vdi", 0, 512);
  const version = head.readUInt32LE(0x44);
  if (version !== 0x00010001) throw malformed("vdi", `unknown version 0x${version.toString(16)}`);
  return { format: "vdi", virtualSize: head.readBigUInt64LE(0x170) };
}
