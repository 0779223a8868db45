import type { Change } from "../../core/diff";
import { ofClass } from "../../core/diff";
import { KvmError } from "../../core/errors";
import { defineResource } from "../../core/resource";
import { hasUnknown } from "../../core/unknown";
import { lookupKey } from "../look-up";
import { another, notMoved, requireOwn, warnIfLeft, warnOfLeft } from "../moved-pool";
import { hasMoved } from "../pool-reference";
import { VolumeStore } from "../volume-store";
import { grow } from "./grow";
import { make } from "./make";
import { adopt, inputsOf, lookUp, observe, requireSame } from "./observe";
import { isOurs, makeAnew, resume, taken } from "./resume";
import { type Inputs, outputs, rows, wantedBytes } from "./rows";
import { rules } from "./rules";

/** A disk image in a pool. Volumes are data: nothing here throws them away unasked. */
export const volume = defineResource({
  type: "Volume",
  doc: "A disk image in a pool: empty, filled from an image, or an overlay of another volume.",
  rows,
  outputs,
  rules,
  goesAhead: true,
  deleteBeforeReplace: true,
  judge: (changes, _olds, news) => (isGivenUp(news) ? changes : changes.map(open)),
  guard,
  remark({ class: kind }, { adopted, deleteAdopted }: Inputs & { readonly adopted?: boolean }) {
    const isKept = adopted === true && deleteAdopted !== true;
    if (kind !== "replace" || isKept) return undefined;
    return "its data goes first, which is refused while a machine has it in its disks: take it out there by a pulumi up ahead of this one, or make the new volume a resource of its own";
  },
  whyItIsKept,

  async create(inputs, context) {
    const store = await VolumeStore.open(context, inputs.pool, `Volume ${inputs.name}`);
    return store.knowingFiles(async () => {
      const found = await store.look(inputs.name);
      if (!found) return make(store, inputs, context);
      const made = (await isOurs(store, inputs, context)) && (await resume(store, found, inputs, context));
      if (made) return { ...made, takenUp: true };
      if (inputs.adopt) return adopt(store, found, inputs, context);
      throw taken(store, inputs);
    });
  },

  async read(id, state, context) {
    const key = lookupKey(id);
    if (key !== undefined) return lookUp(key, state, context);
    const store = await VolumeStore.open(context, state.pool, `Volume ${state.name}`);
    const found = (await store.look(state.name)) ?? (await store.lookAgain(state.name));
    if (!found) {
      const place = await store.elsewhere();
      if (place !== undefined) throw notMoved(store, "refresh", state.path, place);
      context.warn(
        `Volume ${state.name} is gone from pool ${state.pool.name} on ${store.host}: pulumi up makes it anew, without its data. Where the storage is only not mounted there, mount it and run virsh pool-refresh ${state.pool.name} before that`,
      );
      return undefined;
    }
    const place = await store.elsewhereWith(found, state.path);
    if (place !== undefined) throw another(store, "refresh", state.path, place);
    const made = observe(found.document, state, state.adopted === true);
    return { ...made, inputs: inputsOf(state, made, context) };
  },

  async update(_id, olds, news, _changes, context) {
    const store = await VolumeStore.open(context, news.pool, `Volume ${news.name}`);
    const moved = hasMoved(olds.pool, news.pool);
    if (moved) await store.refresh();
    const found = await store.look(news.name);
    if (olds.path === undefined) return found ? makeAnew(store, found, news, context) : make(store, news, context);
    if (!found && moved) throw notMoved(store, "update", olds.path, news.pool.path);
    if (!found) {
      throw new KvmError("not-found", {
        ...store.step("update", "run pulumi refresh to take note of it, then pulumi up to make it anew"),
        reason: "the pool has no such volume any more",
      });
    }
    const place = await store.elsewhereWith(found, news.path);
    if (place !== undefined) throw another(store, "update", news.path, place);
    if (moved) {
      requireSame(store, found.document, news, "update");
      await requireOwn(store, olds.path, await store.pathOf(found.handle));
    }
    const grown = await grow(store, found, news);
    return observe(grown.document, news, olds.adopted === true);
  },

  async delete(_id, state, context) {
    if (state.adopted === true && !state.deleteAdopted) {
      context.info(
        `Volume ${state.name} was adopted: it stays on ${state.pool.host.uri} (deleteAdopted: true deletes it)`,
      );
      return;
    }
    const store = await VolumeStore.open(context, state.pool, `Volume ${state.name}`);
    const found = await store.look(state.name);
    if (!found) return warnIfLeft(store, state.path, context);
    const place = await store.elsewhereWith(found, state.path);
    if (place !== undefined) return warnOfLeft(store, state.path, place, context);
    await store.removeUnused(
      found.handle,
      "take it out of the disks there and run pulumi up first, with --refresh where the program names it there no more; a new volume that is a resource of its own, under another name, changes places with it in one pulumi up",
    );
  },
});

/** Whether the program lets the data go where a change needs a new volume. */
function isGivenUp({ onReplace }: Inputs): boolean {
  return onReplace === "destroyData";
}

/**
 * What is not known yet may turn out to be no change, and is refused where it is one. Pulumi asks so ahead of making
 * another resource anew, and what would have to be new then is deleted with that one, without another question.
 */
function open(change: Change): Change {
  if (change.class !== "replace" || !hasUnknown(change.next)) return change;
  return { ...change, class: "live", reason: "not known yet; one that needs a new volume is refused" };
}

/** The program asks for it beside the arguments (`replaceOnChanges`, or `--replace`). */
function whyItIsKept(inputs: Inputs): KvmError | undefined {
  if (isGivenUp(inputs)) return undefined;
  const { name, pool } = inputs;
  return new KvmError("conflict", {
    step: `make Volume ${name} in pool ${pool.name} anew`,
    host: pool.host.uri,
    reason: "the data in it would be lost; it was left as it is",
    remedy:
      'take out what asks for it (replaceOnChanges, --replace), or set onReplace: "destroyData" to throw the data away',
  });
}

/** A volume is data: what would need a new one is refused, unless the program says otherwise. Shrinking always is. */
function guard(changes: readonly Change[], olds: Inputs & { readonly capacity?: string }, news: Inputs): void {
  const old = olds.size ?? olds.capacity;
  const at = { step: `change Volume ${olds.name} in pool ${olds.pool.name}`, host: olds.pool.host.uri };
  const [had, next] = [wantedBytes({ size: old }), wantedBytes(news)];
  const resized = changes.some(({ property }) => property === "size");
  const replacing = ofClass(changes, "replace");
  if (resized && replacing.length === 0 && had !== undefined && next !== undefined && next < had) {
    throw new KvmError("invalid", {
      ...at,
      reason: `size: ${old} cannot shrink to ${news.size}; the guest's data beyond would be lost`,
      remedy: "make a smaller volume under another name and copy the data into it from inside a guest",
    });
  }
  if (replacing.length === 0 || isGivenUp(news)) return;
  throw new KvmError("conflict", {
    ...at,
    reason: `${replacing.map((change) => change.property).join(", ")} cannot change without a new volume, and the data in this one would be lost`,
    remedy:
      'undo the change, or make the new volume a resource of its own, under another name; or set onReplace: "destroyData" to throw the data away, once no guest has it',
  });
}
