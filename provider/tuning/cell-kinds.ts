import type { CellState, HostState } from "./capacity";
import { tooNear } from "./cost";
import { type CellFit, isRefusal, type Refusal } from "./feasibility";
import type { Request } from "./request";
import { distanceBetween } from "./topology";

/**
 * For each host cell the position of the first that can stand for it: whatever a guest takes of the one, it could take
 * of the other at the same cost. Of free cells of one kind the search has to try but the first.
 *
 * @param fits How each guest cell goes into each host cell.
 * @param endangered CPUs, some of which must be left over.
 */
export function cellKinds(
  state: HostState,
  request: Request,
  fits: readonly (readonly (CellFit | Refusal)[])[],
  endangered: ReadonlySet<number>,
): readonly number[] {
  const { cells } = state;
  // A guest that is somewhere already does not find all places alike.
  const isOwnKind = ({ cpus }: CellState["cell"]) =>
    request.previous !== undefined || cpus.some(({ id }) => endangered.has(id));
  const looks = cells.map((cell, position) =>
    isOwnKind(cell.cell)
      ? undefined
      : lookOf(
          state,
          request,
          cell,
          fits.map((of) => of[position]),
        ),
  );
  return cells.map((_, position) =>
    looks.findIndex(
      (look, at) =>
        at === position || (look !== undefined && look === looks[position] && areSwappable(cells, at, position)),
    ),
  );
}

/** All that the cost depends on in one cell. */
function lookOf(
  state: HostState,
  request: Request,
  { cell, wholeCores, freeKiB }: CellState,
  fits: readonly (CellFit | Refusal | undefined)[],
): string {
  const devices = request.devices.flatMap((device) => (device.cell === cell.id ? device.address : []));
  const isRich = state.limits.deviceCells?.includes(cell.id) ?? false;
  const near = tooNear(state, request, [cell]);
  const taken = fits.map((fit) => {
    if (fit === undefined || isRefusal(fit)) return undefined;
    const { cpus, ...cost } = fit.pick;
    return { ...cost, size: fit.pages.sizeKiB, added: fit.addedPages };
  });
  return JSON.stringify([wholeCores, freeKiB, cell.memoryKiB, devices, isRich, near, taken]);
}

/** Whether two cells are equally far from every other. */
function areSwappable(cells: readonly CellState[], a: number, b: number): boolean {
  const [first, second] = [cells[a]?.cell, cells[b]?.cell];
  if (first === undefined || second === undefined) return false;
  return (
    distanceBetween(first, second) === distanceBetween(second, first) &&
    cells.every(
      ({ cell }) =>
        cell === first ||
        cell === second ||
        (distanceBetween(first, cell) === distanceBetween(second, cell) &&
          distanceBetween(cell, first) === distanceBetween(cell, second)),
    )
  );
}
