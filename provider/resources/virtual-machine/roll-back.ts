import { messageOf } from "../../core/errors";
import type { Values } from "../../core/handler";
import { child, type Element, textOf } from "../../schema/tree";
import { readRows } from "../document";
import { applyLive } from "./apply-live";
import { unfinished } from "./create";
import type { Domain } from "./domain";
import { effective } from "./placement";
import { type Inputs, rows } from "./rows";
import type { UpdateSite } from "./settle";

/** How far an update came that failed. */
interface Failed extends UpdateSite {
  /** Whether it was to stop the guest first, to rename or to restart it. */
  readonly hasStopped: boolean;
  /** Takes away again what was made for it on the host. */
  readonly giveBack?: () => Promise<void>;
  /** What the state says where the former definition cannot be written any more. */
  readonly written?: Written;
}

/** What an update has sent to the host. */
interface Written {
  /** The inputs for the state, and those in force. */
  readonly inputs: Inputs;
  readonly inForce: Inputs;
  readonly known: Values;
  readonly definition: Element;
  /** The state of before. */
  readonly before: Values;
}

/**
 * Puts what was before the update in force again: name, definition, and what was changed in the running guest; a guest
 * that it had stopped runs again as it did. Answers what the update ends with.
 */
export async function asBefore(failed: Failed, to: Inputs, error: unknown): Promise<Error> {
  const { domain, olds, hasStopped, giveBack, context } = failed;
  const cause = error instanceof Error ? error : new Error(messageOf(error));
  const failing = hasStopped
    ? "The guest is off, and could not be started as it was before either"
    : "The former state could not be put back in all either";
  let { written } = failed;
  const onDefined = () => {
    written = undefined;
  };
  const note = await putBack(failed, to, onDefined).then(
    (guest) => `The former definition is in force again${guest}.`,
    (failure: unknown) => `${failing}: ${messageOf(failure)}`,
  );
  const told = new Error(`${cause.message}\n  ${note}`, { cause });
  const ignored = context.meta?.ignoreChanges;
  // What was made for it on the host stays beside a definition that names it.
  if (written) return asWritten(domain, told, written, ignored);
  // What cannot be put back as the guest runs waits for its end.
  const before = { ...to, __kvm: olds["__kvm"] };
  const ended = await unfinished(domain, olds, told, olds, { ignored, before });
  await giveBack?.().catch((failure: unknown) => context.warn(messageOf(failure)));
  return ended;
}

/**
 * What an update ends with that was cut off from the host, or cancelled. The wish is there: state says so, and a program
 * that does not want it any more takes it away again.
 */
export function asWritten(
  domain: Domain,
  error: unknown,
  { inputs, inForce, known, definition, before }: Written,
  ignored: readonly string[] | undefined,
): Promise<Error> {
  return unfinished(domain, inputs, error, known, { ignored, applied: readRows(rows, inForce, definition), before });
}

async function putBack(
  { domain, before, power, olds, hasStopped, context }: Failed,
  to: Inputs,
  onDefined: () => void,
): Promise<string> {
  const name = textOf(child(before, "name") ?? before);
  if (name !== domain.name) await domain.rename(name);
  await domain.redefine(before);
  onDefined();
  if (await domain.isActive()) {
    const config = await domain.inactive();
    const live = await domain.live(config);
    await applyLive(domain, { live, config }, to, effective(olds, olds), context);
    return " and the guest keeps running";
  }
  if (!hasStopped) return "; the guest is off";
  await domain.start(power === "paused");
  return ", and the guest was started with it";
}
