import { type Attribute, attribute, z } from "../core/attribute";
import type { Fault } from "../core/check";
import { equal } from "../core/equal";
import type { Values } from "../core/handler";
import { valueAt } from "../core/paths";
import { isPlainObject } from "../core/unknown";
import type { DocumentObject } from "../schema/object";
import { applyOverlay, readOverlay, withdrawOverlay } from "../schema/overlay";
import type { Element } from "../schema/tree";
import { validate } from "../schema/validate";
import { libvirtOf } from "./facts";

type Root = "domain" | "network" | "pool" | "volume";

const identity = "is what pulumi-kvm knows the object by: leave it out";
const known = { name: identity, uuid: identity, metadata: identity };

/** Paths that an overlay must not name, and why. */
const reserved: Readonly<Record<Root, Readonly<Record<string, string>>>> = {
  domain: known,
  network: known,
  pool: known,
  volume: {
    name: identity,
    key: "is libvirt's: leave it out",
    capacity: "is the attribute `size`",
    backingStore: "is the attribute `backing`",
    "target.path": "is given by pool and name: leave it out",
    "target.format": "is the attribute `format`",
  },
};

const atNextStart: Attribute<DocumentObject | undefined>["change"] = () => ({
  class: "restart",
  reason: "the overlay is written for the next start",
});

/** Rows of a resource whose document may be anything that libvirt can say. */
export function overlayRows(root: Root, change = atNextStart) {
  return {
    overlay: attribute<DocumentObject | undefined>({
      doc: `Whatever no attribute says: a part of libvirt's \`<${root}>\` document in libvirt's own names, merged over ours. Attributes and elements are members, \`value\` is text beside attributes, \`$name\` an element of which an attribute has the name, null takes away.`,
      document: ({ domain: "Domain", network: "Network", pool: "Pool", volume: "Volume" } as const)[root],
      schema: z.custom<DocumentObject>(isPlainObject, "must be an object").optional(),
      change,
      lens: {
        get: (document: Element, managed) =>
          isPlainObject(managed) ? readOverlay(document, managed as DocumentObject) : undefined,
        // Written as a whole, after all other rows.
        set: () => undefined,
      },
    }),
    overlayUnchecked: attribute<boolean | undefined>({
      doc: "Leave it to the host's libvirt to judge names in `overlay` that our schema does not know: there objects and lists are elements, everything else attributes. Default false.",
      schema: z.boolean().optional(),
      change: "none",
    }),
  };
}

/** The rule of a resource with such rows. */
export function overlayRule(root: Parameters<typeof overlayRows>[0]) {
  return {
    needs: ["overlay" as const],
    check: (inputs: OverlayInputs) => overlayFaults(root, inputs),
  };
}

interface OverlayInputs {
  readonly overlay?: unknown;
  readonly overlayUnchecked?: unknown;
  readonly host?: unknown;
  /** A volume names its host by its pool. */
  readonly pool?: unknown;
}

/** Everything in the overlay that libvirt's schema does not have, or the host's libvirt not yet. */
function overlayFaults(root: Root, inputs: OverlayInputs): Fault[] {
  const { overlay: part, pool } = inputs;
  if (!isPlainObject(part)) return [];
  const host = inputs.host ?? (isPlainObject(pool) ? pool["host"] : undefined);
  const own = Object.entries(reserved[root])
    .filter(([path]) => valueAt(part, path.split(".")) !== undefined)
    .map(([path, reason]) => ({ property: `overlay.${path}`, reason }));
  const libvirt = libvirtOf(host);
  const options = { partial: true, ...(libvirt !== undefined && { libvirt }) };
  const faults = validate(root, part as DocumentObject, options).filter(
    ({ kind }) => !(inputs.overlayUnchecked === true && kind === "name"),
  );
  return [...own, ...faults.map(({ path, reason }) => ({ property: `overlay.${path}`, reason }))];
}

/** Merges the overlay over a document in place. */
export function overlay(document: Element, { overlay: part }: { readonly overlay?: unknown }): void {
  if (isPlainObject(part)) replace(document, applyOverlay(document, part as DocumentObject));
}

/**
 * Takes out in place what the overlay of before wrote and the new one does not say again. `own` makes the document that
 * there would be without any.
 */
export function withdraw(document: Element, olds: Values, news: Values, own: () => Element): void {
  const part = unsaid(olds["overlay"], news["overlay"]);
  if (isPlainObject(part)) replace(document, withdrawOverlay(document, part as DocumentObject, own()));
}

/** What is left of a part without all that another one says as well; undefined where that is nothing. */
function unsaid(part: unknown, by: unknown): unknown {
  if (equal(part, by)) return undefined;
  if (Array.isArray(part)) {
    const rest = part.filter((item) => !(Array.isArray(by) && by.some((other) => equal(item, other))));
    return rest.length > 0 ? rest : undefined;
  }
  if (!isPlainObject(part) || !isPlainObject(by)) return part;
  const members = Object.entries(part).flatMap(([name, value]): [string, unknown][] => {
    const rest = unsaid(value, by[name]);
    return rest === undefined ? [] : [[name, rest]];
  });
  return members.length > 0 ? Object.fromEntries(members) : undefined;
}

function replace(document: Element, by: Element): void {
  document.attributes = by.attributes;
  document.children = by.children;
}
