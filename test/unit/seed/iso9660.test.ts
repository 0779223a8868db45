import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type IsoFile, writeIso } from "../../../provider/seed/iso9660";
import { SeedError } from "../../../provider/seed/seed-error";

const file = (name: string, content: string | Buffer): IsoFile => ({ name, content: Buffer.from(content) });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvm-iso-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function xorriso(...args: string[]): string {
  return execFileSync("xorriso", ["-no_rc", ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What xorriso reads back, by name. */
function extract(iso: Buffer, joliet: boolean): Record<string, Buffer> {
  const path = join(folder, "x.iso");
  const out = join(folder, `out-${joliet}`);
  writeFileSync(path, iso);
  xorriso(
    "-abort_on",
    "WARNING",
    "-read_fs",
    joliet ? "norock" : "nojoliet",
    "-indev",
    path,
    "-osirrox",
    "on",
    "-extract",
    "/",
    out,
  );
  return Object.fromEntries(readdirSync(out).map((name) => [name, readFileSync(join(out, name))]));
}

describe("writeIso", () => {
  it("is read back byte for byte by xorriso, with and without Joliet", () => {
    const sizes = { empty: 0, one: 1, short: 2047, sector: 2048, over: 2049, "user-data": 70_001, "net.cfg": 4096 };
    const files = Object.entries(sizes).map(([name, size]) => file(name, Buffer.alloc(size, name)));
    const expected = Object.fromEntries(files.map(({ name, content }) => [name, content]));
    const iso = writeIso("CIDATA", files);
    expect(iso.length % 2048).toBe(0);
    expect(extract(iso, true)).toEqual(expected);
    const plain = extract(iso, false);
    // xorriso shows what is stored: a Linux kernel folds the case and drops an empty extension.
    const folded = Object.entries(plain).map(([name, content]) => [
      name.toLowerCase().replace(/\.?(;1)?$/, ""),
      content,
    ]);
    expect(Object.fromEntries(folded)).toEqual(expected);
  });

  it("holds more files than fit one sector of a directory", () => {
    const files = Array.from({ length: 200 }, (_, i) => file(`file-number-${i}`, `content ${i}`));
    const read = extract(writeIso("CIDATA", files), true);
    expect(Object.keys(read)).toHaveLength(200);
    expect(files.every(({ name, content }) => read[name]?.equals(content))).toBe(true);
  });

  it("carries the label and a fixed date, as blkid reads them", () => {
    const path = join(folder, "x.iso");
    writeFileSync(path, writeIso("CIDATA", [file("user-data", "")]));
    const blkid = execFileSync("blkid", ["-p", "-o", "export", path], {
      encoding: "utf8",
      env: { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
    });
    expect(blkid).toContain("\nLABEL=CIDATA\n");
    expect(blkid).toContain("\nTYPE=iso9660\n");
    expect(blkid).toContain("\nVERSION=Joliet\\ Extension\n");
    expect(blkid).toContain("2000-01-01-00-00-00-00");
  });

  it("gives the same bytes at any time and in any order of files", () => {
    const files = [file("b", "2"), file("a", "1")];
    const first = writeIso("CIDATA", files);
    jest.useFakeTimers({ now: new Date("2031-05-05") });
    try {
      expect(writeIso("CIDATA", [...files].reverse()).equals(first)).toBe(true);
    } finally {
      jest.useRealTimers();
    }
    expect(writeIso("CIDATA", [file("b", "2"), file("a", "3")]).equals(first)).toBe(false);
  });

  it.each(["", "User-Data", "a/b", "a;1", "..", "a b", "é", "x".repeat(23), "a.b.c"])(
    "refuses the file name %j",
    (name) => {
      expect(() => writeIso("CIDATA", [file(name, "")])).toThrow(SeedError);
    },
  );

  it("refuses a name given twice and a label readers would not see alike", () => {
    expect(() => writeIso("CIDATA", [file("a", "1"), file("a", "2")])).toThrow('"a" is given twice');
    expect(() => writeIso("cidata", [])).toThrow(SeedError);
  });
});
