import { attribute, type ChangeRule, z } from "../core/attribute";
import type { Bookkeeping } from "../core/definition";
import type { Context, Values } from "../core/handler";
import { isIgnored } from "../core/ignored";

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

/**
 * Warns of what an object that was adopted has otherwise than its program. Answers what state keeps of it until the next
 * look: till then the program is compared with itself.
 */
export function noteDiffering(subject: string, names: readonly string[], context: Context): Values | undefined {
  const differing = names.filter((name) => !isIgnored(name, context.meta?.ignoreChanges));
  if (differing.length === 0) return undefined;
  context.warn(
    `${subject} was adopted as it is; it differs in ${differing.join(", ")}: its next change in the program, or pulumi up --refresh, changes that. What is to stay has to be said in the program`,
  );
  return { differing };
}

/** What a preview says of an object at which nobody has looked since it was adopted. */
export function announceDiffering(olds: object): readonly string[] {
  const differing = (olds as { readonly __kvm?: Bookkeeping }).__kvm?.memo?.["differing"];
  if (!Array.isArray(differing)) return [];
  return [`it was adopted as it is: its next change brings ${differing.join(", ")} to what the program says too`];
}
