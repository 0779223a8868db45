/** For so long, in ms, after the last upload, answers to what was sent behind it may still be on their way. */
const aftermath = 30_000;

/** What the channels of one connection share: on a slow link all that they send waits behind what uploads have sent. */
export class Link {
  private uploads = 0;
  private busyUntil = 0;

  /** True while an answer that does not come says nothing about the daemon. */
  get isBusy(): boolean {
    return this.uploads > 0 || performance.now() < this.busyUntil;
  }

  async upload<T>(work: () => Promise<T>): Promise<T> {
    this.uploads += 1;
    try {
      return await work();
    } finally {
      this.uploads -= 1;
      this.busyUntil = performance.now() + aftermath;
    }
  }
}
