import type { Around, Attribute, ChangeClass, ChangeRule, MapOf, Row, Rows, Verdict } from "./attribute";
import { equal } from "./equal";
import { formatPath } from "./faults";
import { isPlainObject, unknown } from "./unknown";

/** One value that differs between what is and what is wanted. */
export interface Change extends Verdict {
  readonly path: readonly string[];
  /** `path` as the user reads it. */
  readonly property: string;
  readonly old: unknown;
  readonly next: unknown;
}

/** Every managed value that differs, with how the change takes effect. Pure. */
export function diffRows(
  rows: Rows,
  olds: Readonly<Record<string, unknown>>,
  news: Readonly<Record<string, unknown>>,
  path: readonly string[] = [],
  { whole, wanted }: Pick<Around, "whole" | "wanted"> = { whole: olds, wanted: news },
): Change[] {
  const around = { old: olds, next: news, whole, wanted };
  return Object.entries(rows).flatMap(([name, row]) => diffRow(row, olds[name], news[name], [...path, name], around));
}

function diffRow(row: Row, old: unknown, next: unknown, path: readonly string[], around: Around): Change[] {
  if (equal(old, next)) return [];
  switch (row.kind) {
    case "attribute":
      return diffAttribute(row, old, next, path, around);
    case "block":
      if (old === unknown || next === unknown) return [unknownBlock(row.rows, old, next, path, around)];
      return diffRows(row.rows, isPlainObject(old) ? old : {}, isPlainObject(next) ? next : {}, path, around);
    case "map":
      if (old === unknown || next === unknown) return [unknownMap(row, old, next, path, around)];
      return diffMap(row, isPlainObject(old) ? old : {}, isPlainObject(next) ? next : {}, path, around);
  }
}

function diffAttribute(row: Attribute, old: unknown, next: unknown, path: readonly string[], around: Around): Change[] {
  return [change(path, old, next, judge(row.change, old, next, around))];
}

function judge(rule: ChangeRule, old: unknown, next: unknown, around: Around): Verdict {
  return typeof rule === "string" ? { class: rule } : rule(old, next, around);
}

function diffMap(
  row: MapOf,
  olds: Readonly<Record<string, unknown>>,
  news: Readonly<Record<string, unknown>>,
  path: readonly string[],
  around: Around,
): Change[] {
  const keys = [...new Set([...Object.keys(olds), ...Object.keys(news)])];
  return keys.flatMap((key) => {
    const [old, next] = [olds[key], news[key]];
    const at = [...path, key];
    if (isPlainObject(old) && isPlainObject(next)) return diffRows(row.rows, old, next, at, around);
    if (isPlainObject(old) && next === unknown) return [unknownEntry(row, old, at, around)];
    const reason = old === undefined ? "added" : next === undefined ? "removed" : undefined;
    return equal(old, next)
      ? []
      : [change(at, old, next, { ...(reason && { reason }), ...judge(row.change, old, next, around) })];
  });
}

/** Entries of which nobody can say yet what becomes of them: it costs what it may cost the one that costs most. */
function unknownMap(row: MapOf, old: unknown, next: unknown, path: readonly string[], around: Around): Change {
  const added = change(path, undefined, next, judge(row.change, undefined, next, around));
  const entries = isPlainObject(old) ? Object.values(old) : [];
  const kept = entries.map((entry) => unknownEntry(row, isPlainObject(entry) ? entry : {}, path, around));
  return change(path, old, next, { class: worstClass([added, ...kept]), reason: "not known yet" });
}

/** One that may go, or have any other value. */
function unknownEntry(
  row: MapOf,
  old: Readonly<Record<string, unknown>>,
  path: readonly string[],
  around: Around,
): Change {
  const removed = change(path, old, unknown, judge(row.change, old, unknown, around));
  return atWorst(removed, row.rows, old, path, around);
}

/** A block that may go, or have any values; libvirt plugs few of what blocks are into a running guest. */
function unknownBlock(rows: Rows, old: unknown, next: unknown, path: readonly string[], around: Around): Change {
  const restart = change(path, old, next, { class: "restart" });
  return atWorst(restart, rows, isPlainObject(old) ? old : {}, path, around);
}

/** The change as a whole, or any of those within it, whichever costs most. */
function atWorst(
  whole: Change,
  rows: Rows,
  old: Readonly<Record<string, unknown>>,
  path: readonly string[],
  around: Around,
): Change {
  const anything = Object.fromEntries(Object.keys(rows).map((name) => [name, unknown]));
  const others = diffRows(rows, old, anything, path, around);
  return change(path, whole.old, whole.next, { class: worstClass([whole, ...others]), reason: "not known yet" });
}

function change(path: readonly string[], old: unknown, next: unknown, verdict: Verdict): Change {
  return { path, property: formatPath(path), old, next, ...verdict };
}

const order: readonly ChangeClass[] = ["none", "live", "next-boot", "restart", "replace"];

/** The changes of one class. */
export function ofClass(changes: readonly Change[], wanted: ChangeClass): Change[] {
  return changes.filter((item) => item.class === wanted);
}

/** The class that costs the user most. */
function worstClass(changes: readonly Change[]): ChangeClass {
  return changes.reduce<ChangeClass>(
    (worst, item) => (order.indexOf(item.class) > order.indexOf(worst) ? item.class : worst),
    "none",
  );
}
