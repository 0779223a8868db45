import { formatBytes, parseBytes } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import { cpusIn, formatCpuSet } from "../../tuning/cpu-set";
import { coresOf, type HostCpu, type HostTopology } from "../../tuning/topology";
import type { KnownTopology } from "./limit-faults";

/** The topology as Host shows it: sets of CPUs in libvirt's notation, sizes with their unit. */
export function describeTopology(topology: HostTopology) {
  const cpus = topology.cells.flatMap((cell) => cell.cpus);
  return {
    cells: topology.cells.map((cell) => ({
      id: cell.id,
      memory: formatBytes(BigInt(cell.memoryKiB) * 1024n),
      cpus: setOf(cell.cpus),
      cores: coresOf(cell).map((threads) => formatCpuSet(threads)),
      distances: Object.fromEntries(cell.distances),
      pages: cell.pages.map(({ sizeKiB, total }) => ({ size: formatBytes(BigInt(sizeKiB) * 1024n), total })),
    })),
    sockets: grouped(cpus, "socket").map(([id, members]) => ({
      id,
      cpus: setOf(members),
      dies: grouped(members, "die").map(([die, inside]) => ({
        id: die,
        cpus: setOf(inside),
        clusters: clustersOf(inside),
      })),
    })),
    cacheGroups: topology.cacheGroups.map((group) => formatCpuSet(group)),
    offline: formatCpuSet(topology.offline),
  };
}

/** What a state says of the machine's cells, for checks without it; undefined in states that are older. */
export function recalled(described: unknown): KnownTopology | undefined {
  if (!isPlainObject(described)) return undefined;
  const { cells, offline } = described as ReturnType<typeof describeTopology>;
  const kibibytes = (size: string) => Number(parseBytes(size) / 1024n);
  return {
    cells: cells.map((cell) => ({
      id: cell.id,
      memoryKiB: kibibytes(cell.memory),
      cpus: cpusIn(cell.cpus).map((id) => ({ id })),
      pages: cell.pages.map(({ size, total }) => ({ sizeKiB: kibibytes(size), total })),
    })),
    offline: cpusIn(offline),
  };
}

/** Cores that share a part of the die's caches or its bus; a die with a single cluster has none to tell apart. */
function clustersOf(cpus: readonly HostCpu[]): string[] {
  const clusters = grouped(cpus, "cluster");
  return clusters.length > 1 ? clusters.map(([, members]) => setOf(members)) : [];
}

function grouped(cpus: readonly HostCpu[], by: "socket" | "die" | "cluster"): [id: number, cpus: HostCpu[]][] {
  const groups = new Map<number, HostCpu[]>();
  for (const cpu of cpus) groups.set(cpu[by], [...(groups.get(cpu[by]) ?? []), cpu]);
  return [...groups].sort(([a], [b]) => a - b);
}

function setOf(cpus: readonly HostCpu[]): string {
  return formatCpuSet(cpus.map(({ id }) => id));
}
