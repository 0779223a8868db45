import { randomBytes } from "node:crypto";
import type { StateOf } from "../../core/attribute";
import type { Fault } from "../../core/check";
import { KvmError } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { Identity } from "../../core/identity";
import { defineResource } from "../../core/resource";
import type { Libvirt } from "../../libvirt/api";
import { isUuid, lookupKey } from "../adoption";
import { limitFaults } from "./limit-faults";
import { limitRules } from "./limits";
import { type Machine, machineOf, observe } from "./observe";
import { outputs } from "./outputs";
import { rows } from "./rows";

type Inputs = StateOf<typeof rows>;

/** A machine with libvirt. Creating, updating and deleting it never changes the machine. */
export const host = defineResource({
  type: "Host",
  doc: "A machine that runs libvirt, reached by its URI. Nothing on it is changed.",
  rows,
  outputs,
  rules: limitRules,

  async create(inputs, context) {
    const libvirt = await reach(inputs, context);
    const machine = await machineOf(libvirt, inputs.uri);
    requireFit(inputs, machine, "create Host");
    return made(libvirt, inputs, machine, randomBytes(16).toString("hex"));
  },

  async read(id, state, context) {
    const libvirt = await reach(state, context);
    sameMachine(id, libvirt, state.uri, "refresh Host");
    const machine = await machineOf(libvirt, state.uri);
    const isLookup = lookupKey(id) !== undefined;
    const inputs = isLookup ? lookedUp(state, machine) : inputsOf(state);
    return { ...(await made(libvirt, inputs, machine, ownerOf(state.owner, context), isLookup)), inputs };
  },

  async update(id, olds, news, _changes, context) {
    const libvirt = await reach(news, context);
    sameMachine(id, libvirt, news.uri, "update Host");
    const machine = await machineOf(libvirt, news.uri);
    requireFit(news, machine, "update Host");
    return made(libvirt, news, machine, ownerOf(olds.owner, context));
  },

  async delete() {
    // The machine was there before and stays as it is.
  },
});

async function made(libvirt: Libvirt, inputs: Inputs, machine: Machine, owner: string, now = false) {
  return { id: libvirt.hostUuid, outputs: { ...(await observe(libvirt, inputs.uri, machine, now)), owner } };
}

function inputsOf(state: Inputs): Inputs {
  return Object.fromEntries(Object.keys(rows).map((name) => [name, state[name as keyof Inputs]])) as Inputs;
}

/** The engine does not check the arguments of a look-up. */
function lookedUp(state: Inputs, machine: Machine): Inputs {
  const { inputs, failures } = host.check(inputsOf(state) as Values, undefined, undefined);
  refuse(failures, state.uri, "look up Host");
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

/** State says what lives on which machine; a different machine behind the address must never be taken for it. */
function sameMachine(id: string, libvirt: Libvirt, uri: string, step: string): void {
  const expected = lookupKey(id) ?? id;
  if (libvirt.hostUuid === expected || !isUuid(expected)) return;
  throw new KvmError("conflict", {
    step,
    host: uri,
    reason: `another machine answers at this address: its host uuid is ${libvirt.hostUuid}, expected was ${expected}`,
    remedy:
      "give the address of the machine that the state knows; for another machine declare another Host and move the guests to it. A reinstalled machine keeps its uuid with host_uuid in /etc/libvirt/libvirtd.conf",
  });
}

/** Limits are about the machine as it is: what it does not have is refused before anything is made. */
function requireFit(inputs: Inputs, { topology }: Machine, step: string): void {
  refuse(limitFaults(inputs, topology), inputs.uri, step);
}

function refuse(faults: readonly Fault[], host: string, step: string): void {
  if (faults.length === 0) return;
  const reason = faults.map(({ property, reason }) => `${property}: ${reason}`).join("\n  ");
  const remedy = '"virsh capabilities" on the machine shows the cells, CPUs and pages that it has';
  throw new KvmError("invalid", { step, host, reason, remedy });
}
