import { setTimeout as sleep } from "node:timers/promises";

/** sshd's MaxSessions is 10 by default; two stay free because it frees them later than we hear of it. */
const CAP = 8;
/** Between attempts, in ms, doubled each time. */
const FIRST_BACKOFF = 20;
const LONGEST_BACKOFF = 1000;
/** Refusals in a row, with nothing of ours open, after which the server is believed. */
const PATIENCE = 6;

/** A failure to open that means "too many"; anything else is passed on at once. */
export type IsFull = (error: unknown) => boolean;

type Start<T> = (release: () => void) => Promise<T>;

/** Hands out the session channels of one ssh connection; waits, and learns the server's own limit, instead of failing. */
export class ExecSlots {
  #cap = CAP;
  #pending = 0;
  #open = 0;
  /** In a row, while nothing of ours was open. */
  #refusals = 0;
  #mostOpen = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * Runs `start` if a slot is free; undefined when none is, by our count or the server's.
   * `start` gets the function that frees the slot, to be called when its channel has closed.
   */
  async tryOpen<T>(start: Start<T>, isFull: IsFull): Promise<T | undefined> {
    if (this.#isFull()) return undefined;
    const opened = await this.#attempt(start, isFull);
    // Nobody tries again here: who waited for the end of this attempt does.
    if (opened === undefined) this.#wake();
    return opened;
  }

  async #attempt<T>(start: Start<T>, isFull: IsFull): Promise<T | undefined> {
    this.#pending++;
    try {
      const opened = await start(this.#releaser());
      this.#pending--;
      this.#open++;
      this.#refusals = 0;
      this.#mostOpen = Math.max(this.#mostOpen, this.#open);
      if (this.#mostOpen > this.#cap) {
        this.#cap = this.#mostOpen;
        this.#wake();
      }
      return opened;
    } catch (error) {
      this.#pending--;
      const isRefused = isFull(error);
      if (isRefused) this.#refusals = this.#pending + this.#open === 0 ? this.#refusals + 1 : 0;
      if (!isRefused || this.#refusals >= PATIENCE) {
        this.#wake();
        throw error;
      }
      // As many as were open at once are possible; a refusal beyond that may be for good or for a slot freed late.
      this.#cap = Math.max(this.#mostOpen, 1);
      return undefined;
    }
  }

  /** As `tryOpen`, but waits for a slot. */
  async open<T>(start: Start<T>, isFull: IsFull, signal?: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted();
      while (this.#isFull()) await this.#turn(signal);
      const opened = await this.#attempt(start, isFull);
      if (opened !== undefined) return opened;
      await sleep(Math.min(FIRST_BACKOFF * 2 ** attempt, LONGEST_BACKOFF));
      this.#wake();
    }
  }

  #isFull(): boolean {
    return this.#pending + this.#open >= this.#cap;
  }

  #releaser(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#open--;
      this.#wake();
    };
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
