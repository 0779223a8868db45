/** Reads the primitives of XDR (RFC 4506) from one message. */
export class XdrReader {
  private position = 0;

  constructor(private readonly bytes: Buffer) {}

  uint(): number {
    return this.bytes.readUInt32BE(this.advance(4));
  }

  int(): number {
    return this.bytes.readInt32BE(this.advance(4));
  }

  uhyper(): bigint {
    return this.bytes.readBigUInt64BE(this.advance(8));
  }

  hyper(): bigint {
    return this.bytes.readBigInt64BE(this.advance(8));
  }

  double(): number {
    return this.bytes.readDoubleBE(this.advance(8));
  }

  opaque(length: number): Buffer {
    const start = this.advance(length + padding(length));
    return this.bytes.subarray(start, start + length);
  }

  private advance(count: number): number {
    const start = this.position;
    if (start + count > this.bytes.length) {
      throw new RangeError(`message ends at byte ${this.bytes.length}, ${count} more were expected at ${start}`);
    }
    this.position += count;
    return start;
  }
}

/** Collects the primitives of XDR. */
export class XdrWriter {
  private readonly chunks: Buffer[] = [];

  uint(value: number): void {
    this.chunks.push(filled(4, (bytes) => bytes.writeUInt32BE(value)));
  }

  int(value: number): void {
    this.chunks.push(filled(4, (bytes) => bytes.writeInt32BE(value)));
  }

  uhyper(value: bigint): void {
    this.chunks.push(filled(8, (bytes) => bytes.writeBigUInt64BE(value)));
  }

  hyper(value: bigint): void {
    this.chunks.push(filled(8, (bytes) => bytes.writeBigInt64BE(value)));
  }

  double(value: number): void {
    this.chunks.push(filled(8, (bytes) => bytes.writeDoubleBE(value)));
  }

  opaque(bytes: Buffer): void {
    this.chunks.push(bytes, Buffer.alloc(padding(bytes.length)));
  }

  finish(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}

function filled(size: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  write(bytes);
  return bytes;
}
