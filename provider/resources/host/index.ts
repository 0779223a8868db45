import { randomBytes } from "node:crypto";
import type { StateOf } from "../../core/attribute";
import type { Fault } from "../../core/check";
import { KvmError } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { Identity } from "../../core/identity";
import { defineResource, type Made } from "../../core/resource";
import { formatBytes } from "../../core/units";
import type { Libvirt } from "../../libvirt/api";
import { type Element, parse } from "../../schema/tree";
import { isUuid, lookupKey } from "../adoption";
import { attempt } from "../failure";
import { topologyOf } from "../host-topology";
import { architectureOf, factsOf, sizeOf, virtTypesOf } from "./facts";
import { limitFaults } from "./limit-faults";
import { limitRules } from "./limits";
import { outputs, rows } from "./rows";

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
    const capabilities = await capabilitiesOf(libvirt, inputs.uri);
    requireFit(inputs, capabilities, "create Host");
    return observe(libvirt, capabilities, inputs, randomBytes(16).toString("hex"));
  },

  async read(id, state, context) {
    const libvirt = await reach(state, context);
    sameMachine(id, libvirt, state.uri, "refresh Host");
    const capabilities = await capabilitiesOf(libvirt, state.uri);
    const inputs = lookupKey(id) === undefined ? inputsOf(state) : lookedUp(state, capabilities);
    return { ...(await observe(libvirt, capabilities, inputs, ownerOf(state.owner, context))), inputs };
  },

  async update(id, olds, news, _changes, context) {
    const libvirt = await reach(news, context);
    sameMachine(id, libvirt, news.uri, "update Host");
    const capabilities = await capabilitiesOf(libvirt, news.uri);
    requireFit(news, capabilities, "update Host");
    return observe(libvirt, capabilities, news, ownerOf(olds.owner, context));
  },

  async delete() {
    // The machine was there before and stays as it is.
  },
});

function inputsOf(state: Inputs): Inputs {
  return Object.fromEntries(Object.keys(rows).map((name) => [name, state[name as keyof Inputs]])) as Inputs;
}

/** The engine does not check the arguments of a look-up. */
function lookedUp(state: Inputs, capabilities: Element): Inputs {
  const { inputs, failures } = host.check(inputsOf(state) as Values, undefined, undefined);
  refuse(failures, state.uri, "look up Host");
  requireFit(inputs as Inputs, capabilities, "look up Host");
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

async function capabilitiesOf(libvirt: Libvirt, host: string): Promise<Element> {
  return attempt({ step: "read the capabilities", host }, async () =>
    parse((await libvirt.call("CONNECT_GET_CAPABILITIES", {})).capabilities),
  );
}

/** Limits are about the machine as it is: what it does not have is refused before anything is made. */
function requireFit(inputs: Inputs, capabilities: Element, step: string): void {
  refuse(limitFaults(inputs, topologyOf(capabilities)), inputs.uri, step);
}

function refuse(faults: readonly Fault[], host: string, step: string): void {
  if (faults.length === 0) return;
  const reason = faults.map(({ property, reason }) => `${property}: ${reason}`).join("\n  ");
  const remedy = '"virsh capabilities" on the machine shows the cells, CPUs and pages that it has';
  throw new KvmError("invalid", { step, host, reason, remedy });
}

async function observe(
  libvirt: Libvirt,
  capabilities: Element,
  inputs: Inputs,
  owner: string,
): Promise<Made<typeof outputs>> {
  const [hostname, hypervisor] = await attempt({ step: "read the versions", host: inputs.uri }, () =>
    Promise.all([libvirt.call("CONNECT_GET_HOSTNAME", {}), libvirt.call("CONNECT_GET_VERSION", {})]),
  );
  const [virtTypes, architecture] = [virtTypesOf(capabilities), architectureOf(capabilities)];
  const domainCapabilities = await domainCapabilitiesOf(libvirt, inputs.uri, architecture, virtTypes);
  const { cpus, memory } = sizeOf(capabilities);
  return {
    id: libvirt.hostUuid,
    outputs: {
      uuid: libvirt.hostUuid,
      owner,
      hostname: hostname.hostname,
      libvirtVersion: formatVersion(BigInt(libvirt.version)),
      qemuVersion: formatVersion(hypervisor.hvVersion),
      virtTypes,
      architecture,
      cpus,
      memory: formatBytes(memory),
      facts: factsOf(libvirt.version, capabilities, domainCapabilities),
    },
  };
}

/** Undefined where no emulator of the machine's own architecture is installed, or the driver (test) has none. */
async function domainCapabilitiesOf(
  libvirt: Libvirt,
  host: string,
  architecture: string,
  virtTypes: readonly string[],
): Promise<Element | undefined> {
  if (!virtTypes.some((type) => type === "kvm" || type === "qemu")) return undefined;
  const { capabilities } = await attempt({ step: "read the domain capabilities", host }, () =>
    libvirt.call("CONNECT_GET_DOMAIN_CAPABILITIES", {
      emulatorbin: undefined,
      arch: architecture,
      // Secure Boot needs q35 on x86; elsewhere the default machine says it.
      machine: architecture === "x86_64" ? "q35" : undefined,
      virttype: virtTypes.includes("kvm") ? "kvm" : "qemu",
      flags: 0,
    }),
  );
  return parse(capabilities);
}

/** "9.0.0" of 9000000. */
function formatVersion(version: bigint): string {
  return [version / 1000000n, (version / 1000n) % 1000n, version % 1000n].join(".");
}
