import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache, root } from "./cache.mjs";
import { run } from "./steps.mjs";

/** Folder with vmlinuz, initrd.gz and guest.qcow2. */
const guestFolder = join(cache, "guest");
const fullGuestFolder = join(cache, "guest-full");

/** Builds the test guest when it is absent or its recipe changed. */
export function buildGuest() {
  return build(guestFolder);
}

/** Builds the guest of the probes and of the device benchmark: its kernel drives more than virtio. */
export function buildFullGuest() {
  return build(fullGuestFolder, "linux-image-amd64");
}

async function build(folder, ...kernel) {
  const recipe = createHash("sha256");
  for (const name of ["init", "lease", "bench", "make-image.sh"])
    recipe.update(readFileSync(join(root, "tools/guest", name)));
  const digest = recipe.digest("hex");
  const stamp = join(folder, "recipe");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return "built before";
  mkdirSync(folder, { recursive: true });
  await run("apt-get", ["-qq", "update"]);
  await run("bash", [join(root, "tools/guest/make-image.sh"), folder, ...kernel]);
  writeFileSync(stamp, digest);
  return "built";
}

/** Makes the root tree of the lab's hosts with Debian 13's libvirt, for the tests. */
export async function makeNewerRoot() {
  const folder = join(cache, "roots", "trixie");
  if (existsSync(folder)) return "made before";
  await run("bash", [join(root, "test/lab/make-root.sh"), "trixie", folder]);
  return "made";
}
