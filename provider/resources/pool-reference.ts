import { attribute, type ChangeRule, z } from "../core/attribute";
import type { HostReference } from "../core/handler";
import { plainPath } from "../core/quantities";
import { hasUnknown, isPlainObject, unknownText } from "../core/unknown";
import { hostChange, keptHost } from "./host-reference";

/** How a resource reaches its pool. */
export interface PoolReference {
  readonly uuid: string;
  readonly name: string;
  readonly type: string;
  /** Folder or device directory of the volumes on the host. */
  readonly path: string;
  readonly host: HostReference;
}

const ofDevices: readonly unknown[] = ["logical", "disk", "iscsi", "iscsi-direct", "scsi", "mpath", "zfs"];

/**
 * Whether volumes of this type of pool are devices of blocks: raw, with all their space from the start, and libvirt grows
 * none of them.
 */
export function hasDevices(type: unknown): boolean {
  return ofDevices.includes(type);
}

const schema = z.object({
  uuid: z.string(),
  name: z.string(),
  type: z.string(),
  path: z.string(),
  host: z.custom<HostReference>(isPlainObject, "expected a reference to a Host"),
});

/** Row of a resource that lives in a pool, and reaches its host through it. */
export const poolRow = attribute<PoolReference>({
  doc: "The StoragePool that it lives in.",
  schema,
  references: ["StoragePool"],
  keep: (pool) => (isPlainObject(pool.host) ? { ...pool, host: keptHost(pool.host) } : pool),
  change(old, next) {
    if (!isPlainObject(old) || !isPlainObject(next)) return { class: "none" };
    const moved = typeof old["uuid"] === "string" && typeof next["uuid"] === "string" && old["uuid"] !== next["uuid"];
    return moved ? { class: "replace", reason: "another pool" } : hostChange(old["host"], next["host"]);
  },
});

/** For the path of a volume: one that was not finished has none in state, and one whose pool has moved is to be found anew. */
export const pathChange: ChangeRule = (old, _next, { old: before, next: after }) => {
  if (old === undefined) return { class: "live", reason: "an earlier attempt did not finish it" };
  return hasMoved(before["pool"], after["pool"])
    ? { class: "live", reason: "its pool is in another place" }
    : { class: "none" };
};

/** Whether it is the same pool in another place: its uuid lasts when it is made anew, its volumes stay where they are. */
export function hasMoved(old: unknown, next: unknown): boolean {
  if (!isPlainObject(old) || !isPlainObject(next) || old["uuid"] !== next["uuid"]) return false;
  const [from, to] = [old["path"], next["path"]];
  return typeof from === "string" && typeof to === "string" && plainPath(from) !== plainPath(to);
}

/** Where a volume of this name lies on the host; unknown as long as its pool or name is. */
export function volumePath(pool: unknown, name: unknown): string | undefined {
  const folder = isPlainObject(pool) ? pool["path"] : pool;
  if (hasUnknown(folder) || hasUnknown(name)) return unknownText;
  if (typeof folder !== "string" || typeof name !== "string") return undefined;
  return `${folder}/${name}`.replace(/\/+/g, "/");
}
