import { KvmError } from "../core/errors";
import type { Context } from "../core/handler";
import type { VolumeStore } from "./volume-store";
import { nameUsers } from "./volume-users";

// A pool that is made anew in another place has the volumes that are there. Those of before are where they were, and no
// pool knows of them.

/** A volume that has to be in the place where its pool is now, and is not. */
export function notMoved(store: VolumeStore, what: string, path: string | undefined, place: string): KvmError {
  const remedy = `take the change of the pool back; or move the file to ${place}, with its guests stopped, and run pulumi up again`;
  return new KvmError("conflict", {
    ...store.step(
      what,
      `${remedy}. A volume that is not needed any more can be taken out of the state: pulumi state delete`,
    ),
    reason: `its pool is in ${place} now and has no such volume, which was ${path ?? "in another place"}; nothing was made in its stead`,
  });
}

/** A volume whose pool is where it has another file of that name, most likely by somebody else's doing. */
export function another(store: VolumeStore, what: string, path: string | undefined, place: string): KvmError {
  return new KvmError("conflict", {
    ...store.step(
      what,
      `where somebody else moved the pool, run pulumi refresh, which sees that, then pulumi up, which puts it back; or write the pool's path as it is now`,
    ),
    reason: `its pool is in ${place} now, and what it has of that name there is another file than ${path}; it was left as it is`,
  });
}

/**
 * Refuses the file that the moved pool has of that name where it looks like that of another volume: pools that change
 * places, with volumes of one name in both, would change the disks of their guests. A file that was moved by hand is
 * named by nobody yet.
 */
export async function requireOwn(store: VolumeStore, was: string, now: string): Promise<void> {
  const users = await store.usersAt(now);
  if (users.length === 0 || (await store.usersAt(was)).length === 0) return;
  const remedy =
    "take the change of the pools back. Pools change places in steps, by a third place: each with a pulumi up of its own, and with the files moved there by hand, their guests stopped";
  throw new KvmError("conflict", {
    ...store.step("update", remedy),
    reason: `its pool has another place now, and the file of that name there is that of others: ${now} is in use (${nameUsers(users)}), and so is ${was}, which it was; nothing was changed`,
  });
}

/** Says of a file that nobody will delete where it is. */
export async function warnIfLeft(store: VolumeStore, path: string | undefined, context: Context): Promise<void> {
  const place = path === undefined ? undefined : await store.elsewhere();
  if (place !== undefined) warnOfLeft(store, path, place, context);
}

export function warnOfLeft(store: VolumeStore, path: string | undefined, place: string, context: Context): void {
  context.warn(
    `${path} stays on ${store.host}: its pool is in ${place} now, where nothing was deleted. Delete it by hand if nobody needs it`,
  );
}
