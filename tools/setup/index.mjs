import { mkdirSync } from "node:fs";
import { cache } from "./cache.mjs";
import { installPackages } from "./debian.mjs";
import { buildFullGuest, buildGuest, makeNewerRoot } from "./guest.mjs";
import { build, installModules } from "./node.mjs";
import { providePulumi, pulumiEnvironment } from "./pulumi.mjs";
import { SetupError, step } from "./steps.mjs";

/**
 * Prepares this machine; every step is quick when it was done before. `lab` adds what
 * the tests of the lab alone need. Answers environment variables to run with.
 */
export async function setUp({ lab = false } = {}) {
  mkdirSync(cache, { recursive: true });
  try {
    await step("Debian packages", () => installPackages());
    await step("npm packages", installModules);
    await step("pulumi-kvm", build);
    await step("Pulumi CLI", providePulumi);
    await step("test guest", buildGuest);
    if (lab) {
      await step("test guest with more drivers", buildFullGuest);
      await step("root of hosts with Debian 13's libvirt", makeNewerRoot);
    }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\nSet-up failed: ${error.message}`);
    process.exit(1);
  }
  return { ...pulumiEnvironment(), PULUMI_SKIP_UPDATE_CHECK: "1" };
}
