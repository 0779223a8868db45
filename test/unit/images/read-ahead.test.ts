import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readAhead } from "../../../provider/images/read-ahead";

const mebibyte = 1024 * 1024;

test("a file with holes comes whole, and no chunk changes after it was given", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kvm-read-"));
  try {
    const parts = [0, 1, 0, 0, 2, 0, 0, 0, 0, 3, 4, 0].map((byte) => Buffer.alloc(mebibyte, byte));
    const bytes = Buffer.concat([...parts, Buffer.alloc(1000)]);
    writeFileSync(join(folder, "image"), bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of readAhead(join(folder, "image"), 100)) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(bytes.subarray(100))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
