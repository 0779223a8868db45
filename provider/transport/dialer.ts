export interface Dialer {
  /** Opens one more byte stream to the daemon. */
  dial(signal?: AbortSignal): Promise<import("node:stream").Duplex>;
  /** Where it goes, for messages. */
  readonly description: string;
  close(): Promise<void>;
}
