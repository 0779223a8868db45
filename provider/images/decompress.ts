import { createReadStream, createWriteStream } from "node:fs";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import type { ImageFormat } from "./header";
import { ImageError, reasonOf, systemCode } from "./image-error";

/** Node has zstd from 22.15 on; the types of Node 20 do not know it. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Duplex };

/** The stream that undoes this compression; undefined for what is no compressed file. */
export function decompressor(format: ImageFormat): Duplex | undefined {
  switch (format) {
    case "gzip":
      return zlib.createGunzip();
    case "zstd":
      if (createZstdDecompress !== undefined) return createZstdDecompress();
      throw unsupported(format, `Node ${process.versions.node} cannot decompress it, 22.15 and newer can`);
    case "xz":
    case "bzip2":
    case "zip":
      throw unsupported(format, "Node cannot decompress it");
    default:
      return undefined;
  }
}

function unsupported(format: ImageFormat, why: string): ImageError {
  return new ImageError(
    "unsupported",
    `the image is compressed with ${format}; ${why}`,
    `Decompress it once and give the image itself, or compress it with gzip; a qcow2 image is compact by itself.`,
  );
}

/** Writes the decompressed content of one file to another. */
export async function decompress(from: string, to: string, through: Duplex, signal?: AbortSignal): Promise<void> {
  try {
    await pipeline(createReadStream(from), through, createWriteStream(to, { mode: 0o600 }), signal ? { signal } : {});
  } catch (error) {
    if (signal?.aborted) throw new ImageError("cancelled", "decompressing the image was cancelled");
    const code = systemCode(error);
    if (!code.startsWith("Z_") && !code.startsWith("ZSTD_")) throw error;
    throw new ImageError(
      "invalid",
      `the compressed image is damaged: ${reasonOf(error)}`,
      "Get the image again and compare its sha256.",
      error,
    );
  }
}
