import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const tree = "/sys/fs/cgroup";

/** The cgroups of one lab host, below the ones that we are in. */
export interface Cgroups {
  /** v1 controllers, or "v2" where the tree is unified. */
  readonly controllers: string;
  readonly folders: readonly string[];
}

interface Membership {
  readonly controllers: string;
  readonly path: string;
}

function memberships(): Membership[] {
  const lines = readFileSync("/proc/self/cgroup", "utf8").trim().split("\n");
  return lines.map((line) => {
    const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return { controllers, path };
  });
}

/** Which kind of cgroup tree this machine has. */
export function cgroupVersion(): "v1" | "v2" {
  return memberships().some(({ controllers }) => controllers !== "" && !controllers.startsWith("name=")) ? "v1" : "v2";
}

/** Makes a cgroup for a host in every hierarchy; two hosts never collide in /machine. */
export function makeCgroups(name: string): Cgroups {
  if (cgroupVersion() === "v2") {
    const [own] = memberships();
    const folder = join(tree, own?.path ?? "/", name);
    mkdirSync(folder, { recursive: true });
    return { controllers: "v2", folders: [folder] };
  }
  const hierarchies = memberships().filter(({ controllers }) => controllers !== "" && !controllers.startsWith("name="));
  const folders = hierarchies.map(({ controllers, path }) => {
    const parent = join(tree, controllers, path);
    const folder = join(parent, name);
    mkdirSync(folder, { recursive: true });
    for (const file of controllers.split(",").includes("cpuset") ? ["cpuset.cpus", "cpuset.mems"] : []) {
      writeFileSync(join(folder, file), readFileSync(join(parent, file), "utf8"));
    }
    return folder;
  });
  return { controllers: hierarchies.map(({ controllers }) => controllers).join(" "), folders };
}

/** Removes the cgroups of a host whose processes are gone. */
export function removeCgroups({ folders }: Cgroups): void {
  for (const folder of folders) removeTree(folder);
}

function removeTree(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(folder, entry.name));
    }
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The kernel frees the cgroup of a process that just died a moment later; the next lab sweeps it.
    if (code !== "ENOENT" && code !== "EBUSY") throw error;
  }
}
