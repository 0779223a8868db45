import type { HostLimits, Request } from "../../../provider/tuning/request";
import type { HostCpu, HostTopology, PagePool } from "../../../provider/tuning/topology";

export const GiB = 1024 * 1024;

/** A host whose cells have `cores` cores each; siblings lie `cores` CPUs apart, as Intel numbers them. */
export function host(
  cells: number,
  cores: number,
  threads: number,
  options: {
    pages?: (cell: number) => readonly PagePool[];
    memoryKiB?: number;
    distance?: (from: number, to: number) => number;
    cacheCores?: number;
  } = {},
): HostTopology {
  const perCell = cores * threads;
  const memoryKiB = options.memoryKiB ?? 64 * GiB;
  const groupSize = options.cacheCores ?? cores;
  const groups = new Map<string, number[]>();
  const list = Array.from({ length: cells }, (_, id) => {
    const cpus: HostCpu[] = [];
    for (let index = 0; index < perCell; index++) {
      const core = index % cores;
      const cpu = id * perCell + index;
      const siblings = Array.from({ length: threads }, (_, thread) => id * perCell + core + thread * cores);
      cpus.push({ id: cpu, cell: id, socket: id, die: 0, cluster: 0, core, siblings });
      const key = `${id}.${Math.floor(core / groupSize)}`;
      groups.set(key, [...(groups.get(key) ?? []), cpu]);
    }
    const distances = new Map(
      Array.from({ length: cells }, (_, to) => [to, options.distance?.(id, to) ?? (to === id ? 10 : 20)] as const),
    );
    return { id, memoryKiB, pages: options.pages?.(id) ?? [{ sizeKiB: 4, total: memoryKiB / 4 }], distances, cpus };
  });
  return { cells: list, cacheGroups: [...groups.values()], offline: [] };
}

export const unlimited: HostLimits = { housekeeping: [], reserveKiB: new Map(), pageReserve: [] };

/** A request for dedicated CPUs, one GiB unless said otherwise. */
export function request(name: string, maxVcpus: number, more: Partial<Request> = {}): Request {
  return {
    name,
    maxVcpus,
    memoryKiB: GiB,
    pages: "none",
    policy: "dedicated",
    smt: "whole-core",
    emulator: "share",
    iothreads: 0,
    devices: [],
    ...more,
  };
}

/** A claim of CPUs and nothing else. */
export function owner(name: string, owned: readonly number[], smt?: Request["smt"]) {
  return { name, owned, shared: [], memory: [], pages: [], unboundKiB: 0, devices: [], ...(smt ? { smt } : {}) };
}
