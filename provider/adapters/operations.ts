/** The engine kills the provider five seconds after it asked it to end. */
const graceMilliseconds = 4000;

/**
 * The operations under way. A first SIGINT or SIGTERM aborts them, gives them a moment to leave the host tidy,
 * closes the connections and ends the process.
 */
export class Operations {
  private readonly stop = new AbortController();
  private readonly running = new Set<Promise<unknown>>();
  private listening = false;

  constructor(private readonly close: () => Promise<void>) {}

  /** Runs `work` with a signal that fires at shutdown, or after `seconds` when given. */
  async run<T>(seconds: number | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.listen();
    const deadline = seconds === undefined ? [] : [AbortSignal.timeout(seconds * 1000)];
    const operation = work(AbortSignal.any([this.stop.signal, ...deadline]));
    this.running.add(operation);
    try {
      return await operation;
    } finally {
      this.running.delete(operation);
    }
  }

  private listen(): void {
    if (this.listening) return;
    this.listening = true;
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.once(name, () => void this.shutdown());
    }
  }

  private async shutdown(): Promise<void> {
    this.stop.abort(new Error("the deployment was cancelled"));
    const settled = Promise.allSettled([...this.running]).then(() => this.close());
    await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, graceMilliseconds))]);
    process.exit(0);
  }
}
