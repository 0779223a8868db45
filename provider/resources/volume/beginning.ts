type Bytes = AsyncIterable<Buffer>;

/**
 * Whether a volume holds a beginning of the image and zeroes after it, as an upload leaves it that was cut off. What it
 * was made with may still be there up to `tables`, in bytes.
 */
export async function isBeginning(volume: Bytes, image: Bytes, tables: number): Promise<boolean> {
  const wanted = image[Symbol.asyncIterator]();
  try {
    return await holdsBeginning(volume, wanted, tables);
  } finally {
    await wanted.return?.();
  }
}

async function holdsBeginning(volume: Bytes, wanted: AsyncIterator<Buffer>, tables: number): Promise<boolean> {
  let ahead: Buffer = Buffer.alloc(0);
  let [at, isSame] = [0, true];
  for await (const piece of volume) {
    let rest: Buffer = piece;
    while (isSame && rest.length > 0) {
      if (ahead.length === 0) ahead = ((await wanted.next()).value as Buffer | undefined) ?? ahead;
      const length = Math.min(rest.length, ahead.length);
      const same = common(rest.subarray(0, length), ahead.subarray(0, length));
      isSame = length > 0 && same === length;
      [rest, ahead, at] = [rest.subarray(same), ahead.subarray(same), at + same];
    }
    if (!isZero(rest.subarray(Math.max(0, tables - at)))) return false;
    at += rest.length;
  }
  return true;
}

/** How many bytes the two, which are of one length, have in common from the start. */
function common(one: Buffer, other: Buffer): number {
  return one.equals(other) ? one.length : one.findIndex((byte, index) => byte !== other[index]);
}

function isZero(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1)));
}
