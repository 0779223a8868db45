import type { FetchedImage, FetchOptions } from "./fetch";
import { ImageError } from "./image-error";

/** How one of them follows it. */
export type Watching = Pick<FetchOptions, "signal" | "onProgress">;

/** One download for all who want the same image: it goes on as long as one of them waits for it. */
export class SharedFetch {
  private readonly controller = new AbortController();
  private readonly watchers = new Set<Watching>();
  readonly result: Promise<FetchedImage>;

  constructor(work: (watching: Watching) => Promise<FetchedImage>) {
    this.result = work({
      signal: this.controller.signal,
      onProgress: (done, total) => {
        for (const { onProgress } of this.watchers) onProgress?.(done, total);
      },
    });
  }

  /** False once nobody waits any more: what is under way comes to no good end. */
  get isGoingOn(): boolean {
    return !this.controller.signal.aborted;
  }

  wait(watcher: Watching): Promise<FetchedImage> {
    const { signal } = watcher;
    this.watchers.add(watcher);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.watchers.delete(watcher);
        // The last one waits until what was begun is tidied up.
        if (this.watchers.size === 0) this.controller.abort();
        else reject(new ImageError("cancelled", "the download was cancelled"));
      };
      if (signal?.aborted) leave();
      signal?.addEventListener("abort", leave);
      this.result.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
    });
  }
}
