import type { Fault } from "../../core/check";
import { formatBytes, parseBytes } from "../../core/units";
import { ordinarySize } from "../../tuning/capacity";
import { formatCpuSet, parseCpuSet } from "../../tuning/cpu-set";
import type { HostTopology } from "../../tuning/topology";
import type { DeclaredLimits, DeclaredPages } from "../host-limits";

/** Whatever the limits name and the machine does not have, with what it has. */
export function limitFaults(limits: DeclaredLimits, topology: HostTopology): Fault[] {
  return [
    ...cpuFaults("housekeepingCpus", limits.housekeepingCpus, topology),
    ...cpuFaults("dedicatedCpus", limits.dedicatedCpus, topology),
    ...memoryFaults(limits.reservedMemory, topology),
    ...pageFaults("reservedPages", limits.reservedPages ?? [], topology),
  ];
}

/** CPUs that are switched off count as there: they may be switched on again, and take no guest until then. */
function cpuFaults(property: string, set: string | undefined, topology: HostTopology): Fault[] {
  if (set === undefined) return [];
  const all = [...topology.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id)), ...topology.offline];
  const missing = parseCpuSet(set).filter((cpu) => !all.includes(cpu));
  if (missing.length === 0) return [];
  return [{ property, reason: `the host has no CPU ${formatCpuSet(missing)}; it has ${formatCpuSet(all)}` }];
}

function memoryFaults(reserved: DeclaredLimits["reservedMemory"], topology: HostTopology): Fault[] {
  if (reserved === undefined) return [];
  const faults: Fault[] = [];
  const sizes =
    typeof reserved === "string" ? topology.cells.map(({ id }) => [id, reserved] as const) : Object.entries(reserved);
  for (const [key, size] of sizes) {
    const property = typeof reserved === "string" ? "reservedMemory" : `reservedMemory[${key}]`;
    const cell = topology.cells.find(({ id }) => id === Number(key));
    if (!cell) faults.push({ property, reason: noCell(Number(key), topology) });
    else if (parseBytes(size) >= BigInt(cell.memoryKiB) * 1024n) {
      const reason = `${size} is all that cell ${cell.id} has (${formatBytes(BigInt(cell.memoryKiB) * 1024n)}); reserve less`;
      faults.push({ property, reason });
    }
  }
  return faults;
}

/** Cells and sizes that the host does not have. */
export function pageFaults(property: string, pages: readonly DeclaredPages[], topology: HostTopology): Fault[] {
  const ordinary = ordinarySize(topology);
  return pages.flatMap(({ cell, size }, index): Fault[] => {
    const cells = topology.cells.filter(({ id }) => cell === undefined || id === cell);
    const at = `${property}[${index}]`;
    if (cells.length === 0) return [{ property: `${at}.cell`, reason: noCell(cell ?? 0, topology) }];
    const kibibytes = Number(parseBytes(size) / 1024n);
    const sizes = [...new Set(cells.flatMap((item) => item.pages.map(({ sizeKiB }) => sizeKiB)))];
    const huge = sizes.filter((item) => item !== ordinary).map((item) => formatBytes(BigInt(item) * 1024n));
    if (kibibytes !== ordinary && cells.every((item) => item.pages.some(({ sizeKiB }) => sizeKiB === kibibytes)))
      return [];
    const has = huge.length > 0 ? `it has ${huge.join(", ")}` : "its kernel offers none";
    return [{ property: `${at}.size`, reason: `the host has no huge pages of ${size} there; ${has}` }];
  });
}

function noCell(cell: number, topology: HostTopology): string {
  return `the host has no cell ${cell}; it has ${topology.cells.map(({ id }) => id).join(", ")}`;
}
