// npm run build: declarations by tsc, and each entry of the package as one file, since every deployment starts a process that loads it.
import { spawn } from "node:child_process";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./setup/cache.mjs";

/** What a deployment starts, and what a person does. */
const [deployed, commands] = [["sdk/index.ts", "provider/index.ts"], ["provider/command/index.ts"]];
/**
 * A deployment is over before optimized machine code pays: the V8 of Node 20 is told to wait longer with it (ADR 0010).
 * Later ones know no such flag and would say so to the user. Runtimes with another engine throw.
 */
const optimizeLate =
  '"use strict"; try { if (process.versions.v8.startsWith("11.3.")) require("node:v8").setFlagsFromString("--interrupt-budget=1000000"); } catch {}';

rmSync(join(root, "dist"), { recursive: true, force: true });
await declarations();
copyFileSync(join(root, "node_modules/zod/LICENSE"), join(root, "dist/provider/LICENSE.zod"));
// Last: set-up takes a bundle that is there for a build that came to its end.
await Promise.all([bundle(deployed, { js: optimizeLate }), bundle(commands)]);

function declarations() {
  const words = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"];
  const child = spawn(process.execPath, words, { cwd: root, stdio: "inherit" });
  return new Promise((resolve) => {
    child.on("close", (code) => {
      if (code !== 0) process.exit(code ?? 1);
      resolve();
    });
  });
}

function bundle(entryPoints, banner = {}) {
  return build({
    absWorkingDir: root,
    entryPoints,
    banner,
    outbase: ".",
    outdir: "dist",
    bundle: true,
    platform: "node",
    target: "node20",
    external: packages(),
    logLevel: "warning",
  });
}

/** What npm installs beside us stays there: it is updated and audited on its own. Of zod, most is left out (ADR 0008). */
function packages() {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.keys({ ...dependencies, ...peerDependencies }).filter((name) => name !== "zod");
}
