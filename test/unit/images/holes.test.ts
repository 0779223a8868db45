import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dataExtents } from "../../../provider/images/holes";
import { readAhead } from "../../../provider/images/read-ahead";
import { openImageFile } from "../../../provider/images/source";

const mebibyte = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "kvm-holes-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file of that size in which those places alone were ever written. */
function sparse(name: string, size: number, places: readonly number[]): string {
  const path = join(folder, name);
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  for (const place of places) writeSync(file, Buffer.alloc(5000, 7), 0, 5000, place);
  closeSync(file);
  return path;
}

async function read(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readAhead(path)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Between chunks, at the ends, over the edge of two, and under a name that a shell or perl would take for its own. */
const places = [0, 3 * mebibyte - 2500, 7 * mebibyte + 100, 12 * mebibyte + 777 - 5000];
const path = sparse("-e print; $(image).raw", 12 * mebibyte + 777, places);

test("the data of a sparse file is found where it is", async () => {
  const extents = (await dataExtents(path, statSync(path))) ?? [];
  for (const place of places) {
    expect(extents.some(({ start, end }) => start <= place && end >= Math.min(place + 5000, 12 * mebibyte))).toBe(true);
  }
  const bytes = extents.reduce((sum, { start, end }) => sum + end - start, 0);
  expect(bytes).toBeLessThan(mebibyte);
});

test("it is read to the last byte", async () => {
  const expected = Buffer.alloc(12 * mebibyte + 777);
  for (const place of places) expected.fill(7, place, place + 5000);
  expect((await read(path)).equals(expected)).toBe(true);
});

test("a file without any data is read as zeroes", async () => {
  const empty = sparse("empty.raw", 2 * mebibyte, []);
  expect(await dataExtents(empty, statSync(empty))).toEqual([]);
  expect((await read(empty)).equals(Buffer.alloc(2 * mebibyte))).toBe(true);
});

test("the last data is found before a hole that nobody reads", async () => {
  const long = sparse("long.raw", 2 ** 36, [5 * mebibyte]);
  const { offset = 0, bytes = Buffer.alloc(0) } = (await (await openImageFile(long)).lastData()) ?? {};
  expect(offset).toBe(5 * mebibyte);
  expect(bytes.subarray(0, 5000).equals(Buffer.alloc(5000, 7))).toBe(true);
  expect(bytes.subarray(5000).every((byte) => byte === 0)).toBe(true);
});

test("a file that has all of its blocks is read as it is", async () => {
  const dense = join(folder, "dense.raw");
  writeFileSync(dense, Buffer.alloc(8192, 1));
  expect(await dataExtents(dense, statSync(dense))).toBeUndefined();
});

test("where the file system cannot tell, nothing is taken for a hole", async () => {
  const noneOfItsBlocks = Object.assign(statSync(path), { size: mebibyte, blocks: 0 });
  expect(await dataExtents("/proc/version", noneOfItsBlocks)).toBeUndefined();
});

test("without perl a sparse file is read as a whole", async () => {
  const before = process.env["PATH"];
  process.env["PATH"] = folder;
  try {
    expect(await dataExtents(path, statSync(path))).toBeUndefined();
    expect((await read(path)).length).toBe(12 * mebibyte + 777);
  } finally {
    process.env["PATH"] = before;
  }
});
