import type { CellState, HostState } from "./capacity";
import { rate } from "./cores";
import { costOf } from "./cost";
import { type CellFit, choosePages, floatingBeside, isRefusal, pagesFor } from "./feasibility";
import type { PageRequest, PlacedBefore, Request } from "./request";
import type { Found } from "./search";
import { type CellNeed, equalCells, needsOf, type Shape } from "./shape";

/** A guest cell where it was, if nothing hard speaks against it now. */
function keepCell(
  state: HostState,
  cell: CellState,
  request: Request,
  need: CellNeed,
  previous: PlacedBefore,
  strict: boolean,
): CellFit | undefined {
  const emulator = need.emulator > 0 ? previous.emulator : [];
  const own = [...need.dedicated.flatMap((vcpu) => previous.vcpus[vcpu] ?? []), ...emulator];
  if (own.length !== need.dedicated.length + need.emulator || new Set(own).size !== own.length) return undefined;
  const cores = own.map((cpu) => cell.cores.find((core) => core.free.includes(cpu)));
  const allowed = cores.every((core) => core && (request.smt === "any" ? core.joinable : core.whole));
  if (!allowed || (request.smt === "isolate" && new Set(cores).size !== own.length)) return undefined;
  const beside = floatingBeside(cell, own, request.smt);
  const owned = new Set(previous.owned);
  const floats = need.vcpus
    .filter((vcpu) => !need.dedicated.includes(vcpu))
    .map((vcpu) => previous.vcpus[vcpu] ?? [])
    // A vCPU whose CPU was its own did not float, one that the program leaves unpinned says nowhere: as in a new guest.
    .flatMap((cpus) => (cpus.length === 0 || cpus.some((cpu) => owned.has(cpu)) ? beside : cpus));
  // Where others own some of the CPUs by now, the vCPUs go on floating over the rest.
  const floating = beside.filter((cpu) => floats.includes(cpu));
  // Pins of the program's own are all that it wants.
  if (request.pinned && floats.some((cpu) => !floating.includes(cpu))) return undefined;
  if (need.vcpus.length > need.dedicated.length && floating.length === 0) return undefined;
  const before = previous.pages.find((pages) => pages.cell === cell.cell.id);
  const wanted = pagesFor(request, need);
  const size = before?.sizeKiB ?? (request.pinned ? wanted : state.ordinaryKiB);
  if (!suits(size, wanted, state.ordinaryKiB)) return undefined;
  const pages = choosePages(state, cell, need, size, strict);
  return isRefusal(pages) ? undefined : { state: cell, need, pick: rate(cell, own), floating, ...pages };
}

/** Whether pages of the size that a guest has are among those that it asks for. */
export function suits(size: PageRequest, wanted: PageRequest, ordinaryKiB: number): boolean {
  if (size === wanted) return true;
  if (typeof wanted === "number") return false;
  return size === ordinaryKiB ? wanted !== "large" : wanted !== "none";
}

/** The previous placement, where it still passes the hard rules: a placed guest is not moved for a lower cost. */
export function keep(state: HostState, request: Request, strict: boolean): Found | undefined {
  const { previous } = request;
  if (previous === undefined || previous.cells.length === 0) return undefined;
  if (previous.vcpus.length !== request.maxVcpus || new Set(previous.cells).size !== previous.cells.length)
    return undefined;
  const cells = request.cells ?? equalCells(state, request, previous.cells.length);
  if (cells === undefined || cells.length !== previous.cells.length) return undefined;
  const away = request.devices.some(
    ({ locality, cell }) => locality === "required" && cell !== undefined && !previous.cells.includes(cell),
  );
  if (away) return undefined;
  const shape: Shape = { cells: needsOf(request, cells), use: request.smt === "any" ? "threads" : "pack" };
  const fits = shape.cells.flatMap((need, index) => {
    const cell = state.cells.find((item) => item.cell.id === previous.cells[index]);
    const fit = cell && keepCell(state, cell, request, need, previous, strict);
    return fit === undefined ? [] : [fit];
  });
  if (fits.length !== shape.cells.length) return undefined;
  return { shape, fits, cost: costOf(state, request, shape, fits) };
}
