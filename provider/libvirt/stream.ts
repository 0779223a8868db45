import { Readable } from "node:stream";
import type { TransferOptions, VolumeHandle } from "./api";
import { hyper, struct, uint } from "./codec";
import { type Frame, messageStatus, messageType } from "./frame";
import { type ProcedureArgs, procedure } from "./procedures";
import type { RpcChannel } from "./rpc";
import { XdrReader, XdrWriter } from "./xdr";

const hole = struct({ length: hyper, flags: uint });
/** Runs of zeroes are looked for in blocks of this size. */
const blockSize = 65536;
/** A stream packet of this size is far below libvirt's limit and keeps memory low. */
const packetSize = 262_144;
/** VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM and its twin for download. */
const sparseStream = 1;
const zeroes = Buffer.alloc(blockSize);
const nothing = Buffer.alloc(0);

/** Bytes that were sent, and where in the volume they belong. */
export interface Witness {
  readonly offset: bigint;
  readonly bytes: Buffer;
}

/**
 * Writes `source` into a volume over a channel that is used for nothing else. Answers the last bytes that were sent and
 * are not all zero, by which to see whether all of it was written. One that fails ends with its channel.
 */
export async function uploadTo(
  channel: RpcChannel,
  volume: VolumeHandle,
  source: Readable | AsyncIterable<Buffer>,
  options: TransferOptions = {},
): Promise<Witness | undefined> {
  const { number } = procedure("STORAGE_VOL_UPLOAD");
  const { serial, reply } = channel.start("STORAGE_VOL_UPLOAD", transferArgs(volume, options));
  // Before the reply: what comes together with it must find its listener.
  const end = streamEnd(channel, serial);
  await reply;
  // The failure comes first: a channel that is lost takes everything at once.
  const send = (status: number, payload: Buffer, type?: number) =>
    Promise.race([end.failure, channel.sendStream(number, serial, status, payload, type)]);
  let done = 0n;
  let witness: Witness | undefined;
  for await (const { data, length } of pieces(source, options.sparse === true, options.dense)) {
    if (data) await send(messageStatus.continue, data);
    else await send(messageStatus.continue, encodeHole(length), messageType.streamHole);
    done += BigInt(length);
    const tail = data?.subarray(-blockSize);
    const offset = (options.offset ?? 0n) + done;
    if (tail && !isZero(tail)) witness = { offset: offset - BigInt(tail.length), bytes: tail };
    options.onProgress?.(done);
  }
  await channel.sendStream(number, serial, messageStatus.ok, nothing);
  await end.confirmed;
  return witness;
}

/**
 * Reads back the last bytes of an upload. libvirt (seen in 9.0, with its own client too) confirms an upload all the
 * same when the disk becomes full while the last packets wait in its queue; it writes nothing after the first failure.
 *
 * @throws Error where they are not there.
 */
export async function verifyUpload(channel: RpcChannel, volume: VolumeHandle, witness: Witness): Promise<void> {
  const { offset, bytes } = witness;
  const options = { offset, length: BigInt(bytes.length) };
  const chunks: Buffer[] = [];
  for await (const chunk of await downloadFrom(channel, volume, options, () => undefined)) chunks.push(chunk as Buffer);
  if (Buffer.concat(chunks).equals(bytes)) return;
  throw new Error(
    `libvirt confirmed the upload, but the end of it, ${bytes.length} bytes at ${offset}, was not written: most likely there is no space left on the device`,
  );
}

/** Reads a volume over a channel that is used for nothing else; `release` is called when the stream is over. */
export async function downloadFrom(
  channel: RpcChannel,
  volume: VolumeHandle,
  options: TransferOptions,
  release: () => void,
): Promise<Readable> {
  const { serial, reply } = channel.start("STORAGE_VOL_DOWNLOAD", transferArgs(volume, options));
  const download = new Download(channel, serial, options, release);
  try {
    await reply;
  } catch (error) {
    download.destroy();
    throw error;
  }
  return download;
}

/** What the daemon sends of a volume; it is kept from sending more than is taken. */
class Download extends Readable {
  private done = 0n;
  /** What has come and nobody has taken yet; of a hole its length, and null at the end. */
  private readonly waiting: (Buffer | number | null)[] = [];

  constructor(
    private readonly channel: RpcChannel,
    private readonly serial: number,
    private readonly options: TransferOptions,
    private readonly release: () => void,
  ) {
    super({ highWaterMark: 4 * packetSize });
    // It may fail before anybody has it to listen to, and an "error" without a listener ends the process.
    this.on("error", () => undefined);
    channel.listenStream(serial, {
      data: (frame) => this.receive(frame),
      failed: (error) => this.destroy(options.signal?.aborted ? options.signal.reason : error),
    });
  }

  override _read(): void {
    this.deliver();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.channel.listenStream(this.serial, undefined);
    this.release();
    callback(error);
  }

  private receive(frame: Frame): void {
    if (frame.type === messageType.streamHole) this.accept(decodeHole(frame));
    else if (frame.status === messageStatus.ok) this.accept(null);
    else if (frame.payload.length > 0) this.accept(Buffer.from(frame.payload));
    else this.confirmEnd();
  }

  /** An empty packet is the end of the data; the daemon then waits for our confirmation. */
  private confirmEnd(): void {
    const { number } = procedure("STORAGE_VOL_DOWNLOAD");
    void this.channel.sendStream(number, this.serial, messageStatus.ok, nothing);
  }

  private accept(next: Buffer | number | null): void {
    this.waiting.push(next);
    if (this.waiting.length === 1) this.deliver();
  }

  private deliver(): void {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      const bytes = typeof next === "number" ? zeroes.subarray(0, Math.min(next, blockSize)) : next;
      if (typeof next === "number" && next > blockSize) this.waiting.unshift(next - blockSize);
      this.done += BigInt(bytes?.length ?? 0);
      if (bytes) this.options.onProgress?.(this.done);
      // After the end the channel may serve others.
      if (!this.push(bytes) && bytes !== null) {
        this.channel.pause();
        return;
      }
    }
    this.channel.resume();
  }
}

function transferArgs(
  vol: VolumeHandle,
  { offset = 0n, length = 0n, sparse }: TransferOptions,
): ProcedureArgs<"STORAGE_VOL_UPLOAD"> {
  return { vol, offset, length, flags: sparse ? sparseStream : 0 };
}

/** The daemon's last word on a stream: its confirmation, or the error that may come at any time. */
function streamEnd(channel: RpcChannel, serial: number): { failure: Promise<never>; confirmed: Promise<void> } {
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const confirmed = new Promise<void>((resolve, reject) => {
    channel.listenStream(serial, {
      data(frame) {
        if (frame.status === messageStatus.ok) resolve();
      },
      failed(error) {
        fail(error);
        reject(error);
      },
    });
  });
  // Both are awaited only at certain moments; until then a rejection is nobody's fault.
  failure.catch(() => undefined);
  confirmed.catch(() => undefined);
  return { failure, confirmed };
}

interface Piece {
  /** Absent for a hole. */
  readonly data?: Buffer;
  readonly length: number;
}

/** Cuts the source into packets; with `sparse`, neighbouring blocks of zeroes after the `dense` bytes become one hole. */
async function* pieces(source: AsyncIterable<Buffer>, sparse: boolean, dense = 0): AsyncGenerator<Piece> {
  let gap = 0;
  let position = 0;
  for await (const chunk of source) {
    if (!sparse) {
      for (let at = 0; at < chunk.length; at += packetSize) {
        const data = chunk.subarray(at, at + packetSize);
        yield { data, length: data.length };
      }
      continue;
    }
    let start = 0;
    for (let at = 0; at < chunk.length; at += blockSize) {
      const block = chunk.subarray(at, at + blockSize);
      const empty = isZero(block) && position + at >= dense;
      if (empty) {
        if (start < at) yield piece(chunk, start, at);
        gap += block.length;
        start = at + block.length;
      } else if (gap > 0) {
        yield { length: gap };
        gap = 0;
      }
    }
    if (start < chunk.length) yield piece(chunk, start, chunk.length);
    position += chunk.length;
  }
  if (gap > 0) yield { length: gap };
}

/** For blocks of at most `blockSize`. */
function isZero(block: Buffer): boolean {
  return block.equals(block.length === blockSize ? zeroes : zeroes.subarray(0, block.length));
}

function piece(chunk: Buffer, start: number, end: number): Piece {
  return { data: chunk.subarray(start, end), length: end - start };
}

function encodeHole(length: number): Buffer {
  const writer = new XdrWriter();
  hole.write(writer, { length: BigInt(length), flags: 0 });
  return writer.finish();
}

function decodeHole(frame: Frame): number {
  return Number(hole.read(new XdrReader(frame.payload)).length);
}
