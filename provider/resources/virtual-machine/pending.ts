import type { Entries, Rows } from "../../core/attribute";
import { type Change, diffRows } from "../../core/diff";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import type { Element } from "../../schema/tree";
import { readRows } from "../document";

/** Values that the guest reaches in its own time: a balloon that is still moving does not wait for a restart. */
const inMotion: readonly string[] = ["memory"];

/** What libvirt 9.0 shows of a definition and not of the running guest, whose firmware image it has chosen by it. */
const unshown: readonly string[] = ["enrolledKeys"];

/**
 * The managed values by which the running guest differs from its configuration, which is what its next start will
 * use. Devices are read whole: one that is only in the guest is still to be unplugged.
 */
export function residue(rows: Rows, wanted: Values, live: Element, config: Element): Change[] {
  const managed = { ...wanted };
  for (const [name, row] of Object.entries(rows)) {
    if (row.kind !== "map" || !row.entries) continue;
    const entries = row.entries as Entries<Element>;
    const inGuest = [...entries.list(live)].filter(([, entry]) => !entries.implied?.(entry)).map(([key]) => key);
    const keys = [...inGuest, ...entries.list(config).keys()];
    managed[name] = Object.fromEntries(keys.map((key) => [key, everything(row.rows)]));
  }
  const changes = diffRows(rows, readRows(rows, managed, live), readRows(rows, managed, config));
  const isShown = ({ property, old }: Change) => old !== undefined || !unshown.includes(property);
  return changes.filter((change) => change.class !== "none" && isShown(change));
}

/** What either program names: a value that was taken out of the program is still to be taken out of the guest. */
export function namedByEither(rows: Rows, before: Values, wanted: Values): Values {
  return Object.fromEntries(
    Object.entries(rows).map(([name, row]) => {
      const [old, next] = [before[name], wanted[name]];
      const both = row.kind === "block" && isPlainObject(old) && isPlainObject(next);
      return [name, both ? namedByEither(row.rows, old, next) : (next ?? old)];
    }),
  );
}

/** The properties that need a new start of the guest. */
export function pendingOf(changes: readonly Change[]): string[] {
  return [...new Set(changes.map((change) => change.property).filter((name) => !inMotion.includes(name)))].sort();
}

/** Names every value of the rows as managed. */
export function everything(rows: Rows): Values {
  return Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, row.kind === "attribute" ? true : everything(row.rows)]),
  );
}
