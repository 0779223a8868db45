import { type FileHandle, open } from "node:fs/promises";
import { dataExtents, type Extent } from "./holes";

/** In bytes. An upload in chunks of 1 MiB takes twice the time: they outgrow the caches on their way through ssh. */
const chunkSize = 512 * 1024;
/** Reads under way at once: a disk, or a hole that the kernel fills with zeroes, is slower than one reader alone. */
const depth = 4;
/** What a hole reads as. Nobody writes to it. */
const zeroes = Buffer.alloc(chunkSize);

/**
 * Reads a file from `start` to its end, some chunks ahead of who consumes them. Each chunk has a buffer of its own: a
 * stream asks for the next one before its reader is done with this one, and sockets keep what they could not send yet.
 * Chunks of zeroes alone are one and the same buffer, since an image has many of them and making buffers is dear; what
 * the file system calls a hole is not read at all.
 */
export async function* readAhead(path: string, start = 0): AsyncGenerator<Buffer> {
  const file = await open(path);
  const reads: Promise<Buffer>[] = [];
  const unused: Buffer[] = [];
  try {
    const stats = await file.stat();
    const extents = await dataExtents(path, stats);
    let offset = start;
    const next = () => {
      const reading =
        extents && offset + chunkSize <= stats.size && !holdsData(extents, offset)
          ? Promise.resolve(zeroes)
          : fill(file, unused.pop() ?? Buffer.allocUnsafeSlow(chunkSize), offset);
      // It is awaited in its turn; until then a failure is nobody's fault.
      reading.catch(() => undefined);
      reads.push(reading);
      offset += chunkSize;
    };
    for (let index = 0; index < depth; index++) next();
    for (let reading = reads.shift(); reading; reading = reads.shift()) {
      const chunk = await reading;
      const isHole = chunk.equals(zeroes);
      if (isHole && chunk !== zeroes) unused.push(chunk);
      if (chunk.length === chunkSize) next();
      if (chunk.length > 0) yield isHole ? zeroes : chunk;
    }
  } finally {
    await Promise.allSettled(reads);
    await file.close();
  }
}

/** Whether any of the chunk at `offset` is data. */
function holdsData(extents: readonly Extent[], offset: number): boolean {
  let [low, high] = [0, extents.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((extents[middle]?.end ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  const next = extents[low];
  return next !== undefined && next.start < offset + chunkSize;
}

async function fill(file: FileHandle, buffer: Buffer, offset: number): Promise<Buffer> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
