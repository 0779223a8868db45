import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const tree = "/sys/fs/cgroup";

/** The cgroups of one lab host. */
export interface Cgroups {
  /** v1 controllers, or "v2" where the tree is unified. */
  readonly controllers: string;
  /** Roots of what the host sees as its own trees. */
  readonly folders: readonly string[];
  /** Where processes of the host belong: on a unified tree a leaf, for inner nodes may hold none. */
  readonly leaves: readonly string[];
}

/** Which kind of cgroup tree this machine has. */
export function cgroupVersion(): "v1" | "v2" {
  return existsSync(join(tree, "cgroup.controllers")) ? "v2" : "v1";
}

/** Folders that may hold a lab's cgroups: below our own with v1; at the top with v2, where controllers can be had. */
function parents(): { readonly controllers: string; readonly folder: string }[] {
  if (cgroupVersion() === "v2") return [{ controllers: "v2", folder: tree }];
  const lines = readFileSync("/proc/self/cgroup", "utf8").trim().split("\n");
  return lines.flatMap((line) => {
    const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === "" || controllers.startsWith("name=")) return [];
    return [{ controllers, folder: join(tree, controllers, path) }];
  });
}

/** Makes a cgroup for a host in every hierarchy; two hosts never collide in /machine. */
export function makeCgroups(name: string): Cgroups {
  const found = parents();
  const folders = found.map(({ controllers, folder: parent }) => {
    const folder = join(parent, name);
    mkdirSync(folder, { recursive: true });
    for (const file of controllers.split(",").includes("cpuset") ? ["cpuset.cpus", "cpuset.mems"] : []) {
      writeFileSync(join(folder, file), readFileSync(join(parent, file), "utf8"));
    }
    return folder;
  });
  const leaves = cgroupVersion() === "v2" ? folders.map((folder) => join(folder, "init")) : folders;
  for (const leaf of leaves) mkdirSync(leaf, { recursive: true });
  return { controllers: found.map(({ controllers }) => controllers).join(" "), folders, leaves };
}

/** Removes the cgroups of a host whose processes are gone; the kernel lets go of them a moment after. */
export async function removeCgroups({ folders }: Cgroups): Promise<void> {
  for (let attempt = 0; !folders.map(removeTree).every(Boolean) && attempt < 50; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Removes the cgroups that a killed lab left, those of which `isLeft` says so by their name. */
export function sweepCgroups(isLeft: (name: string) => boolean): void {
  for (const { folder } of parents()) {
    for (const name of readdirSync(folder)) if (isLeft(name)) removeTree(join(folder, name));
  }
}

/** False while a process is still inside. */
function removeTree(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(folder, entry.name));
    }
    rmdirSync(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENODEV") return true;
    if (code === "EBUSY") return false;
    throw error;
  }
}
