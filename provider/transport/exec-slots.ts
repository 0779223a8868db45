import { setTimeout as sleep } from "node:timers/promises";

/** sshd's MaxSessions is 10 by default; two stay free because it frees them later than we hear of it. */
const CAP = 8;
/** A refusal this soon after a release may be such a late one and says nothing about the server's limit, in ms. */
const LATE_RELEASE = 1000;
const FIRST_BACKOFF = 50;
const LONGEST_BACKOFF = 1000;
/** Refusals in a row, with nothing of ours open, after which the server is believed. */
const PATIENCE = 6;

/** A failure to open that means "too many"; anything else is passed on at once. */
export type IsFull = (error: unknown) => boolean;

/** Hands out the session channels of one ssh connection; waits, and learns the server's own limit, instead of failing. */
export class ExecSlots {
  #cap = CAP;
  #pending = 0;
  #open = 0;
  #lastRelease = Number.NEGATIVE_INFINITY;
  readonly #waiting: (() => void)[] = [];

  /** True when `open` would have to wait for somebody else's release. */
  get full(): boolean {
    return this.#pending + this.#open >= this.#cap;
  }

  /** Runs `start` in a free slot. It gets the function that frees the slot, to be called when its channel has closed. */
  async open<T>(start: (release: () => void) => Promise<T>, isFull: IsFull, signal?: AbortSignal): Promise<T> {
    let refusals = 0;
    for (let attempt = 0; ; attempt++) {
      await this.#enter(signal);
      try {
        const opened = await start(this.#releaser());
        this.#pending--;
        this.#open++;
        return opened;
      } catch (error) {
        this.#pending--;
        const alone = this.#open === 0;
        if (!isFull(error) || (alone && ++refusals >= PATIENCE)) {
          this.#wake();
          throw error;
        }
        if (!alone && performance.now() - this.#lastRelease > LATE_RELEASE) this.#cap = this.#open;
        await sleep(Math.min(FIRST_BACKOFF * 2 ** attempt, LONGEST_BACKOFF));
        this.#wake();
      }
    }
  }

  #releaser(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#open--;
      this.#lastRelease = performance.now();
      this.#wake();
    };
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    while (this.full) await this.#turn(signal);
    this.#pending++;
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const wake = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1);
        reject(signal?.reason);
      };
      this.#waiting.push(wake);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  #wake(): void {
    this.#waiting.shift()?.();
  }
}
