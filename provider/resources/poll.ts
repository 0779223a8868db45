import { setTimeout as sleep } from "node:timers/promises";
import { KvmError, messageOf } from "../core/errors";

export interface Poll {
  /** Completes "Unable to ...", for the message when the deployment is cancelled. */
  readonly step: string;
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Seconds between two looks. Default 0.5. */
  readonly interval?: number;
}

/** Looks again and again until `probe` answers something; undefined when the time is over. */
export async function poll<T>(
  { step, seconds, signal, interval = 0.5 }: Poll,
  probe: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    if (signal.aborted) {
      throw new KvmError("cancelled", {
        step,
        reason: messageOf(signal.reason),
        remedy: "run the same command again: it goes on from here",
      });
    }
    const found = await probe();
    const left = deadline - performance.now();
    if (found !== undefined || left <= 0) return found;
    await pause(Math.min(interval * 1000, left), signal);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    // The caller's loop sees the signal and says what was cancelled.
    if (!signal.aborted) throw error;
  }
}
