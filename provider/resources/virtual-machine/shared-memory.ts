import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { child, type Element, ensure } from "../../schema/tree";
import { devicesOf } from "./alias";

/**
 * virtiofsd and switches in user space read the guest's memory: where one is there and nothing else is said, the
 * memory is made a memfd that they may share. It stays so, for it can be changed in no running guest.
 */
export function arrangeMemory(document: Element): void {
  if (!needsSharedMemory(document) || child(document, "memoryBacking/access")) return;
  const backing = ensure(document, "memoryBacking");
  if (!child(backing, "source") && !child(backing, "hugepages")) ensure(backing, "source").attributes["type"] = "memfd";
  ensure(backing, "access").attributes["mode"] = "shared";
}

function needsSharedMemory(document: Element): boolean {
  const shares = devicesOf(document, "filesystem").map((share) => child(share, "driver")?.attributes["type"]);
  return (
    shares.includes("virtiofs") ||
    devicesOf(document, "interface").some((nic) => nic.attributes["type"] === "vhostuser")
  );
}

/** Whether a guest with these inputs was started with memory that others may share. */
export function isShared({ memoryBacking, filesystems, nics }: Values): boolean {
  const some = (entries: unknown, is: (entry: Values) => boolean) =>
    isPlainObject(entries) && Object.values(entries).some((entry) => isPlainObject(entry) && is(entry));
  return (
    (isPlainObject(memoryBacking) && memoryBacking["access"] === "shared") ||
    some(filesystems, ({ driver }) => driver === "virtiofs") ||
    some(nics, ({ vhostUser }) => vhostUser !== undefined)
  );
}
