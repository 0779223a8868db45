import type { Verdict } from "../../core/attribute";
import { type Change, diffRows } from "../../core/diff";
import type { Values } from "../../core/handler";
import { isWithin } from "../../core/paths";
import { hasUnknown, isPlainObject, unknown } from "../../core/unknown";
import { clone } from "../../schema/tree";
import { namedByEither } from "../document";
import { applyInputs } from "./apply";
import { withLateOrders } from "./boot-order";
import { fillIn } from "./filled-in";
import { nicEnds, trafficWaits } from "./nic-cable";
import { nicTrafficRows } from "./nic-traffic";
import { differences, isMeant, isWritten } from "./pending";
import { effective, effectiveAfter, isAskedAnew, isPlaced, placementIn } from "./placement";
import { isContentWith } from "./question";
import { compose } from "./render";
import { type Inputs, rows } from "./rows";
import { inRun, noteOf, type RunNote, waitingIn } from "./run-note";

/** A plain `up` does not look whether it was started anew since: no restart comes unannounced. */
function takenBack({ changePolicy }: Inputs): Verdict {
  return changePolicy === "restart"
    ? { class: "restart", reason: "only if the guest was started anew since, it has it still otherwise" }
    : { class: "live", reason: "the guest has it still, unless it was started anew since" };
}

/** What the last program would hold up, and the guest that does not have it yet does not. */
function freeStill({ reason }: Verdict, { changePolicy }: Inputs): Verdict {
  return changePolicy === "restart"
    ? { class: "restart", reason: "only if the guest was started anew since" }
    : { class: "live", ...(reason && { reason }) };
}

/** The changes with what the whole of old and new inputs tells of them. */
export function judged(changes: readonly Change[], olds: Inputs & Values, news: Inputs): readonly Change[] {
  // Nobody knows yet what a guest gets where it goes.
  const isOpen = isPlaced(news) && isAskedAnew(olds, news);
  if (isOpen) return withLateOrders(withKeptPages(changes, olds, news), olds);
  const [before, after] = [effective(olds, olds), effectiveAfter(news, olds)];
  return withLateOrders(withoutIdle(measured(changes, olds, { before, after }), before, after), olds);
}

/** Pages stay, whatever else is found, where those that the guest has are what it asks for now. */
function withKeptPages(changes: readonly Change[], olds: Values, news: Inputs): readonly Change[] {
  const { room: { hugePages } = {} } = noteOf(olds);
  const placed = placementIn(olds)?.pages.map(({ size }) => size);
  const sizes = hugePages ? pageSizesIn(hugePages.old) : placed;
  if (!sizes?.every((size) => isContentWith(news, size))) return changes;
  const isKept = ({ property, class: kind }: Change) => property === "hugePages" && kind === "restart";
  const kept = hugePages ? takenBack(news) : ({ class: "live", reason: "the guest keeps those that it has" } as const);
  return changes.map((change) => (isKept(change) ? { ...change, ...kept } : change));
}

/** The sizes that a document's list names; ordinary pages have none there. */
function pageSizesIn(pages: unknown): (string | undefined)[] {
  return Array.isArray(pages) ? pages.map(({ size }) => size) : [undefined];
}

/**
 * The changes of what the running guest has, where that is known to be another than the last program's: what it has no
 * room for waits with what makes the room, and what it has still, as the change of it waits, waits no more.
 */
function measured(
  changes: readonly Change[],
  state: Values,
  { before, after }: { readonly before: Inputs & Values; readonly after: Inputs },
): readonly Change[] {
  const running = inRun(before, state);
  if (running === before) return changes;
  const found = diffRows(rows, running, after).filter(({ class: kind }) => kind !== "none");
  // What it has may be what the program leaves out now.
  const left = withoutUnshown(found, running, after).filter((change) => isMeant(change, after));
  const { room = {} } = noteOf(state);
  const noted = Object.keys(room).map((property) => property.split("."));
  const touches = ({ path }: Change, other: readonly string[]) => isWithin(path, other) || isWithin(other, path);
  const late = left.flatMap((change) => (change.class === "restart" ? change : withMove(change, room)));
  return changes.map((change) => {
    if (change.class === "live") {
      const found = late.find(({ path }) => isWithin(change.path, path));
      return found ? { ...change, class: found.class, ...(found.reason && { reason: found.reason }) } : change;
    }
    const isTakenBack =
      change.class === "restart" &&
      noted.some((path) => touches(change, path)) &&
      !left.some(({ path }) => touches(change, path));
    if (isTakenBack) return { ...change, ...takenBack(after) };
    const now = left.find(({ property }) => property === change.property);
    if (change.class !== "restart" || now?.class !== "live") return change;
    const { reason: _held, ...rest } = change;
    return { ...rest, ...freeStill(now, after) };
  });
}

/** What of an interface waits with its move to another end, which the guest has refused: nobody had told of its network. */
function withMove({ path, property }: Change, room: NonNullable<RunNote["room"]>): Change[] {
  const [map = "", key = "", end = ""] = path;
  if (map !== "nics" || !nicEnds.includes(end) || room[property]?.old === undefined) return [];
  return Object.keys(nicTrafficRows).map((name) => ({
    ...{ path: [map, key, name], property: `nics.${key}.${name}`, old: unknown, next: unknown },
    ...trafficWaits,
  }));
}

/**
 * A change that the documents do not show, such as a value that only spells a default, waits for no new start, unless
 * what was there before waits already. The inputs are those in force.
 *
 * They are compared as an update does it to see what waits: the definition that `olds` made, and what `news` make of
 * it. A machine that others made has more than its inputs say, and is not judged. Nor is, in a preview, what stands beside
 * a value that is not known yet.
 */
export function withoutIdle(changes: readonly Change[], olds: Inputs & Values, news: Inputs): readonly Change[] {
  const waiting = waitingIn(olds);
  const inQuestion = changes.filter(({ class: kind, property }) => kind === "restart" && !waiting.includes(property));
  const shown = withoutUnshown(inQuestion, olds, news);
  return changes.map((change) =>
    inQuestion.includes(change) && !shown.includes(change)
      ? { ...change, class: "live", reason: "the guest has it so already" }
      : change,
  );
}

/** The changes that documents show, or may show. */
function withoutUnshown(changes: readonly Change[], olds: Inputs & Values, news: Inputs): readonly Change[] {
  const isTheirs =
    olds["adopted"] === true || olds["defaultsVersion"] === 0 || (news as Values)["defaultsVersion"] === 0;
  const { known, open } = knownOf(olds, news);
  const isJudged = ({ path }: Change) => isWritten(rows, path) && !open.some((place) => isWithin(path, place));
  if (isTheirs || !changes.some(isJudged)) return changes;
  const before = compose(olds);
  const after = applyInputs(clone(before), known, olds);
  const shown = differences(rows, namedByEither(rows, olds, known), fillIn(before), fillIn(after));
  const isShown = ({ path }: Change) => shown.some((other) => isWithin(path, other.path) || isWithin(other.path, path));
  return changes.filter((change) => !isJudged(change) || isShown(change));
}

/** The new inputs with the former ones in the places, properties or entries of maps, that hold what is not known yet. */
function knownOf(
  olds: Inputs,
  news: Inputs,
): { readonly known: Inputs; readonly open: readonly (readonly string[])[] } {
  const open: (readonly string[])[] = [];
  const settled = (value: unknown, former: unknown, path: readonly string[]): unknown => {
    if (!hasUnknown(value)) return value;
    const isMap = path.length === 0 || rows[path[0] as keyof typeof rows]?.kind === "map";
    if (!isMap || path.length > 1 || !isPlainObject(value)) {
      open.push(path);
      return former;
    }
    const before = isPlainObject(former) ? former : {};
    const names = Object.entries(value).map(([name, item]) => [name, settled(item, before[name], [...path, name])]);
    return Object.fromEntries(names.filter(([, item]) => item !== undefined));
  };
  return { known: settled(news, olds, []) as Inputs, open };
}
