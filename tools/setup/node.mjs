import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./cache.mjs";
import { run } from "./steps.mjs";

const stamp = join(root, "node_modules", ".pulumi-kvm-lock");

/**
 * Installs what the lock file names, when node_modules does not stand for it. Not by `npm ci`: that refuses a lock
 * file without the builds for other platforms, which a registry mirror may not carry.
 */
export async function installModules() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return "all there";
  await run("npm", ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: root });
  writeFileSync(stamp, lock);
  return "installed";
}

/** Compiles the package when a source file is newer than what is there. */
export async function build() {
  const entry = join(root, "dist/provider/index.js");
  const newest = Math.max(...["provider", "sdk"].map((folder) => newestFile(join(root, folder))));
  if (existsSync(entry) && statSync(entry).mtimeMs >= newest) return "up to date";
  await run("npm", ["run", "--silent", "build"], { cwd: root });
  return "compiled";
}

function newestFile(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs));
}
