// npm run demo [-- --keep] [-- --uri URI]: set-up, then the quick start on an embedded KVM host or on one of yours.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./setup/cache.mjs";

const problem = refusal(process.argv.slice(2));
if (problem !== undefined) {
  console.error(`${problem}\nusage: npm run demo [-- --keep] [-- --uri qemu+ssh://root@myhost/system]`);
  process.exit(2);
}
console.log("Set-up");
const { setUp } = await import("./setup/index.mjs");
const environment = await setUp();
const words = ["-r", join(root, "tools/register.cjs"), join(root, "tools/demo/main.ts"), ...process.argv.slice(2)];
const demo = spawn(process.execPath, words, { cwd: root, env: { ...process.env, ...environment }, stdio: "inherit" });
// A terminal's Ctrl-C reaches the demo by itself; it cleans up and ends first.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
demo.on("close", (code) => process.exit(code ?? 1));

/** Said before set-up begins, which may take minutes. */
function refusal(given) {
  try {
    const { values } = parseArgs({ args: given, options: { keep: { type: "boolean" }, uri: { type: "string" } } });
    if (values.uri !== undefined || process.getuid?.() === 0) return undefined;
    return "Only root may make an embedded host: sudo npm run demo, or take a host of yours: npm run demo -- --uri URI";
  } catch (error) {
    return error.message;
  }
}
