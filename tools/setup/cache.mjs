import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Repository root. */
export const root = join(fileURLToPath(new URL(".", import.meta.url)), "..", "..");

/** What is built once and kept between runs lives outside of the repository. */
export const cache =
  process.env.PULUMI_KVM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "pulumi-kvm");
