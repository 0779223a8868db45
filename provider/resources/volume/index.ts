import type { StateOf } from "../../core/attribute";
import type { Change } from "../../core/diff";
import { ofClass } from "../../core/diff";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { Identity } from "../../core/identity";
import { defineResource, type Made } from "../../core/resource";
import { formatBytes, parseBytes } from "../../core/units";
import type { VolumeHandle } from "../../libvirt/api";
import { domainHandle } from "../../libvirt/procedures";
import { textAt } from "../../schema/lens";
import { attempt } from "../failure";
import { nameUsers, VolumeStore } from "../volume-store";
import { prepareImage } from "./image";
import { render } from "./render";
import { outputs, rows, wantedBytes } from "./rows";
import { rules } from "./rules";

type Inputs = StateOf<typeof rows>;

/** A disk image in a pool. Volumes are data: nothing here throws them away unasked. */
export const volume = defineResource({
  type: "Volume",
  doc: "A disk image in a pool: empty, filled from an image, or an overlay of another volume.",
  rows,
  outputs,
  rules,
  guard,

  async create(inputs, context) {
    const store = await VolumeStore.open(context, inputs.pool, `Volume ${inputs.name}`);
    const existing = await store.find(inputs.name);
    if (existing && inputs.adopt) {
      const found = await observe(store, existing, inputs);
      return { ...found, outputs: { ...found.outputs, adopted: true } };
    }
    if (existing) await makeRoom(store, existing, inputs, context);
    return observe(store, await make(store, inputs, context), inputs);
  },

  async read(_id, state, context) {
    const store = await VolumeStore.open(context, state.pool, `Volume ${state.name}`);
    const found = await store.find(state.name);
    if (!found) return undefined;
    const made = await observe(store, found, state);
    const capacity = made.applied?.["size"];
    const drifted = state.size !== undefined && capacity !== state.__kvm.applied?.["size"];
    const inputs = Object.fromEntries(Object.keys(rows).map((name) => [name, state[name as keyof Inputs]])) as Inputs;
    return {
      ...made,
      outputs: { ...made.outputs, adopted: state.adopted },
      inputs: drifted ? { ...inputs, size: capacity as string } : inputs,
    };
  },

  async update(_id, olds, news, _changes, context) {
    const store = await VolumeStore.open(context, news.pool, `Volume ${news.name}`);
    const found = await store.find(news.name);
    if (!found) {
      throw new KvmError("not-found", {
        step: `update Volume ${news.name}`,
        host: store.host,
        reason: `pool ${news.pool.name} has no such volume any more`,
        remedy: "run pulumi refresh to take note of it, then pulumi up to make it anew",
      });
    }
    await grow(store, found, news);
    const made = await observe(store, found, news);
    return { ...made, outputs: { ...made.outputs, adopted: olds.adopted } };
  },

  async delete(_id, state, context) {
    if (state.adopted === true && !state.deleteAdopted) return;
    const store = await VolumeStore.open(context, state.pool, `Volume ${state.name}`);
    const found = await store.find(state.name);
    if (!found) return;
    const users = await store.users(state.path ?? "");
    if (users.length > 0) {
      throw new KvmError("conflict", {
        step: `delete Volume ${state.name}`,
        host: store.host,
        reason: `it is in use: ${nameUsers(users)}`,
        remedy: "take it out of there first; the volume was left as it is",
      });
    }
    await store.remove(found);
  },
});

/** A volume is data: what would need a new one is refused, unless the program says otherwise. Shrinking always is. */
function guard(changes: readonly Change[], olds: Inputs, news: Inputs): void {
  const [old, next] = [wantedBytes(olds), wantedBytes(news)];
  if (old !== undefined && next !== undefined && next < old) {
    throw new KvmError("invalid", {
      step: `change Volume ${olds.name}`,
      reason: `size: ${olds.size} cannot shrink to ${news.size}; the guest's data beyond would be lost`,
      remedy: "make a smaller volume under another name and copy the data into it from inside a guest",
    });
  }
  const replacing = ofClass(changes, "replace");
  if (replacing.length === 0 || news.onReplace === "destroyData") return;
  throw new KvmError("conflict", {
    step: `change Volume ${olds.name}`,
    reason: `${replacing.map((change) => change.property).join(", ")} cannot change without a new volume, and the data in this one would be lost`,
    remedy: 'undo the change, or set onReplace: "destroyData" to throw the data away',
  });
}

/** A volume of the derived name that no state knows is what an earlier attempt left: it is made anew, unless somebody uses it. */
async function makeRoom(store: VolumeStore, existing: VolumeHandle, inputs: Inputs, context: Context): Promise<void> {
  const derived = context.meta !== undefined && isDerived(inputs.name, context);
  const users = derived ? await store.users(inputs.path ?? "") : [];
  if (derived && users.length === 0) {
    context.info(`volume ${inputs.name} was left by an attempt that did not finish; it is made anew`);
    await store.remove(existing);
    return;
  }
  throw new KvmError("conflict", {
    step: `create Volume ${inputs.name}`,
    host: store.host,
    reason: `pool ${inputs.pool.name} has a volume of that name already${users.length > 0 ? ` (${nameUsers(users)})` : ""}; it was left untouched`,
    remedy: "choose another name, remove it by hand, or set adopt: true to take it over",
  });
}

async function make(store: VolumeStore, inputs: Inputs, context: Context): Promise<VolumeHandle> {
  const wanted = wantedBytes(inputs);
  if (!inputs.source) return store.create(render(inputs, wanted ?? (await backingSize(store, inputs))));
  const image = await prepareImage(inputs.source, inputs.format, `Volume ${inputs.name}`, context);
  if (wanted !== undefined && wanted < image.virtualSize) {
    throw new KvmError("invalid", {
      step: `create Volume ${inputs.name}`,
      host: store.host,
      reason: `size: the image holds a disk of ${formatBytes(image.virtualSize)}, which does not fit into ${inputs.size}`,
      remedy: `give at least size: "${formatBytes(image.virtualSize)}", or leave size out`,
    });
  }
  // A raw volume takes the file byte by byte; a qcow2 file brings its own header and is grown afterwards.
  const volume = await store.create(render(inputs, image.virtualSize));
  await store.fill(volume, image.source.open(), context, BigInt(image.source.size));
  if (wanted !== undefined && wanted > image.virtualSize) {
    try {
      await store.resize(volume, wanted);
    } catch (error) {
      await store.discard(volume, error);
      throw error;
    }
  }
  return volume;
}

/** An overlay without a size is as large as what it is based on. */
async function backingSize(store: VolumeStore, { backing, name }: Inputs): Promise<bigint> {
  const step = {
    step: `create Volume ${name}`,
    host: store.host,
    remedy: "see whether the backing volume exists: it must be made first and lie on the same host",
  };
  const { capacity } = await attempt(step, async () => {
    const { vol } = await store.libvirt.call("STORAGE_VOL_LOOKUP_BY_PATH", { path: backing?.path ?? "" });
    return store.libvirt.call("STORAGE_VOL_GET_INFO", { vol });
  });
  return capacity;
}

/** Grows the volume: through the running guest that has it open, else in the pool. */
async function grow(store: VolumeStore, volume: VolumeHandle, inputs: Inputs): Promise<void> {
  const wanted = wantedBytes(inputs);
  const { capacity } = await attempt({ step: `read Volume ${inputs.name}`, host: store.host }, () =>
    store.libvirt.call("STORAGE_VOL_GET_INFO", { vol: volume }),
  );
  if (wanted === undefined || wanted <= capacity) return;
  const guest = (await store.users(inputs.path ?? "")).find((user) => user.active);
  if (!guest) {
    await store.resize(volume, wanted);
    return;
  }
  const inBytes = 1;
  await attempt({ step: `grow Volume ${inputs.name} in the running domain ${guest.name}`, host: store.host }, () =>
    store.libvirt.call("DOMAIN_BLOCK_RESIZE", {
      dom: domainHandle(guest.uuid),
      disk: guest.target,
      size: wanted,
      flags: inBytes,
    }),
  );
  // The pool learns the new size when it looks again.
  await store.refresh();
}

async function observe(store: VolumeStore, handle: VolumeHandle, inputs: Inputs): Promise<Made<typeof outputs>> {
  const document = await store.document(handle);
  const bytes = (path: string) => formatBytes(parseBytes(`${textAt(path).get(document) ?? "0"} B`));
  const capacity = bytes("capacity");
  return {
    id: `${inputs.pool.uuid}/${inputs.name}`,
    outputs: { capacity, allocation: bytes("allocation") },
    applied: { size: capacity },
  };
}

function isDerived(name: string, { meta }: Context): boolean {
  return meta !== undefined && name.startsWith(new Identity(meta).physicalName);
}
