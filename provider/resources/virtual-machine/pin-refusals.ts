import { formatCpuSet, parseCpuSet } from "../../tuning/cpu-set";
import type { Claim, SmtPolicy } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import { domainClaim } from "../domain-claim";
import { Taken } from "../hand-over";
import type { HostUsage } from "../host-usage";
import { smtOf } from "./placement";
import { composeRows } from "./render";
import type { Inputs } from "./rows";

/** Every pin of the program, by its property. */
function pinsOf({ cpuTune }: Inputs): [string, string][] {
  const each = (name: string, pins: Readonly<Record<string, string>> = {}) =>
    Object.entries(pins).map(([id, cpus]): [string, string] => [`cpuTune.${name}[${id}]`, cpus]);
  const { vcpuPins, iothreadPins, emulatorPin } = cpuTune ?? {};
  return [
    ...each("vcpuPins", vcpuPins),
    ...each("iothreadPins", iothreadPins),
    ...(emulatorPin === undefined ? [] : ([["cpuTune.emulatorPin", emulatorPin]] as [string, string][])),
  ];
}

/** What speaks against pins of the program's own, and which of them. */
export interface PinRefusal {
  readonly at: string;
  readonly reason: string;
  readonly remedy: string;
  /** The domain that has the CPUs. */
  readonly rival?: string;
}

/** Refuses pins of the program's own to CPUs that the host has not, or that another guest owns. */
export function refusePins(inputs: Inputs, { topology, ledger, makers }: HostUsage): void {
  const found = pinRefusal(inputs, topology, ledger.claims);
  if (found === undefined) return;
  const refusal = {
    step: `pin VirtualMachine ${inputs.name} (${found.at})`,
    host: inputs.host.uri,
    reason: `${found.reason}; nothing was changed`,
    remedy: found.remedy,
  };
  throw new Taken(refusal, makers.get(found.rival ?? ""));
}

/** The first thing that speaks against the pins; undefined where nothing does. */
export function pinRefusal(inputs: Inputs, topology: HostTopology, claims: readonly Claim[]): PinRefusal | undefined {
  const pins = pinsOf(inputs);
  if (pins.length === 0) return undefined;
  const online = topology.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id));
  for (const [at, cpus] of pins) {
    const missing = parseCpuSet(cpus).filter((cpu) => !online.includes(cpu));
    if (missing.length === 0) continue;
    const off = missing.filter((cpu) => topology.offline.includes(cpu));
    return {
      at,
      reason: `the host has no CPU ${formatCpuSet(missing)} that is online; it has ${formatCpuSet(online)}`,
      remedy:
        off.length > 0
          ? `switch CPU ${formatCpuSet(off)} on (chcpu -e ${formatCpuSet(off)} on the host), or pin to others`
          : "pin to CPUs of the host, or leave the pins out and set cpu.policy",
    };
  }
  // Whoever says "shared" means to float over what it is pinned to.
  if (inputs.cpu?.policy === "shared") return undefined;
  const rival = rivalOf(domainClaim(composeRows(inputs), topology).owned, claims, topology, smtOf(inputs));
  if (!rival) return undefined;
  const wide = pins.find(([at, cpus]) => at.startsWith("cpuTune.vcpuPins") && touches(cpus, rival.cpus));
  return {
    at: wide?.[0] ?? "cpuTune.vcpuPins",
    reason: `CPU ${formatCpuSet(rival.cpus)} is owned by ${rival.name}`,
    rival: rival.name,
    remedy: `pin to other CPUs, take the pins of ${rival.name} away, or set cpu.policy: "shared" on both to let them share`,
  };
}

/** Another domain that owns one of the CPUs. */
export function rivalOf(
  owned: readonly number[],
  claims: readonly Claim[],
  topology: HostTopology,
  smt: SmtPolicy | undefined,
): { readonly name: string; readonly cpus: readonly number[] } | undefined {
  const siblings = new Map(
    topology.cells.flatMap(({ cpus }) => cpus.map(({ id, siblings: core }) => [id, core] as const)),
  );
  const cores = (cpus: readonly number[]) => new Set(cpus.flatMap((cpu) => [...(siblings.get(cpu) ?? [cpu])]));
  const ours = smt === undefined || smt === "any" ? new Set(owned) : cores(owned);
  for (const claim of claims) {
    const theirs = claim.smt === undefined || claim.smt === "any" ? new Set(claim.owned) : cores(claim.owned);
    const both = [...theirs].filter((cpu) => ours.has(cpu) && (owned.includes(cpu) || claim.owned.includes(cpu)));
    if (both.length > 0) return { name: claim.name, cpus: both };
  }
  return undefined;
}

function touches(cpus: string, some: readonly number[]): boolean {
  return parseCpuSet(cpus).some((cpu) => some.includes(cpu));
}
