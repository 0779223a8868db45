import { type CellState, type CoreState, type HostState, keysOf, ordinaryMemory, overheadKiB } from "./capacity";
import { type CorePick, pickCores, roomFor } from "./cores";
import { formatCpuSet } from "./cpu-set";
import { moreMemory, moreToFloat, moreToOwn, oneOf } from "./remedies";
import type { CellPages, GuestCell, PageRequest, Request } from "./request";
import { type CellNeed, memoryOf, type Shape } from "./shape";

/** How one guest cell goes into one host cell. */
export interface CellFit {
  readonly state: CellState;
  readonly need: CellNeed;
  readonly pick: CorePick;
  /** CPUs for its vCPUs that float. */
  readonly floating: readonly number[];
  /** Pages of its memory and of the devices that follow it. */
  readonly pages: CellPages;
  /** Pages of devices that say their own size. */
  readonly devicePages: readonly CellPages[];
  /** How many of `pages` the host has to be given first. */
  readonly addedPages: number;
}

/** Why something does not fit: the fact, and what to do. */
export interface Refusal {
  readonly fact: string;
  readonly remedy: string;
  /** It is CPUs that the cell lacks. */
  readonly lacksCpus?: true;
}

/** Whether a fit was refused. */
export function isRefusal(answer: CellFit | PageChoice | Refusal): answer is Refusal {
  return "fact" in answer;
}

function ownersIn(state: HostState, cell: CellState): string {
  const names = new Set(cell.cell.cpus.flatMap((cpu) => state.owners.get(cpu.id) ?? []));
  return names.size > 0 ? `owned by ${[...names].sort().join(", ")}` : "no guest owns any";
}

function noCores(state: HostState, cell: CellState, shape: Shape, units: number): Refusal {
  const room = roomFor(cell, shape.use);
  const cores = cell.cores.filter((core) => core.whole).length;
  const width = Math.max(1, ...cell.cores.map((core) => core.cpus.length));
  const [free, needed, what] =
    shape.use === "threads"
      ? [room, units, "CPUs"]
      : [cores, shape.use === "spread" ? units : Math.ceil(units / width), "whole cores"];
  return {
    fact: `cell ${cell.cell.id}: ${free} ${what} free, ${needed} needed; ${ownersIn(state, cell)}`,
    remedy: oneOf(
      "take fewer vCPUs",
      "split the guest into more cells",
      ...(shape.use === "threads" || width === 1 ? [] : ['set smt to "any"']),
      ...moreToOwn(state),
    ),
    lacksCpus: true,
  };
}

function sizeName(sizeKiB: number): string {
  if (sizeKiB % 1048576 === 0) return `${sizeKiB / 1048576} GiB`;
  return sizeKiB % 1024 === 0 ? `${sizeKiB / 1024} MiB` : `${sizeKiB} KiB`;
}

function countFor(memoryKiB: number, sizeKiB: number): number {
  return Math.ceil(memoryKiB / sizeKiB);
}

/** Those who have some of a cell's pages of one size. */
function holdersOf({ ledger, ordinaryKiB }: HostState, cell: number, sizeKiB: number): string {
  const isThere = (pool: { readonly cell: number; readonly sizeKiB?: number }) =>
    pool.cell === cell && (pool.sizeKiB ?? ordinaryKiB) === sizeKiB;
  const holders = ledger.claims.filter(({ memory, pages }) => [...memory, ...pages].some(isThere));
  const names = holders.map(({ name }) => name).sort();
  return names.length > 0 ? ` (beside ${names.join(", ")})` : "";
}

/** Pages of one cell for its memory, and for devices that say their own size. */
export type PageChoice = Pick<CellFit, "pages" | "devicePages" | "addedPages">;

/** Pages that the devices of a guest cell say themselves, by their size. */
function pagesOfDevices(cell: number, { added }: CellNeed): CellPages[] {
  const sizes = [...new Set(added.flatMap(({ pageKiB }) => pageKiB ?? []))];
  return sizes.map((sizeKiB) => {
    const memory = added.reduce((sum, device) => sum + (device.pageKiB === sizeKiB ? device.memoryKiB : 0), 0);
    return { cell, sizeKiB, count: countFor(memory, sizeKiB) };
  });
}

/** The pages for memory in a cell. Each cell chooses for itself: what one cell has says nothing of another. */
export function choosePages(
  state: HostState,
  cell: CellState,
  need: CellNeed,
  pages: PageRequest,
  strict: boolean,
): PageChoice | Refusal {
  const id = cell.cell.id;
  const memoryKiB = memoryOf(need);
  const devicePages = pagesOfDevices(id, need);
  const left = cell.pages.map(({ sizeKiB, free }) => {
    const taken = devicePages.find((item) => item.sizeKiB === sizeKiB)?.count ?? 0;
    return { sizeKiB, free: free - taken };
  });
  const missing = devicePages.find(({ sizeKiB }) => (left.find((pool) => pool.sizeKiB === sizeKiB)?.free ?? -1) < 0);
  if (missing !== undefined) {
    const free = cell.pages.find(({ sizeKiB }) => sizeKiB === missing.sizeKiB)?.free ?? 0;
    return {
      fact: `cell ${id}: ${free} pages of ${sizeName(missing.sizeKiB)} free${holdersOf(state, id, missing.sizeKiB)}, ${missing.count} needed by memory devices`,
      remedy: "give the host more huge pages in this cell (Host, hugePages), or take another page size",
    };
  }
  const ordinary = { cell: id, sizeKiB: state.ordinaryKiB, count: countFor(memoryKiB, state.ordinaryKiB) };
  const wanted = left.reverse().filter((pool) => typeof pages !== "number" || pool.sizeKiB === pages);
  const whole = [need.memoryKiB, ...need.added.flatMap((item) => (item.pageKiB === undefined ? item.memoryKiB : []))];
  const isWhole = (sizeKiB: number) => whole.every((part) => part % sizeKiB === 0);
  if (pages !== "none" && pages !== state.ordinaryKiB) {
    const pool = wanted.find(({ sizeKiB, free }) => isWhole(sizeKiB) && memoryKiB / sizeKiB <= free);
    if (pool !== undefined) {
      return {
        pages: { cell: id, sizeKiB: pool.sizeKiB, count: memoryKiB / pool.sizeKiB },
        ...{ devicePages, addedPages: 0 },
      };
    }
    const room = state.limits.mayAddPages ? cell.memoryKiB - overheadKiB(memoryKiB) : 0;
    // The smallest are the ones that the kernel still finds.
    const grown = wanted.findLast(
      ({ sizeKiB, free }) => isWhole(sizeKiB) && memoryKiB - Math.max(0, free) * sizeKiB <= room,
    );
    if (grown !== undefined) {
      const count = memoryKiB / grown.sizeKiB;
      const addedPages = count - Math.max(0, grown.free);
      return { pages: { cell: id, sizeKiB: grown.sizeKiB, count }, devicePages, addedPages };
    }
    if (pages !== "any") {
      const odd = typeof pages === "number" && !isWhole(pages);
      const there = wanted
        .map(({ sizeKiB, free }) => {
          const name = sizeName(sizeKiB);
          return `${free} pages of ${name} free${holdersOf(state, id, sizeKiB)}, ${countFor(memoryKiB, sizeKiB)} needed`;
        })
        .join("; ");
      const none =
        typeof pages === "number"
          ? `no pages of ${sizeName(pages)}, ${countFor(memoryKiB, pages)} needed`
          : "no huge pages";
      return {
        fact: odd
          ? `cell ${id}: ${sizeName(memoryKiB)} of memory are no whole number of ${sizeName(pages)} pages`
          : `cell ${id}: ${there || none} for ${sizeName(memoryKiB)} of memory${withDevices(need)}`,
        remedy: odd
          ? `make the memory of each guest cell a multiple of ${sizeName(pages)}`
          : oneOf(
              "give the host more huge pages in this cell (Host, hugePages)",
              ...(state.limits.mayAddPages ? [] : ["let guests add them (Host, guestPages)"]),
              "take less memory",
              "another page size",
            ),
      };
    }
  }
  if (ordinaryMemory(cell.cell, state.ordinaryKiB) === 0) {
    return {
      fact: `cell ${id}: no ordinary memory, and the kernel binds no guest to such a cell`,
      remedy: "take huge pages of this cell, where it has any, or a host with memory beside these CPUs",
    };
  }
  const needed = memoryKiB + overheadKiB(memoryKiB);
  if (!strict || needed <= cell.memoryKiB) return { pages: ordinary, devicePages, addedPages: 0 };
  return {
    fact: `cell ${id}: ${sizeName(Math.max(0, cell.memoryKiB))} of ordinary memory free${holdersOf(state, id, state.ordinaryKiB)}, ${sizeName(needed)} needed with QEMU's own${withDevices(need)}`,
    remedy: oneOf(
      "take less memory",
      "split the guest into more cells",
      ...moreMemory(state),
      "remove a guest of this cell",
    ),
  };
}

function withDevices({ added }: CellNeed): string {
  return added.length > 0 ? " and memory devices" : "";
}

/** The pages that a guest cell is to have. */
export function pagesFor(request: Request, need: GuestCell): PageRequest {
  return need.pages ?? request.pages;
}

/** CPUs that belong to a guest's cores, though it has no vCPU on them. */
function besides(cores: readonly CoreState[], cpus: readonly number[], smt: Request["smt"]): Set<number> {
  const own = new Set(cpus);
  if (smt === "any") return own;
  return new Set(cores.filter((core) => core.cpus.some((cpu) => own.has(cpu))).flatMap((core) => core.cpus));
}

/** CPUs of a cell that a guest's other vCPUs may float over, next to those that it owns. */
export function floatingBeside(cell: CellState, cpus: readonly number[], smt: Request["smt"]): number[] {
  const own = besides(cell.cores, cpus, smt);
  return cell.floating.filter((cpu) => !own.has(cpu));
}

const noVcpus = "use another cell, or give the guest a cell without vCPUs there (numa.cells without cpus)";

/** Puts one guest cell into one host cell, whatever happens in the others. */
export function fitCell(
  state: HostState,
  cell: CellState,
  request: Request,
  shape: Shape,
  need: CellNeed,
  strict: boolean,
): CellFit | Refusal {
  const id = cell.cell.id;
  if (cell.cores.length === 0 && need.vcpus.length > 0) {
    return { fact: `cell ${id}: it has memory but no online CPU`, remedy: noVcpus, lacksCpus: true };
  }
  const units = need.dedicated.length + need.emulator;
  const pick = pickCores(cell, units, shape.use);
  if (pick === undefined) return noCores(state, cell, shape, units);
  const floating = floatingBeside(cell, pick.cpus, request.smt);
  const shared = need.vcpus.length - need.dedicated.length;
  const enough = request.cells === undefined ? shared : Math.min(1, shared);
  if (floating.length < enough) {
    return {
      fact: `cell ${id}: ${floating.length} CPUs (${formatCpuSet(floating) || "none"}) for ${shared} vCPUs that float; ${ownersIn(state, cell)}`,
      remedy: oneOf("take fewer vCPUs", ...moreToFloat(state)),
      lacksCpus: true,
    };
  }
  const pages = choosePages(state, cell, need, pagesFor(request, need), strict);
  return isRefusal(pages) ? pages : { state: cell, need, pick, floating: shared > 0 ? floating : [], ...pages };
}

/** More vCPUs than any version of QEMU gives a guest. */
const mostVcpus = 8192;

/** What speaks against a guest wherever it would go. */
export function refusals(state: HostState, request: Request): Refusal[] {
  const found: Refusal[] = [];
  if (request.maxVcpus > mostVcpus) {
    found.push({
      fact: `${request.maxVcpus} vCPUs asked, no guest has more than ${mostVcpus}`,
      remedy: "take fewer vCPUs",
    });
  }
  for (const { address, iommuGroup, locality, cell } of request.devices) {
    for (const claim of state.ledger.claims) {
      const taken = claim.devices.find((device) => device.address === address);
      const near = claim.devices.find((device) => iommuGroup !== undefined && device.iommuGroup === iommuGroup);
      if (taken !== undefined) {
        found.push({
          fact: `device ${address}: ${claim.name} has it`,
          remedy: "name another device or take it from that guest",
        });
      } else if (near !== undefined) {
        found.push({
          fact: `device ${address}: ${claim.name} has ${near.address} of the same IOMMU group ${iommuGroup}`,
          remedy: "name a device of another group, or give the whole group to one guest",
        });
      }
    }
    if (locality !== "required") continue;
    if (cell === undefined && state.cells.length > 1) {
      found.push({
        fact: `device ${address}: the host does not say which cell it hangs on`,
        remedy: 'set its locality to "preferred"',
      });
    } else if (cell !== undefined && !state.cells.some((item) => item.cell.id === cell)) {
      found.push({
        fact: `device ${address}: the host has no cell ${cell}`,
        remedy: 'set its locality to "preferred"',
      });
    }
  }
  const room = request.confidential ? keysOf(state.limits, state.ledger) : undefined;
  if (room !== undefined && room.taken >= room.keys) {
    found.push({
      fact: `${room.taken} of ${room.keys} keys for encrypted guests are taken`,
      remedy: "remove an encrypted guest or raise the number in the host's firmware",
    });
  }
  if (request.cells !== undefined && request.cells.length > state.cells.length) {
    found.push({
      fact: `${request.cells.length} guest cells asked, the host has ${state.cells.length}`,
      remedy: `ask for at most ${state.cells.length}`,
    });
  }
  return found;
}
