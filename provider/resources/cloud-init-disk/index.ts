import type { Made } from "../../core/definition";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { defineResource, inputsIn } from "../../core/resource";
import { Unfinished } from "../../core/unfinished";
import { buildSeed, type Seed } from "../../seed/cloud-init";
import { SeedError } from "../../seed/seed-error";
import { lookupKey } from "../look-up";
import { warnIfLeft } from "../moved-pool";
import { hasMoved } from "../pool-reference";
import { renderVolume } from "../volume-document";
import { LeftBehind, VolumeStore } from "../volume-store";
import { ordered } from "./content";
import { type Inputs, outputs, rows } from "./rows";
import { rules } from "./rules";

/** A NoCloud medium, stored as a volume that is named by its content. */
export const cloudInitDisk = defineResource({
  type: "CloudInitDisk",
  doc: "A cloud-init medium (NoCloud). Another content is another volume: the guest's medium is swapped, then the old one goes.",
  rows,
  outputs,
  rules,
  createBeforeDelete: true,

  async create(inputs, context) {
    return make(await open(inputs, context), inputs, context);
  },

  async read(id, state, context) {
    if (lookupKey(id) !== undefined) throw noLookUp(state);
    const store = await open(state, context);
    if (!(await store.look(state.name))) {
      await warnIfLeft(store, state.path, context);
      return undefined;
    }
    const inputs = inputsIn(rows, state);
    return { ...made(inputs), inputs };
  },

  async update(_id, olds, news, _changes, context) {
    // Nothing of a finished medium ever changes: another content is another medium.
    if (olds.path !== undefined && !hasMoved(olds.pool, news.pool)) return made(news);
    const medium = await make(await open(news, context), news, context);
    if (olds.path !== undefined && !medium.takenUp) await warnIfLeft(await open(olds, context), olds.path, context);
    return medium;
  },

  async delete(_id, state, context) {
    const store = await open(state, context);
    const found = await store.look(state.name);
    if (!found) return warnIfLeft(store, state.path, context);
    // What it held can be made again: a snapshot does not keep each medium that its guest had.
    await store.removeUnused(
      found.handle,
      "run pulumi up --refresh once no guest names it: it gives machines the medium that the program says, whatever a run that was cut off has left there",
      "snapshot",
    );
  },
});

function open({ pool, name }: Inputs, context: Context): Promise<VolumeStore> {
  return VolumeStore.open(context, pool, `CloudInitDisk ${name}`);
}

/** Makes the medium, or finds that it is there. What cannot be finished is deleted again, or named in state for the next run. */
async function make(store: VolumeStore, inputs: Inputs, context: Context): Promise<Made<typeof outputs>> {
  const seed = build(inputs);
  for (const warning of seed.warnings) context.warn(warning);
  let takenUp = false;
  try {
    await store.knowingFiles(async () => {
      const left = await store.look(inputs.name);
      // The same bytes are the same medium, whoever wrote them.
      takenUp = left !== undefined && (await store.content(left.handle)).equals(seed.iso);
      if (takenUp) return;
      if (left)
        await store.removeUnused(left.handle, "it holds something else than its name says: take it out of there");
      const length = BigInt(seed.iso.length);
      await store.requireSpace(length, async () => length);
      await store.make(inputs.name, render(inputs, seed), (volume) =>
        store.fill(volume, { data: from(seed.iso), length }),
      );
    });
  } catch (error) {
    if (!(error instanceof LeftBehind)) throw error;
    throw new Unfinished(made(inputs), error.cause, { ...inputs, path: undefined });
  }
  return { ...made(inputs), takenUp };
}

function build({ userData, metaData, networkConfig, vendorData, hostname, instanceId, name }: Inputs): Seed {
  try {
    return buildSeed(ordered({ userData, metaData, networkConfig, vendorData, hostname, instanceId }));
  } catch (error) {
    if (!(error instanceof SeedError)) throw error;
    throw new KvmError("invalid", { step: `build CloudInitDisk ${name}`, reason: error.message, cause: error });
  }
}

/** The document of the volume. It may hold secrets: nobody but root and QEMU reads it. */
export function render({ pool, name, overlay }: Inputs, { iso }: Pick<Seed, "iso">): string {
  return renderVolume({ pool, name, format: "raw", capacity: BigInt(iso.length), mode: "0600", overlay });
}

function made({ pool, name }: Inputs): Made<typeof outputs> {
  return { id: `${pool.uuid}/${name}`, outputs: {} };
}

async function* from(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function noLookUp({ pool }: Inputs): KvmError {
  return new KvmError("unsupported", {
    step: "look up a CloudInitDisk",
    host: pool.host.uri,
    reason: "what a medium was made from cannot be read back from it",
    remedy: "look it up as a Volume, which a disk of a VirtualMachine takes as well",
  });
}
