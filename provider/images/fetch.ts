import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { decompress, decompressor } from "./decompress";
import { type DownloadOptions, download, shownUrl } from "./download";
import { ImageError, systemCode } from "./image-error";
import { inspectImage } from "./inspect";
import { SharedFetch, type Watching } from "./shared";
import { openImageFile } from "./source";

export interface FetchOptions extends Omit<DownloadOptions, "url" | "sha256"> {
  /** http or https; a user name and password in it are sent as basic authentication. */
  readonly url: string;
  /** Of the file behind the address, as its publisher gives it: of the compressed file where it is compressed. */
  readonly sha256?: string | undefined;
  /** Where images are kept between runs; made where missing. */
  readonly cacheDir: string;
}

export interface FetchedImage {
  /** The image in the cache, decompressed. Others may be using it: read only. */
  readonly path: string;
  /** Of the downloaded file (before decompression), in lower-case hexadecimal. */
  readonly sha256: string;
  /** What the user should know: content that nobody vouches for. */
  readonly warning?: string;
}

/** One download at a time for one file of the cache; later callers share it. */
const running = new Map<string, SharedFetch>();

/**
 * Brings an image into the cache, under its sha256, and decompresses gzip (and zstd where Node can). With a sha256 that
 * is in the cache there is no request; without one the image is downloaded each time.
 *
 * @throws ImageError
 */
export async function fetchImage(options: FetchOptions): Promise<FetchedImage> {
  const url = parseUrl(options.url);
  const sha256 = options.sha256?.toLowerCase();
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new ImageError("invalid", `"${options.sha256}" is no sha256: 64 hexadecimal digits`);
  }
  const fetched = (watching: Watching) =>
    fetchOnce(url, sha256, { ...options, ...watching }).catch((error: unknown) => {
      throw explained(error, options.cacheDir);
    });
  if (sha256 === undefined) return fetched(options);
  // Another address is another chance.
  const key = `${join(options.cacheDir, sha256)} ${url.href}`;
  const before = running.get(key);
  return (before?.isGoingOn ? before : begin(key, fetched)).wait(options);
}

function begin(key: string, work: (watching: Watching) => Promise<FetchedImage>): SharedFetch {
  const shared = new SharedFetch(work);
  running.set(key, shared);
  const forget = () => {
    if (running.get(key) === shared) running.delete(key);
  };
  shared.result.then(forget, forget);
  return shared;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new ImageError("invalid", "the image address is no http or https URL", "Give a local file as `path`.");
  }
  return url;
}

async function fetchOnce(url: URL, sha256: string | undefined, options: FetchOptions): Promise<FetchedImage> {
  const { cacheDir, signal } = options;
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  if (sha256 !== undefined && (await isIntact(join(cacheDir, sha256), sha256, signal))) {
    return { path: await usable(cacheDir, sha256, signal), sha256 };
  }
  const partial = join(cacheDir, `.partial-${randomUUID()}`);
  try {
    const file = await open(partial, "wx", 0o600);
    let found: string;
    try {
      found = await download(file, { ...options, url, sha256 });
      await file.sync();
    } finally {
      await file.close();
    }
    if (sha256 === undefined) await refusePage(partial, url);
    await settle(partial, join(cacheDir, found), found, signal);
    const path = await usable(cacheDir, found, signal);
    if (sha256 !== undefined) return { path, sha256: found };
    const warning = `${shownUrl(url)} was taken as it came: nothing proves that it is the image you meant. Its sha256 now is ${found}`;
    return { path, sha256: found, warning };
  } finally {
    await rm(partial, { force: true });
  }
}

/** A page that asks to log in, or says that there is no such file, would pass for a raw image. */
async function refusePage(path: string, url: URL): Promise<void> {
  const start = await (await openImageFile(path)).read(0, 64);
  if (!/^\s*<(!doctype|html|\?xml)\b/i.test(start.toString("latin1"))) return;
  const remedy = "Open it in a browser: it may want a login, or name a page from which the image is downloaded.";
  throw new ImageError("invalid", `${shownUrl(url)} is a web page, not an image`, remedy);
}

/** Gives a complete file its place, unless the same is there already: somebody may be reading that one. */
async function settle(partial: string, path: string, sha256: string, signal: AbortSignal | undefined): Promise<void> {
  if (!(await isIntact(path, sha256, signal))) await rename(partial, path);
}

/** A file in the cache is trusted only after reading it: disks fail, and people look into caches. */
async function isIntact(path: string, sha256: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return (await (await openImageFile(path)).sha256(signal)) === sha256;
  } catch (error) {
    if (error instanceof ImageError && error.code === "not-found") return false;
    throw error;
  }
}

/**
 * The path of the image itself: the downloaded file, or what it decompresses to. The latter is kept as
 * `<sha256 of the download>.<sha256 of the image>`, so that it can be checked like any other.
 */
async function usable(cacheDir: string, sha256: string, signal: AbortSignal | undefined): Promise<string> {
  const downloaded = join(cacheDir, sha256);
  const { format } = await inspectImage((await openImageFile(downloaded)).read);
  const through = decompressor(format);
  if (through === undefined) return downloaded;
  for (const name of await readdir(cacheDir)) {
    const [from, image] = name.split(".");
    const path = join(cacheDir, name);
    if (from === sha256 && image !== undefined && (await isIntact(path, image, signal))) return path;
  }
  const partial = join(cacheDir, `.partial-${randomUUID()}`);
  try {
    await decompress(downloaded, partial, through, signal);
    const image = await (await openImageFile(partial)).sha256(signal);
    const path = `${downloaded}.${image}`;
    await settle(partial, path, image, signal);
    return path;
  } finally {
    await rm(partial, { force: true });
  }
}

function explained(error: unknown, cacheDir: string): unknown {
  if (!["ENOSPC", "EDQUOT"].includes(systemCode(error))) return error;
  const remedy = "Make room there or choose another cache folder; its files may be deleted while no update runs.";
  return new ImageError("internal", `no space left in the image cache ${cacheDir}`, remedy, error);
}
