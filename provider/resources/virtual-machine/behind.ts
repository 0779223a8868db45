import type { Change } from "../../core/diff";
import { equal } from "../../core/equal";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { operationFor } from "./live";
import { inMotion, pendingOf } from "./pending";
import { operations, rows } from "./rows";

/** What a running guest has otherwise than its definition says. */
interface Lag {
  /** Properties that need a new start. */
  readonly waits: readonly string[];
  /** What somebody changed in the running guest alone. */
  readonly behind: readonly Change[];
}

/**
 * Tells apart what waits for a new start and what the next update does as the guest runs. What an update has left to
 * the next start, as the outputs of before, `known`, say, waits: the guest refused it.
 */
export function lagOf(residue: readonly Change[], known: Values): Lag {
  const refused = known["pendingRestart"];
  const isBehind = (change: Change) =>
    Array.isArray(refused) &&
    ![...refused, ...inMotion].includes(change.property) &&
    change.class === "live" &&
    operationFor(operations, change) !== undefined &&
    !isLeftOver(change);
  return { waits: pendingOf(residue.filter((change) => !isBehind(change))), behind: residue.filter(isBehind) };
}

/** A device that only the running guest has. */
function isLeftOver({ path, next }: Change): boolean {
  return next === undefined && path.length === 2 && rows[path[0] as keyof typeof rows]?.kind === "map";
}

/**
 * The values that were `seen`, with those of the running guest where it is `behind` a definition that is as it was
 * wanted: the next update mends both.
 */
export function asInGuest(seen: Values, behind: readonly Change[], wanted: Values): Values {
  return behind
    .filter(({ path }) => equal(at(seen, path), at(wanted, path)))
    .reduce((values, { path, old }) => put(values, path, old), seen);
}

function at(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((found, name) => (isPlainObject(found) ? found[name] : undefined), values);
}

function put(values: Values, [name = "", ...rest]: readonly string[], value: unknown): Values {
  const { [name]: own, ...others } = values;
  if (rest.length > 0) return { ...values, [name]: put(isPlainObject(own) ? own : {}, rest, value) };
  return value === undefined ? others : { ...others, [name]: value };
}
