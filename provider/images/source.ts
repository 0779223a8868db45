import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { ImageFormat, ImageInfo, ReadImage } from "./header";
import { dataExtents } from "./holes";
import { ImageError, reasonOf, systemCode } from "./image-error";
import { readAhead } from "./read-ahead";

/** A local image file, to be read as often as an upload needs. */
export interface ImageSource {
  readonly path: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  /** For inspectImage. */
  readonly read: ReadImage;
  /** A new stream from `offset` (default 0) to the end; it fails when the file changes meanwhile. */
  open(offset?: number): Readable;
  /** Of the whole file, in lower-case hexadecimal. */
  sha256(signal?: AbortSignal): Promise<string>;
  /** Bytes that are left when runs of zeroes become holes: what the image takes on the host. Reads the whole file. */
  dataSize(signal?: AbortSignal): Promise<number>;
  /** The last bytes that are not all zero: whoever has them has all of the image. Undefined where there are none. */
  lastData(): Promise<{ readonly offset: number; readonly bytes: Buffer } | undefined>;
}

/**
 * Opens an image file on the machine that runs the provider. Holds no descriptor between calls.
 *
 * @throws ImageError where the path is no readable regular file.
 */
export async function openImageFile(path: string): Promise<ImageSource> {
  const opened = await statOf(path);
  if (!opened.isFile()) {
    throw new ImageError("invalid", `${path} is no regular file`, "Give the path of the file that holds the image.");
  }
  const stream = (offset = 0) => Readable.from(unchanged(path, opened, offset), { objectMode: false });
  return {
    path,
    size: opened.size,
    read: (offset, length) => readAt(path, offset, length),
    open: stream,
    async sha256(signal) {
      const hash = createHash("sha256");
      for await (const chunk of uncancelled(stream(), path, signal)) hash.update(chunk);
      return hash.digest("hex");
    },
    async dataSize(signal) {
      let size = 0;
      for await (const chunk of uncancelled(stream(), path, signal)) {
        for (let at = 0; at < chunk.length; at += block.length) {
          const piece = chunk.subarray(at, at + block.length);
          if (!piece.equals(block.subarray(0, piece.length))) size += piece.length;
        }
      }
      return size;
    },
    async lastData() {
      const extents = await dataExtents(path, opened);
      const last = extents ? (extents.at(-1)?.end ?? 0) : opened.size;
      for (let end = last; end > 0; end = Math.floor((end - 1) / readBack) * readBack) {
        const start = Math.floor((end - 1) / readBack) * readBack;
        const bytes = await readAt(path, start, end - start);
        for (let at = Math.floor((bytes.length - 1) / block.length) * block.length; at >= 0; at -= block.length) {
          const piece = bytes.subarray(at, at + block.length);
          if (!piece.equals(block.subarray(0, piece.length))) return { offset: start + at, bytes: piece };
        }
      }
      return undefined;
    },
  };
}

/** Runs of zeroes of this size become holes. */
const block = Buffer.alloc(65536);
/** A file is read from its end in steps of this size, in bytes. */
const readBack = 4 * 1024 * 1024;

async function* uncancelled(stream: Readable, path: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    if (signal?.aborted) throw new ImageError("cancelled", `reading ${path} was cancelled`);
    yield chunk as Buffer;
  }
}

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): ImageError {
  const missing = systemCode(error) === "ENOENT";
  return new ImageError(
    missing ? "not-found" : "invalid",
    missing ? `there is no file ${path}` : `${path} cannot be read: ${reasonOf(error)}`,
    "Give a path that the process running pulumi can read; relative paths start at the folder of the program.",
    error,
  );
}

async function* unchanged(path: string, opened: Stats, offset: number): AsyncGenerator<Buffer> {
  try {
    yield* readAhead(path, offset);
  } catch (error) {
    throw unreadable(path, error);
  }
  const now = await statOf(path);
  if (now.size !== opened.size || now.mtimeMs !== opened.mtimeMs || now.ino !== opened.ino) {
    throw new ImageError("conflict", `${path} changed while it was read`, "Wait until whatever writes it is done.");
  }
}

async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const buffer = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  } finally {
    await file.close();
  }
}

const COMPRESSED: ReadonlySet<ImageFormat> = new Set(["gzip", "xz", "zstd", "bzip2", "zip"]);

/**
 * The gate for images from elsewhere: whoever made one that names another file would have the host open that file for
 * the guest. Returns the format to declare to libvirt ("raw" for an ISO).
 *
 * @param declared what the user says it is; undefined takes what was found.
 * @throws ImageError for images that name other files, are compressed, or are not what was declared.
 */
export function assertUploadable(info: ImageInfo, declared?: string): string {
  if (info.backingFile !== undefined) {
    throw new ImageError(
      "invalid",
      `the ${info.format} image names a backing file, ${JSON.stringify(info.backingFile)}: the host would open that file for the guest`,
      "Flatten the image (qemu-img convert -O qcow2 OLD NEW), or upload the base and use `backing`.",
    );
  }
  if (info.dataFile === true) {
    throw new ImageError(
      "invalid",
      `the ${info.format} image keeps its data in another file: the host would open whatever file it names`,
      "Convert it to a single file: qemu-img convert -O qcow2 OLD NEW",
    );
  }
  if (COMPRESSED.has(info.format)) {
    throw new ImageError("unsupported", `the file is ${info.format} data, not a disk image`, "Decompress it first.");
  }
  const found = info.format === "iso" ? "raw" : info.format;
  const wanted = declared === "iso" ? "raw" : declared;
  if (wanted !== undefined && (wanted !== found || (declared === "iso" && info.format !== "iso"))) {
    throw new ImageError(
      "invalid",
      `the image was declared as ${declared} and is ${info.format}`,
      found === "raw" || found === "qcow2"
        ? `Declare format "${found}", or check that it is the image you meant.`
        : `Convert it (qemu-img convert -O ${wanted} OLD NEW), or check that it is the image you meant.`,
    );
  }
  return found;
}
