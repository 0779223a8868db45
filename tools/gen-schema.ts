import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { shapesOf } from "../provider/schema/shape";
import { cacheFolder } from "../test/lab/lab";
import { addByHand } from "./gen-schema/additions";
import { readGrammar } from "./gen-schema/rng";
import { type Shape, Shaper } from "./gen-schema/shapes";
import { makeTables } from "./gen-schema/tables";
import { typesOf } from "./gen-schema/types";
import { debianSource } from "./oracle/source";

/** One file for each kind of document; the domain's comes last, as the others refer to it. */
const files = [
  "domain",
  "network",
  "storagepool",
  "storagevol",
  "domainsnapshot",
  "domaincheckpoint",
  "domainbackup",
  "secret",
  "nwfilter",
  "nwfilterbinding",
  "networkport",
  "nodedev",
  "interface",
  "capability",
  "domaincaps",
  "storagepoolcaps",
] as const;

/** Documents that programs write parts of. */
const documented = ["domain", "network", "pool", "volume"] as const;

const target = join(__dirname, "../provider/schema/generated");

/** Reads libvirt's schemas from Debian's source packages and writes what they say of names, nesting and values. */
function main(): void {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
  const newest = rootsOf("trixie");
  addByHand(newest);
  const { tables } = makeTables(newest, rootsOf("bookworm"));
  const shapes = shapesOf(tables);
  const written = [
    ["tables.json", `${JSON.stringify(tables)}\n`],
    ["documents.ts", typesOf(documented.map((name) => [name, shapes(name)] as const))],
  ] as const;
  mkdirSync(target, { recursive: true });
  for (const [name, text] of written) {
    const path = join(target, name);
    if (!values.check) writeFileSync(path, text);
    else if (readFileSync(path, "utf8") !== text)
      throw new Error(`${path} is not what the schemas say: npm run generate:schema`);
  }
  console.log(`${tables.shapes.length} shapes, ${tables.kinds.length} kinds of values`);
}

function rootsOf(suite: string): Shape[] {
  const folder = debianSource("libvirt", suite, cacheFolder(), "*/src/conf/schemas/*.rng", "schemas");
  const shaper = new Shaper();
  return files.flatMap((file) => shaper.roots(readGrammar(join(folder, "src/conf/schemas", `${file}.rng`))));
}

main();
