import { messageOf } from "../../core/errors";
import { child, textOf } from "../../schema/tree";
import { applyLive } from "./apply-live";
import { unfinished } from "./create";
import { effective } from "./placement";
import type { Inputs } from "./rows";
import type { UpdateSite } from "./settle";

/** How far an update came that failed. */
interface Failed extends UpdateSite {
  /** Whether it was to stop the guest first, to rename or to restart it. */
  readonly hasStopped: boolean;
  /** Takes away again what was made for it on the host. */
  readonly giveBack?: () => Promise<void>;
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
  const note = await putBack(failed, to).then(
    (guest) => `The former definition is in force again${guest}.`,
    (failure: unknown) => `${failing}: ${messageOf(failure)}`,
  );
  const told = new Error(`${cause.message}\n  ${note}`, { cause });
  const ended = await unfinished(domain, olds, told, olds, { ignored: context.meta?.ignoreChanges });
  await giveBack?.().catch((failure: unknown) => context.warn(messageOf(failure)));
  return ended;
}

async function putBack({ domain, before, power, olds, hasStopped, context }: Failed, to: Inputs): Promise<string> {
  const name = textOf(child(before, "name") ?? before);
  if (name !== domain.name) await domain.rename(name);
  await domain.redefine(before);
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
