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

/** A place among the inputs, and the faults that are found there. */
interface Place {
  readonly context: CheckContext;
  readonly faults: Fault[];
  readonly path: readonly string[];
  /** The names of the map entries on the way there. */
  readonly keys: readonly string[];
}

/** Values before and after, by their names. */
interface Site {
  readonly news: Readonly<Record<string, unknown>>;
  readonly olds: Readonly<Record<string, unknown>> | undefined;
}

/** Canonical values of `rows`, with defaults and derived values filled in, and all faults. */
export function checkRows(
  rows: Rows,
  site: Site,
  context: CheckContext,
): { readonly values: Record<string, unknown>; readonly faults: Fault[] } {
  const faults: Fault[] = [];
  return { values: checkAll(rows, site, { context, faults, path: [], keys: [] }), faults };
}

function checkAll(rows: Rows, site: Site, place: Place): Record<string, unknown> {
  for (const [name, value] of Object.entries(site.news)) {
    if (Object.hasOwn(rows, name) || value === undefined) continue;
    fault(within(place, name), unknownReason(name, Object.keys(rows)));
  }
  const result: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(rows)) {
    const value = checkRow(row, name, site, within(place, name));
    if (value !== undefined) result[name] = value;
  }
  return result;
}

function within(place: Place, name: string): Place {
  return { ...place, path: [...place.path, name] };
}

function checkRow(row: Row, name: string, site: Site, place: Place): unknown {
  const value = site.news[name] ?? undefined;
  switch (row.kind) {
    case "attribute":
      return value === undefined
        ? checkInherited(row, inherited(row, name, site, place), place)
        : checkAttribute(row, value, place);
    case "block":
      return checkBlock(row, value, site.olds?.[name], place);
    case "map":
      return checkMap(row, value, site.olds?.[name], place);
  }
}

/** Table that gives an object which is taken as it is the values that it cannot do without. */
const oldestDefaults = 1;

/** The value for an attribute that the user left out. */
function inherited(row: Attribute, name: string, { news, olds }: Site, { context, keys }: Place): unknown {
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

function checkAttribute(row: Attribute, value: unknown, place: Place): unknown {
  if (hasUnknown(value)) return value;
  const parsed = row.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  if (value === undefined) return fault(place, `is required: ${row.doc}`);
  if (row.references && !isPlainObject(value)) {
    const wanted = row.references.join(" or ");
    const ways = row.references.flatMap((type) => wayTo[type] ?? []).join("; ");
    return fault(
      place,
      `expected a ${wanted}, the object itself and not its id or name; ${ways}${wayInTransform(row, value)}`,
    );
  }
  const { issues } = parsed.error;
  if (row.references && issues.every((issue) => isMissing(issue, value))) {
    // All that the engine hands on of an object which it was told to leave out is what the program says of it.
    const missing = issues.map((issue) => formatPath(issue.path.map(String))).join(", ");
    const reason = `this ${row.references.join(" or ")} has no ${missing}: one that --target or --exclude leaves out is not made yet, and has to be made first or with it`;
    return fault(place, reason);
  }
  place.faults.push(...faultsOf(issues, value, place.path));
  return undefined;
}

const lookedUp = "one that others made is looked up, as";

/** How a program comes by an object to refer to. */
const wayTo: Readonly<Record<string, string>> = {
  Host: 'as new kvm.Host("rack1", { uri }) makes it',
  Network: `${lookedUp} kvm.getNetwork("default", { host })`,
  StoragePool: `${lookedUp} kvm.getPool("default", { host })`,
  Volume: `${lookedUp} kvm.getVolume("debian-12.qcow2", { pool })`,
};

/** What a transform adds does not pass through the constructor, and Pulumi passes on the id in place of an object. */
function wayInTransform({ schema }: Attribute, value: unknown): string {
  if (typeof value !== "string" || !/^[\da-f]{8}-/.test(value)) return "";
  const needed = schema.safeParse({}).error?.issues.map(({ path }) => path.join(".")) ?? [];
  return `. In a transform, where Pulumi makes an id of the object, give { ${needed.join(", ")} } of it, at least`;
}

/** A default or follower that is wrong comes from another value that is wrong, of which the user is told already. */
function checkInherited(row: Attribute, value: unknown, place: Place): unknown {
  const told = (row.defaults !== undefined || row.follows) && place.faults.length > 0;
  if (!told) return checkAttribute(row, value, place);
  const hidden: Fault[] = [];
  const result = checkAttribute(row, value, { ...place, faults: hidden });
  // Rules that need it are left out, as with anything that is not known.
  return hidden.length > 0 ? unknown : result;
}

function checkBlock(row: Block, value: unknown, olds: unknown, place: Place): unknown {
  if (value === unknown) return unknown;
  if (value === undefined && row.optional) return undefined;
  if (value !== undefined && !isPlainObject(value)) return fault(place, objectOf(row.rows));
  return checkAll(row.rows, { news: value ?? {}, olds: isPlainObject(olds) ? olds : undefined }, place);
}

function checkMap(row: MapOf, value: unknown, olds: unknown, place: Place): unknown {
  if (value === unknown) return unknown;
  if (value === undefined) return {};
  if (!isPlainObject(value)) return fault(place, "expected an object whose keys are names of your choice");
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    const at = within(place, key);
    if (entry === undefined || entry === null) continue;
    if (!row.key.test(key)) fault(at, `the name must match ${row.key.source}`);
    // A name that is none is often an attribute's, one level too high: what it holds is no entry.
    if (!row.key.test(key) && !isPlainObject(entry)) continue;
    const old = isPlainObject(olds) && Object.hasOwn(olds, key) ? olds[key] : undefined;
    const taker = isPlainObject(entry) ? takerOf(row.rows, entry) : undefined;
    if (entry === unknown) result[key] = unknown;
    else if (!isPlainObject(entry)) fault(at, objectOf(row.rows));
    else if (taker !== undefined) fault(at, `the entry takes that object as its \`${taker}\`: { ${taker}: ... }`);
    else {
      const oldEntry = isPlainObject(old) ? old : undefined;
      result[key] = checkAll(row.rows, { news: entry, olds: oldEntry }, { ...at, keys: [...place.keys, key] });
    }
  }
  return result;
}

/** The attribute that takes the object which stands in place of an entry; only references to objects have a host. */
function takerOf(rows: Rows, entry: object): string | undefined {
  if (!Object.hasOwn(entry, "host") || Object.hasOwn(rows, "host")) return undefined;
  return Object.entries<Row>(rows).find(([, row]) => row.kind === "attribute" && row.references)?.[0];
}

function objectOf(rows: Rows): string {
  const names = Object.keys(rows);
  return `expected an object; known are ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
}

function fault({ faults, path }: Place, reason: string): undefined {
  faults.push({ property: formatPath(path), reason });
  return undefined;
}
