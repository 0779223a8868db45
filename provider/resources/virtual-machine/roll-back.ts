import { messageOf } from "../../core/errors";
import { child, clone, textOf } from "../../schema/tree";
import { namedByEither, readRows } from "../document";
import { applyInputs } from "./apply";
import { applyLive } from "./apply-live";
import { unfinished } from "./create";
import { withLeftovers } from "./mediated-devices";
import { effective } from "./placement";
import { type Inputs, rows } from "./rows";
import type { Settled, UpdateSite } from "./settle";

/** How far an update came that failed. */
interface Failed extends UpdateSite {
  /** Whether it was to stop the guest first, to rename or to restart it. */
  readonly hasStopped: boolean;
  /** What it has written. */
  readonly settled?: Settled;
}

/**
 * Puts what was before the update in force again: name, definition, and what was changed in the running guest; a guest
 * that it had stopped runs again as it did. Answers what the update ends with.
 */
export async function asBefore(failed: Failed, error: unknown): Promise<Error> {
  const { domain, olds, news, hasStopped, settled, context } = failed;
  const to = settled?.to ?? news;
  const cause = error instanceof Error ? error : new Error(messageOf(error));
  const failing = hasStopped
    ? "The guest is off, and could not be started as it was before either"
    : "The former state could not be put back in all either";
  let isDefined = false;
  const note = await putDefinition(failed)
    .then(() => {
      isDefined = true;
      return putGuest(failed, to);
    })
    .then(
      (guest) => `The former definition is in force again${guest}.`,
      (failure: unknown) => `${failing}: ${messageOf(failure)}`,
    );
  const told = new Error(`${cause.message}\n  ${note}`, { cause });
  // What was made for it on the host stays beside a definition that names it.
  if (settled && !isDefined) return asWritten(failed, told, settled);
  // What cannot be put back as the guest runs waits for its end.
  const before = { ...to, __kvm: olds["__kvm"] };
  const ended = await unfinished(domain, olds, told, olds, { ignored: context.meta?.ignoreChanges, before });
  await settled?.giveBack().catch((failure: unknown) => context.warn(messageOf(failure)));
  return ended;
}

/**
 * What an update ends with that was cut off from the host, or cancelled. The state names both the former inputs and the
 * wish: what was taken out may still be in the guest, and a program that does not want any more what came takes it away.
 */
export function asWritten(
  { domain, olds, news, context }: UpdateSite,
  error: unknown,
  { to, known, wanted }: Settled,
): Promise<Error> {
  const inputs = withLeftovers(namedByEither(rows, olds, news) as Inputs, olds);
  const applied = readRows(rows, to, wanted);
  return unfinished(domain, inputs, error, known, { ignored: context.meta?.ignoreChanges, applied, before: olds });
}

/**
 * What an update ends with that was cut off as it sent the definition: nobody knows which one the host has. The state
 * keeps the former inputs, and names what the wish would add as if it were there: a refresh finds what is not.
 */
export function asEither({ domain, olds, news, before, live, context }: UpdateSite, error: unknown): Promise<Error> {
  // On an adopted machine, devices that no program names are left to others.
  const inputs = namedByEither(rows, news, olds, true) as Inputs;
  const [had, wish] = [effective(olds, olds), effective(news, olds)];
  const written = readRows(rows, wish, applyInputs(clone(before), wish, had, live));
  const applied = namedByEither(rows, written, readRows(rows, had, before), true);
  return unfinished(domain, inputs, error, olds, { ignored: context.meta?.ignoreChanges, applied, before: olds });
}

async function putDefinition({ domain, before }: Failed): Promise<void> {
  const name = textOf(child(before, "name") ?? before);
  if (name !== domain.name) await domain.rename(name);
  await domain.redefine(before);
}

/** Answers what has become of the guest. */
async function putGuest({ domain, power, olds, hasStopped, context }: Failed, to: Inputs): Promise<string> {
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
