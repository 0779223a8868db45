import { ImageError } from "./image-error";

/** Reads up to `length` bytes at `offset`; fewer only where the image ends. */
export type ReadImage = (offset: number, length: number) => Promise<Buffer>;

/** Formats by QEMU's names where QEMU has one; the compressed ones are containers that no hypervisor reads. */
export type ImageFormat =
  | "qcow2"
  | "qed"
  | "vmdk"
  | "vhdx"
  | "vpc"
  | "vdi"
  | "luks"
  | "parallels"
  | "iso"
  | "raw"
  | "gzip"
  | "xz"
  | "zstd"
  | "bzip2"
  | "zip";

/** What the header of an image says about it. */
export interface ImageInfo {
  readonly format: ImageFormat;
  /** Size of the disk that a guest sees, in bytes; undefined where the header has none (raw: the size of the file). */
  readonly virtualSize: bigint | undefined;
  /** The backing image as the header spells it: a path, a URL or "json:{...}". */
  readonly backingFile?: string;
  readonly backingFormat?: string;
  /** True where the data, or a part of it, is in another file that the header names. */
  readonly dataFile?: boolean;
  readonly encrypted?: boolean;
  /** QEMU's `compat` of a qcow2 image: "0.10" (version 2) or "1.1" (version 3). */
  readonly compat?: string;
}

/** Reads exactly `length` bytes of the header, or says that the image is cut off. */
export async function readHeader(
  read: ReadImage,
  format: ImageFormat,
  offset: number,
  length: number,
): Promise<Buffer> {
  const bytes = await read(offset, length);
  if (bytes.length >= length) return bytes.subarray(0, length);
  throw malformed(format, `the file ends before byte ${offset + length} of its header (an incomplete download?)`);
}

export function malformed(format: ImageFormat, what: string): ImageError {
  return new ImageError(
    "invalid",
    `the ${format} header is malformed: ${what}`,
    "Get the image again and compare its sha256.",
  );
}
