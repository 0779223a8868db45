import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { ImageInfo } from "../../../provider/images/header";
import { assertUploadable, openImageFile } from "../../../provider/images/source";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvm-src-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("openImageFile", () => {
  // More than is read ahead, and nowhere the same.
  const content = randomBytes(9 * 1024 * 1024 + 5);
  const write = () => {
    const path = join(folder, "image");
    writeFileSync(path, content);
    return path;
  };

  it("streams as often as asked, from any offset, with size and hash", async () => {
    const source = await openImageFile(write());
    expect(source.size).toBe(content.length);
    expect((await buffer(source.open())).equals(content)).toBe(true);
    expect((await buffer(source.open(2_000_001))).equals(content.subarray(2_000_001))).toBe(true);
    expect(await source.sha256()).toBe(createHash("sha256").update(content).digest("hex"));
    expect((await source.read(content.length - 2, 100)).equals(content.subarray(-2))).toBe(true);
  });

  it("counts what is no run of zeroes", async () => {
    const path = join(folder, "sparse");
    const sparse = Buffer.alloc(5 * 65536 + 7);
    sparse[65536] = 1;
    sparse[sparse.length - 1] = 1;
    writeFileSync(path, sparse);
    const source = await openImageFile(path);
    expect(await source.dataSize()).toBe(65536 + 7);
    expect(await source.lastData()).toEqual({ offset: 5 * 65536, bytes: sparse.subarray(-7) });
  });

  it("finds the last data from the end", async () => {
    const path = join(folder, "tail");
    const mebibyte = 1024 * 1024;
    writeFileSync(path, Buffer.concat([Buffer.alloc(mebibyte), Buffer.alloc(1, 7), Buffer.alloc(8 * mebibyte)]));
    const found = await (await openImageFile(path)).lastData();
    expect(found).toMatchObject({ offset: mebibyte });
    expect(found?.bytes[0]).toBe(7);
    writeFileSync(path, Buffer.alloc(5 * mebibyte + 1));
    expect(await (await openImageFile(path)).lastData()).toBeUndefined();
  });

  it("fails where the file changes while it is read", async () => {
    const path = write();
    const source = await openImageFile(path);
    appendFileSync(path, "more");
    await expect(source.sha256()).rejects.toMatchObject({
      code: "conflict",
      message: `${path} changed while it was read`,
    });
  });

  it("stops on abort", async () => {
    const source = await openImageFile(write());
    await expect(source.sha256(AbortSignal.abort())).rejects.toMatchObject({ code: "cancelled" });
  });

  it("says what is missing or no file", async () => {
    await expect(openImageFile(join(folder, "none"))).rejects.toMatchObject({ code: "not-found" });
    await expect(openImageFile(folder)).rejects.toThrow("is no regular file");
  });
});

describe("assertUploadable", () => {
  const info = (more: Partial<ImageInfo>): ImageInfo => ({ format: "qcow2", virtualSize: 1n, ...more });

  it("answers the format to declare", () => {
    expect(assertUploadable(info({}))).toBe("qcow2");
    expect(assertUploadable(info({}), "qcow2")).toBe("qcow2");
    expect(assertUploadable(info({ format: "iso" }))).toBe("raw");
    expect(assertUploadable(info({ format: "iso" }), "raw")).toBe("raw");
    expect(assertUploadable(info({ format: "iso" }), "iso")).toBe("raw");
  });

  it.each<[string, ImageInfo, string | undefined, string]>([
    ["a backing file", info({ backingFile: "/etc/shadow" }), "qcow2", '"/etc/shadow"'],
    ["an external data file", info({ dataFile: true }), undefined, "keeps its data in another file"],
    ["qcow2 declared as raw", info({}), "raw", "declared as raw and is qcow2"],
    ["raw declared as qcow2", info({ format: "raw" }), "qcow2", "declared as qcow2 and is raw"],
    ["raw declared as iso", info({ format: "raw" }), "iso", "declared as iso and is raw"],
    ["compressed data", info({ format: "gzip" }), "raw", "is gzip data"],
  ])("refuses %s", (_, found, declared, message) => {
    expect(() => assertUploadable(found, declared)).toThrow(message);
  });

  it("asks to convert a format that no volume has", () => {
    const remedy = expect.stringMatching(/qemu-img convert -O qcow2/);
    expect(() => assertUploadable(info({ format: "vmdk" }), "qcow2")).toThrow(expect.objectContaining({ remedy }));
  });
});
