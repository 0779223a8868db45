import type { HostState } from "./capacity";
import { type CellFit, pagesFor } from "./feasibility";
import { type CostTerm, costTerms } from "./placement";
import type { Claim, Request } from "./request";
import type { Shape } from "./shape";
import { distanceBetween } from "./topology";

/** Preferred devices that are not local. */
function missed(request: Request, cells: ReadonlySet<number>): number {
  return request.devices.filter(
    ({ locality, cell }) => locality === "preferred" && cell !== undefined && !cells.has(cell),
  ).length;
}

/** Guests of its group that are in a cell of the guest, by name. */
export function tooNear(state: HostState, request: Request, fits: readonly CellFit[]): string[] {
  if (request.apart === undefined) return [];
  const cells = new Set(fits.map((fit) => fit.state.cell.id));
  const cpus = new Set(fits.flatMap((fit) => fit.state.cell.cpus.map((cpu) => cpu.id)));
  const isNear = ({ owned, shared, memory, pages }: Claim) =>
    [...owned, ...shared].some((cpu) => cpus.has(cpu)) || [...memory, ...pages].some(({ cell }) => cells.has(cell));
  return state.ledger.claims
    .filter((claim) => claim.apart === request.apart && isNear(claim))
    .map((claim) => claim.name)
    .sort();
}

/** vCPUs beside another one on a core, though the host has a whole core for each. */
function sharedCores(state: HostState, request: Request, shape: Shape, fits: readonly CellFit[]): number {
  if (request.smt === "any" || request.cells !== undefined) return 0;
  const whole = state.cells.reduce((sum, cell) => sum + cell.cores.filter((core) => core.whole).length, 0);
  const needed = shape.cells.reduce((sum, cell) => sum + cell.dedicated.length + cell.emulator, 0);
  if (whole < needed) return 0;
  return fits.reduce((sum, fit) => {
    const own = new Set(fit.pick.cpus);
    const counts = fit.state.cores.map((core) => core.cpus.filter((cpu) => own.has(cpu)).length);
    return sum + counts.reduce((more, count) => more + (count > 1 ? count : 0), 0);
  }, 0);
}

/** Mean distance from one guest cell to the others, weighted by memory; 0 for one cell. */
export function meanDistance(fits: readonly CellFit[]): number {
  if (fits.length < 2) return 0;
  let sum = 0;
  let memory = 0;
  for (const fit of fits) {
    memory += fit.need.memoryKiB;
    for (const other of fits) {
      if (other !== fit) sum += distanceBetween(fit.state.cell, other.state.cell) * fit.need.memoryKiB;
    }
  }
  return sum / (memory * (fits.length - 1));
}

/** Whole cores of the cell that has most of them, before and after. */
function largestGuestLost(state: HostState, fits: readonly CellFit[]): number {
  const taken = new Map(fits.map((fit) => [fit.state, fit.pick.wholeCores]));
  let before = 0;
  let after = 0;
  for (const cell of state.cells) {
    const whole = cell.cores.filter((core) => core.whole).length;
    before = Math.max(before, whole);
    after = Math.max(after, whole - (taken.get(cell) ?? 0));
  }
  return before - after;
}

/** Difference between the emptiest and the fullest cell in free memory, in parts of one. */
function imbalance(state: HostState, fits: readonly CellFit[]): number {
  const taken = new Map(fits.map((fit) => [fit.state, fit.need.memoryKiB]));
  const free = state.cells.map((cell) => {
    const huge = cell.pages.reduce((sum, pool) => sum + pool.sizeKiB * pool.free, 0);
    const left = Math.max(0, cell.memoryKiB) + huge - (taken.get(cell) ?? 0);
    return cell.cell.memoryKiB > 0 ? left / cell.cell.memoryKiB : 0;
  });
  return Math.round((Math.max(...free) - Math.min(...free)) * 1000) / 1000;
}

/** Host CPUs of each vCPU; those that float stay on the pins of the program where it has any. */
export function vcpuSets(request: Request, fits: readonly CellFit[]): number[][] {
  const sets = Array.from({ length: request.maxVcpus }, (): number[] => []);
  for (const { need, pick, floating } of fits) {
    for (const vcpu of need.vcpus) {
      const at = need.dedicated.indexOf(vcpu);
      const pins = request.pinned ? request.previous?.vcpus[vcpu] : undefined;
      sets[vcpu] = at < 0 ? [...(pins ?? floating)] : pick.cpus.slice(at, at + 1);
    }
  }
  return sets;
}

function moved(request: Request, fits: readonly CellFit[]): number {
  const before = request.previous?.vcpus;
  if (before === undefined) return 0;
  return vcpuSets(request, fits).filter((cpus, vcpu) => cpus.join() !== before[vcpu]?.join()).length;
}

/** The terms of the cost, in the order of `costTerms`. */
export function costOf(state: HostState, request: Request, shape: Shape, fits: readonly CellFit[]): number[] {
  const cells = new Set(fits.map((fit) => fit.state.cell.id));
  const sum = (of: (fit: CellFit) => number) => fits.reduce((total, fit) => total + of(fit), 0);
  const rich = request.devices.length === 0 ? (state.limits.deviceCells ?? []) : [];
  return [
    missed(request, cells) + tooNear(state, request, fits).length,
    sharedCores(state, request, shape, fits),
    request.cells === undefined ? Math.max(0, fits.length - 1) : 0,
    meanDistance(fits),
    sum(({ need, pages }) => (pagesFor(request, need) === "any" && pages.sizeKiB === state.ordinaryKiB ? 1 : 0)),
    sum((fit) => fit.addedPages),
    sum((fit) => fit.pick.extraCacheGroups),
    sum((fit) => fit.pick.brokenCores),
    sum((fit) => fit.pick.openedCacheGroups),
    largestGuestLost(state, fits),
    rich.filter((cell) => cells.has(cell)).length,
    moved(request, fits),
    imbalance(state, fits),
  ];
}

/** Below 0 where the first cost is lower. */
export function compareCosts(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** The cost with the names of its terms. */
export function named(cost: readonly number[]): CostTerm[] {
  return costTerms.map((name, index) => ({ name, value: cost[index] ?? 0 }));
}
