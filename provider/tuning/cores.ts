import type { CellState, CoreState } from "./capacity";
import { fill, type Share } from "./fill";

/** "spread": one vCPU per whole core; "pack": whole cores, filled; "threads": single CPUs, broken cores first. */
export type CoreUse = "spread" | "pack" | "threads";

/** CPUs of one guest cell in one host cell, with their part of the cost. */
export interface CorePick {
  /** In the order of the vCPUs; siblings follow each other. */
  readonly cpus: readonly number[];
  readonly extraCacheGroups: number;
  readonly brokenCores: number;
  readonly openedCacheGroups: number;
  /** Whole cores that are not whole any more. */
  readonly wholeCores: number;
}

/** Above this many combinations of cache groups only the emptiest groups are looked at. */
const combinationsLimit = 500;

function usable(cell: CellState, use: CoreUse): CoreState[] {
  return cell.cores.filter((core) => core.whole || (use === "threads" && core.joinable && core.free.length > 0));
}

function units(core: CoreState, use: CoreUse): number {
  return use === "spread" ? 1 : core.free.length;
}

/** How many vCPUs a cell can still take. */
export function roomFor(cell: CellState, use: CoreUse): number {
  return usable(cell, use).reduce((sum, core) => sum + units(core, use), 0);
}

/** The cost of given CPUs of a cell. */
export function rate(cell: CellState, cpus: readonly number[]): CorePick {
  const taken = new Set(cpus);
  const touched = cell.cores.filter((core) => core.cpus.some((cpu) => taken.has(cpu)));
  const broken = (core: CoreState, owned: number) => (owned > 0 && owned < core.cpus.length ? 1 : 0);
  const sizes = new Map<number, number>();
  const inUse = new Set<number>();
  for (const core of cell.cores) {
    sizes.set(core.group, (sizes.get(core.group) ?? 0) + 1);
    if (core.owned > 0) inUse.add(core.group);
  }
  let least = 0;
  let covered = 0;
  for (const size of [...sizes.values()].sort((a, b) => b - a)) {
    if (covered >= touched.length) break;
    covered += size;
    least++;
  }
  const groups = new Set(touched.map((core) => core.group));
  return {
    cpus,
    extraCacheGroups: groups.size - least,
    brokenCores: touched.reduce((sum, core) => {
      const more = core.cpus.filter((cpu) => taken.has(cpu)).length;
      return sum + broken(core, core.owned + more) - broken(core, core.owned);
    }, 0),
    openedCacheGroups: [...groups].filter((group) => !inUse.has(group)).length,
    wholeCores: touched.filter((core) => core.whole).length,
  };
}

function takeFrom(cores: readonly CoreState[], need: number, use: CoreUse): number[] {
  let shares: Share[];
  if (use === "spread") {
    const narrowFirst = [...cores].sort((a, b) => a.cpus.length - b.cpus.length);
    shares = narrowFirst.slice(0, need).map((core) => ({ core, cpus: core.free.slice(0, 1) }));
  } else {
    shares = fill(cores, need);
  }
  // Full cores first: the guest's topology can then tell of threads, and a CPU for QEMU takes the odd sibling.
  const order = (a: Share, b: Share) =>
    b.cpus.length - a.cpus.length || a.core.group - b.core.group || (a.cpus[0] ?? 0) - (b.cpus[0] ?? 0);
  return shares.sort(order).flatMap((share) => share.cpus);
}

function combinations(items: readonly number[], size: number): number[][] {
  const found: number[][] = [];
  const walk = (from: number, chosen: number[]): void => {
    if (found.length > combinationsLimit) return;
    if (chosen.length === size) found.push(chosen);
    else for (let index = from; index < items.length; index++) walk(index + 1, [...chosen, items[index] ?? 0]);
  };
  walk(0, []);
  return found;
}

function better(a: CorePick, b: CorePick | undefined): boolean {
  if (b === undefined) return true;
  const terms = (pick: CorePick) => [
    pick.extraCacheGroups,
    pick.brokenCores,
    pick.openedCacheGroups,
    pick.wholeCores,
    ...[...pick.cpus].sort((x, y) => x - y),
  ];
  const [left, right] = [terms(a), terms(b)];
  const at = left.findIndex((value, index) => value !== right[index]);
  return at >= 0 && (left[at] ?? 0) < (right[at] ?? 0);
}

/** The best CPUs of a cell for some vCPUs: fewest cache groups, then fewest broken cores and newly opened groups. */
export function pickCores(cell: CellState, need: number, use: CoreUse): CorePick | undefined {
  if (need === 0) return rate(cell, []);
  const cores = usable(cell, use);
  const room = new Map<number, number>();
  for (const core of cores) room.set(core.group, (room.get(core.group) ?? 0) + units(core, use));
  const emptiest = [...room.keys()].sort((a, b) => (room.get(b) ?? 0) - (room.get(a) ?? 0) || a - b);
  const holds = (groups: readonly number[]) => groups.reduce((sum, group) => sum + (room.get(group) ?? 0), 0) >= need;
  const size = emptiest.findIndex((_, index) => holds(emptiest.slice(0, index + 1))) + 1;
  if (size === 0) return undefined;
  const ids = [...room.keys()].sort((a, b) => a - b);
  const sets = [emptiest.slice(0, size)];
  // Single threads may do better in more groups, where they fill cores that are broken already.
  for (let count = size; count <= (use === "threads" ? Math.min(ids.length, need) : size); count++) {
    const more = combinations(ids, count);
    if (more.length > combinationsLimit) break;
    sets.push(...more);
  }
  let best: CorePick | undefined;
  for (const groups of sets) {
    if (!holds(groups)) continue;
    const chosen = new Set(groups);
    const pick = rate(
      cell,
      takeFrom(
        cores.filter((core) => chosen.has(core.group)),
        need,
        use,
      ),
    );
    if (better(pick, best)) best = pick;
  }
  return best;
}
