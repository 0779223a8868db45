import type { Bookkeeping } from "../../core/definition";
import type { Change } from "../../core/diff";
import { equal } from "../../core/equal";
import type { Values } from "../../core/handler";
import { valueAt } from "../../core/paths";
import { isPlainObject, unknown } from "../../core/unknown";
import { operationFor } from "./live";
import { inMotion } from "./pending";
import { type Inputs, operations, rows } from "./rows";
import { behindIn, type Difference, isUndefinedIn, noteOf, waitingIn } from "./run-note";

/**
 * Drift of the running guest alone: it is not what its definition says, in something that can be changed as it runs.
 *
 * A refresh notes the properties in the state, `diff` reports them by that note, and the update mends them, as it does
 * with all that it finds (apply-live.ts). Inputs say nothing of it: they show what the definition has.
 *
 * An update tries whatever differs. What differs still when it is done, the guest refused, or gets to in its own time:
 * its values are noted as left. A refresh that finds the same two values leaves it at that, so that no change comes
 * back at each `up --refresh`; it stays in `pendingRestart`, and is tried again, for a moment only, by each update that
 * has something else to do. Other values are drift again. A first look, at an object that others made, takes all for
 * left: taking over changes nothing in a running guest.
 *
 * What only a new start changes is drift where `changePolicy` is `restart`: an update that was cut off after it had
 * written the definition owes it. There an update has done all that it could once it has restarted the guest. What
 * neither the program nor the state names is left: somebody else wrote it for the next start, whenever that is.
 */
interface Lag {
  readonly behind: readonly Change[];
  readonly left: Readonly<Record<string, Difference>>;
}

/** A look at a running guest. */
interface LagSite {
  readonly wanted: Values;
  /** What is wanted, and what the guest alone still has of values that were wanted before. */
  readonly named: Values;
  /** The state of before. */
  readonly known: Values;
  /** An update, or a creation, has done all that it could. */
  readonly isDone: boolean;
}

/** Tells apart what of `waiting` an update has left and what is to be mended. */
export function lagOf(waiting: readonly Change[], { wanted, named, known, isDone }: LagSite): Lag {
  const mendable = waiting.filter((change) => isMendable(change, wanted));
  const takesAll = isDone || isFirst(known);
  const wasLeft = leftBy(known, wanted);
  const isLeft = (change: Change) => takesAll || wasLeft(change);
  const isOthers = (change: Change) => !mendable.includes(change) && valueAt(named, change.path) === undefined;
  const kept = isRestarting(wanted)
    ? waiting.filter((change) => isLeft(change) || isOthers(change))
    : mendable.filter(isLeft);
  return {
    behind: mendable.filter((change) => !isLeft(change)),
    left: Object.fromEntries(kept.map((change) => [change.property, asLeft(change)])),
  };
}

/** Whether the guest has it as an update left it that had done all it could. */
export function leftBy(known: Values, wanted: Values): (change: Change) => boolean {
  const left = leftUnder(known, wanted);
  return (change) => equal(left[change.property], asLeft(change));
}

/** What was left under the policy of what is wanted: where it was another one, no update has tried a restart. */
function leftUnder(known: Values, wanted: Values): Readonly<Record<string, Difference>> {
  return isRestarting(wanted) && !isRestarting(known) ? {} : (noteOf(known).left ?? {});
}

function isRestarting({ changePolicy }: Values): boolean {
  return changePolicy === "restart";
}

/** What the running guest has in place of what waits: other changes of it are measured by that. */
export function roomOf(waiting: readonly Change[]): Readonly<Record<string, Difference>> {
  return Object.fromEntries(waiting.map((change) => [change.property, asLeft(change)]));
}

function isFirst(known: Values): boolean {
  const { applied = {} } = (known["__kvm"] ?? {}) as Partial<Bookkeeping>;
  return Object.keys(applied).length === 0;
}

function isMendable(change: Change, wanted: Values): boolean {
  return change.class === "live" && operationFor(operations, change) !== undefined && !isGuestsOwn(change, wanted);
}

/** Memory that the guest may take back from the balloon by itself. */
function isGuestsOwn({ property }: Change, { balloon }: Values): boolean {
  return property === "memory" && isPlainObject(balloon) && balloon["autodeflate"] === true;
}

/** What is in motion has another value at each look: only what was asked of it is kept. */
function asLeft({ property, old, next }: Change): Difference {
  const has = old !== undefined && !inMotion.includes(property);
  return { ...(has && { old }), ...(next !== undefined && { next }) };
}

/**
 * The changes that an update makes to mend what the last refresh found, and the restart that one owes which did not get
 * to its end. One that ends the run mends it by that.
 */
export function mendsOf(olds: Values, news: Inputs): Change[] {
  const defined = isUndefinedIn(olds) ? [definedAgain(news)] : [];
  if (news.state === "stopped") return defined;
  const asMend = (property: string, kind: "live" | "restart"): Change => {
    const path = property.split(".");
    const next = valueAt(news, path);
    // What the guest has instead is for its own documents to say.
    return { path, property, old: unknown, next, class: kind, reason: reasonOf(path, next) };
  };
  const mends = behindIn(olds).map((property) => asMend(property, "live"));
  const owed = owedIn(olds, news).map((property) => asMend(property, "restart"));
  return [...defined, ...mends, ...owed];
}

/** What waits for a new start, and no update has tried one for it. */
function owedIn(state: Values, news: Inputs): string[] {
  if (!isRestarting(news) || state["state"] === "stopped") return [];
  const settled = [...behindIn(state), ...Object.keys(leftUnder(state, news))];
  return waitingIn(state)
    .map(String)
    .filter((property) => !settled.includes(property));
}

/** Each update writes the definition of a guest that has none. */
function definedAgain({ name }: Inputs): Change {
  const reason = "somebody undefined the guest as it runs, and it would be gone when it stops";
  return { path: ["name"], property: "name", old: unknown, next: name, class: "live", reason };
}

function reasonOf(path: readonly string[], next: unknown): string {
  const isEntry = path.length === 2 && rows[path[0] as keyof typeof rows]?.kind === "map";
  if (!isEntry) return "the running guest has it otherwise";
  return next === undefined ? "only the running guest has it" : "the running guest lacks it";
}
