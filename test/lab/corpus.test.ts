import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { judge } from "../../tools/corpus/judge";
import { debianSource } from "../../tools/oracle/source";
import { cacheFolder } from "./lab";

const root = join(__dirname, "../..");

/** What libvirt's own schema refuses as well, and fragments that share the name of a root. */
const refused: readonly RegExp[] = [
  /^backup-pull-internal-invalid\.xml$/,
  /^internal-(in)?active-invalid\.xml$/,
  /^disk-invalid\.xml$/,
  /^quirks-invalid\.xml$/,
  /^aarch64-gic-invalid\.xml$/,
  /^hugepages-memaccess-invalid\.xml$/,
  /^interface-eth\d+\.xml$/,
  /^qemuhotplug-interface-vdpa\.xml$/,
];

function xmlFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return xmlFiles(path);
    return entry.isFile() && entry.name.endsWith(".xml") ? [path] : [];
  });
}

test.each([
  ["9.0.0", "bookworm", 2700],
  ["11.3.0", "trixie", 3000],
])(
  "every document of libvirt %s's own tests survives the model",
  (_version, suite, least) => {
    const folder = debianSource("libvirt", suite, cacheFolder(), "*/tests/*", "tests");
    const verdicts = xmlFiles(folder).map((path) => ({ path, ...judge(readFileSync(path)) }));
    const known = verdicts.filter((verdict) => verdict.known);
    expect(known.length).toBeGreaterThan(least);
    const surprises = known.filter(
      ({ path, fault }) => fault !== undefined && !refused.some((name) => name.test(basename(path))),
    );
    expect(surprises).toEqual([]);
  },
  120_000,
);

test("the tables are what the schemas say today", () => {
  const words = ["-r", join(root, "tools/register.cjs"), join(root, "tools/gen-schema.ts"), "--check"];
  expect(execFileSync(process.execPath, words, { encoding: "utf8" })).toMatch(/^\d+ shapes/);
}, 120_000);
