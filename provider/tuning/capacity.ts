import { coreGroups } from "./core-groups";
import type { CellPages, HostLimits, Ledger } from "./request";
import type { HostCell, HostTopology } from "./topology";

/** One core of the host and what is left of it. */
export interface CoreState {
  /** Online CPUs, ascending. */
  readonly cpus: readonly number[];
  readonly socket: number;
  readonly cluster: number;
  /** Number of the cache group. */
  readonly cache: number;
  /** Number of the group that a guest should stay within: that of the cache, or of the cluster. */
  readonly group: number;
  /** CPUs that a guest may own and nobody owns. */
  readonly free: readonly number[];
  /** How many of the CPUs are owned. */
  readonly owned: number;
  /** All CPUs are free: the core can be had as a whole. */
  readonly whole: boolean;
  /** Free CPUs may go to a guest that takes single threads: no owner asked for the whole core. */
  readonly joinable: boolean;
}

/** One cell and what is left of it. */
export interface CellState {
  readonly cell: HostCell;
  readonly cores: readonly CoreState[];
  /** How many of the cores can be had as a whole. */
  readonly wholeCores: number;
  /** Groups of cores of which some are owned, in any cell: one cache may serve several. */
  readonly groupsInUse: ReadonlySet<number>;
  /** CPUs for vCPUs that float. */
  readonly floating: readonly number[];
  /** Ordinary memory that is not reserved and not bound, in KiB. */
  readonly memoryKiB: number;
  /** Ordinary memory and huge pages that can be taken, in KiB. */
  readonly freeKiB: number;
  /** Huge pages that can be taken, smallest first. */
  readonly pages: readonly { readonly sizeKiB: number; readonly free: number }[];
}

/** What is left of a host; made once per question and never changed. */
export interface HostState {
  readonly cells: readonly CellState[];
  /** Size of the host's ordinary pages. */
  readonly ordinaryKiB: number;
  /** Ordinary memory that is left once guests without a binding have theirs, in KiB. */
  readonly totalKiB: number;
  /** Guests that float, each with the CPUs among its own that nobody owns. */
  readonly floating: readonly { readonly name: string; readonly cpus: readonly number[] }[];
  /** Names of those who own each CPU. */
  readonly owners: ReadonlyMap<number, readonly string[]>;
  readonly housekeeping: readonly number[];
  readonly limits: HostLimits;
  readonly ledger: Ledger;
}

/** Keys for encrypted guests: those of the host, and those that are taken. Undefined where nobody says how many it has. */
export function keysOf({ confidentialSlots }: HostLimits, { claims }: Ledger) {
  if (confidentialSlots === undefined) return undefined;
  return { keys: confidentialSlots, taken: claims.filter((claim) => claim.confidential).length };
}

/** An estimate of what QEMU itself needs beside guest memory, in KiB: 64 MiB and 1/256 for page tables and queues. */
export function overheadKiB(memoryKiB: number): number {
  return 64 * 1024 + Math.ceil(memoryKiB / 256);
}

/** Pages of one pool among some. */
export function countIn(list: readonly CellPages[], { cell, sizeKiB }: Omit<CellPages, "count">): number {
  return list.reduce((sum, pages) => sum + (pages.cell === cell && pages.sizeKiB === sizeKiB ? pages.count : 0), 0);
}

/** Size of a host's ordinary pages, in KiB; 4 where it lists none. */
export function ordinarySize(host: { readonly cells: readonly Pick<HostCell, "pages">[] }): number {
  const smallest = Math.min(...host.cells.flatMap((cell) => cell.pages.map((pool) => pool.sizeKiB)));
  return smallest <= 64 ? smallest : 4;
}

/** What a cell has in ordinary pages, in KiB. */
export function ordinaryMemory(cell: HostCell, ordinaryKiB: number): number {
  const pool = cell.pages.find((item) => item.sizeKiB === ordinaryKiB);
  if (pool !== undefined) return pool.total * pool.sizeKiB;
  return Math.max(0, cell.memoryKiB - cell.pages.reduce((sum, item) => sum + item.total * item.sizeKiB, 0));
}

function cellState(
  cell: HostCell,
  cores: CoreState[],
  free: Pick<CellState, "groupsInUse" | "floating">,
  state: Omit<HostState, "cells" | "totalKiB">,
): CellState {
  const { claims } = state.ledger;
  const bound = claims
    .flatMap((claim) => claim.memory)
    .filter((item) => item.cell === cell.id)
    .reduce((sum, item) => sum + item.memoryKiB + overheadKiB(item.memoryKiB), 0);
  const taken = claims.flatMap((claim) => claim.pages);
  const pages = cell.pages
    .filter((pool) => pool.sizeKiB !== state.ordinaryKiB)
    .map(({ sizeKiB, total }) => {
      const live = state.limits.freePages;
      const counted = total - countIn(taken, { cell: cell.id, sizeKiB });
      const present = live === undefined ? counted : Math.min(counted, countIn(live, { cell: cell.id, sizeKiB }));
      return { sizeKiB, free: Math.max(0, present - countIn(state.limits.pageReserve, { cell: cell.id, sizeKiB })) };
    })
    .sort((a, b) => a.sizeKiB - b.sizeKiB);
  const reserve = state.limits.reserveKiB.get(cell.id) ?? 0;
  // Pages that are counted on and not there (yet, or after a restart of the host) are made of ordinary memory.
  const toBeMade = cell.pages
    .filter((pool) => pool.sizeKiB !== state.ordinaryKiB)
    .reduce(
      (sum, { sizeKiB, total }) => sum + Math.max(0, countIn(taken, { cell: cell.id, sizeKiB }) - total) * sizeKiB,
      0,
    );
  const memoryKiB = ordinaryMemory(cell, state.ordinaryKiB) - reserve - bound - toBeMade;
  const freeKiB = pages.reduce((sum, pool) => sum + pool.sizeKiB * pool.free, Math.max(0, memoryKiB));
  const wholeCores = cores.reduce((sum, core) => sum + (core.whole ? 1 : 0), 0);
  return { cell, cores, wholeCores, ...free, memoryKiB, freeKiB, pages };
}

/** What the limits and the other domains leave of a host. */
export function hostState(host: HostTopology, limits: HostLimits, ledger: Ledger): HostState {
  const housekeeping = new Set(limits.housekeeping);
  const dedicated = limits.dedicated === undefined ? undefined : new Set(limits.dedicated);
  const owners = new Map<number, string[]>();
  const closed = new Set<number>();
  for (const claim of [...ledger.claims].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const cpu of claim.owned) {
      owners.set(cpu, [...(owners.get(cpu) ?? []), claim.name]);
      if (claim.smt !== undefined && claim.smt !== "any") closed.add(cpu);
    }
  }
  const groupOf = coreGroups(host);
  const cacheOf = new Map(host.cacheGroups.flatMap((group, index) => group.map((cpu) => [cpu, index] as const)));
  const ownable = (cpu: number) => !housekeeping.has(cpu) && (dedicated?.has(cpu) ?? true) && !owners.has(cpu);
  const blocked = new Set<number>();
  const coresIn = (cell: HostCell): CoreState[] => {
    const seen = new Set<number>();
    const cores: CoreState[] = [];
    for (const cpu of [...cell.cpus].sort((a, b) => a.id - b.id)) {
      if (seen.has(cpu.id)) continue;
      const cpus = [...new Set([cpu.id, ...cpu.siblings])].sort((a, b) => a - b);
      for (const sibling of cpus) seen.add(sibling);
      const free = cpus.filter(ownable);
      const joinable = !cpus.some((id) => closed.has(id));
      if (!joinable) for (const id of cpus) blocked.add(id);
      const { socket, cluster } = cpu;
      const owned = cpus.filter((id) => owners.has(id)).length;
      const [cache, group] = [cacheOf.get(cpu.id) ?? -1, groupOf.get(cpu.id) ?? -1];
      cores.push({ cpus, socket, cluster, cache, group, free, owned, whole: free.length === cpus.length, joinable });
    }
    return cores;
  };
  const floating = ledger.claims
    .filter(({ shared }) => shared.length > 0)
    .map(({ name, shared }) => ({ name, cpus: shared.filter((cpu) => !owners.has(cpu)) }));
  const state = {
    ordinaryKiB: ordinarySize(host),
    owners,
    floating,
    housekeeping: [...housekeeping].sort((a, b) => a - b),
    limits,
    ledger,
  };
  const sorted = [...host.cells].sort((a, b) => a.id - b.id).map((cell) => ({ cell, cores: coresIn(cell) }));
  const inUse = sorted.flatMap(({ cores }) => cores.flatMap(({ owned, group }) => (owned > 0 ? [group] : [])));
  const groupsInUse = new Set(inUse);
  const mayFloat = (cpu: number) => !owners.has(cpu) && !blocked.has(cpu) && !dedicated?.has(cpu);
  const online = sorted.flatMap(({ cell }) => cell.cpus.map((cpu) => cpu.id)).filter(mayFloat);
  // A host whose only CPUs off the dedicated set are housekeeping ones lets guests float there.
  const beside = online.filter((cpu) => !housekeeping.has(cpu));
  const pool = new Set(beside.length > 0 ? beside : online);
  const cells = sorted.map(({ cell, cores }) => {
    const floating = cell.cpus.map((cpu) => cpu.id).filter((cpu) => pool.has(cpu));
    const free = { groupsInUse, floating: floating.sort((a, b) => a - b) };
    return cellState(cell, cores, free, state);
  });
  const unbound = ledger.claims
    .filter((claim) => claim.unboundKiB > 0)
    .reduce((sum, claim) => sum + claim.unboundKiB + overheadKiB(claim.unboundKiB), 0);
  return { ...state, cells, totalKiB: cells.reduce((sum, cell) => sum + cell.memoryKiB, 0) - unbound };
}
