import type { Attribute, Block, DefaultContext, MapOf, Row, Rows } from "./attribute";
import { type Fault, faultsOf, formatPath, isMissing } from "./faults";
import type { Identity } from "./identity";
import { unknownReason } from "./nearest";
import { hasUnknown, isPlainObject, unknown } from "./unknown";

export type { Fault };

/** What a check knows besides the raw values. */
export interface CheckContext {
  /** Absent when the caller did not say where the resource stands (a look-up): nothing is derived then. */
  readonly identity: Identity | undefined;
  readonly defaultsVersion: number;
  /** The inputs of the whole resource, as the user wrote them. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Canonical values of `rows`, with defaults and derived values filled in. All faults are collected in `faults`. */
export function checkRows(
  rows: Rows,
  news: Readonly<Record<string, unknown>>,
  olds: Readonly<Record<string, unknown>> | undefined,
  context: CheckContext,
  faults: Fault[],
  path: readonly string[] = [],
  keys: readonly string[] = [],
): Record<string, unknown> {
  for (const name of Object.keys(news)) {
    if (!Object.hasOwn(rows, name) && news[name] !== undefined) faults.push(unknownName(rows, path, name));
  }
  const result: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(rows)) {
    const value = checkRow(row, { name, news, olds }, context, faults, [...path, name], keys);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

interface Site {
  readonly name: string;
  readonly news: Readonly<Record<string, unknown>>;
  readonly olds: Readonly<Record<string, unknown>> | undefined;
}

function checkRow(
  row: Row,
  { name, news, olds }: Site,
  context: CheckContext,
  faults: Fault[],
  path: readonly string[],
  keys: readonly string[],
): unknown {
  const value = news[name] ?? undefined;
  switch (row.kind) {
    case "attribute":
      return value === undefined
        ? checkInherited(row, inherited(row, { name, news, olds }, context, keys), faults, path)
        : checkAttribute(row, value, faults, path);
    case "block":
      return checkBlock(row, value, olds?.[name], context, faults, path, keys);
    case "map":
      return checkMap(row, value, olds?.[name], context, faults, path, keys);
  }
}

/** Table that gives an object which is taken as it is the values that it cannot do without. */
const oldestDefaults = 1;

/** The value for an attribute that the user left out. */
function inherited(
  row: Attribute,
  { name, news, olds }: Site,
  context: CheckContext,
  keys: readonly string[],
): unknown {
  const { identity, inputs, defaultsVersion } = context;
  const asItIs = defaultsVersion === 0 && row.schema.safeParse(undefined).success;
  if (row.derive) {
    const kept = olds?.[name];
    if (kept !== undefined && kept !== unknown && !row.follows) return kept;
    if (asItIs && !row.follows) return undefined;
    return identity && row.derive({ identity, keys, siblings: news, inputs, olds, defaultsVersion });
  }
  return asItIs ? undefined : defaultOf(row, { siblings: news, inputs }, defaultsVersion);
}

/** The value that the table of that version gives the attribute beside these others. */
export function defaultOf({ defaults = {} }: Attribute, context: DefaultContext, defaultsVersion: number): unknown {
  const versions = Object.keys(defaults).map(Number);
  const version = Math.max(...versions.filter((candidate) => candidate <= (defaultsVersion || oldestDefaults)));
  const fallback = defaults[version];
  return typeof fallback === "function" ? fallback(context) : fallback;
}

function checkAttribute(row: Attribute, value: unknown, faults: Fault[], path: readonly string[]): unknown {
  if (hasUnknown(value)) return value;
  const parsed = row.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  if (value === undefined) return fault(faults, path, `is required: ${row.doc}`);
  if (row.references && !isPlainObject(value)) {
    const wanted = row.references.join(" or ");
    const way = row.references.includes("Host")
      ? 'as new kvm.Host("rack1", { uri }) makes it'
      : 'one that others made is looked up, as kvm.getNetwork("default", { host })';
    return fault(faults, path, `expected a ${wanted}, the object itself and not its id or name; ${way}`);
  }
  const { issues } = parsed.error;
  if (row.references && issues.every((issue) => isMissing(issue, value))) {
    // All that the engine hands on of an object which it was told to leave out is what the program says of it.
    const missing = issues.map((issue) => formatPath(issue.path.map(String))).join(", ");
    const reason = `this ${row.references.join(" or ")} has no ${missing}: one that --target or --exclude leaves out is not made yet, and has to be made first or with it`;
    return fault(faults, path, reason);
  }
  faults.push(...faultsOf(issues, value, path));
  return undefined;
}

/** A default or follower that is wrong comes from another value that is wrong, of which the user is told already. */
function checkInherited(row: Attribute, value: unknown, faults: Fault[], path: readonly string[]): unknown {
  const told = (row.defaults !== undefined || row.follows) && faults.length > 0;
  if (!told) return checkAttribute(row, value, faults, path);
  const hidden: Fault[] = [];
  const result = checkAttribute(row, value, hidden, path);
  // Rules that need it are left out, as with anything that is not known.
  return hidden.length > 0 ? unknown : result;
}

function checkBlock(
  row: Block,
  value: unknown,
  olds: unknown,
  context: CheckContext,
  faults: Fault[],
  path: readonly string[],
  keys: readonly string[],
): unknown {
  if (value === unknown) return unknown;
  if (value === undefined && row.optional) return undefined;
  if (value !== undefined && !isPlainObject(value)) return fault(faults, path, objectOf(row.rows));
  return checkRows(row.rows, value ?? {}, isPlainObject(olds) ? olds : undefined, context, faults, path, keys);
}

function checkMap(
  row: MapOf,
  value: unknown,
  olds: unknown,
  context: CheckContext,
  faults: Fault[],
  path: readonly string[],
  keys: readonly string[],
): unknown {
  if (value === unknown) return unknown;
  if (value === undefined) return {};
  if (!isPlainObject(value)) return fault(faults, path, "expected an object whose keys are names of your choice");
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    const at = [...path, key];
    if (entry === undefined || entry === null) continue;
    if (!row.key.test(key)) fault(faults, at, `the name must match ${row.key.source}`);
    // A name that is none is often an attribute's, one level too high: what it holds is no entry.
    if (!row.key.test(key) && !isPlainObject(entry)) continue;
    const old = isPlainObject(olds) && Object.hasOwn(olds, key) ? olds[key] : undefined;
    if (entry === unknown) result[key] = unknown;
    else if (!isPlainObject(entry)) fault(faults, at, objectOf(row.rows));
    else {
      const oldEntry = isPlainObject(old) ? old : undefined;
      result[key] = checkRows(row.rows, entry, oldEntry, context, faults, at, [...keys, key]);
    }
  }
  return result;
}

function objectOf(rows: Rows): string {
  const names = Object.keys(rows);
  return `expected an object; known are ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
}

function unknownName(rows: Rows, path: readonly string[], name: string): Fault {
  return { property: formatPath([...path, name]), reason: unknownReason(name, Object.keys(rows)) };
}

function fault(faults: Fault[], path: readonly string[], reason: string): undefined {
  faults.push({ property: formatPath(path), reason });
  return undefined;
}
