import type { Fault } from "../../core/check";
import { formatBytes, parseBytes } from "../../core/units";
import { ordinarySize } from "../../tuning/capacity";
import { formatCpuSet, parseCpuSet } from "../../tuning/cpu-set";
import type { HostCell, HostCpu } from "../../tuning/topology";
import { type DeclaredLimits, type DeclaredPages, reservedIn } from "../host-limits";

/** What of a topology is asked here. */
export interface KnownTopology {
  readonly cells: readonly (Pick<HostCell, "id" | "memoryKiB" | "pages"> & {
    readonly cpus: readonly Pick<HostCpu, "id">[];
  })[];
  readonly offline: readonly number[];
}

/** Whatever the arguments name and the machine does not have, with what it has. */
export function limitFaults(
  limits: DeclaredLimits & { readonly hugePages?: readonly DeclaredPages[] | undefined },
  topology: KnownTopology,
): Fault[] {
  return [
    ...cpuFaults("housekeepingCpus", limits.housekeepingCpus, topology),
    ...cpuFaults("dedicatedCpus", limits.dedicatedCpus, topology),
    ...memoryFaults(limits.reservedMemory, topology),
    ...pageFaults("reservedPages", limits.reservedPages ?? [], topology),
    ...pageFaults("hugePages", limits.hugePages ?? [], topology),
    ...sumFaults(limits.hugePages ?? [], limits.reservedMemory, topology),
  ];
}

/** CPUs that are switched off count as there: they may be switched on again, and take no guest until then. */
function cpuFaults(property: string, set: string | undefined, topology: KnownTopology): Fault[] {
  if (set === undefined) return [];
  const all = [...topology.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id)), ...topology.offline];
  const missing = parseCpuSet(set).filter((cpu) => !all.includes(cpu));
  if (missing.length === 0) return [];
  return [{ property, reason: `the host has no CPU ${formatCpuSet(missing)}; it has ${formatCpuSet(all)}` }];
}

function memoryFaults(reserved: DeclaredLimits["reservedMemory"], topology: KnownTopology): Fault[] {
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

/** Huge pages that leave a cell no ordinary memory, or less than is reserved. */
function sumFaults(
  pages: readonly DeclaredPages[],
  reserved: DeclaredLimits["reservedMemory"],
  topology: KnownTopology,
): Fault[] {
  return topology.cells.flatMap(({ id, memoryKiB }): Fault[] => {
    const taken = pages
      .filter(({ cell }) => cell === undefined || cell === id)
      .reduce((sum, { size, count }) => sum + parseBytes(size) * BigInt(count), 0n);
    const [all, kept] = [BigInt(memoryKiB) * 1024n, parseBytes(reservedIn(reserved, id))];
    if (taken === 0n || taken + kept < all) return [];
    const rest = kept > 0n ? `, of which reservedMemory keeps ${formatBytes(kept)}` : "";
    const reason = `${formatBytes(taken)} of pages do not fit into cell ${id}: it has ${formatBytes(all)}${rest}`;
    return [{ property: "hugePages", reason }];
  });
}

/** Cells and sizes that the host does not have. */
function pageFaults(property: string, pages: readonly DeclaredPages[], topology: KnownTopology): Fault[] {
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

function noCell(cell: number, topology: KnownTopology): string {
  return `the host has no cell ${cell}; it has ${topology.cells.map(({ id }) => id).join(", ")}`;
}
