import type { Attribute, Entries, Rows } from "../../core/attribute";
import { type Change, diffRows } from "../../core/diff";
import { equal } from "../../core/equal";
import type { Values } from "../../core/handler";
import { isSameAt, valueAt, withValueAt } from "../../core/paths";
import { isPlainObject } from "../../core/unknown";
import type { Element } from "../../schema/tree";
import { namedByEither, readRows } from "../document";
import { hiddenInCpu, withDefinedCpu } from "./cpu-worked-out";
import { withoutThrowaways } from "./disk-sources";
import { isSeat, rootPortsIn, seated } from "./seats";
import { waitingOf } from "./waiting-mark";

/** Values that the guest reaches in its own time: a balloon that is still moving does not wait for a restart. */
export const inMotion: readonly string[] = ["memory"];

/** What libvirt 9.0 shows of a definition and not of the running guest, whose firmware image it has chosen by it. */
const unshown: readonly string[] = ["enrolledKeys"];

/** Of a CPU the guest shows what libvirt has worked out, of an overlay a program names a part, which may become less. */
const inPart: readonly string[] = ["cpu", "overlay"];

/** Two names of one place in the document: the program says which of them it means. A volume brings its format. */
const synonyms: Readonly<Record<string, string>> = { volume: "path", path: "volume", format: "volume" };

/**
 * The managed values by which the running guest differs from its configuration, which is what its next start will
 * use.
 */
export function residue(rows: Rows, wanted: Values, running: Element, config: Element): Change[] {
  const started = withDefinedCpu(withoutThrowaways(running), config);
  const changes = differences(rows, wanted, started, config);
  const isShown = ({ property, old }: Change) => old !== undefined || !unshown.includes(property);
  return changes.filter((change) => change.class !== "none" && isShown(change) && isMeant(change, wanted));
}

/** The managed values by which two documents differ. Devices are read whole: one that is in one alone comes or goes. */
export function differences(rows: Rows, wanted: Values, from: Element, to: Element): Change[] {
  const managed = { ...wanted };
  for (const [name, row] of Object.entries(rows)) {
    if (row.kind !== "map" || !row.entries) continue;
    const entries = row.entries as Entries<Element>;
    const before = [...entries.list(from)].filter(([, entry]) => !entries.implied?.(entry)).map(([key]) => key);
    const keys = [...before, ...entries.list(to).keys()];
    managed[name] = Object.fromEntries(keys.map((key) => [key, everything(row.rows)]));
  }
  const [before, after] = seated([readRows(rows, managed, from), readRows(rows, managed, to)], [from, to]);
  // What has a seat in one of them alone is another device: that says it.
  const isMove = ({ path, old, next }: Change) => !isSeat(path) || (old !== null && next !== null);
  return diffRows(rows, before, after).filter(isMove);
}

/** Whether documents show the value at that place. */
export function isWritten(rows: Rows, path: readonly string[]): boolean {
  return isSeat(path) || attributeOf(rows, path)?.lens !== undefined;
}

/** The row of a value; undefined of a whole block or entry. */
function attributeOf(rows: Rows, [name = "", ...rest]: readonly string[]): Attribute | undefined {
  const row = rows[name];
  if (row === undefined || row.kind === "attribute") return row;
  return attributeOf(row.rows, row.kind === "map" ? rest.slice(1) : rest);
}

/** Whether it is by this name that the program says it. */
export function isMeant({ path: [map, key = "", name = ""] }: Change, wanted: Values): boolean {
  const entries = map === "disks" && wanted[map];
  const entry = isPlainObject(entries) ? entries[key] : undefined;
  const other = synonyms[name];
  return other === undefined || !isPlainObject(entry) || entry[other] === undefined;
}

/**
 * What was taken out of the program since `before`, or by the mark of the guest earlier in the same run: the guest
 * gives it up with the end of this very run alone. `waiting` is the residue of what is wanted.
 */
export function takenOut(
  rows: Rows,
  before: Values,
  wanted: Values,
  { live, config, waiting }: { readonly live: Element; readonly config: Element; readonly waiting: readonly Change[] },
): readonly { readonly property: string; readonly old?: unknown }[] {
  const noted = waitingOf(live).filter((property) => {
    const path = property.split(".");
    return isSameAt(before, wanted, path) && !isPutBack(rows, path, wanted, live, config);
  });
  const stillNamed = pendingOf(waiting);
  const named = namedByEither(rows, before, wanted);
  const isAllWanted = Object.keys(named).every((name) => equal(named[name], wanted[name]));
  const either = isAllWanted ? waiting : residue(rows, named, live, config);
  // What is changed in the running guest may still be shown there, as the host's own value.
  const needNewStart = either.filter(({ class: kind }) => kind !== "live");
  const properties = [...noted, ...pendingOf(needNewStart)].filter((property) => !stillNamed.includes(property));
  // What was noted the guest alone knows by now.
  return [...new Set(properties)].map((name) => either.find(({ property }) => property === name) ?? { property: name });
}

/** Whether the guest has it as its definition does by now: it was put back by an update of which nobody heard the end. */
function isPutBack(rows: Rows, path: readonly string[], wanted: Values, live: Element, config: Element): boolean {
  const value = valueAt(wanted, path);
  const isEntry = path.length === 2 && rows[path[0] ?? ""]?.kind === "map";
  if (value === undefined || inPart.includes(path[0] ?? "") || !(isEntry || attributeOf(rows, path)?.lens))
    return false;
  const named = withValueAt({}, path, isEntry ? {} : value);
  return equal(readRows(rows, named, live), readRows(rows, named, config));
}

/**
 * What waits since `before`, and no document shows: more `rootPorts` look like those of devices that were plugged in.
 * `waiting` is the residue of what is wanted.
 */
export function untold(
  rows: Rows,
  before: Values,
  wanted: Values,
  { live, config, waiting }: { readonly live: Element; readonly config: Element; readonly waiting: readonly Change[] },
): string[] {
  const isUntold = (path: readonly string[]) =>
    attributeOf(rows, path) !== undefined &&
    !isWritten(rows, path) &&
    (path[0] !== "rootPorts" || rootPortsIn(config) > rootPortsIn(live));
  const changes = diffRows(rows, before, wanted);
  const found = changes.flatMap(({ class: kind, path, property }) =>
    kind === "restart" && isUntold(path) ? property : [],
  );
  const told = waiting.map(({ property }) => property);
  return [...found, ...hiddenInCpu(before, wanted, live, config)].filter((property) => !told.includes(property));
}

/** The properties that need a new start of the guest. */
export function pendingOf(changes: readonly Change[]): string[] {
  const waits = ({ property, class: kind }: Change) => kind !== "live" || !inMotion.includes(property);
  return [...new Set(changes.filter(waits).map(({ property }) => property))].sort();
}

/** Names every value of the rows as managed. */
export function everything(rows: Rows): Values {
  return Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, row.kind === "attribute" ? true : everything(row.rows)]),
  );
}
