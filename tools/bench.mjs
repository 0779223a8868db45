// npm run bench [-- --vms N]: set-up, then one JSON line a measure, each as a ratio taken in this run.
import { spawn } from "node:child_process";
import { join } from "node:path";

const root = join(new URL(".", import.meta.url).pathname, "..");
const { setUp } = await import("./setup/index.mjs");
const environment = await setUp();
const words = ["-r", join(root, "tools/register.cjs"), join(root, "tools/bench/main.ts"), ...process.argv.slice(2)];
const bench = spawn(process.execPath, words, { cwd: root, env: { ...process.env, ...environment }, stdio: "inherit" });
bench.on("close", (code) => process.exit(code ?? 1));
