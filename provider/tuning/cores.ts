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
  /** CPUs beside another one of them on a core. */
  readonly sharedCpus: number;
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

/** What rating needs of a cell whatever CPUs are rated; made once for a cell that is looked at many times. */
interface CellFacts {
  readonly coreOf: ReadonlyMap<number, CoreState>;
  /** Cores of each cache group, the largest first. */
  readonly groupSizes: readonly number[];
}

const factsOfCells = new WeakMap<CellState, CellFacts>();

function factsOf(cell: CellState): CellFacts {
  const known = factsOfCells.get(cell);
  if (known !== undefined) return known;
  const sizes = new Map<number, number>();
  for (const core of cell.cores) sizes.set(core.group, (sizes.get(core.group) ?? 0) + 1);
  const facts = {
    coreOf: new Map(cell.cores.flatMap((core) => core.cpus.map((cpu) => [cpu, core] as const))),
    groupSizes: [...sizes.values()].sort((a, b) => b - a),
  };
  factsOfCells.set(cell, facts);
  return facts;
}

/** The cost of given CPUs of a cell. */
export function rate(cell: CellState, cpus: readonly number[]): CorePick {
  const { coreOf, groupSizes } = factsOf(cell);
  const touched = new Map<CoreState, number>();
  for (const cpu of cpus) {
    const core = coreOf.get(cpu);
    if (core !== undefined) touched.set(core, (touched.get(core) ?? 0) + 1);
  }
  const broken = (core: CoreState, owned: number) => (owned > 0 && owned < core.cpus.length ? 1 : 0);
  let least = 0;
  for (let covered = 0; covered < touched.size; least++) covered += groupSizes[least] ?? touched.size;
  const groups = new Set<number>();
  let brokenCores = 0;
  let wholeCores = 0;
  let sharedCpus = 0;
  for (const [core, more] of touched) {
    groups.add(core.group);
    brokenCores += broken(core, core.owned + more) - broken(core, core.owned);
    if (core.whole) wholeCores++;
    if (more > 1) sharedCpus += more;
  }
  return {
    cpus,
    extraCacheGroups: groups.size - least,
    brokenCores,
    openedCacheGroups: [...groups].filter((group) => !cell.groupsInUse.has(group)).length,
    wholeCores,
    sharedCpus,
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

/** Ways to choose some groups. Of groups that are alike the first ones stand for all: they cost the same. */
function combinations(groups: readonly number[], size: number, kindOf: ReadonlyMap<number, string>): number[][] {
  const sameBefore = groups.map((group, index) =>
    groups.slice(0, index).findLast((other) => kindOf.get(other) === kindOf.get(group)),
  );
  const found: number[][] = [];
  const walk = (from: number, chosen: readonly number[]): void => {
    if (found.length > combinationsLimit) return;
    if (chosen.length === size) found.push([...chosen]);
    else
      for (let index = from; index < groups.length; index++) {
        const [group = 0, before] = [groups[index], sameBefore[index]];
        if (before === undefined || chosen.includes(before)) walk(index + 1, [...chosen, group]);
      }
  };
  walk(0, []);
  return found;
}

/** What a group has, so that groups of one kind can stand for each other. */
function kindOf(cores: readonly CoreState[], inUse: boolean): string {
  return `${inUse} ${cores
    .map((core) => `${core.cpus.length}/${core.free.length}/${core.owned}`)
    .sort()
    .join()}`;
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
  const coresIn = new Map<number, CoreState[]>();
  for (const core of usable(cell, use)) coresIn.set(core.group, [...(coresIn.get(core.group) ?? []), core]);
  const room = new Map(
    [...coresIn].map(([group, cores]) => [group, cores.reduce((sum, core) => sum + units(core, use), 0)]),
  );
  const ids = [...coresIn.keys()].sort((a, b) => a - b);
  const emptiest = [...ids].sort((a, b) => (room.get(b) ?? 0) - (room.get(a) ?? 0) || a - b);
  const holds = (groups: readonly number[]) => groups.reduce((sum, group) => sum + (room.get(group) ?? 0), 0) >= need;
  const size = emptiest.findIndex((_, index) => holds(emptiest.slice(0, index + 1))) + 1;
  if (size === 0) return undefined;
  const kinds = new Map([...coresIn].map(([group, cores]) => [group, kindOf(cores, cell.groupsInUse.has(group))]));
  const sets = [emptiest.slice(0, size).sort((a, b) => a - b)];
  // Single threads may do better in more groups, where they fill cores that are broken already.
  for (let count = size; count <= (use === "threads" ? Math.min(ids.length, need) : size); count++) {
    const more = combinations(ids, count, kinds);
    if (more.length > combinationsLimit) break;
    sets.push(...more);
  }
  let best: CorePick | undefined;
  for (const groups of sets) {
    if (!holds(groups)) continue;
    const cores = groups.flatMap((group) => coresIn.get(group) ?? []);
    const pick = rate(cell, takeFrom(cores, need, use));
    if (better(pick, best)) best = pick;
  }
  return best;
}
