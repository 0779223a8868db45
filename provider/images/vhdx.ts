import { type ImageInfo, malformed, type ReadImage, readHeader } from "./header";

export const VHDX_MAGIC = Buffer.from("vhdxfile", "latin1");

const REGION_TABLE = 192 * 1024;
const REGION_METADATA = guid("8b7ca206-4790-4b9a-b8fe-575f050f886e");
const ITEM_FILE_PARAMETERS = guid("caa16737-fa36-4d43-b3b6-33f0aa44e76b");
const ITEM_VIRTUAL_SIZE = guid("2fa54224-cd1b-4876-b211-5dbed83bf4b8");
const HAS_PARENT = 2;
/** Both tables hold at most 2047 entries of 32 bytes. */
const MAX_ENTRIES = 2047;

/** Size and parent are in the metadata region, which a region table points to. */
export async function inspectVhdx(read: ReadImage): Promise<ImageInfo> {
  const table = await readHeader(read, "vhdx", REGION_TABLE, 16);
  if (table.toString("latin1", 0, 4) !== "regi") throw malformed("vhdx", "no region table at 192 KiB");
  const region = await findEntry(read, REGION_TABLE + 16, table.readUInt32LE(8), REGION_METADATA);
  const metadata = region === undefined ? 0n : region.readBigUInt64LE(16);
  if (metadata < 1024n * 1024n || metadata > 2n ** 50n) throw malformed("vhdx", `its metadata at byte ${metadata}`);
  const start = Number(metadata);
  const head = await readHeader(read, "vhdx", start, 32);
  if (head.toString("latin1", 0, 8) !== "metadata") throw malformed("vhdx", `no metadata table at byte ${start}`);
  const item = async (id: Buffer, length: number): Promise<Buffer> => {
    const entry = await findEntry(read, start + 32, head.readUInt16LE(10), id);
    if (entry === undefined) throw malformed("vhdx", "its metadata lacks the size of the disk");
    return readHeader(read, "vhdx", start + entry.readUInt32LE(16), length);
  };
  const virtualSize = (await item(ITEM_VIRTUAL_SIZE, 8)).readBigUInt64LE(0);
  const parameters = (await item(ITEM_FILE_PARAMETERS, 8)).readUInt32LE(4);
  const hasParent = (parameters & HAS_PARENT) !== 0;
  return { format: "vhdx", virtualSize, ...(hasParent ? { backingFile: "(named in its parent locator)" } : {}) };
}

async function findEntry(read: ReadImage, start: number, count: number, id: Buffer): Promise<Buffer | undefined> {
  if (count > MAX_ENTRIES) throw malformed("vhdx", `a table of ${count} entries`);
  const table = await readHeader(read, "vhdx", start, count * 32);
  for (let offset = 0; offset < table.length; offset += 32) {
    if (table.subarray(offset, offset + 16).equals(id)) return table.subarray(offset, offset + 32);
  }
  return undefined;
}

/** A GUID as stored: the first three groups have their low byte first. */
function guid(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll("-", ""), "hex");
  bytes.subarray(0, 4).swap32();
  bytes.subarray(4, 8).swap16();
  return bytes;
}
