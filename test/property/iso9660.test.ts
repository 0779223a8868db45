import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { writeIso } from "../../provider/seed/iso9660";

const file = fc.record({
  name: fc.stringMatching(/^[a-z0-9_-]{1,22}(\.[a-z0-9_-]{1,7})?$/),
  content: fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
});

describe("writeIso", () => {
  it("is read back by xorriso, whatever the names and sizes", () => {
    const folder = mkdtempSync(join(tmpdir(), "kvm-isop-"));
    let count = 0;
    try {
      fc.assert(
        fc.property(fc.uniqueArray(file, { maxLength: 60, selector: ({ name }) => name }), (files) => {
          count += 1;
          const path = join(folder, `${count}.iso`);
          const out = join(folder, `${count}`);
          writeFileSync(path, writeIso("CIDATA", files));
          execFileSync("xorriso", ["-no_rc", "-indev", path, "-osirrox", "on", "-extract", "/", out], {
            stdio: "pipe",
          });
          expect(readdirSync(out).sort()).toEqual(files.map(({ name }) => name).sort());
          for (const { name, content } of files) expect(readFileSync(join(out, name)).equals(content)).toBe(true);
        }),
        { numRuns: 25 },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
