import type { Change } from "../../core/diff";
import type { Values } from "../../core/handler";
import { isWithin } from "../../core/paths";
import { hasUnknown } from "../../core/unknown";
import { clone } from "../../schema/tree";
import { namedByEither } from "../document";
import { applyInputs } from "./apply";
import { withLateOrders } from "./boot-order";
import { fillIn } from "./filled-in";
import { differences, isWritten } from "./pending";
import { effective, effectiveAfter, isAskedAnew, isPlaced } from "./placement";
import { compose } from "./render";
import { type Inputs, rows } from "./rows";
import { waitingIn } from "./run-note";

/** The changes with what the whole of old and new inputs tells of them. */
export function judged(changes: readonly Change[], olds: Inputs & Values, news: Inputs): readonly Change[] {
  // Nobody knows yet what a guest gets where it goes.
  const isOpen = isPlaced(news) && isAskedAnew(olds, news);
  const told = isOpen ? changes : withoutIdle(changes, effective(olds, olds), effectiveAfter(news, olds));
  return withLateOrders(told, olds);
}

/**
 * A change that the documents do not show, such as a value that only spells a default, waits for no new start, unless
 * what was there before waits already. The inputs are those in force.
 *
 * They are compared as an update does it to see what waits: the definition that `olds` made, and what `news` make of
 * it. A machine that others made has more than its inputs say, and is not judged.
 */
export function withoutIdle(changes: readonly Change[], olds: Inputs & Values, news: Inputs): readonly Change[] {
  const isTheirs =
    olds["adopted"] === true || olds["defaultsVersion"] === 0 || (news as Values)["defaultsVersion"] === 0;
  const inQuestion = changes.filter((change) => change.class === "restart" && isWritten(rows, change.path));
  if (inQuestion.length === 0 || isTheirs || hasUnknown(news)) return changes;
  const before = compose(olds);
  const after = applyInputs(clone(before), news, olds);
  const shown = differences(rows, namedByEither(rows, olds, news), fillIn(before), fillIn(after));
  const waiting = waitingIn(olds);
  const isShown = ({ path, property }: Change) =>
    waiting.includes(property) || shown.some((other) => isWithin(path, other.path) || isWithin(other.path, path));
  return changes.map((change) =>
    inQuestion.includes(change) && !isShown(change)
      ? { ...change, class: "live", reason: "the guest has it so already" }
      : change,
  );
}
