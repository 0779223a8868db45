import { type HostState, overheadKiB } from "./capacity";
import { cellKinds } from "./cell-kinds";
import { compareCosts, costOf } from "./cost";
import { type CellFit, fitCell, isRefusal, type Refusal } from "./feasibility";
import { moreMemory, oneOf } from "./remedies";
import type { Request } from "./request";
import { type CellNeed, memoryOf, type Shape } from "./shape";
import { distanceBetween } from "./topology";

/** The best way found to place a guest that is cut one way. */
export interface Found {
  readonly shape: Shape;
  readonly fits: readonly CellFit[];
  readonly cost: readonly number[];
}

/** What the search of one shape came to. */
export interface Outcome {
  readonly found?: Found;
  /** Why guest cells do not go into host cells. */
  readonly refusals: readonly Refusal[];
  /** Nothing is found, and too few cells have CPUs, whatever else they have: a guest of more cells may find them. */
  readonly lacksCpus: boolean;
  /** False where the search stopped at its bound: a better answer may exist. */
  readonly complete: boolean;
}

/** Steps after which the search takes the best answer that it has. */
const stepsLimit = 1500;

function alike(a: CellNeed, b: CellNeed): boolean {
  return (
    a.memoryKiB === b.memoryKiB &&
    a.pages === b.pages &&
    a.added.length === 0 &&
    b.added.length === 0 &&
    a.emulator === b.emulator &&
    a.dedicated.length === b.dedicated.length &&
    a.vcpus.length === b.vcpus.length
  );
}

/**
 * Looks for the cheapest assignment of guest cells to different host cells. What each pair looks like is computed once;
 * like guest cells take host cells in ascending order, the first of those that are alike; a branch ends where distance
 * alone makes it dearer than the best.
 */
export function searchShape(state: HostState, request: Request, shape: Shape, strict: boolean): Outcome {
  const { cells } = shape;
  const firstAlike = cells.map((need) => cells.findIndex((other) => other === need || alike(other, need)));
  const fitsOf = new Map<number, (CellFit | Refusal)[]>();
  for (const index of new Set(firstAlike)) {
    const need = cells[index];
    if (need !== undefined) {
      fitsOf.set(
        index,
        state.cells.map((cell) => fitCell(state, cell, request, shape, need, strict)),
      );
    }
  }
  const required = new Set(
    request.devices.flatMap(({ locality, cell }) => (locality === "required" && cell !== undefined ? [cell] : [])),
  );
  const refusals = [...fitsOf.values()].flat().filter(isRefusal);
  const endangered = endangeredBy(state, cells);
  const kinds = cellKinds(state, request, [...fitsOf.values()], new Set(endangered.flatMap(({ cpus }) => cpus)));
  let best: Found | undefined;
  let steps = 0;
  let overcommitted = false;
  const distances = weightedDistances(state, cells);
  const left = new Set<string>();
  const walk = (chosen: readonly CellFit[], positions: readonly number[], distance: number): void => {
    if (steps++ > stepsLimit) return;
    const missing = [...required].filter((cell) => !chosen.some((fit) => fit.state.cell.id === cell)).length;
    if (missing > cells.length - chosen.length) return;
    const need = cells[chosen.length];
    if (need === undefined) {
      if (strict && ordinaryKiB(state, chosen) > Math.max(0, state.totalKiB)) {
        overcommitted = true;
        return;
      }
      const without = stranded(endangered, chosen);
      if (without !== undefined) {
        left.add(without);
        return;
      }
      const cost = costOf(state, request, shape, chosen);
      if (best === undefined || compareCosts(cost, best.cost) < 0) best = { shape, fits: chosen, cost };
      return;
    }
    const kind = firstAlike[chosen.length] ?? 0;
    const before = firstAlike.slice(0, chosen.length).lastIndexOf(kind);
    const from = before < 0 ? 0 : (positions[before] ?? 0) + 1;
    const tried = new Set<number>();
    const next = (fitsOf.get(kind) ?? []).flatMap((fit, position) => {
      const like = kinds[position] ?? position;
      if (positions.includes(position) || isRefusal(fit) || tried.has(like)) return [];
      tried.add(like);
      if (position < from) return [];
      return [{ fit, position, farther: distance + distances.added(positions, position) }];
    });
    next.sort((a, b) => a.farther - b.farther || a.position - b.position);
    for (const { fit, position, farther } of next) {
      if (best !== undefined && isTooFar(best, distances.least(chosen.length + 1, farther))) continue;
      walk([...chosen, { ...fit, need }], [...positions, position], farther);
    }
  };
  walk([], [], 0);
  if (best === undefined && left.size > 0) {
    refusals.push({
      fact: `${[...left].sort().join(", ")} would have no CPU left to float over`,
      remedy: "take fewer vCPUs, let that guest float over more CPUs or give it CPUs of its own",
    });
  }
  if (best === undefined && overcommitted) {
    refusals.push({
      fact: `host: ${Math.max(0, Math.floor(state.totalKiB / 1024))} MiB of ordinary memory are left once guests that are bound to no cell have theirs`,
      remedy: oneOf("take less memory", ...moreMemory(state), "remove a guest"),
    });
  }
  if (best === undefined && required.size > cells.length) {
    const ids = [...required].sort((a, b) => a - b).join(", ");
    refusals.push({
      fact: `required devices hang on cells ${ids}, the guest has ${cells.length} ${cells.length === 1 ? "cell" : "cells"}`,
      remedy: 'give the guest one cell for each, or set the locality of some devices to "preferred"',
    });
  } else if (best === undefined && required.size > 0) {
    const ids = [...required].sort((a, b) => a - b).join(", ");
    refusals.push({
      fact: `required devices hang on cells ${ids}`,
      remedy: 'make room there or set their locality to "preferred"',
    });
  }
  return {
    ...(best === undefined ? {} : { found: best }),
    refusals,
    lacksCpus: best === undefined && lackCpus(state, fitsOf, firstAlike),
    complete: steps <= stepsLimit,
  };
}

/** Whether too few host cells have CPUs for all guest cells, or for those that are alike. */
function lackCpus(
  { cells }: HostState,
  fitsOf: ReadonlyMap<number, readonly (CellFit | Refusal)[]>,
  kinds: readonly number[],
): boolean {
  const hasCpus = (kind: number, position: number) => {
    const fit = fitsOf.get(kind)?.[position];
    return fit !== undefined && !(isRefusal(fit) && fit.lacksCpus);
  };
  return [new Set(kinds), ...[...new Set(kinds)].map((kind) => new Set([kind]))].some((some) => {
    const able = cells.filter((_, position) => [...some].some((kind) => hasCpus(kind, position)));
    return able.length < kinds.filter((kind) => some.has(kind)).length;
  });
}

/** Ordinary memory of the chosen cells with QEMU's own, and what huge pages are to be made of. */
function ordinaryKiB(state: HostState, fits: readonly CellFit[]): number {
  const own = (need: CellNeed) => memoryOf(need) + overheadKiB(memoryOf(need));
  return fits.reduce(
    (sum, { need, pages, addedPages }) =>
      sum + (pages.sizeKiB === state.ordinaryKiB ? own(need) : addedPages * pages.sizeKiB),
    0,
  );
}

type Floating = HostState["floating"];

/** Guests that float over so few CPUs that another could come to own all of them. */
function endangeredBy(state: HostState, cells: readonly CellNeed[]): Floating {
  const most = cells.reduce((sum, { dedicated, emulator }) => sum + dedicated.length + emulator, 0);
  return state.floating.filter(({ cpus }) => cpus.length > 0 && cpus.length <= most);
}

/** A guest that floats and whose last CPU would be owned. */
function stranded(endangered: Floating, fits: readonly CellFit[]): string | undefined {
  if (endangered.length === 0) return undefined;
  const own = new Set(fits.flatMap((fit) => fit.pick.cpus));
  return endangered.find(({ cpus }) => cpus.every((cpu) => own.has(cpu)))?.name;
}

/** What the mean distance of the cost comes to while cells are chosen one after another. */
function weightedDistances(state: HostState, needs: readonly CellNeed[]) {
  const rows = state.cells.map(({ cell: from }) => state.cells.map(({ cell: to }) => distanceBetween(from, to)));
  const weights = needs.map((need) => need.memoryKiB);
  const sumOf = (count: number) => weights.slice(0, count).reduce((sum, weight) => sum + weight, 0);
  const all = sumOf(needs.length) * (needs.length - 1);
  return {
    /** What one more host cell, for the next guest cell, adds to the sum over all pairs. */
    added(chosen: readonly number[], position: number): number {
      const own = weights[chosen.length] ?? 0;
      return chosen.reduce(
        (sum, other, at) =>
          sum + (rows[position]?.[other] ?? 0) * own + (rows[other]?.[position] ?? 0) * (weights[at] ?? 0),
        0,
      );
    },
    /** The mean that is certain once some cells are chosen: a pair that is open has at least the local distance of 10. */
    least(count: number, certain: number): number {
      return all === 0 ? 0 : (certain + (all - sumOf(count) * (count - 1)) * 10) / all;
    },
  };
}

/** The distance that is certain already is more than the best answer's, and no term before it can make up for it. */
function isTooFar({ cost }: Found, least: number): boolean {
  return cost[0] === 0 && cost[1] === 0 && least > (cost[3] ?? 0);
}
