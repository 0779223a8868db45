import type { Bookkeeping, Made, Seen, State } from "../../core/definition";
import { diffRows } from "../../core/diff";
import { messageOf } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { defineResource, inputsIn } from "../../core/resource";
import { Unfinished } from "../../core/unfinished";
import type { Element } from "../../schema/tree";
import { adoptedOutput, announceDiffering, noteDiffering } from "../adoption";
import { cutOff, isHalfDone } from "../cut-off";
import { withDrift } from "../document";
import { onceFree } from "../hand-over";
import { inTurn } from "../in-turn";
import { definedAs, lookupKey } from "../look-up";
import {
  adoptedMark,
  followed,
  handedOver,
  isAdoptedElsewhere,
  isMarkOf,
  markOf,
  notOurs,
  readMark,
  removeMark,
  requireName,
  requireStillOurs,
  writeMark,
} from "../ownership";
import { formatAddress, gatewayOf, subnetFrom } from "./address";
import { hasLostBridge, requireBridge } from "./bridge";
import { NetworkCalls } from "./calls";
import { compose, describe, emptyDocument, needsRestart, observe } from "./document";
import { bringInForce, takeBackIfFailed } from "./in-force";
import { requireApart } from "./neighbours";
import { hasNoBridge, type Inputs, rows } from "./rows";
import { rules } from "./rules";
import { refuseWithGuests, refuseWithOtherStacks } from "./users";

const outputs = {
  gateways: {
    doc: "The host's address in each subnet, in the order of `subnets`. A secret where any of that is one.",
    type: "readonly string[]",
    repeats: "subnets",
  },
  pendingRestart: {
    doc: "True while the running network differs from its definition because guests are attached.",
    type: "boolean",
  },
  adopted: adoptedOutput,
} as const;

type Outcome = Made<typeof outputs>;

/** A virtual network of libvirt, or a name for a bridge of the host. */
export const network = defineResource({
  type: "Network",
  doc: "A virtual network: NAT, routed, open, isolated, or an existing bridge of the host.",
  rows,
  outputs,
  rules,
  deleteBeforeReplace: true,
  isMarked: true,

  announce: (_changes, olds) => announceDiffering(olds),

  create: (inputs, context) =>
    onceFree(`create Network ${inputs.name}`, context, () => inTurn(inputs.host, () => make(inputs, context))),

  async read(id, state, context): Promise<Seen<typeof rows, typeof outputs> | undefined> {
    const key = lookupKey(id);
    if (key !== undefined) return lookUp(key, state, context);
    const calls = await NetworkCalls.open(context, state.host, state.name);
    const definition = await calls.definition(id);
    if (!definition) return undefined;
    const seen = await report(calls, id, definition, state, state.adopted === true, startedWith(state));
    const inputs = inputsIn(rows, state);
    const drifted = withDrift(rows, inputs, state.__kvm.applied ?? {}, seen.applied ?? {});
    return { ...seen, inputs: drifted as Inputs };
  },

  update: (id, olds, news, _changes, context) =>
    onceFree(`bring Network ${news.name} about`, context, () =>
      inTurn(news.host, () => change(id, olds, news, context)),
    ),

  async delete(id, state, context) {
    const calls = await NetworkCalls.open(context, state.host, state.name);
    const definition = await calls.definition(id);
    if (!definition) return;
    const takenOver = handedOver(readMark(definition), state, context);
    if (takenOver !== undefined) {
      context.info(`Network ${state.name} stays on ${state.host.uri}: ${takenOver}`);
      return;
    }
    if (state.adopted === true && !state.deleteAdopted) {
      removeMark(definition);
      await calls.define(definition);
      context.info(`Network ${state.name} was adopted: it stays on ${state.host.uri} (deleteAdopted: true deletes it)`);
      return;
    }
    // From here on it may be gone: the state may have two of one that was to be made anew, which are deleted side by side.
    const isActive = await calls.runs(id);
    if (isActive) await refuseWithGuests(calls, id, state);
    await refuseWithOtherStacks(calls, state, context);
    // Else its files would stay, and it would be there again when the daemon starts.
    if (isActive && (await calls.isPersistent(id)) === false) await calls.define(definition);
    if (isActive) await calls.stop(id);
    await calls.undefine(id);
  },
});

async function make(inputs: Inputs, context: Context): Promise<Outcome> {
  const calls = await NetworkCalls.open(context, inputs.host, inputs.name);
  const taken = await calls.byName(inputs.name);
  if (taken !== undefined && taken !== inputs.uuid) return adopt(calls, taken, inputs, context, "name");
  const found = await calls.definition(inputs.uuid);
  const mark = found && readMark(found);
  if (found && !isMarkOf(mark, inputs.host.owner, context.meta)) {
    return adopt(calls, inputs.uuid, inputs, context, "uuid");
  }
  if (found) requireName("Network", found, inputs.name, inputs.host);
  await requireFree(calls, inputs.uuid, inputs, context);
  // Nobody knows what an earlier program said that this one does not: of what never ran nothing of that stays.
  const isBegun = mark?.phase === "creating" && !(await calls.isActive(inputs.uuid));
  const document = compose(found && !isBegun ? found : emptyDocument(), inputs, {});
  writeMark(document, markOf(inputs, inputs.uuid, "creating", context));
  await calls.define(document);
  const made = await finish(calls, inputs.uuid, inputs, async () => {
    await bringInForce(calls, inputs.uuid, inputs, document, context);
    // With the MAC address that libvirt has given the bridge: without it the next start would make up another.
    const started = (await calls.definition(inputs.uuid)) ?? document;
    writeMark(started, markOf(inputs, inputs.uuid, "ready", context));
    await calls.define(started);
  });
  return { ...made, takenUp: found !== undefined };
}

/** Writes what is asked for, and brings it in force. */
async function change(
  id: string,
  olds: State<typeof rows, typeof outputs>,
  news: Inputs,
  context: Context,
): Promise<Outcome> {
  const calls = await NetworkCalls.open(context, news.host, news.name);
  const before = await calls.definition(id);
  if (!before) throw calls.gone("update");
  const mark = readMark(before);
  requireStillOurs("Network", mark, { olds, news }, context);
  await requireFree(calls, id, news, context);
  const document = compose(before, { ...news, uuid: id }, olds);
  if (mark) writeMark(document, { ...followed(mark, olds, context.meta), phase: "ready" });
  const adopted = olds.adopted === true;
  try {
    await calls.redefine(id, document);
    const started = runningOf(olds);
    await takeBackIfFailed(calls, { id, olds, news, started, before, document }, context);
    const definition = (await calls.definition(id)) ?? document;
    return await report(calls, id, definition, news, adopted, started);
  } catch (error) {
    if (!isHalfDone(error)) throw error;
    const { gateways, pendingRestart } = olds;
    const made = { id, outputs: { gateways, pendingRestart, adopted, ...(adopted && { uuid: id }) } };
    const { active, autostart } = news;
    throw cutOff({ rows, made, olds, news, written: { ...observe(document, news), active, autostart } }, error);
  }
}

/** Takes over a network that somebody else made, where the program says so: nothing but our mark is written. */
async function adopt(
  calls: NetworkCalls,
  uuid: string,
  inputs: Inputs,
  context: Context,
  foundBy: "name" | "uuid",
): Promise<Outcome> {
  const definition = await calls.definition(uuid);
  const mark = definition && readMark(definition);
  if (!definition || !inputs.adopt || isAdoptedElsewhere(mark, inputs, context)) {
    throw notOurs("Network", inputs.name, inputs.host, mark, foundBy, context.meta?.urn);
  }
  writeMark(definition, adoptedMark(inputs, uuid, context));
  await calls.define(definition);
  const found = await report(calls, uuid, definition, inputs, true);
  // Measured against what was asked for, so that the next refresh shows every value in which the network differs.
  const wanted = compose(definition, { ...inputs, uuid }, inputs);
  const applied = { ...observe(wanted, inputs), uuid: inputs.uuid, autostart: inputs.autostart, active: inputs.active };
  const differing = diffRows(rows, found.applied ?? {}, applied).map(({ property }) => property);
  const others = differing.filter((name) => name !== "uuid");
  const note = noteDiffering(`Network ${inputs.name}`, others, context);
  const memo = (note || found.memo) && { memo: { ...found.memo, ...note } };
  return { ...found, applied: { ...applied, uuid: found.applied?.["uuid"] }, ...memo };
}

/** Runs what is left to do on an object that exists; a failure keeps it in state. */
async function finish(calls: NetworkCalls, uuid: string, inputs: Inputs, work: () => Promise<void>): Promise<Outcome> {
  try {
    await work();
    const definition = await calls.definition(uuid);
    if (!definition) throw calls.gone("create");
    return await report(calls, uuid, definition, inputs, false);
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(messageOf(error));
    const gateways = gatewaysOf(inputs);
    throw new Unfinished({ id: uuid, outputs: { gateways, pendingRestart: false, adopted: false } }, cause);
  }
}

/** Refuses addresses that others need, and a bridge in the place of what the host has. */
async function requireFree(calls: NetworkCalls, uuid: string, inputs: Inputs, context: Context): Promise<void> {
  if (hasNoBridge(inputs)) return;
  const running = (await calls.runs(uuid)) ? await calls.running(uuid) : undefined;
  await requireBridge(calls, uuid, inputs, running);
  await requireApart(calls, inputs, uuid, running, context);
}

async function lookUp(key: string, state: Inputs, context: Context): Promise<Seen<typeof rows, typeof outputs>> {
  const calls = await NetworkCalls.open(context, state.host, key);
  const { uuid, definition } = await definedAs(key, calls, {
    step: `look up Network ${key}`,
    host: state.host.uri,
    reason: "there is no network of that name or uuid",
    remedy: "virsh net-list --all on the host names those that exist",
  });
  const found = { ...describe(definition), host: state.host } as Inputs;
  const seen = await report(calls, uuid, definition, found, false);
  const { autostart, active } = seen.applied as unknown as Inputs;
  return { ...seen, id: `lookup:${key}`, inputs: { ...found, autostart, active } };
}

/** What is true of the network now. */
async function report(
  calls: NetworkCalls,
  uuid: string,
  definition: Element,
  inputs: Inputs,
  adopted: boolean,
  started: Inputs = inputs,
): Promise<Outcome> {
  const [active, autostart] = [await calls.isActive(uuid), await calls.autostart(uuid)];
  const live = active ? await calls.running(uuid) : undefined;
  const pending = live ? needsRestart(live, definition, [inputs, started]) : [];
  return {
    id: uuid,
    // The uuid of an adopted network is its own, not the derived one.
    outputs: { gateways: gatewaysOf(inputs), pendingRestart: pending.length > 0, adopted, ...(adopted && { uuid }) },
    applied: {
      ...observe(definition, inputs),
      active: live !== undefined && !(await hasLostBridge(calls, live)),
      autostart,
    },
    ...(pending.length > 0 && { memo: { started: withoutHost(inputsIn(rows, started)) } }),
  };
}

/** What a network that waits for its next start was started with: the program may say less by now. */
function startedWith({ __kvm }: { readonly __kvm: Bookkeeping }): Inputs | undefined {
  return __kvm.memo?.["started"] as Inputs | undefined;
}

/** What may run of it before an update: what it was started with, and the reservations that it was given since. */
function runningOf(olds: Inputs & { readonly __kvm: Bookkeeping }): Inputs {
  const started = startedWith(olds);
  return started ? { ...started, reservations: { ...started.reservations, ...olds.reservations } } : olds;
}

function withoutHost({ host: _host, ...inputs }: Inputs): Values {
  return inputs;
}

function gatewaysOf({ subnets }: Inputs): string[] {
  return subnets.map((text) => formatAddress(gatewayOf(subnetFrom(text))));
}
