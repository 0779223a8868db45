import type { Fault } from "../../core/check";
import { parseBytes } from "../../core/units";
import { parseCpuSet } from "../../tuning/cpu-set";
import { isPlaced, pinsByHand } from "./placement";
import type { Inputs } from "./rows";
import { entriesOf, fault, type MachineRule } from "./rule-entries";

type Cpu = NonNullable<Inputs["cpu"]>;

const all = (count: number) => Array.from({ length: count }, (_, vcpu) => vcpu);

const policyRule: MachineRule = {
  needs: ["cpu", "maxVcpus"],
  check: ({ cpu, maxVcpus }) => {
    const { policy, dedicatedVcpus, emulator } = cpu ?? {};
    if (policy === undefined) {
      const names = (["dedicatedVcpus", "smt", "emulator", "apart"] as const).filter(
        (name) => cpu?.[name] !== undefined,
      );
      return names.map((name) => fault(`cpu.${name}`, 'means nothing without cpu.policy: set it to "dedicated"'));
    }
    const some = dedicatedVcpus === undefined ? [] : parseCpuSet(dedicatedVcpus);
    const beyond = some.filter((vcpu) => vcpu >= maxVcpus);
    const faults = [
      policy === "mixed" && some.length === 0 && fault("cpu.dedicatedVcpus", "is required with policy mixed"),
      policy !== "mixed" && some.length > 0 && fault("cpu.dedicatedVcpus", "goes only with policy mixed; leave it out"),
      beyond.length > 0 && fault("cpu.dedicatedVcpus", `vCPU ${beyond[0]} is not below maxVcpus (${maxVcpus})`),
      policy === "mixed" &&
        beyond.length === 0 &&
        some.length === maxVcpus &&
        fault("cpu.dedicatedVcpus", 'names every vCPU: choose policy "dedicated"'),
      policy === "shared" &&
        emulator === "isolate" &&
        fault("cpu.emulator", "isolate gives QEMU a CPU of its own: choose policy dedicated or mixed, or leave it out"),
    ];
    return faults.filter((found) => found !== false);
  },
};

/** Pins by hand go before the planner's, so they must say for each vCPU what it would have said. */
const pinRule: MachineRule = {
  needs: ["cpu", "cpuTune", "maxVcpus"],
  check: ({ cpu, cpuTune, maxVcpus }) => {
    const pins = cpuTune?.vcpuPins;
    if (pins === undefined || cpu?.policy === undefined || cpu.policy === "shared") return [];
    const dedicated = ownersAmong(cpu, maxVcpus);
    const missing = all(maxVcpus).find((vcpu) => pins[String(vcpu)] === undefined);
    if (missing !== undefined) {
      const reason = `pins some vCPUs and not vCPU ${missing}: with cpu.policy ${cpu.policy} pin all of them or none`;
      return [fault("cpuTune.vcpuPins", reason)];
    }
    const taken = new Map<number, number>();
    return dedicated.flatMap((vcpu): Fault[] => {
      const at = `cpuTune.vcpuPins[${vcpu}]`;
      const [cpu = 0, ...more] = parseCpuSet(pins[String(vcpu)] ?? "0");
      if (more.length > 0) return [fault(at, "names several CPUs: a vCPU with a CPU of its own has one")];
      const other = taken.get(cpu);
      taken.set(cpu, other ?? vcpu);
      return other === undefined ? [] : [fault(at, `CPU ${cpu} is pinned to vCPU ${other} already`)];
    });
  },
};

function ownersAmong(cpu: Cpu, maxVcpus: number): number[] {
  if (cpu.policy === "dedicated") return all(maxVcpus);
  const some = parseCpuSet(cpu.dedicatedVcpus ?? "0");
  return all(maxVcpus).filter((vcpu) => some.includes(vcpu));
}

const cellRule: MachineRule = {
  needs: ["cpu", "numa", "numaTune", "maxVcpus"],
  check: (inputs) => {
    const { numa, numaTune, maxVcpus } = inputs;
    if (!isPlaced(inputs)) return [];
    const members = (numa?.cells ?? []).flatMap(({ cpus }) => (cpus === undefined ? [] : parseCpuSet(cpus)));
    const missing = all(maxVcpus).filter((vcpu) => !members.includes(vcpu));
    const bound = (["nodes", "cells"] as const).filter((name) => numaTune?.[name] !== undefined);
    return [
      ...(numa?.cells !== undefined && missing.length > 0
        ? [fault("numa.cells", `vCPU ${missing[0]} is in no cell: a guest that is placed has each vCPU in one`)]
        : []),
      ...(pinsByHand(inputs) ? [] : bound).map((name) =>
        fault(`numaTune.${name}`, "the guest is placed, which chooses its cells: leave it out, or pin the vCPUs too"),
      ),
    ];
  },
};

const pageRule: MachineRule = {
  needs: ["hugePages", "maxMemory", "numa"],
  check: (inputs) => {
    const { hugePages, maxMemory, numa, balloon } = inputs;
    if (typeof hugePages === "object") {
      const sizes = new Set(hugePages.map(({ size }) => size));
      const split = sizes.size > 1 || hugePages.some(({ cells }) => cells !== undefined);
      return isPlaced(inputs) && split && numa?.cells === undefined
        ? [
            fault(
              "hugePages",
              'the guest is placed, which chooses its cells: write one size, "required", or numa.cells',
            ),
          ]
        : [];
    }
    if (hugePages === undefined || hugePages === "none" || hugePages === "preferred") return [];
    const reporting =
      balloon?.freePageReporting === true
        ? [fault("balloon.freePageReporting", "gives back no huge pages: leave it out, or leave out hugePages")]
        : [];
    if (hugePages === "required") return reporting;
    if (hugePages !== "2 MiB" && hugePages !== "1 GiB")
      return [fault("hugePages", `${hugePages} is no huge page of x86: choose 2 MiB or 1 GiB`), ...reporting];
    const parts = (numa?.cells ?? []).map(({ memory }, cell) => [`numa.cells[${cell}].memory`, memory] as const);
    const sizes = parts.length > 0 ? parts : [["hugePages", maxMemory] as const];
    const odd = sizes.filter(([, memory]) => parseBytes(memory) % parseBytes(hugePages) !== 0n);
    return [
      ...odd.map(([at, memory]) =>
        fault(at, `${memory} is no whole number of pages of ${hugePages}: make it a multiple, or choose smaller pages`),
      ),
      ...reporting,
    ];
  },
};

const localityRule: MachineRule = {
  needs: ["cpu"],
  check: (inputs) =>
    entriesOf<Inputs["hostDevices"][string]>(inputs.hostDevices).flatMap(([key, { locality }]) =>
      locality === undefined || isPlaced(inputs)
        ? []
        : [fault(`hostDevices.${key}.locality`, "means nothing for a guest that is not placed: set cpu.policy")],
    ),
};

const suggestionRule: MachineRule = {
  needs: ["suggestedPlacement", "cpu"],
  check: (inputs) =>
    inputs.suggestedPlacement === undefined || isPlaced(inputs)
      ? []
      : [fault("suggestedPlacement", "means nothing for a guest that is not placed: set cpu.policy")],
};

export const placementRules: readonly MachineRule[] = [
  policyRule,
  pinRule,
  cellRule,
  pageRule,
  localityRule,
  suggestionRule,
];
