import type { Context } from "../../core/handler";
import type { Element } from "../../schema/tree";
import { orTakeBack } from "../cut-off";
import { hasLostBridge, leftBehind, warnOfMissingBridge } from "./bridge";
import type { NetworkCalls } from "./calls";
import { compose, emptyDocument, needsRestart } from "./document";
import { liveUpdates } from "./live";
import type { Inputs } from "./rows";
import { refuseWithGuests } from "./users";

/**
 * Makes the running network what the definition says. Ranges, reservations and DNS hosts change while guests stay
 * connected; the rest needs a new start, which waits while guests are attached.
 */
export async function bringInForce(...asked: Parameters<typeof bringUp>): Promise<void> {
  const [calls, uuid, inputs] = asked;
  await bringUp(...asked);
  // Last of all: a network that has cut off its host is gone when that is started anew.
  if ((await calls.autostart(uuid)) !== inputs.autostart) await calls.setAutostart(uuid, inputs.autostart);
}

async function bringUp(
  calls: NetworkCalls,
  uuid: string,
  inputs: Inputs,
  before: Element,
  context: Context,
  formers: readonly Inputs[] = [],
): Promise<void> {
  if (!(await calls.isActive(uuid))) {
    if (inputs.active) await start(calls, uuid, inputs, context);
    return;
  }
  if (!inputs.active) {
    await refuseWithGuests(calls, uuid, inputs);
    await calls.stop(uuid);
    return;
  }
  const [wanted, live] = [await calls.definition(uuid), await calls.running(uuid)];
  if (!wanted) throw calls.gone("read the definition of");
  const changed = needsRestart(live, wanted, [inputs, ...formers]);
  const isCutOff = await hasLostBridge(calls, live);
  const guests = changed.length > 0 || isCutOff ? await calls.guests(uuid) : 0;
  if (isCutOff || (changed.length > 0 && guests === 0)) {
    context.progress("starting the network anew");
    await calls.stop(uuid);
    await start(calls, uuid, inputs, context);
    if (guests > 0) context.warn(leftBehind(inputs.name, guests));
    return;
  }
  const known = [before, ...formers.map((former) => compose(emptyDocument(), former, {}))];
  for (const update of liveUpdates(live, known, wanted)) await calls.updateLive(uuid, update);
  if (guests > 0) {
    context.warn(
      `Network ${inputs.name}: ${changed.join(", ")} will be in force once the network is started anew; ${guests} guest interface(s) are attached to it. Stop those guests and run pulumi up --refresh, or restart the network by hand.`,
    );
  }
}

async function start(calls: NetworkCalls, uuid: string, inputs: Inputs, context: Context): Promise<void> {
  await calls.start(uuid);
  await warnOfMissingBridge(calls, inputs, context);
}

/** An update of which the definition is written. */
interface Written {
  readonly id: string;
  readonly olds: Inputs;
  readonly news: Inputs;
  /** What the running network was started with. */
  readonly started: Inputs;
  /** The definition before it, and the one that it has written. */
  readonly before: Element;
  readonly document: Element;
}

/** Brings what is written in force; where that fails, all of it is as it was. */
export function takeBackIfFailed(calls: NetworkCalls, written: Written, context: Context): Promise<void> {
  const { id, olds, news, started, before, document } = written;
  return orTakeBack(
    { step: `update Network ${news.name}`, host: news.host.uri },
    () => bringInForce(calls, id, news, before, context, [olds, started]),
    async () => {
      await calls.define(before);
      await bringInForce(calls, id, olds, document, context, [news, started]);
    },
  );
}
