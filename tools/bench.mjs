// npm run bench [-- --vms N]: set-up, then one JSON line a measure, each as a ratio taken in this run.
// npm run bench -- devices [--uri URI] [--virt-type kvm|qemu] [--pool-path PATH] [--seconds N] [--rounds N]: pairs of
// devices, measured inside of guests on that host, or on one of the lab.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./setup/cache.mjs";

const { setUp } = await import("./setup/index.mjs");
const environment = await setUp();
if (process.argv[2] === "devices") {
  const { buildFullGuest } = await import("./setup/guest.mjs");
  const { step } = await import("./setup/steps.mjs");
  await step("test guest with more drivers", buildFullGuest);
}
const words = ["-r", join(root, "tools/register.cjs"), join(root, "tools/bench/main.ts"), ...process.argv.slice(2)];
const bench = spawn(process.execPath, words, { cwd: root, env: { ...process.env, ...environment }, stdio: "inherit" });
bench.on("close", (code) => process.exit(code ?? 1));
