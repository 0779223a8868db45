import type { Duplex } from "node:stream";

/** How often ssh2 asks the server for a sign of life, in ms. */
export const KEEPALIVE_INTERVAL = 10_000;
const MISSES = 3;
/** As many bytes in one wait are an upload, behind which everything else waits. */
const MUCH = 64 * 1024;

/**
 * Tells a link that is slow from one that is dead. ssh2 would take a server for dead whose answer does not come in time;
 * but on a slow link the question waits behind all that uploads have sent, while the server acknowledges what arrives.
 */
export class Pulse {
  #sent = 0;
  #misses = 0;

  /** `transport` after ssh2 has begun to read it; `onSilence` is called when nothing at all came for too long. */
  watch(transport: Duplex, onSilence: (reason: Error) => void): void {
    const timer = setInterval(() => {
      this.#misses += 1;
      if (this.#misses <= MISSES) return;
      clearInterval(timer);
      onSilence(new Error(`the server did not answer for ${(MISSES * KEEPALIVE_INTERVAL) / 1000} s`));
    }, KEEPALIVE_INTERVAL);
    timer.unref();
    transport.on("data", () => {
      this.#misses = 0;
    });
    transport.once("close", () => clearInterval(timer));
  }

  /** Counts what is sent. */
  count(bytes: number): void {
    this.#sent += bytes;
  }

  /**
   * Calls `onTime` after `seconds`, or where uploads are under way meanwhile, after up to `rounds` times as many.
   * Answers what calls it off.
   */
  timer(seconds: number, onTime: () => void, rounds = 15): () => void {
    const before = this.#sent;
    let cancel = () => clearTimeout(timer);
    const timer = setTimeout(() => {
      if (rounds > 1 && this.#sent - before >= MUCH) cancel = this.timer(seconds, onTime, rounds - 1);
      else onTime();
    }, seconds * 1000);
    return () => cancel();
  }
}
