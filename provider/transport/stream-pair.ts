import { Duplex, type Readable, type Writable } from "node:stream";

/**
 * Two half-streams as one Duplex with Node's own rules for `destroy`, `error` and `close`.
 * ssh2's channels and child processes each have rules of their own.
 */
export class StreamPair extends Duplex {
  readonly #source: Readable;
  readonly #sink: Writable;
  readonly #release: () => void;
  #gone = false;
  #finished = false;

  /** `release` is called once, when the stream is gone for whatever reason. */
  constructor(source: Readable, sink: Writable, release: () => void) {
    super({ allowHalfOpen: true });
    this.#source = source;
    this.#sink = sink;
    this.#release = release;
    source.pause();
    source.on("data", (chunk: Buffer) => {
      // What arrives after destroy is dropped, but must flow, or ssh2 never reports the end of its channel.
      if (this.destroyed) return;
      if (!this.push(chunk)) source.pause();
    });
    // An "error" event without a listener ends the process; whoever uses the stream adds its own.
    this.on("error", () => undefined);
    const fail = (error: Error) => this.destroy(error);
    source.on("error", fail);
    sink.on("error", fail);
  }

  /** The far side will send no more. */
  finishReading(): void {
    if (this.#finished) return;
    this.#finished = true;
    if (!this.destroyed) this.push(null);
  }

  /** The far side is gone in good order: what it sent can still be read, nothing can be written. */
  finish(): void {
    this.#gone = true;
    this.finishReading();
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
  }

  override _read(): void {
    this.#source.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // ssh2 neither calls back nor fails when its channel is closed.
    if (this.#gone) done(new Error("the other side has closed the stream"));
    else this.#sink.write(chunk, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sink.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#gone = true;
    this.#source.resume();
    this.#release();
    done(error);
  }
}
