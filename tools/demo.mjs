// npm run demo [-- --keep] [-- --uri URI]: set-up, then the quick start on an embedded KVM host or on one of yours.
import { spawn } from "node:child_process";
import { join } from "node:path";

const root = join(new URL(".", import.meta.url).pathname, "..");
console.log("Set-up");
const { setUp } = await import("./setup/index.mjs");
const environment = await setUp();
const words = ["-r", join(root, "tools/register.cjs"), join(root, "tools/demo/main.ts"), ...process.argv.slice(2)];
const demo = spawn(process.execPath, words, { cwd: root, env: { ...process.env, ...environment }, stdio: "inherit" });
// Ctrl-C reaches the demo by itself; it cleans up and ends first.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => undefined);
demo.on("close", (code) => process.exit(code ?? 1));
