import type { Made } from "../../core/definition";
import { equal } from "../../core/equal";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { Identity } from "../../core/identity";
import { isPlainObject } from "../../core/unknown";
import { parseAnswer } from "../../schema/answer";
import { textAt } from "../../schema/lens";
import type { DocumentObject } from "../../schema/object";
import type { Element } from "../../schema/tree";
import type { FoundVolume, VolumeStore } from "../volume-store";
import { isBeginning } from "./beginning";
import { grow } from "./grow";
import { prepareImage } from "./image";
import { make, tablesBefore } from "./make";
import { differences, lastingIn, observe } from "./observe";
import { render } from "./render";
import { derivedName, type Inputs, type outputs } from "./rows";

type Outcome = Made<typeof outputs>;

/**
 * Whether a volume of that name is what an earlier run of this deployment left. The derived name alone does not say
 * so: the same stack on another backend derives the same one. But then it could not have made this pool.
 */
export async function isOurs(store: VolumeStore, inputs: Inputs, { meta }: Context): Promise<boolean> {
  const { owner } = inputs.pool.host;
  if (!meta || owner === undefined) return false;
  if (inputs.name !== derivedName({ identity: new Identity(meta), siblings: inputs })) return false;
  return (await store.poolOwner()) === owner;
}

/**
 * Goes on with a volume that an earlier run left and state does not know. A whole one is taken up as it is, whatever a
 * guest has written since; only an upload that was cut off is made anew. Undefined where it is neither.
 */
export async function resume(
  store: VolumeStore,
  found: FoundVolume,
  inputs: Inputs,
  context: Context,
): Promise<Outcome | undefined> {
  const left = await whatIsLeft(store, found, inputs, context);
  if (left === "cut off") return makeAnew(store, found, inputs, context);
  if (left === "other" || isMadeOtherwise(found.document, inputs)) return undefined;
  context.info(`volume ${inputs.name} is there already, as this resource made it; it is taken up as it is`);
  return observe((await grow(store, found, inputs)).document, inputs);
}

/** Whether it has another mode or overlay than is wanted, which nothing would change any more. */
function isMadeOtherwise(document: Element, inputs: Inputs): boolean {
  const { mode, overlay, pool } = inputs;
  const has = textAt("target/permissions/mode").get(document);
  if (mode !== undefined && has !== undefined && has !== mode) return true;
  if (!overlay) return false;
  const [found, wanted] = [document, parseAnswer(render(inputs))].map((one) =>
    comparable(lastingIn(one, overlay, pool)),
  );
  return !equal(found, wanted);
}

/** libvirt shows no nocow of a volume, and the size of clusters in bytes. */
function comparable({ target, ...rest }: DocumentObject): DocumentObject {
  if (!isPlainObject(target)) return rest;
  const { nocow: _, clusterSize: __, ...shown } = target as DocumentObject;
  return { ...rest, target: shown };
}

/** Deletes what an earlier run left half made, unless anybody needs it, and makes it anew. */
export async function makeAnew(
  store: VolumeStore,
  { handle }: FoundVolume,
  inputs: Inputs,
  context: Context,
): Promise<Outcome> {
  context.info(`volume ${inputs.name} was left by an attempt that did not finish; it is made anew`);
  await store.removeUnused(handle, "take it out of there, or set adopt: true to take it over as it is");
  return make(store, inputs, context);
}

export function taken(store: VolumeStore, { pool, name }: Inputs): KvmError {
  // Nothing says whose a volume is: that of a renamed resource must not be deleted for it.
  const remedy = `where the resource was renamed in the program, give it the option aliases with its former name; else choose another name, set adopt: true to take it over, or delete it if nobody needs it (an interrupted run may have left it): virsh vol-delete --pool ${pool.name} '${name}'`;
  return new KvmError("conflict", {
    ...store.step("create", remedy),
    reason:
      "the pool has a volume of that name already, and nothing proves that it is what this stack would make; it was left untouched",
  });
}

/** By the image's last data: there, not written yet, or something else. libvirt makes a volume without an image at once. */
async function whatIsLeft(
  store: VolumeStore,
  { handle, document }: FoundVolume,
  inputs: Inputs,
  context: Context,
): Promise<"whole" | "cut off" | "other"> {
  if (!inputs.source) return differences(document, inputs).length === 0 ? "whole" : "other";
  const image = await prepareImage(inputs.source, inputs.format, store.step("fill"), context);
  const last = await image.source.lastData();
  if (!last) return "whole";
  const { offset, bytes } = last;
  const there = await store.content(handle, { offset: BigInt(offset), length: BigInt(bytes.length) });
  if (there.equals(bytes)) return "whole";
  if (there.some((byte) => byte !== 0)) return "other";
  // A guest that discards what it deletes leaves zeroes too.
  context.progress("comparing it with the image");
  return (await isBeginning(await store.stream(handle), image.source.open(), tablesBefore(inputs)))
    ? "cut off"
    : "other";
}
