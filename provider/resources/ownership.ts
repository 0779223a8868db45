import { KvmError } from "../core/errors";
import type { Context, HostReference, Meta } from "../core/handler";
import { isSameStack, nameIn } from "../core/identity";
import { stateVersion } from "../core/state";
import { attributeAt } from "../schema/lens";
import { child, type Element, element, textOf } from "../schema/tree";
import { Taken } from "./hand-over";
import { dropMetadata, metadataCall, metadataIn, putMetadata } from "./metadata";

/** The namespace of our mark in `<metadata>`; never changes. */
const namespace = "urn:pulumi-kvm:owner:1";

/** Who made an object, and whether it was finished. */
export interface Mark {
  /** 128 random bits that the Host resource made once: which deployment owns objects on this host. */
  readonly owner: string;
  readonly urn: string;
  readonly uuid: string;
  readonly stateVersion: number;
  readonly phase: "creating" | "ready";
  /** The object was there before, and was taken over by `adopt`. */
  readonly isAdopted?: boolean;
}

/**
 * Whether this stack made the object, finished or not. What a stack made that was renamed keeps the uuids that were derived
 * from its former name, and so has a new stack of that name; the mark follows the first.
 */
export function isMarkOf(mark: Mark | undefined, owner: string | undefined, meta: Meta | undefined): mark is Mark {
  if (mark?.owner !== (owner ?? "") || mark.isAdopted) return false;
  return mark.urn === "" || meta === undefined || isSameStack(mark.urn, meta.urn);
}

/** The mark of an object with these inputs. */
export function markOf(
  { host }: { readonly host: HostReference },
  uuid: string,
  phase: Mark["phase"],
  { meta }: Context,
): Mark {
  return { owner: host.owner ?? "", urn: meta?.urn ?? "", uuid, stateVersion, phase };
}

/** The mark of an object that is adopted with these inputs. */
export function adoptedMark(inputs: { readonly host: HostReference }, uuid: string, context: Context): Mark {
  return { ...markOf(inputs, uuid, "ready", context), isAdopted: true };
}

/**
 * Whether another stack with this Host has adopted the object, and has to let go of it first. What it has made itself it
 * finds taken over.
 */
export function isAdoptedElsewhere(
  mark: Mark | undefined,
  { host }: { readonly host: HostReference },
  { meta }: Context,
): boolean {
  if (!mark?.isAdopted || !meta || mark.owner !== host.owner) return false;
  return !isSameStack(mark.urn, meta.urn);
}

/** The mark with the urn that the resource has now. Earlier releases left out that an object was adopted. */
export function followed(mark: Mark, { adopted }: { readonly adopted?: unknown }, meta: Meta | undefined): Mark {
  return { ...mark, urn: meta?.urn ?? mark.urn, ...(adopted === true && { isAdopted: true }) };
}

/** What the state of an object says of whose it is. */
interface Owned {
  readonly host: HostReference;
  readonly adopted?: unknown;
}

/**
 * Says which other stack has adopted the object since this one wrote its mark. One whose Host was made anew has another
 * owner in its mark as well, and still this stack. One with the same Host has the same owner: what this one has made
 * bears the mark of an adoption then, whatever the stacks are called by now.
 */
export function handedOver(mark: Mark | undefined, { host, adopted }: Owned, { meta }: Context): string | undefined {
  if (!mark || !meta || mark.urn === "" || host.owner === undefined) return undefined;
  const isOurs =
    mark.owner === host.owner ? adopted === true || mark.isAdopted !== true : isSameStack(mark.urn, meta.urn);
  return isOurs ? undefined : `${mark.urn} has taken it over since`;
}

/**
 * Refuses to change what another stack has adopted: two programs would undo each other's work. What `pulumi state move` has
 * brought here bears the mark that its state tells of, though the Host of this program is another.
 */
export function requireStillOurs(
  kind: string,
  mark: Mark | undefined,
  { olds, news }: { readonly olds: Owned; readonly news: Named },
  context: Context,
): void {
  const host = mark?.owner === olds.host.owner ? olds.host : news.host;
  const takenOver = handedOver(mark, { host, adopted: olds.adopted }, context);
  if (takenOver === undefined) return;
  throw new KvmError("conflict", {
    step: `update ${kind} ${news.name}`,
    host: news.host.uri,
    reason: `${takenOver}; nothing was changed`,
    remedy:
      "take it out of this program, which leaves it on the host; or let that one go of it, then run pulumi up again",
  });
}

interface Named {
  readonly name: string;
  readonly host: HostReference;
}

export function readMark(document: Element): Mark | undefined {
  const found = metadataIn(document, namespace);
  if (!found) return undefined;
  const { owner = "", urn = "", uuid = "", stateVersion = "1", phase, adopted } = found.attributes;
  return {
    ...{ owner, urn, uuid, stateVersion: Number(stateVersion), phase: phase === "creating" ? "creating" : "ready" },
    ...(adopted === "yes" && { isAdopted: true }),
  };
}

/** Puts our mark into the document, in place of an earlier one; other metadata stays. */
export function writeMark(document: Element, mark: Mark): void {
  putMetadata(document, namespace, elementOf(mark));
}

/** Our mark as virDomainSetMetadata takes it; undefined removes it. */
export function markMetadata(mark: Mark | undefined) {
  return metadataCall(namespace, mark && elementOf(mark));
}

function elementOf({ owner, urn, uuid, stateVersion, phase, isAdopted }: Mark): Element {
  const adopted = isAdopted === true ? { adopted: "yes" } : {};
  return element("owner", { owner, urn, uuid, stateVersion: String(stateVersion), phase, ...adopted });
}

/** Takes our mark away again (an adopted object that is let go). */
export function removeMark(document: Element): void {
  dropMetadata(document, namespace);
}

/** Pools have no metadata. libvirt keeps vendor and product of a source as they are, in pools of every type. */
const poolVendor = "pulumi-kvm";
const vendorLens = attributeAt("source/vendor", "name");
const productLens = attributeAt("source/product", "name");

/** Which deployment made the pool: the owner that its Host keeps. Undefined for a pool that somebody else made. */
export function poolOwner(pool: Element): string | undefined {
  return vendorLens.get(pool) === poolVendor ? productLens.get(pool) : undefined;
}

/** Says in the document of a new pool who made it. */
export function writePoolOwner(pool: Element, owner: string): void {
  vendorLens.set(pool, poolVendor);
  productLens.set(pool, owner);
}

/** Who holds an object: of a pool only the deployment is known. */
export type Holder = Pick<Mark, "owner"> & Partial<Pick<Mark, "urn" | "isAdopted">>;

/**
 * The refusal to touch what somebody else made, or another resource of the same deployment. What has the uuid may be
 * called otherwise, and another name would derive the same uuid. With `urn`, that of the resource which is made, its own
 * former object is told from a sibling's: options of the program had it stay beside its replacement.
 */
export function notOurs(
  kind: string,
  objectName: string,
  host: HostReference,
  by: Holder | undefined,
  foundBy: "name" | "uuid" = "name",
  urn?: string,
): Taken {
  const name = by?.urn && nameIn(by.urn);
  const sibling = name === undefined ? "another resource" : `the resource "${name}"`;
  const { holder, remedy } = {
    stranger: {
      holder: strangerWords(by),
      remedy: `${elsewhere[foundBy]}, remove it by hand, or set adopt: true to take it over`,
    },
    former: { holder: `it belongs to ${by?.urn}`, remedy: elsewhere.uuid },
    itself: {
      holder: "is what this resource has had until now",
      remedy:
        "leave out its option deleteBeforeReplace: false, which makes the new one first; what retainOnDelete has kept needs another name for the new one",
    },
    adopter: { holder: "was adopted by this resource before", remedy: "set adopt: true to go on with it" },
    neighbour: {
      holder: `${by?.urn} has adopted it`,
      remedy: "let that one go of it first, which leaves it on the host; or choose another name",
    },
    sibling: {
      holder: `was made by ${sibling} of this deployment`,
      remedy: `where the resource was renamed, give it the option aliases: [{ name: "${name ?? "its former name"}" }]; else choose another name for the object`,
    },
  }[relationOf(by, host, foundBy, urn)];
  const object = foundBy === "uuid" ? `a ${kind} with its uuid` : `${kind} "${objectName}"`;
  const step = `create ${kind} ${objectName}`;
  const reason = `${object} exists already and ${holder}; it was left untouched`;
  return new Taken({ step, host: host.uri, reason, remedy }, by?.owner === host.owner ? by?.urn : undefined);
}

/** Whose an object is that stands where another one is to be made. */
function relationOf(by: Holder | undefined, host: HostReference, foundBy: "name" | "uuid", urn: string | undefined) {
  if (by === undefined || by.owner !== host.owner) return "stranger";
  if (by.isAdopted && by.urn !== undefined && urn !== undefined) {
    if (by.urn === urn) return "adopter";
    if (!isSameStack(by.urn, urn)) return "neighbour";
  }
  // The derived uuid is that of a resource whose stack was renamed: to this program it is nobody.
  if (foundBy === "uuid" && by.urn !== undefined) return "former";
  return by.urn !== undefined && by.urn === urn ? "itself" : "sibling";
}

const elsewhere = {
  name: "choose another name",
  uuid: "give the resource another name in the program, or a uuid of its own (the derived one is taken where a stack of these names was renamed, or has another backend)",
};

function strangerWords(by: Holder | undefined): string {
  if (by === undefined) return "it was not made by pulumi-kvm";
  const before = `this one before its Host was made anew (owner ${by.owner})`;
  return by.urn === undefined
    ? `it was made by another deployment, or by ${before}`
    : `it belongs to ${by.urn} of another deployment, or of ${before}`;
}

/** An object of ours that the state does not know is gone on with under the name that it has. */
export function requireName(kind: string, found: Element, wanted: string, host: HostReference): void {
  const has = textOf(child(found, "name") ?? found);
  if (has === wanted) return;
  throw new KvmError("conflict", {
    step: `create ${kind} ${wanted}`,
    host: host.uri,
    reason: `an earlier run made it as "${has}", and the state does not know it; it was left untouched`,
    remedy: `give it the name "${has}" for one pulumi up, which goes on with it, and change the name after that`,
  });
}
