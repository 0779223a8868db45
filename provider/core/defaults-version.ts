import { attribute, type Rows, z } from "./attribute";
import type { Values } from "./handler";

/** The newest table of plain defaults; new objects get it, old ones keep theirs. */
export const newestDefaults = 1;

/** Every resource has it, so it is not a row of each. */
export const versionRow: Rows = {
  defaultsVersion: attribute({
    doc: "Table of defaults that this object follows; 0 adds nothing to what the object must have, for one that others made. Default: the newest at creation.",
    schema: z.int().min(0).max(newestDefaults).optional(),
    change: "none",
  }),
};

/** The table that an object follows. */
export function defaultsVersionOf(news: Values, olds: Values | undefined): number {
  const [wanted, kept] = [news["defaultsVersion"], olds?.["defaultsVersion"]];
  if (typeof wanted === "number") return wanted;
  return typeof kept === "number" ? kept : newestDefaults;
}
