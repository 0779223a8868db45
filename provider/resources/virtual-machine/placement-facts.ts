import type { Fault } from "../../core/check";
import { parseBytes } from "../../core/units";
import { parseCpuSet } from "../../tuning/cpu-set";
import { type CellFacts, factsOf } from "../facts";
import { declaredLimits } from "../host-limits";
import { isPlaced, smtOf } from "./placement";
import type { Inputs } from "./rows";
import { fault, type MachineRule } from "./rule-entries";

const sum = (cells: readonly CellFacts[], of: (cell: CellFacts) => number) =>
  cells.reduce((all, cell) => all + of(cell), 0);

/** What no arrangement of the other guests would make room for: seen in the preview, by the facts that Host told. */
export const placementFactRules: readonly MachineRule[] = [
  {
    needs: ["host", "cpu", "maxVcpus", "numa"],
    check: (inputs) => {
      const { cells } = factsOf(inputs.host);
      if (cells === undefined || !isPlaced(inputs)) return [];
      return [...cpuFaults(inputs, cells), ...cellFaults(inputs, cells)];
    },
  },
  {
    needs: ["host", "hugePages", "maxMemory"],
    check: ({ host, hugePages, maxMemory }) => {
      const { cells } = factsOf(host);
      // What the machine has says little where placement may add to it.
      if (cells === undefined || declaredLimits(host).guestPages === true) return [];
      return pageFaults(hugePages, maxMemory, cells);
    },
  },
];

function cpuFaults({ cpu, maxVcpus, ...rest }: Inputs, cells: readonly CellFacts[]): Fault[] {
  const { policy, dedicatedVcpus } = cpu ?? {};
  const wanted = policy === "dedicated" ? maxVcpus : policy === "mixed" ? parseCpuSet(dedicatedVcpus ?? "0").length : 0;
  const more = cpu?.emulator === "isolate" ? 1 : 0;
  const smt = smtOf({ cpu, ...rest });
  const there = sum(cells, ({ cpus, cores }) => (smt === "isolate" ? cores : cpus));
  if (wanted + more <= there) return [];
  const what = smt === "isolate" ? "cores" : "CPUs";
  const need = `${wanted}${more > 0 ? " and one for QEMU" : ""}`;
  return [
    fault(
      policy === "mixed" ? "cpu.dedicatedVcpus" : "vcpus",
      `need ${need} ${what} of their own, and the host has ${there}: take fewer${smt === "isolate" ? ', or set cpu.smt: "whole-core"' : ""}, or set cpu.policy: "shared"`,
    ),
  ];
}

function cellFaults({ numa }: Inputs, cells: readonly CellFacts[]): Fault[] {
  const asked = numa?.cells?.length ?? 0;
  const withCpus = cells.filter(({ cpus }) => cpus > 0).length;
  return asked > withCpus
    ? [
        fault(
          "numa.cells",
          `are ${asked}, and the host has ${withCpus} with CPUs: a guest that is placed has one on each`,
        ),
      ]
    : [];
}

/** Pools of the host, taken or not. Pages may have been added since the facts were told. */
function pageFaults(hugePages: Inputs["hugePages"], memory: string, cells: readonly CellFacts[]): Fault[] {
  if (typeof hugePages !== "string" || hugePages === "none" || hugePages === "preferred") return [];
  const bytesOf = (pages: CellFacts["pages"], size: string) => BigInt(pages[size] ?? 0) * parseBytes(size);
  const sizes = hugePages === "required" ? [...new Set(cells.flatMap(({ pages }) => Object.keys(pages)))] : [hugePages];
  const there = cells
    .flatMap(({ pages }) => sizes.map((size) => bytesOf(pages, size)))
    .reduce((all, bytes) => all + bytes, 0n);
  if (there >= parseBytes(memory)) return [];
  const which = hugePages === "required" ? "huge pages" : `pages of ${hugePages}`;
  return [
    fault(
      "hugePages",
      `${memory} of memory need ${which}, and the host has ${there / 1048576n} MiB of them: give it more (hugePages of Host), let guests add them (guestPages of Host), choose "preferred", or run pulumi refresh if it has them by now`,
    ),
  ];
}
