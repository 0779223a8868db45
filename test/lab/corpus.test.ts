import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { judge } from "../../tools/corpus/judge";
import { documentsIn } from "../../tools/corpus/read";
import { Tally } from "../../tools/corpus/tally";
import { debianSource } from "../../tools/oracle/source";
import { cacheFolder } from "./lab";

const root = join(__dirname, "../..");

function xmlFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return xmlFiles(path);
    return entry.isFile() && entry.name.endsWith(".xml") ? [path] : [];
  });
}

/** One line for what the tool says of a folder; documents that are to be refused by name only. */
function reportOn(folder: string): string[] {
  const tally = new Tally();
  for (const path of xmlFiles(folder)) {
    try {
      for (const document of documentsIn(readFileSync(path))) tally.add(basename(path), judge(document));
    } catch {
      tally.fail(basename(path), "malformed");
    }
  }
  return tally.report();
}

const refused = (name: string, what: RegExp) =>
  expect.stringMatching(new RegExp(`^kept, as libvirt's schema is to refuse it: ${name}-invalid.xml: ${what.source}`));
const gic = refused("aarch64-gic", /features\.gic\.version: "none"/);
const access = refused("hugepages-memaccess", /cpu\.numa\.cell\[1\]\.memAccess: "invalid"/);

test("every document of libvirt 9.0.0's own tests survives the model", () => {
  const lines = reportOn(debianSource("libvirt", "bookworm", cacheFolder(), "*/tests/*", "tests"));
  expect(lines.filter((line) => !/not judged$|^[\w/]+: (\d+) of \1$/.test(line))).toEqual([
    gic,
    access,
    "2929 of 2929 round-trip",
  ]);
}, 120_000);

test("every document of libvirt 11.3.0's own tests survives the model", () => {
  const lines = reportOn(debianSource("libvirt", "trixie", cacheFolder(), "*/tests/*", "tests"));
  expect(lines.filter((line) => !/not judged$|^[\w/]+: (\d+) of \1$/.test(line))).toEqual([
    "broken-xml-invalid.xml: malformed",
    "not readable as XML: 1",
    refused("quirks", /not known: .filter.rule.tcp.@srcporttend/),
    gic,
    access,
    "3667 of 3667 round-trip",
  ]);
}, 120_000);

test("the tables are what the schemas say today", () => {
  const words = ["-r", join(root, "tools/register.cjs"), join(root, "tools/gen-schema.ts"), "--check"];
  expect(execFileSync(process.execPath, words, { encoding: "utf8" })).toMatch(/^\d+ shapes/);
}, 120_000);
