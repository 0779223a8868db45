import type { CellState, HostState } from "./capacity";
import { type CellFit, pagesFor } from "./feasibility";
import { type CostTerm, costTerms } from "./placement";
import type { Claim, Request } from "./request";
import type { Shape } from "./shape";
import { distanceBetween, type HostCell } from "./topology";

/** Preferred devices that are not local. */
function missed(request: Request, chosen: readonly HostCell[]): number {
  return request.devices.filter(
    ({ locality, cell }) => locality === "preferred" && cell !== undefined && !chosen.some(({ id }) => id === cell),
  ).length;
}

/** Guests of its group that are in a cell of the guest, by name. */
export function tooNear(state: HostState, request: Request, chosen: readonly HostCell[]): string[] {
  if (request.apart === undefined) return [];
  const cells = new Set(chosen.map((cell) => cell.id));
  const cpus = new Set(chosen.flatMap((cell) => cell.cpus.map((cpu) => cpu.id)));
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
  const whole = state.cells.reduce((sum, cell) => sum + cell.wholeCores, 0);
  const needed = shape.cells.reduce((sum, cell) => sum + cell.dedicated.length + cell.emulator, 0);
  return whole < needed ? 0 : fits.reduce((sum, fit) => sum + fit.pick.sharedCpus, 0);
}

/** Mean distance from one guest cell to the others, weighted by memory; 0 for one cell. */
function meanDistance(fits: readonly CellFit[]): number {
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
function largestGuestLost(state: HostState, taken: ReadonlyMap<CellState, CellFit>): number {
  let before = 0;
  let after = 0;
  for (const cell of state.cells) {
    before = Math.max(before, cell.wholeCores);
    after = Math.max(after, cell.wholeCores - (taken.get(cell)?.pick.wholeCores ?? 0));
  }
  return before - after;
}

/** Difference between the emptiest and the fullest cell in free memory, in parts of one. */
function imbalance(state: HostState, taken: ReadonlyMap<CellState, CellFit>): number {
  let [most, least] = [-Infinity, Infinity];
  for (const cell of state.cells) {
    const whole = cell.cell.memoryKiB;
    const left = whole > 0 ? (cell.freeKiB - (taken.get(cell)?.need.memoryKiB ?? 0)) / whole : 0;
    most = Math.max(most, left);
    least = Math.min(least, left);
  }
  return Math.round((most - least) * 1000) / 1000;
}

/** Host CPUs of each vCPU; those that float stay on the pins of the program where it has any. */
export function vcpuSets(request: Request, fits: readonly CellFit[]): number[][] {
  const sets = Array.from({ length: request.maxVcpus }, (): number[] => []);
  for (const { need, pick, floating } of fits) {
    for (const vcpu of need.vcpus) {
      const at = need.dedicated.indexOf(vcpu);
      const pins = request.pinned ? (request.previous?.vcpus[vcpu] ?? []) : [];
      sets[vcpu] = at < 0 ? [...(pins.length > 0 ? pins : floating)] : pick.cpus.slice(at, at + 1);
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
  const taken = new Map(fits.map((fit) => [fit.state, fit]));
  const chosen = fits.map((fit) => fit.state.cell);
  const rich = request.devices.length === 0 ? (state.limits.deviceCells ?? []) : [];
  let [ordinary, added, groups, broken, opened] = [0, 0, 0, 0, 0];
  for (const { need, pages, addedPages, pick } of fits) {
    if (pages.sizeKiB === state.ordinaryKiB && pagesFor(request, need) === "any") ordinary++;
    added += addedPages;
    groups += pick.extraCacheGroups;
    broken += pick.brokenCores;
    opened += pick.openedCacheGroups;
  }
  return [
    missed(request, chosen) + tooNear(state, request, chosen).length,
    sharedCores(state, request, shape, fits),
    request.cells === undefined ? Math.max(0, fits.length - 1) : 0,
    meanDistance(fits),
    ordinary,
    added,
    groups,
    broken,
    opened,
    largestGuestLost(state, taken),
    rich.filter((id) => chosen.some((cell) => cell.id === id)).length,
    moved(request, fits),
    imbalance(state, taken),
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
