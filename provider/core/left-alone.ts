import type { Row, Rows } from "./attribute";
import { defaultOf } from "./check";
import type { AnyDefinition, AnyState, Made } from "./definition";
import type { Change } from "./diff";
import { equal } from "./equal";
import { formatPath } from "./faults";
import type { Context, Values } from "./handler";
import { isIgnored } from "./ignored";
import { isSameAt, isWithin } from "./paths";
import { Unfinished } from "./unfinished";
import { isPlainObject } from "./unknown";

/** Whether an update leaves what is at that path as the host has it. */
type IsLeft = (path: readonly string[]) => boolean;

/**
 * Updates the object. What the program ignores, and does not change itself, is handed on as a look finds it now, and stays
 * in state as it was: the program is compared with that, and the next refresh shows what others made of it.
 */
export async function updateAround(
  definition: AnyDefinition,
  id: string,
  old: AnyState,
  wanted: Values,
  changes: readonly Change[],
  context: Context,
): Promise<Made<Values>> {
  const { applied = {} } = old.__kvm ?? {};
  const ignored = context.meta?.ignoreChanges ?? [];
  // A creation that did not get to its end is still brought there.
  const isMade = Object.keys(applied).length > 0;
  // The host may have another address than it had.
  const reached = { ...old, ...referencesIn(definition.rows, wanted) };
  const seen = isMade && ignored.length > 0 ? await definition.read(id, reached, context) : undefined;
  if (!seen) return definition.update(id, old, wanted, changes, context);
  const stays: IsLeft = (path) => isSameAt(old, wanted, path) && !changes.some((change) => isWithin(change.path, path));
  const isNamed: IsLeft = (path) => isIgnored(formatPath(path), ignored) && stays(path);
  const followers = followersOf(definition.rows, wanted, withLeft(wanted, seen.inputs, isNamed));
  const isLeft: IsLeft = (path) => isNamed(path) || (followers.includes(formatPath(path)) && stays(path));
  const asSeen = <T extends Values>(values: T) => withLeft(values, seen.inputs, isLeft) as T;
  const asBefore = (made: Made<Values>) =>
    made.applied ? { ...made, applied: withLeft(made.applied, applied, isLeft) } : made;
  try {
    return asBefore(await definition.update(id, asSeen(old), asSeen(wanted), changes, context));
  } catch (error) {
    if (!(error instanceof Unfinished)) throw error;
    throw new Unfinished(asBefore(error.made), error.cause, error.inputs && withLeft(error.inputs, old, isLeft));
  }
}

/** What the program leaves out, and would be another thing beside what the host has: with `memory` goes `maxMemory`. */
function followersOf(rows: Rows, wanted: Values, seen: Values): string[] {
  const version = Number(wanted["defaultsVersion"] ?? 0);
  return Object.entries<Row>(rows).flatMap(([name, row]) => {
    if (row.kind !== "attribute" || !row.defaults) return [];
    const [before, now] = [wanted, seen].map((values) => defaultOf(row, { siblings: values, inputs: values }, version));
    return equal(before, wanted[name]) && !equal(before, now) ? [name] : [];
  });
}

/** The values by which the object is reached. */
function referencesIn(rows: Rows, values: Values): Values {
  const names = Object.entries<Row>(rows).flatMap(([name, row]) =>
    row.kind === "attribute" && row.references ? [name] : [],
  );
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

/** The values, with what `ignored` names as `from` has it. */
export function withIgnored(values: Values, from: Values, ignored: readonly string[] | undefined): Values {
  return withLeft(values, from, (path) => isIgnored(formatPath(path), ignored));
}

/** The values, with what is left alone as `from` has it. */
function withLeft(values: Values, from: Values, isLeft: IsLeft, path: readonly string[] = []): Values {
  const names = [...new Set([...Object.keys(values), ...Object.keys(from)])];
  const members = names.map((name) => [name, valueLeft(values[name], from[name], isLeft, [...path, name])] as const);
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

function valueLeft(value: unknown, other: unknown, isLeft: IsLeft, at: readonly string[]): unknown {
  if (isLeft(at)) return other;
  if (Array.isArray(value) && Array.isArray(other)) {
    // What the other list does not reach stays.
    const itemLeft = (item: unknown, index: number) => valueLeft(item, other[index], isLeft, [...at, String(index)]);
    return value.map((item, index) => (index < other.length ? itemLeft(item, index) : item));
  }
  return isPlainObject(value) && isPlainObject(other) ? withLeft(value, other, isLeft, at) : value;
}
