import { KvmError } from "../core/errors";
import type { Context } from "../core/handler";
import type { VolumeStore } from "./volume-store";

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

/** Says of a file that nobody will delete where it is. */
export async function warnIfLeft(store: VolumeStore, path: string | undefined, context: Context): Promise<void> {
  const place = path === undefined ? undefined : await store.elsewhere();
  if (place === undefined) return;
  context.warn(`${path} stays on ${store.host}: its pool is in ${place} now. Delete it by hand if nobody needs it`);
}
