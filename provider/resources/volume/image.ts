import { homedir } from "node:os";
import { join } from "node:path";
import { type ErrorDetails, KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { shownUrl } from "../../images/download";
import { fetchImage } from "../../images/fetch";
import { ImageError } from "../../images/image-error";
import { inspectImage } from "../../images/inspect";
import { assertUploadable, type ImageSource, openImageFile } from "../../images/source";
import { percent } from "../volume-store";

/** An image that was looked into and may be uploaded. */
export interface ReadyImage {
  readonly source: ImageSource;
  /** Size of the disk that it holds. */
  readonly virtualSize: bigint;
}

export interface ImageRequest {
  readonly path: string | undefined;
  readonly url: string | undefined;
  readonly sha256: string | undefined;
}

/** Finds the image, fetches it where it has an address, and refuses what must not reach the host. */
export async function prepareImage(
  request: ImageRequest,
  format: string,
  step: Pick<ErrorDetails, "step" | "host">,
  context: Context,
): Promise<ReadyImage> {
  try {
    const source = await openImageFile(await locate(request, context));
    if (source.size === 0) {
      const remedy = "Check that all of it came here, and that it is the image you meant.";
      throw new ImageError("invalid", `${request.path ?? shownUrl(new URL(request.url ?? ""))} is empty`, remedy);
    }
    const info = await inspectImage(source.read);
    assertUploadable(info, format);
    if (info.encrypted) throw new ImageError("unsupported", "the image is encrypted", "Decrypt it first.");
    if (request.path !== undefined && request.sha256 !== undefined) await verify(source, request.sha256, context);
    return { source, virtualSize: info.virtualSize ?? BigInt(source.size) };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new KvmError(error.code, {
      ...step,
      reason: error.message,
      remedy: error.remedy,
      cause: error,
    });
  }
}

async function locate({ path, url, sha256 }: ImageRequest, context: Context): Promise<string> {
  if (path !== undefined) return path;
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const fetched = await fetchImage({
    url: url ?? "",
    sha256,
    cacheDir: join(cache, "pulumi-kvm", "images"),
    signal: context.signal,
    onProgress: (done, total) => context.progress(`downloading the image, ${progressOf(done, total)}`),
  });
  if (fetched.warning !== undefined) context.warn(fetched.warning);
  return fetched.path;
}

/** "12 %", or what is there where the server does not say how much there will be. */
function progressOf(done: number, total: number | undefined): string {
  return total ? percent(BigInt(done), BigInt(total)) : `${Math.floor(done / 1024 ** 2)} MiB`;
}

async function verify(source: ImageSource, expected: string, context: Context): Promise<void> {
  context.progress("checking the image's checksum");
  const found = await source.sha256(context.signal);
  if (found === expected) return;
  throw new ImageError(
    "invalid",
    `${source.path} has the sha256 ${found}, not ${expected}`,
    "Fetch the image again, or correct the checksum.",
  );
}
