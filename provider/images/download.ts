import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { get, isProxied } from "./http";
import { ImageError, reasonOf } from "./image-error";

export interface DownloadOptions {
  readonly url: URL;
  /** Expected, in lower-case hexadecimal. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Attempts in a row that bring no new byte before giving up. Default 5. */
  readonly attempts?: number;
  /** Pause before the second attempt, doubled for each further one up to 30 s. Default 1. */
  readonly pauseSeconds?: number;
  /** How long the server may send nothing. Default 60. */
  readonly stallSeconds?: number;
  /** Called now and then; `total` is undefined where the server does not say. In bytes. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

const MAX_PAUSE_MS = 30_000;
const RETRIED_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The address as it may be shown: credentials and query (signed addresses carry keys there) left out. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/**
 * Downloads into an empty file, resuming with Range after interruptions, and returns the sha256 of what was written.
 *
 * @throws ImageError "unreachable" once the attempts are used up, "not-found" for 404 and 410, "invalid" where the
 * content has another sha256, "cancelled" on abort.
 */
export async function download(file: FileHandle, options: DownloadOptions): Promise<string> {
  const { url, sha256, attempts = 5, pauseSeconds = 1 } = options;
  const progress = new Progress(file);
  let failures = 0;
  let mismatches = 0;
  let furthest = 0;
  for (;;) {
    try {
      await attempt(progress, options);
      const found = progress.hash.copy().digest("hex");
      if (sha256 === undefined || sha256 === found) return found;
      // A length that nobody announced, or a file replaced between two parts, deserves one more complete reading.
      mismatches += 1;
      if (mismatches > 1) throw mismatch(url, sha256, found, progress.done);
      await progress.restart();
    } catch (error) {
      if (options.signal?.aborted) throw new ImageError("cancelled", `the download of ${shownUrl(url)} was cancelled`);
      if (!(error instanceof Interrupted)) throw error;
      failures = progress.done > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, progress.done);
      if (failures >= attempts) {
        throw new ImageError(
          "unreachable",
          `${shownUrl(url)} could not be downloaded, ${attempts} attempts in a row failed after ${progress.done} bytes: ${error.message}`,
          `Check the address and the ${isProxied() ? "proxy of" : "route from"} the machine that runs pulumi, then run the update again.`,
          error,
        );
      }
      const pause = Math.min(error.pauseMs ?? pauseSeconds * 1000 * 2 ** (failures - 1), MAX_PAUSE_MS);
      await sleep(pause, undefined, { signal: options.signal }).catch(() => {
        throw new ImageError("cancelled", `the download of ${shownUrl(url)} was cancelled`);
      });
    }
  }
}

function mismatch(url: URL, wanted: string, found: string, size: number): ImageError {
  return new ImageError(
    "invalid",
    `${shownUrl(url)} has sha256 ${found} (${size} bytes), wanted is ${wanted}`,
    "Check that the address names one release and not a moving one such as latest, and take the sha256 from its publisher.",
  );
}

/** A failure after which another attempt may help. */
class Interrupted extends Error {
  constructor(
    message: string,
    readonly pauseMs?: number,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** What is in the file so far, and which version of the remote file it came from. */
class Progress {
  done = 0;
  hash: Hash = createHash("sha256");
  /** Strong validator for If-Range; without one, parts of two versions could be joined, so there is no resuming. */
  validator: string | undefined;

  constructor(private readonly file: FileHandle) {}

  async restart(): Promise<void> {
    await this.file.truncate(0);
    this.done = 0;
    this.hash = createHash("sha256");
    this.validator = undefined;
  }

  async append(chunk: Uint8Array): Promise<void> {
    for (let written = 0; written < chunk.length; ) {
      const { bytesWritten } = await this.file.write(chunk, written, chunk.length - written, this.done + written);
      written += bytesWritten;
    }
    this.hash.update(chunk);
    this.done += chunk.length;
  }
}

async function attempt(progress: Progress, options: DownloadOptions): Promise<void> {
  if (progress.validator === undefined && progress.done > 0) await progress.restart();
  const stall = new Stall(options.stallSeconds ?? 60, options.signal);
  try {
    const response = await request(progress, options.url, stall);
    if (response === undefined) return;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : progress.done + length;
    for await (const chunk of chunks(response, stall)) {
      await progress.append(chunk);
      options.onProgress?.(progress.done, total);
    }
  } finally {
    stall.end();
  }
}

/** The response whose body continues what is there already; undefined when nothing is missing. */
async function request(progress: Progress, url: URL, stall: Stall): Promise<Response | undefined> {
  // A body encoded on the way would be decoded by fetch: its offsets, and maybe its hash, would be those of another file.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  const target = new URL(url);
  if (url.username !== "" || url.password !== "") {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
    target.username = "";
    target.password = "";
  }
  if (progress.done > 0 && progress.validator !== undefined) {
    headers["range"] = `bytes=${progress.done}-`;
    headers["if-range"] = progress.validator;
  }
  const response = await stall.guard(() => get(target, { headers, signal: stall.signal }));
  if (response.status === 206 || response.status === 416) {
    const range = response.headers.get("content-range") ?? "";
    if (response.status === 206 && range.startsWith(`bytes ${progress.done}-`)) return response;
    await response.body?.cancel();
    if (range === `bytes */${progress.done}`) return undefined;
    await progress.restart();
    throw new Interrupted(`the server answered a request for a part with ${response.status} ${range}`);
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    throw statusError(response, url);
  }
  if (url.protocol === "https:" && new URL(response.url).protocol !== "https:") {
    await response.body?.cancel();
    throw new ImageError("invalid", `${shownUrl(url)} redirects to an address without TLS`, "Give the final address.");
  }
  if (progress.done > 0) await progress.restart();
  progress.validator = validator(response.headers);
  return response;
}

function validator(headers: Headers): string | undefined {
  if (headers.has("content-encoding")) return undefined;
  const tag = headers.get("etag");
  if (tag !== null && !tag.startsWith("W/")) return tag;
  return headers.get("last-modified") ?? undefined;
}

function statusError(response: Response, url: URL): Error {
  const said = `${response.status} ${response.statusText}`.trim();
  if (RETRIED_STATUS.has(response.status)) {
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    return new Interrupted(`the server answered ${said}`, Number.isNaN(seconds) ? undefined : seconds * 1000);
  }
  const code = response.status === 404 || response.status === 410 ? "not-found" : "unreachable";
  return new ImageError(
    code,
    `${shownUrl(url)}: the server answered ${said}`,
    "Check the address in a browser or with curl -I.",
  );
}

async function* chunks(response: Response, stall: Stall): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (;;) {
    const { done, value } = await stall.guard(() => reader.read());
    if (done) return;
    yield value;
  }
}

/** Aborts what takes longer than the limit, and says so. */
class Stall {
  private readonly controller = new AbortController();
  private readonly forward = () => this.controller.abort();
  readonly signal = this.controller.signal;

  constructor(
    private readonly seconds: number,
    private readonly outer: AbortSignal | undefined,
  ) {
    if (outer?.aborted) this.controller.abort();
    outer?.addEventListener("abort", this.forward);
  }

  async guard<T>(step: () => Promise<T>): Promise<T> {
    let stalled = false;
    const timer = setTimeout(() => {
      stalled = true;
      this.controller.abort();
    }, this.seconds * 1000);
    try {
      return await step();
    } catch (error) {
      if (stalled) throw new Interrupted(`the server sent nothing for ${this.seconds} s`, undefined, error);
      throw new Interrupted(reasonOf(error), undefined, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Also closes a connection that was given up half way. */
  end(): void {
    this.outer?.removeEventListener("abort", this.forward);
    this.controller.abort();
  }
}
