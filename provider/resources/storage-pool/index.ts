import type { Made, Outputs, Seen } from "../../core/definition";
import { type Change, diffRows } from "../../core/diff";
import { equal } from "../../core/equal";
import { KvmError, messageOf } from "../../core/errors";
import type { Context } from "../../core/handler";
import { defineResource, inputsIn } from "../../core/resource";
import { Unfinished } from "../../core/unfinished";
import { type Element, element } from "../../schema/tree";
import { adoptedOutput, announceDiffering, noteDiffering } from "../adoption";
import { cutOff, isHalfDone, orTakeBack } from "../cut-off";
import { withDrift } from "../document";
import { definedAs, lookupKey } from "../look-up";
import { notOurs, poolOwner, requireName, writePoolOwner } from "../ownership";
import { headerRemedy } from "../pool-remedy";
import { unwritableRemedy } from "../unwritable";
import { buildFlags, PoolCalls } from "./calls";
import { compose, describe, observe } from "./document";
import { type Inputs, rows } from "./rows";
import { rules } from "./rules";

const byLookUp =
  "Told by `getPool` only: in the state of a StoragePool each refresh would show as a change what others write beside it.";

const outputs = {
  capacity: { doc: `Size of what holds the pool. ${byLookUp}`, type: "string | undefined" },
  allocation: { doc: `How much of it is in use, by whatever. ${byLookUp}`, type: "string | undefined" },
  available: { doc: `How much of it is free. ${byLookUp}`, type: "string | undefined" },
  adopted: adoptedOutput,
} as const;

type Outcome = Made<typeof outputs>;

/** A place where volumes live. Its delete stops and undefines it: volumes and directory stay. */
export const storagePool = defineResource({
  type: "StoragePool",
  doc: "A place for volumes: a directory, a filesystem, a network filesystem or an LVM volume group. Deleting it leaves the volumes where they are.",
  rows,
  outputs,
  rules,
  deleteBeforeReplace: true,

  announce: (_changes, olds) => announceDiffering(olds),

  async create(inputs, context) {
    const calls = await PoolCalls.open(context, inputs.host, inputs.name);
    const taken = await calls.byName(inputs.name);
    if (taken !== undefined && taken !== inputs.uuid) {
      if (!inputs.adopt) throw notOurs("StoragePool", inputs.name, inputs.host, await calls.holder(taken));
      return adopt(calls, taken, inputs, context);
    }
    const found = await calls.definition(inputs.uuid);
    const { owner } = inputs.host;
    const maker = found && poolOwner(found);
    // A program may give the uuid of a pool that is there: nothing of it is ours because of that.
    if (found && inputs.adopt && maker !== owner) return adopt(calls, inputs.uuid, inputs, context);
    // The program's names alone do not tell two deployments apart: the same stack on another backend derives the same uuid.
    if (maker !== undefined && maker !== owner) {
      const urn = context.meta?.urn;
      const holder = { owner: maker, ...(urn !== undefined && { urn }) };
      throw notOurs("StoragePool", inputs.name, inputs.host, holder, "uuid");
    }
    if (found) requireName("StoragePool", found, inputs.name, inputs.host);
    // Nobody knows what an earlier program said that this one does not: of what does not run nothing of that stays.
    const isBegun = maker !== undefined && !(await calls.isActive(inputs.uuid));
    const document = compose(found && !isBegun ? found : element("pool"), inputs, {});
    if (owner !== undefined) writePoolOwner(document, owner);
    await calls.define(document);
    try {
      await bringInForce(calls, inputs.uuid, inputs, context);
      return { ...(await report(calls, inputs.uuid, inputs, false)), takenUp: found !== undefined };
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(messageOf(error));
      throw new Unfinished({ id: inputs.uuid, outputs: { adopted: false } }, cause);
    }
  },

  async read(id, state, context): Promise<Seen<typeof rows, typeof outputs> | undefined> {
    const key = lookupKey(id);
    if (key !== undefined) return lookUp(key, state, context);
    const calls = await PoolCalls.open(context, state.host, state.name);
    if (!(await calls.definition(id))) return undefined;
    const seen = await report(calls, id, state, state.adopted === true);
    const drifted = withDrift(rows, inputsIn(rows, state), state.__kvm.applied ?? {}, seen.applied ?? {});
    return { ...seen, inputs: drifted as Inputs };
  },

  async update(id, olds, news, changes, context) {
    const calls = await PoolCalls.open(context, news.host, news.name);
    const before = await calls.definition(id);
    if (!before) throw calls.gone("update");
    const document = compose(before, { ...news, uuid: id }, olds);
    const adopted = olds.adopted === true;
    try {
      await calls.redefine(id, document);
      await takeBackIfFailed(calls, { id, olds, news, before, document, changes }, context);
      return await report(calls, id, news, adopted);
    } catch (error) {
      if (!isHalfDone(error)) throw error;
      const made = { id, outputs: { adopted, ...(adopted && { uuid: id }) } };
      const { active, autostart } = news;
      throw cutOff({ rows, made, olds, news, written: { ...observe(document, news), active, autostart } }, error);
    }
  },

  async delete(id, state, context) {
    const calls = await PoolCalls.open(context, state.host, state.name);
    if (!(await calls.definition(id))) return;
    if (state.adopted === true && !state.deleteAdopted) {
      context.info(
        `StoragePool ${state.name} was adopted: it stays on ${state.host.uri} (deleteAdopted: true undefines it)`,
      );
      return;
    }
    if (await calls.isActive(id)) await calls.stop(id);
    await calls.undefine(id);
  },
});

/** Takes over a pool that somebody else made: nothing is written, there is no place for a mark. */
async function adopt(calls: PoolCalls, uuid: string, inputs: Inputs, context: Context): Promise<Outcome> {
  const found = await report(calls, uuid, inputs, true);
  const wanted = observe(compose(element("pool"), inputs, {}), inputs);
  const applied = { ...wanted, uuid, active: inputs.active, autostart: inputs.autostart };
  const changes = diffRows(rows, found.applied ?? {}, applied);
  const differing = [...new Set(changes.map(({ path: [name = ""] }) => name))];
  if (differing.some((name) => name === "type" || name === "path" || name === "source")) {
    throw new KvmError("conflict", {
      step: `adopt StoragePool ${inputs.name}`,
      host: inputs.host.uri,
      reason: `it differs in ${differing.join(", ")}: ${JSON.stringify(found.applied)}`,
      remedy: "write the arguments as the pool is, or choose another name for a pool of your own",
    });
  }
  const names = changes.map(({ property }) => property);
  const memo = noteDiffering(`StoragePool ${inputs.name}`, names, context);
  // Measured against what was asked for, so that the next refresh shows the differences.
  return { ...found, applied, ...(memo && { memo }) };
}

/** An update of which the definition is written. */
interface Written {
  readonly id: string;
  readonly olds: Inputs;
  readonly news: Inputs;
  /** The definition before it. */
  readonly before: Element;
  readonly document: Element;
  readonly changes: readonly Change[];
}

/** Brings what is written in force; where that fails, the pool is what it was. */
function takeBackIfFailed(calls: PoolCalls, written: Written, context: Context): Promise<void> {
  const { id, olds, news, before, document, changes } = written;
  const work = async () => {
    const wasActive = await calls.isActive(id);
    if (changes.some(({ path }) => path[0] === "permissions")) await setPermissions(calls, id);
    await bringInForce(calls, id, news, context, true);
    if (wasActive || !news.active || !(await hasOtherPermissions(calls, id, news))) return;
    // libvirt forgets the written ones once it starts the pool.
    await calls.redefine(id, document);
    await setPermissions(calls, id);
    await bringInForce(calls, id, news, context, true);
  };
  return orTakeBack({ step: `update StoragePool ${news.name}`, host: news.host.uri }, work, async () => {
    await calls.define(before);
    await calls.setAutostart(id, olds.autostart);
    if (olds.active && !(await calls.isActive(id))) await calls.start(id, startRemedy(olds));
  });
}

/** libvirt sets mode and owner only when it builds a pool that is not active; open volumes stay open. */
async function setPermissions(calls: PoolCalls, id: string): Promise<void> {
  if (await calls.isActive(id)) await calls.stop(id);
  await calls.build(id, buildFlags.missing);
}

/** A pool that is not active shows mode and owner as they are written, whatever its directory has: an update may have been cut off. */
async function hasOtherPermissions(calls: PoolCalls, id: string, inputs: Inputs): Promise<boolean> {
  const document = inputs.permissions && (await calls.actual(id));
  return !!document && !equal(observe(document, inputs)["permissions"], inputs.permissions);
}

/** Makes the place where it is missing, starts or stops the pool, and sets autostart. `isKnown`: it was made before. */
async function bringInForce(
  calls: PoolCalls,
  uuid: string,
  inputs: Inputs,
  context: Context,
  isKnown = false,
): Promise<void> {
  if ((await calls.autostart(uuid)) !== inputs.autostart) await calls.setAutostart(uuid, inputs.autostart);
  const active = await calls.isActive(uuid);
  if (active && !inputs.active) await calls.stop(uuid);
  if (active || !inputs.active) return;
  if (inputs.type === "dir" && isKnown && (await startsAsItIs(calls, uuid, inputs, context))) return;
  // A logical pool has no directory to make: building one formats its devices.
  if (inputs.build && inputs.type !== "logical") await calls.build(uuid, buildFlags.missing);
  if (!inputs.format) return calls.start(uuid, startRemedy(inputs));
  try {
    await calls.start(uuid, startRemedy(inputs));
  } catch (error) {
    // Only a device that holds nothing may be formatted, which libvirt checks; one that was formatted by an earlier run starts.
    if (!(error instanceof KvmError) || error.code === "connection-lost") throw error;
    context.info(`StoragePool ${inputs.name}: nothing to start there yet (${error.details.reason}); formatting`);
    await calls.build(uuid, buildFlags.noOverwrite);
    await calls.start(uuid, startRemedy(inputs));
  }
}

/** A directory that vanished is made anew; volumes that are gone with it may lie on what is not mounted now. */
async function startsAsItIs(calls: PoolCalls, uuid: string, inputs: Inputs, context: Context): Promise<boolean> {
  try {
    await calls.start(uuid, startRemedy(inputs));
    return true;
  } catch (error) {
    if (!inputs.build || !(error instanceof KvmError) || error.code === "connection-lost") throw error;
    if (/No such file or directory/.test(error.message)) {
      context.warn(
        `${inputs.path} was not there on ${inputs.host.uri} and is made anew, empty. Where it belongs to a filesystem that is not mounted now: stop the pool (virsh pool-destroy ${inputs.name}), mount that and start it again (virsh pool-start), before a refresh takes the volumes for gone`,
      );
    }
    return false;
  }
}

function startRemedy(inputs: Inputs) {
  return (said: string) => headerRemedy(inputs, said) ?? unwritableRemedy(said) ?? placeRemedy(inputs);
}

function placeRemedy({ type, path, source, build }: Inputs): string {
  switch (type) {
    case "dir":
      return build
        ? `see that ${path} is a directory that libvirt may read`
        : `make the directory ${path} on the host, or set build: true`;
    case "fs":
      return `see that ${source?.devices?.join(", ")} is there and holds a filesystem; format: true makes one on an empty device`;
    case "netfs":
      return `see that the host can mount ${source?.host}:${source?.directory} (is the client, e.g. nfs-common, installed?)`;
    case "logical":
      return `see that the volume group ${source?.name} exists (vgs on the host) and lvm2 is installed; format: true makes one on empty devices`;
  }
}

async function lookUp(
  key: string,
  state: Inputs & Outputs<typeof outputs>,
  context: Context,
): Promise<Seen<typeof rows, typeof outputs>> {
  const calls = await PoolCalls.open(context, state.host, key);
  const { uuid, definition } = await definedAs(key, calls, {
    step: `look up StoragePool ${key}`,
    host: state.host.uri,
    reason: "there is no pool of that name or uuid",
    remedy: "virsh pool-list --all on the host names those that exist",
  });
  const found = { ...describe(definition), host: state.host } as Inputs;
  const seen = await report(calls, uuid, found, false);
  const { autostart, active } = seen.applied ?? {};
  // A program that looks it up asks without a state, and is told anew.
  const { capacity, allocation, available } = state;
  const sizes = available === undefined ? await calls.sizes(uuid) : { capacity, allocation, available };
  return {
    ...seen,
    outputs: { ...seen.outputs, ...sizes },
    id: `lookup:${key}`,
    inputs: { ...found, autostart, active } as Inputs,
  };
}

/** What is true of the pool now. */
async function report(calls: PoolCalls, uuid: string, inputs: Inputs, adopted: boolean): Promise<Outcome> {
  const [active, autostart] = [await refreshed(calls, uuid), await calls.autostart(uuid)];
  const document = await calls.actual(uuid);
  if (!document) throw calls.gone("read");
  return {
    id: uuid,
    // The uuid of an adopted pool is its own, not the derived one.
    outputs: { adopted, ...(adopted && { uuid }) },
    applied: { ...observe(document, inputs), active, autostart },
  };
}

/** Whether the pool is active and its place is still there: libvirt stops a pool that it cannot read any more. */
async function refreshed(calls: PoolCalls, uuid: string): Promise<boolean> {
  if (!(await calls.isActive(uuid))) return false;
  try {
    await calls.refresh(uuid);
  } catch (error) {
    // A pool with a transfer under way refuses; its sizes are those of the last look then.
    const busy = /asynchronous jobs/.test(messageOf(error));
    if (!busy && (await calls.isActive(uuid))) throw error;
  }
  return calls.isActive(uuid);
}
