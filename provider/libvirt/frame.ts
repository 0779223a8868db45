/** The 24 bytes before the payload of every message, after the length word. */
export interface Header {
  readonly program: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

export interface Frame extends Header {
  readonly payload: Buffer;
}

export const programs = { remote: 0x20008086, qemu: 0x20008087, keepalive: 0x6b656570 } as const;
export const messageType = { call: 0, reply: 1, message: 2, stream: 3, streamHole: 6 } as const;
export const messageStatus = { ok: 0, error: 1, continue: 2 } as const;

const version = 1;
const headerLength = 28;
/** VIR_NET_MESSAGE_MAX: a longer message can only be garbage. */
const frameLimit = 33_554_432 + 4;

export function encodeFrame(frame: Frame): Buffer {
  return Buffer.concat([encodeHead(frame), frame.payload]);
}

/** What goes before the payload. */
export function encodeHead({ program, procedure, type, serial, status, payload }: Frame): Buffer {
  const head = Buffer.allocUnsafe(headerLength);
  [headerLength + payload.length, program, version, procedure, type, serial, status].forEach((word, index) => {
    head.writeUInt32BE(word, index * 4);
  });
  return head;
}

/** Cuts a byte stream into messages. Keeps a list of chunks, so that a long message is joined once. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private length = 0;

  /** Frames that are complete with this chunk. Throws RangeError for what cannot be a libvirt message. */
  push(chunk: Buffer): Frame[] {
    this.chunks.push(chunk);
    this.length += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.next(); frame; frame = this.next()) frames.push(frame);
    return frames;
  }

  private next(): Frame | undefined {
    if (this.length < 4) return undefined;
    const size = this.peek(4).readUInt32BE(0);
    if (size < headerLength || size > frameLimit) {
      const start = this.peek(Math.min(this.length, 80))
        .toString("latin1")
        .replace(/[^\x20-\x7e]+/g, " ");
      throw new RangeError(`the other side does not speak libvirt's protocol; it sent "${start.trim()}"`);
    }
    if (this.length < size) return undefined;
    const bytes = this.peek(size);
    this.chunks = [bytes.subarray(size), ...this.chunks.slice(1)].filter((rest) => rest.length > 0);
    this.length -= size;
    return {
      program: bytes.readUInt32BE(4),
      procedure: bytes.readUInt32BE(12),
      type: bytes.readUInt32BE(16),
      serial: bytes.readUInt32BE(20),
      status: bytes.readUInt32BE(24),
      payload: bytes.subarray(headerLength, size),
    };
  }

  /** The first chunk, joined with as many others as it takes to hold `count` bytes. */
  private peek(count: number): Buffer {
    let [first = Buffer.alloc(0)] = this.chunks;
    if (first.length < count) {
      first = Buffer.concat(this.chunks);
      this.chunks = [first];
    }
    return first;
  }
}
