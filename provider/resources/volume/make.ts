import type { Made } from "../../core/definition";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { Unfinished } from "../../core/unfinished";
import { formatBytes } from "../../core/units";
import { type FoundVolume, LeftBehind, type VolumeStore } from "../volume-store";
import { prepareImage } from "./image";
import { capacityOf, formatOf, observe } from "./observe";
import { render } from "./render";
import type { outputs } from "./rows";
import { type Inputs, wantedBytes } from "./rows";

/** QEMU writes tables into a new image, up to here; an uploaded image must overwrite them, holes would leave them. */
const newTables = 1024 * 1024;
/** How much of a new volume may be such tables, in bytes. */
export const tablesBefore = ({ format }: Inputs) => (format === "raw" ? 0 : newTables);
/** An image that is to be overwritten is made as small as can be, so that its tables are. */
const smallest = 1024n * 1024n;

/** Makes the volume. What cannot be finished is deleted again, or named in state without a path for the next run. */
export async function make(store: VolumeStore, inputs: Inputs, context: Context): Promise<Made<typeof outputs>> {
  try {
    const found = inputs.source ? await fill(store, inputs, inputs.source, context) : await makeEmpty(store, inputs);
    return observe(found.document, inputs);
  } catch (error) {
    if (!(error instanceof LeftBehind)) throw error;
    throw new Unfinished({ id: `${inputs.pool.uuid}/${inputs.name}`, outputs: {} }, error.cause, {
      ...inputs,
      path: undefined,
    });
  }
}

async function makeEmpty(store: VolumeStore, inputs: Inputs): Promise<FoundVolume> {
  const capacity = inputs.backing ? await overlayCapacity(store, inputs) : undefined;
  return store.make(inputs.name, render(inputs, capacity), async () => undefined);
}

async function fill(
  store: VolumeStore,
  inputs: Inputs,
  source: NonNullable<Inputs["source"]>,
  context: Context,
): Promise<FoundVolume> {
  const { name, format } = inputs;
  const image = await prepareImage(source, format, store.step("fill"), context);
  const wanted = wantedBytes(inputs) ?? image.virtualSize;
  if (wanted < image.virtualSize) throw tooSmall(store, inputs, "the image", image.virtualSize);
  const { size } = image.source;
  await store.requireSpace(BigInt(size), async () => BigInt(await image.source.dataSize(context.signal)));
  // A file brings its own size, a qcow2 file in its header; a larger one is given to the volume afterwards.
  const raw = format === "raw";
  const first = store.isFixed ? wanted : image.virtualSize;
  const content = { data: image.source.open(), length: BigInt(size), dense: tablesBefore(inputs) };
  return store.make(name, render(inputs, raw ? first : smallest), async (volume) => {
    await store.fill(volume, content);
    if (wanted > image.virtualSize && !store.isFixed) await store.resize(volume, wanted);
  });
}

/** An overlay without a size is as large as what it is based on, and never smaller. In bytes. */
async function overlayCapacity(store: VolumeStore, inputs: Inputs): Promise<bigint> {
  const { name, backing, path } = inputs;
  const base = backing?.path ?? "";
  const found = await store.lookAt(base);
  if (!found) {
    throw new KvmError("not-found", {
      ...store.step("create", "make the backing volume first, on the same host and in a pool that is active"),
      reason: `no active pool has the backing volume ${base}`,
    });
  }
  const format = formatOf(found.document);
  if (backing && format !== backing.format) {
    throw new KvmError("invalid", {
      ...store.step("create", `give the backing volume's format as "${format}", or check that it is the one you meant`),
      reason: `the backing volume ${base} is ${format}, not ${backing.format}: the guest would see another disk`,
    });
  }
  await store.requireSoundChain(path ?? name, base, found);
  const least = capacityOf(found.document);
  const wanted = wantedBytes(inputs) ?? least;
  if (wanted < least) throw tooSmall(store, inputs, "the backing volume", least);
  return wanted;
}

function tooSmall(store: VolumeStore, { size }: Inputs, what: string, least: bigint): KvmError {
  const needed = formatBytes(least);
  return new KvmError("invalid", {
    ...store.step("create", `give at least size: "${needed}", or leave size out`),
    reason: `size: ${what} holds a disk of ${needed}, which does not fit into ${size}`,
  });
}
