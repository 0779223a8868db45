import { watchEngine } from "./engine-watch";

/** The engine kills the provider five seconds after it asked it to end. */
const graceMilliseconds = 4000;
/** Node's timers end at once beyond this many milliseconds: 24 days. */
const longestTimer = 2 ** 31 - 1;

/**
 * The operations under way. The engine's Cancel (a first Ctrl-C) aborts them. A SIGINT or SIGTERM (a second Ctrl-C, and
 * each normal end) and an engine that died do so too, give them a moment to leave the host tidy, close the connections
 * and end the process.
 */
export class Operations {
  private readonly stop = new AbortController();
  private readonly running = new Set<Promise<unknown>>();
  private listening = false;

  constructor(private readonly close: () => Promise<void>) {}

  /** Runs `work` with a signal that fires when the deployment is cancelled, or after `seconds` when given. */
  async run<T>(seconds: number | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = new AbortController();
    // Whoever set the limit is to hear which one it was: Node's own signal says "aborted due to timeout".
    const over = new Error(`the ${seconds} s that customTimeouts gives it are over`);
    const end = (milliseconds: number) => setTimeout(() => deadline.abort(over), Math.min(milliseconds, longestTimer));
    const timer = seconds === undefined ? undefined : end(seconds * 1000);
    const operation = work(AbortSignal.any([this.stop.signal, deadline.signal]));
    this.running.add(operation);
    try {
      return await operation;
    } finally {
      clearTimeout(timer);
      this.running.delete(operation);
    }
  }

  /** Listens for the end from now on: the earlier in the life of the process, the better. */
  listen(): void {
    if (this.listening) return;
    this.listening = true;
    watchEngine(
      () => this.abort(),
      () => void this.shutdown(),
    );
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.once(name, () => void this.shutdown());
    }
  }

  private abort(): void {
    this.stop.abort(new Error("the deployment was cancelled"));
  }

  private async shutdown(): Promise<void> {
    this.abort();
    const settled = Promise.allSettled([...this.running]).then(() => this.close());
    await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, graceMilliseconds))]);
    process.exit(0);
  }
}
