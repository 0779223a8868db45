import { attribute, type ChangeRule, z } from "../core/attribute";

/** Rows of every resource that may take over what somebody else made. */
export const adoptionRows = {
  adopt: attribute<boolean | undefined>({
    doc: "Take over an existing object of that name; nothing but our mark is written to it. Default false.",
    schema: z.boolean().optional(),
    change: "live",
  }),
  deleteAdopted: attribute<boolean | undefined>({
    doc: "Delete the object on destroy even though it was adopted. Default false: an adopted object stays on the host.",
    schema: z.boolean().optional(),
    change: "live",
  }),
};

/** Output that remembers an adoption. */
export const adoptedOutput = {
  doc: "True when the object existed before and was taken over by `adopt`.",
  type: "boolean",
} as const;

/** An object keeps its uuid for life; that of an adopted one is its own, not the derived one. */
export const uuidChange: ChangeRule = (_old, _next, around) => ({
  class: around.old["adopted"] === true ? "none" : "replace",
});

const lookup = "lookup:";

/** The name or uuid that a look-up asks for; undefined for the id of an object in state. */
export function lookupKey(id: string): string | undefined {
  return id.startsWith(lookup) ? id.slice(lookup.length) : undefined;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
