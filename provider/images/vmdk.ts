import { type ImageInfo, malformed, type ReadImage, readHeader } from "./header";

export const VMDK_SPARSE_MAGIC = Buffer.from("KDMV", "latin1");
export const VMDK_ESX_MAGIC = Buffer.from("COWD", "latin1");
export const VMDK_DESCRIPTOR_MAGIC = Buffer.from("# Disk DescriptorFile", "latin1");

const SECTOR = 512n;
/** As much of a descriptor as QEMU reads. */
const MAX_DESCRIPTOR = 64 * 1024;

/** A hosted sparse extent: one file, with the descriptor inside of it. */
export async function inspectVmdkSparse(read: ReadImage): Promise<ImageInfo> {
  const head = await readHeader(read, "vmdk", 0, 64);
  const capacity = head.readBigUInt64LE(12);
  const offset = head.readBigUInt64LE(28) * SECTOR;
  const length = head.readBigUInt64LE(36) * SECTOR;
  if (offset > 2n ** 40n) throw malformed("vmdk", `a descriptor at byte ${offset}`);
  const wanted = Number(length < MAX_DESCRIPTOR ? length : MAX_DESCRIPTOR);
  const descriptor = offset === 0n ? "" : (await read(Number(offset), wanted)).toString("latin1");
  return {
    format: "vmdk",
    virtualSize: capacity * SECTOR,
    ...parent(descriptor),
    // Without a capacity of its own, QEMU opens the extents that the descriptor names.
    dataFile: capacity === 0n && offset !== 0n,
  };
}

/** An extent of ESX: its descriptor is another file. */
export async function inspectVmdkEsx(read: ReadImage): Promise<ImageInfo> {
  const head = await readHeader(read, "vmdk", 0, 16);
  return { format: "vmdk", virtualSize: BigInt(head.readUInt32LE(12)) * SECTOR };
}

/** A descriptor on its own: the data is in the files that it names. */
export async function inspectVmdkDescriptor(read: ReadImage): Promise<ImageInfo> {
  const descriptor = (await read(0, MAX_DESCRIPTOR)).toString("latin1");
  const extents = [...descriptor.matchAll(/^(?:RW|RDONLY|NOACCESS)\s+(\d{1,15})\s+\w+/gm)];
  const sectors = extents.reduce((sum, [, count]) => sum + BigInt(count ?? 0), 0n);
  return { format: "vmdk", virtualSize: sectors * SECTOR, ...parent(descriptor), dataFile: true };
}

function parent(descriptor: string): { backingFile?: string } {
  const hint = /^\s*parentFileNameHint\s*=\s*"([^"\n]*)"/m.exec(descriptor)?.[1];
  return hint === undefined ? {} : { backingFile: hint };
}
