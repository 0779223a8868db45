// Writes the classes of the SDK and the resource reference from the attribute rows.
//   node -r ./tools/register.cjs tools/gen-sdk.ts           writes sdk/<resource>.ts and docs/resources/<resource>.md
//   node -r ./tools/register.cjs tools/gen-sdk.ts --check   exits 1 when a file is stale
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { resources } from "../provider/resources/registry";
import { shapeOf } from "../provider/schema/shape";
import { referenceOf } from "./gen-schema/reference";
import { renderClass } from "./gen-sdk/classes";
import { modelOf, type ResourceModel } from "./gen-sdk/model";
import { renderReference } from "./gen-sdk/reference";

const root = join(__dirname, "..");

/** Every generated file with its text. */
export function generate(): Map<string, string> {
  const files = new Map<string, string>();
  for (const handler of resources) {
    const model: ResourceModel = modelOf(handler.definition);
    const kebab = model.type.replace(/(?<=[a-z])[A-Z]/g, "-$&").toLowerCase();
    files.set(`sdk/${kebab}.ts`, formatted(renderClass(model)));
    files.set(`docs/resources/${kebab}.md`, renderReference(model));
  }
  for (const kind of ["domain", "network", "pool", "volume"]) {
    const shape = shapeOf(kind);
    if (shape) files.set(`docs/schema/${kind}.md`, referenceOf(kind, shape));
  }
  return files;
}

/** As the formatter of the whole tree would leave it. */
function formatted(source: string): string {
  const biome = join(root, "node_modules/.bin/biome");
  return execFileSync(biome, ["check", "--write", "--stdin-file-path=sdk/generated.ts"], {
    cwd: root,
    input: source,
    encoding: "utf8",
  });
}

if (require.main === module) {
  const stale = [...generate()].filter(([file, text]) => readOrEmpty(join(root, file)) !== text);
  if (process.argv.includes("--check")) {
    for (const [file] of stale) console.error(`${file} is stale: run npm run generate`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    for (const [file, text] of stale) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return "";
  }
}
