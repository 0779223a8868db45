import { isBeginning } from "../../../provider/resources/volume/beginning";

async function* pieces(bytes: string, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.slice(at, at + size), "latin1");
}

test.each([
  ["abcdefgh", 0, true],
  ["abc\0\0\0\0\0\0\0", 0, true],
  ["abc", 0, true],
  ["\0\0\0", 0, true],
  ["", 0, true],
  ["abcdefghi", 0, false],
  ["abc\0e\0\0\0", 0, false],
  ["abX\0\0\0\0\0", 0, false],
  ["abcde\0\0X", 0, false],
  // What the volume was made with.
  ["abXY\0\0\0\0", 4, true],
  ["XYZT\0\0\0\0", 4, true],
  ["abXYe\0\0\0", 4, false],
  ["abcde\0\0X", 4, false],
])("%j with %i bytes of tables holds nothing but a beginning of abcdefgh: %p", async (bytes, tables, expected) => {
  for (const [here, there] of [
    [1, 8],
    [8, 1],
    [3, 2],
    [2, 3],
  ] as const) {
    expect(await isBeginning(pieces(bytes, here), pieces("abcdefgh", there), tables)).toBe(expected);
  }
});
