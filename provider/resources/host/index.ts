import { randomBytes } from "node:crypto";
import type { StateOf } from "../../core/attribute";
import type { Fault } from "../../core/check";
import { anotherMachine, KvmError } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { Identity } from "../../core/identity";
import { defineResource, inputsIn } from "../../core/resource";
import { Unfinished } from "../../core/unfinished";
import { hasUnknown } from "../../core/unknown";
import type { Libvirt } from "../../libvirt/api";
import { withHostLock } from "../host-lock";
import { isUuid, lookupKey } from "../look-up";
import { busyPages, carryOut, hugePageRows, pagePlans, requirePages } from "./huge-pages";
import { type Former, Journal } from "./journal";
import { type Ksm, planKsm, setKsm, shownKsm } from "./ksm";
import { limitFaults } from "./limit-faults";
import { limitRows, limitRules } from "./limits";
import { type Machine, machineOf, observe } from "./observe";
import { outputs } from "./outputs";
import { type AddedPages, addedAfter, addedAtMost, type PoolPlan, present, stillAdded } from "./page-plan";
import { rows } from "./rows";
import { recalled } from "./topology";

type Inputs = StateOf<typeof rows>;

/** A machine with libvirt. Nothing but its pools of huge pages and its KSM is ever changed, and only when asked for. */
export const host = defineResource({
  type: "Host",
  doc: "A machine that runs libvirt, reached by its URI. Nothing on it is changed but the huge pages and the work of KSM that are asked for.",
  rows,
  outputs,
  rules: limitRules,

  guard(changes, olds: Inputs & { readonly topology?: unknown }, news) {
    const topology = recalled(olds.topology);
    const asked = changes.filter(({ path: [name = ""] }) => name in limitRows || name in hugePageRows);
    if (topology === undefined || asked.some(({ next }) => hasUnknown(next)) || asked.length === 0) return;
    refuse(limitFaults(news, topology), news.uri, "change Host");
  },

  async create(inputs, context) {
    const libvirt = await reach(inputs, context);
    const machine = await machineOf(libvirt, inputs.uri);
    requireFit(inputs, machine, "create Host");
    return settle(libvirt, inputs, machine, { owner: randomBytes(16).toString("hex"), addedPages: [] }, context);
  },

  async read(id, state, context) {
    const libvirt = await reach(state, context);
    sameMachine(id, libvirt, state.uri, "refresh Host");
    const machine = await machineOf(libvirt, state.uri);
    const isLookup = lookupKey(id) !== undefined;
    const { topology } = machine;
    const own = {
      ...{ owner: ownerOf(state.owner, context), addedPages: stillAdded(addedOf(state), topology) },
      ...keptKsm(ksmBefore(state)),
    };
    const inputs = isLookup
      ? lookedUp(state, machine)
      : {
          ...inputsIn(rows, state),
          hugePages: present(state.hugePages ?? [], topology),
          ksm: await shownKsm(libvirt, state.uri, state.ksm),
        };
    const seen = made(libvirt, await observe(libvirt, state.uri, machine, isLookup), own);
    // A program that looks it up asks without a state, and is told anew; to a refresh new figures would be a change.
    const momentary = state.free !== undefined && { free: state.free };
    // A refresh is given the id that stands here: it has to look in the same way.
    return { id: isLookup ? id : seen.id, outputs: { ...seen.outputs, ...momentary }, inputs };
  },

  async update(id, olds, news, _changes, context) {
    const libvirt = await reach(news, context);
    sameMachine(id, libvirt, news.uri, "update Host");
    const machine = await machineOf(libvirt, news.uri);
    requireFit(news, machine, "update Host");
    const own = { owner: ownerOf(olds.owner, context), ...formerOf(olds) };
    return settle(libvirt, news, machine, own, context);
  },

  async delete(id, state, context) {
    // The machine was there before and stays as it is, but for the pages that were added and what was set.
    if (addedOf(state).length === 0 && Object.keys(ksmBefore(state)).length === 0) return;
    const libvirt = await reach(state, context);
    sameMachine(id, libvirt, state.uri, "delete Host");
    const journal = new Journal(libvirt, state.uri, context);
    const former = await journal.joined(formerOf(state));
    await setKsm(libvirt, state.uri, await planKsm(libvirt, state.uri, {}, ksmBefore(former)));
    if (former.addedPages.length > 0) {
      await withHostLock(libvirt, state.uri, context, async () => {
        const { topology } = await machineOf(libvirt, state.uri);
        const plans = await pagePlans(libvirt, state.uri, [], former.addedPages, topology);
        warnOf(plans, context);
        for (const line of await carryOut(libvirt, state.uri, plans)) context.warn(line);
      });
    }
    await journal.drop();
  },
});

/** What a Host alone knows, and keeps. */
interface Own extends Former {
  readonly owner: string;
}

function formerOf(state: { readonly addedPages?: unknown; readonly ksmBefore?: unknown }): Former {
  return { addedPages: addedOf(state), ...keptKsm(ksmBefore(state)) };
}

function ksmBefore(state: { readonly ksmBefore?: unknown }): Ksm {
  return (state.ksmBefore ?? {}) as Ksm;
}

function keptKsm(before: Ksm): { readonly ksmBefore?: Ksm } {
  return Object.keys(before).length > 0 ? { ksmBefore: before } : {};
}

function addedOf(state: { readonly addedPages?: unknown }): readonly AddedPages[] {
  return (state.addedPages ?? []) as readonly AddedPages[];
}

/** A machine that is brought to what is wanted. */
interface Run {
  readonly libvirt: Libvirt;
  readonly inputs: Inputs;
  readonly machine: Machine;
  readonly seen: Awaited<ReturnType<typeof observe>>;
  readonly journal: Journal;
  readonly context: Context;
}

/** Brings KSM and the huge pages to what is wanted, and tells what the machine is then. */
async function settle(libvirt: Libvirt, inputs: Inputs, machine: Machine, known: Own, context: Context) {
  const journal = new Journal(libvirt, inputs.uri, context);
  const own = { ...known, ...(await journal.joined(known)) };
  try {
    const seen = await observe(libvirt, inputs.uri, machine, false);
    const run = { libvirt, inputs, machine, seen, journal, context };
    return await bringPagesAbout(run, await bringKsmAbout(run, own));
  } finally {
    // What failed is told to the state as well.
    await journal.drop();
  }
}

/** Answers what the Host has to keep by then. */
async function bringKsmAbout(
  { libvirt, inputs, machine, seen, journal }: Run,
  { ksmBefore: before = {}, ...kept }: Own,
): Promise<Own> {
  const { uri, hugePages = [], ksm = {} } = inputs;
  const plan = await planKsm(libvirt, uri, ksm, before);
  if (plan.params.length > 0) await journal.write({ addedPages: kept.addedPages, ...keptKsm(plan.atMost) });
  await setKsm(libvirt, uri, plan).catch((error: Error) => {
    const maybe = made(libvirt, seen, { ...kept, ...keptKsm(plan.atMost) });
    // None of it counts as in force, so that the next update looks at it again, whatever the program says by then.
    throw new Unfinished(maybe, error, { ...inputs, hugePages: present(hugePages, machine.topology), ksm: {} });
  });
  return { ...kept, ...keptKsm(plan.before) };
}

async function bringPagesAbout({ libvirt, inputs, machine, seen, journal, context }: Run, own: Own) {
  const { uri, hugePages: wanted = [] } = inputs;
  // Whatever happens from here on, the state has to know how KSM was before, and which pages may be ours.
  let known = { machine, made: made(libvirt, seen, own) };
  try {
    const plan = ({ topology }: Machine) => pagePlans(libvirt, uri, wanted, own.addedPages, topology);
    const plans = await plan(machine);
    if (plans.every(({ total, target }) => total === target)) {
      warnOf(plans, context);
      return made(libvirt, seen, { ...own, addedPages: addedAfter(plans, machine.topology) });
    }
    // Pages are set by their number: what others add for their guests meanwhile would be lost.
    return await withHostLock(libvirt, uri, context, async () => {
      const now = await machineOf(libvirt, uri);
      const plans = await plan(now);
      warnOf(plans, context);
      context.progress("adding huge pages");
      const atMost = { ...own, addedPages: addedAtMost(plans) };
      known = { machine: now, made: made(libvirt, seen, atMost) };
      await journal.write(formerOf(atMost));
      const said = await carryOut(libvirt, uri, plans);
      const after = await machineOf(libvirt, uri);
      const addedPages = addedAfter(plans, after.topology);
      known = {
        machine: after,
        made: made(libvirt, await observe(libvirt, uri, after, false), { ...own, addedPages }),
      };
      requirePages(uri, wanted, after.topology, said);
      return known.made;
    });
  } catch (error) {
    const hugePages = present(wanted, known.machine.topology);
    throw new Unfinished(known.made, error as Error, { ...inputs, hugePages });
  }
}

function warnOf(plans: readonly PoolPlan[], context: Context): void {
  const busy = busyPages(plans);
  if (busy !== undefined) context.warn(busy);
}

function made(libvirt: Libvirt, seen: Run["seen"], own: Own) {
  return { id: libvirt.hostUuid, outputs: { ...seen, ...own } };
}

/** The engine does not check the arguments of a look-up. */
function lookedUp(state: Inputs, machine: Machine): Inputs {
  const { inputs, failures } = host.check(inputsIn(rows, state) as Values, undefined, undefined);
  const idle = (["hugePages", "ksm"] as const)
    .filter((property) => state[property])
    .map((property) => ({ property, reason: "a look-up changes nothing on the machine; declare a Host for it" }));
  refuse([...failures, ...idle], state.uri, "look up Host");
  requireFit(inputs as Inputs, machine, "look up Host");
  return inputs as Inputs;
}

function reach(inputs: Inputs, context: Context): Promise<Libvirt> {
  const { uri, hostKey, identityFile, identityEnv } = inputs;
  return context.connect({ uri, hostKey, identityFile, identityEnv });
}

/**
 * The mark is made once and kept for ever: another one would make every object on the host somebody else's. A Host
 * that is only looked up has no state to keep it in and gets one from where it stands in the program.
 */
function ownerOf(kept: unknown, { meta }: Context): string {
  if (typeof kept === "string" && kept !== "") return kept;
  return meta ? new Identity(meta).uuid.replaceAll("-", "") : randomBytes(16).toString("hex");
}

function sameMachine(id: string, libvirt: Libvirt, uri: string, step: string): void {
  const expected = lookupKey(id) ?? id;
  if (libvirt.hostUuid === expected || !isUuid(expected)) return;
  throw anotherMachine(step, uri, libvirt.hostUuid, expected);
}

/** Limits are about the machine as it is: what it does not have is refused before anything is made. */
function requireFit(inputs: Inputs, { topology }: Machine, step: string): void {
  refuse(limitFaults(inputs, topology), inputs.uri, step);
}

function refuse(faults: readonly Fault[], host: string, step: string): void {
  if (faults.length === 0) return;
  const reason = faults.map(({ property, reason }) => `${property}: ${reason}`).join("\n  ");
  const remedy =
    '"virsh capabilities" on the machine shows the cells, CPUs and pages that it has; run pulumi refresh when they have changed';
  throw new KvmError("invalid", { step, host, reason, remedy });
}
