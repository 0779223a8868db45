import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { judgeFolders } from "../../tools/corpus/folders";
import { debianSource } from "../../tools/oracle/source";
import { cacheFolder } from "./lab";

const root = join(__dirname, "../..");

/** What the tool says of libvirt's tests, but for kinds that pass as a whole and what is no document. */
function reportOn(suite: string): string[] {
  const lines = judgeFolders([debianSource("libvirt", suite, cacheFolder(), "*/tests/*", "tests")]).report();
  return lines.filter((line) => !/not judged$|^[\w/]+: (\d+) of \1$/.test(line));
}

const refused = (name: string, what: RegExp) =>
  expect.stringMatching(
    new RegExp(`^kept, as libvirt's schema is to refuse it: .*/${name}-invalid.xml: ${what.source}`),
  );
const gic = refused("aarch64-gic", /features\.gic\.version: "none"/);
const access = refused("hugepages-memaccess", /cpu\.numa\.cell\[1\]\.memAccess: "invalid"/);

test("every document of libvirt 9.0.0's own tests survives the model", () => {
  expect(reportOn("bookworm")).toEqual([gic, access, "2929 of 2929 round-trip"]);
}, 120_000);

test("every document of libvirt 11.3.0's own tests survives the model", () => {
  expect(reportOn("trixie")).toEqual([
    expect.stringMatching(/broken-xml-invalid\.xml: XML is malformed/),
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
