import { type Change, diffRows } from "../../core/diff";
import type { Values } from "../../core/handler";
import { isWithin } from "../../core/paths";
import { hasUnknown, isPlainObject } from "../../core/unknown";
import { clone } from "../../schema/tree";
import { namedByEither } from "../document";
import { applyInputs } from "./apply";
import { withLateOrders } from "./boot-order";
import { fillIn } from "./filled-in";
import { differences, isWritten } from "./pending";
import { effective, effectiveAfter, isAskedAnew, isPlaced } from "./placement";
import { compose } from "./render";
import { type Inputs, rows } from "./rows";
import { inRun, waitingIn } from "./run-note";

/** The changes with what the whole of old and new inputs tells of them. */
export function judged(changes: readonly Change[], olds: Inputs & Values, news: Inputs): readonly Change[] {
  // Nobody knows yet what a guest gets where it goes.
  const isOpen = isPlaced(news) && isAskedAnew(olds, news);
  if (isOpen) return withLateOrders(changes, olds);
  const [before, after] = [effective(olds, olds), effectiveAfter(news, olds)];
  return withLateOrders(withoutIdle(measured(changes, olds, { before, after }), before, after), olds);
}

/** A change that the running guest has no room for, as what makes the room waits for its next start, waits with it. */
function measured(
  changes: readonly Change[],
  state: Values,
  { before, after }: { readonly before: Values; readonly after: Values },
): readonly Change[] {
  const running = inRun(before, state);
  if (running === before) return changes;
  const late = diffRows(rows, running, after).filter(({ class: kind }) => kind === "restart");
  return changes.map((change) => {
    const found = change.class === "live" && late.find(({ path }) => isWithin(change.path, path));
    return found ? { ...change, class: found.class, ...(found.reason && { reason: found.reason }) } : change;
  });
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
  const isTheirs =
    olds["adopted"] === true || olds["defaultsVersion"] === 0 || (news as Values)["defaultsVersion"] === 0;
  const { known, open } = knownOf(olds, news);
  const isOpen = (path: readonly string[]) => open.some((place) => isWithin(path, place));
  const inQuestion = changes.filter(
    ({ class: kind, path }) => kind === "restart" && isWritten(rows, path) && !isOpen(path),
  );
  if (inQuestion.length === 0 || isTheirs) return changes;
  const before = compose(olds);
  const after = applyInputs(clone(before), known, olds);
  const shown = differences(rows, namedByEither(rows, olds, known), fillIn(before), fillIn(after));
  const waiting = waitingIn(olds);
  const isShown = ({ path, property }: Change) =>
    waiting.includes(property) || shown.some((other) => isWithin(path, other.path) || isWithin(other.path, path));
  return changes.map((change) =>
    inQuestion.includes(change) && !isShown(change)
      ? { ...change, class: "live", reason: "the guest has it so already" }
      : change,
  );
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
