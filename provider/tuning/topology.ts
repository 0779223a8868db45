/** A pool of memory pages of one size in one cell. */
export interface PagePool {
  /** Size of one page, in KiB. */
  readonly sizeKiB: number;
  /** Pages that the pool has, taken or not. */
  readonly total: number;
}

/** An online logical CPU; socket, die, cluster and core are the host's own numbers. */
export interface HostCpu {
  readonly id: number;
  readonly cell: number;
  readonly socket: number;
  /** 0 where libvirt is older than 6.1. */
  readonly die: number;
  /** 0 where libvirt is older than 9.0 (10.1 on some architectures) or the host has none. */
  readonly cluster: number;
  readonly core: number;
  /** Online CPUs of the same core, itself included, in ascending order. */
  readonly siblings: readonly number[];
}

/** A NUMA node of the host. */
export interface HostCell {
  readonly id: number;
  /** Memory of the node, huge pages included, in KiB. */
  readonly memoryKiB: number;
  /** Smallest pages first. */
  readonly pages: readonly PagePool[];
  /** SLIT distance to each cell by its id; 10 is local. Empty where the firmware gives none. */
  readonly distances: ReadonlyMap<number, number>;
  /** Online CPUs in ascending order; empty for a node that is memory only. */
  readonly cpus: readonly HostCpu[];
}

/** What placement knows of a host's hardware. */
export interface HostTopology {
  readonly cells: readonly HostCell[];
  /** Online CPUs that share one last-level cache: each CPU is in exactly one group, lowest CPU first. */
  readonly cacheGroups: readonly (readonly number[])[];
  /** Level of those caches; absent where libvirt names none, and the groups are the dies. */
  readonly cacheLevel?: number;
  /** CPUs that the kernel has switched off; nothing may be placed on them. */
  readonly offline: readonly number[];
}

/** Distance between two cells; where the firmware gives none, 10 to itself and 20 to any other, as Linux assumes. */
export function distanceBetween(from: HostCell, to: HostCell): number {
  return from.distances.get(to.id) ?? (from.id === to.id ? 10 : 20);
}

/** The cores of a cell, each as its online CPUs, lowest CPU first. */
export function coresOf(cell: HostCell): readonly (readonly number[])[] {
  const cores = new Map(cell.cpus.map((cpu) => [cpu.siblings[0] ?? cpu.id, cpu.siblings]));
  return [...cores.values()].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
}
