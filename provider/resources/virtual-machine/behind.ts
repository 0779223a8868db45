import type { Change } from "../../core/diff";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { operationFor } from "./live";
import { inMotion, pendingOf } from "./pending";
import { operations, rows } from "./rows";

/** What a running guest has otherwise than its definition says. */
interface Lag {
  /** Properties that need a new start. */
  readonly waits: readonly string[];
  /** What somebody changed in the running guest alone, or an update that was cut off did not come to. */
  readonly behind: readonly Change[];
}

/**
 * Tells apart what waits for a new start and what the next update does as the guest runs. What an update has left to
 * the next start, as the outputs of before, `known`, say, waits: the guest refused it.
 */
export function lagOf(residue: readonly Change[], inputs: Values, known: Values): Lag {
  const refused = known["pendingRestart"];
  const isBehind = (change: Change) =>
    Array.isArray(refused) &&
    ![...refused, ...inMotion].includes(change.property) &&
    change.class === "live" &&
    operationFor(operations, change) !== undefined &&
    !(isLeftOver(change) && at(inputs, change.path) === undefined);
  return { waits: pendingOf(residue.filter((change) => !isBehind(change))), behind: residue.filter(isBehind) };
}

/** The inputs as they are in force in the running guest: what is `behind` is drift, and the next update mends it. */
export function asInGuest(seen: Values, behind: readonly Change[], inputs: Values): Values {
  return behind.reduce((values, change) => {
    // A device that was to go is there still, as it was described.
    const value = isLeftOver(change) ? at(inputs, change.path) : change.old;
    return put(values, change.path, value);
  }, seen);
}

function isLeftOver({ path, next }: Change): boolean {
  return next === undefined && path.length === 2 && rows[path[0] as keyof typeof rows]?.kind === "map";
}

function at(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((found, name) => (isPlainObject(found) ? found[name] : undefined), values);
}

function put(values: Values, [name = "", ...rest]: readonly string[], value: unknown): Values {
  const { [name]: own, ...others } = values;
  if (rest.length > 0) return { ...values, [name]: put(isPlainObject(own) ? own : {}, rest, value) };
  return value === undefined ? others : { ...others, [name]: value };
}
