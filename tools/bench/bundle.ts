import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(__dirname, "../..");

/** One file of that module of the benchmark, made as the provider's own is. */
export interface Bundle {
  readonly file: string;
  remove(): void;
}

export async function bundle(name: string): Promise<Bundle> {
  // Beside node_modules, where it finds what it needs.
  const folder = mkdtempSync(join(root, ".bench-"));
  const file = join(folder, `${name}.js`);
  // What tells V8 to optimize late (ADR 0010).
  const [head = ""] = readFileSync(join(root, "dist/provider/index.js"), "utf8").split("\n", 1);
  await build({
    absWorkingDir: root,
    entryPoints: [`tools/bench/${name}.ts`],
    outfile: file,
    banner: { js: head },
    bundle: true,
    platform: "node",
    packages: "external",
    logLevel: "warning",
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
