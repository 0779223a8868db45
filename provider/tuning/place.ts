import { type HostState, hostState } from "./capacity";
import { compareCosts, named, vcpuSets } from "./cost";
import { explainChoice, explainRefusal } from "./explain";
import { type Refusal, refusals } from "./feasibility";
import { guestTopology } from "./guest-topology";
import { keep } from "./keep";
import type { Placement } from "./placement";
import { moreToFloat, oneOf } from "./remedies";
import type { HostLimits, Ledger, Request } from "./request";
import { type Found, type Outcome, searchShape } from "./search";
import { type Shape, shapesOf } from "./shape";
import { distanceBetween, type HostTopology } from "./topology";

const nowhere = {
  fits: false,
  cells: [],
  guestCells: [],
  vcpus: [],
  emulator: [],
  iothreads: [],
  pages: [],
  devicePages: [],
  addedPages: [],
  owned: [],
  distances: [],
  cost: [],
} as const;

/** The answer for a guest that does not fit. */
export function refused(name: string, against: readonly Refusal[]): Placement {
  return { ...nowhere, name, explain: explainRefusal(against) };
}

/** Ordinary memory of guests that only float may come from elsewhere when its cell is full. */
function mustBind({ policy, pages, cells = [] }: Request): boolean {
  const isHuge = (wanted: Request["pages"] = pages) => wanted === "large" || typeof wanted === "number";
  return policy !== "shared" || isHuge() || cells.some((cell) => isHuge(cell.pages));
}

const handMade: Refusal = {
  fact: "the CPUs of cpuTune.vcpuPins and the guest's cells, pages or cpu.smt do not go together",
  remedy:
    "pin vCPUs in their order to one host cell after the other, with cpu.smt whole-core to whole cores, or leave vcpuPins out and let the guest be placed",
};

/** CPUs for QEMU's own threads: of the set, those in the guest's cells, or all where none is there. */
function near(found: Found, cpus: readonly number[]): number[] {
  const local = new Set(found.fits.flatMap((fit) => fit.state.cell.cpus.map((cpu) => cpu.id)));
  const inside = cpus.filter((cpu) => local.has(cpu));
  return inside.length > 0 ? inside : [...cpus];
}

function placed(state: HostState, request: Request, found: Found, kept: boolean, notes: readonly string[]): Placement {
  const { fits } = found;
  const vcpus = vcpuSets(request, fits);
  const own = [...new Set(vcpus.flat())].sort((a, b) => a - b);
  const extra = fits.flatMap((fit) => fit.pick.cpus.slice(fit.need.dedicated.length));
  const housekeeping = near(found, state.housekeeping);
  const beside = housekeeping.length > 0 ? housekeeping : own;
  const emulator = { isolate: extra, housekeeping: beside, share: own }[request.emulator];
  const forIo = { isolate: housekeeping.length > 0 ? housekeeping : extra, housekeeping: beside, share: own }[
    request.emulator
  ];
  return {
    name: request.name,
    fits: true,
    cells: fits.map((fit) => fit.state.cell.id),
    guestCells: fits.map(({ need }) => ({ vcpus: need.vcpus, memoryKiB: need.memoryKiB })),
    vcpus,
    emulator,
    iothreads: Array.from({ length: request.iothreads }, () => forIo),
    pages: fits.map((fit) => fit.pages),
    devicePages: fits.flatMap((fit) => fit.devicePages),
    addedPages: fits.flatMap(({ pages, addedPages }) => (addedPages > 0 ? [{ ...pages, count: addedPages }] : [])),
    owned: fits.flatMap((fit) => fit.pick.cpus).sort((a, b) => a - b),
    topology: guestTopology(
      state,
      vcpus,
      fits.map((fit) => fit.need.vcpus.length),
    ),
    distances: fits.map((from) => fits.map((to) => distanceBetween(from.state.cell, to.state.cell))),
    cost: named(found.cost),
    explain: [...explainChoice(state, request, found, kept), ...notes],
  };
}

/** A guest may do without any cell when nothing that it asks for has a place. */
function mayFloat(request: Request): boolean {
  return (
    !mustBind(request) &&
    request.cells === undefined &&
    request.emulator !== "isolate" &&
    request.devices.every((device) => device.locality !== "required")
  );
}

/** Whether the guest floated over the whole host before: it is not bound to cells that have room by now. */
function floated({ previous, maxVcpus }: Request): boolean {
  return previous !== undefined && previous.cells.length === 0 && previous.vcpus.length === maxVcpus;
}

/** A guest without CPUs or pages of its own that no cell holds: it floats over the whole host. */
function afloat(state: HostState, request: Request): Placement | Refusal {
  const floating = state.cells.flatMap((cell) => cell.floating).sort((a, b) => a - b);
  if (floating.length === 0) {
    return {
      fact: "host: no CPU is left for vCPUs that float",
      remedy: oneOf(...moreToFloat(state)),
    };
  }
  const emulator = request.emulator === "housekeeping" && state.housekeeping.length > 0 ? state.housekeeping : floating;
  const vcpus = Array.from({ length: request.maxVcpus }, () => floating);
  return {
    ...nowhere,
    name: request.name,
    fits: true,
    vcpus,
    emulator,
    iothreads: Array.from({ length: request.iothreads }, () => emulator),
    topology: guestTopology(state, vcpus, []),
    explain: [
      floated(request)
        ? "goes on floating over the host as before; its memory is bound to no cell"
        : "no cell holds the guest by itself; it floats over the host and its memory is bound to no cell",
    ],
  };
}

function search(state: HostState, request: Request, strict: boolean): Omit<Outcome, "lacksCpus"> {
  let found: Found | undefined;
  let complete = true;
  let against: Outcome | undefined;
  let use: Shape["use"] | undefined;
  for (const shape of shapesOf(state, request)) {
    // Shapes come cheapest first: a later one can only do better on devices.
    if (found !== undefined && found.cost[0] === 0) break;
    const outcome = searchShape(state, request, shape, strict);
    complete = complete && outcome.complete;
    // The facts to tell are those of the least that the guest can do with, and of the fewest cells that have its CPUs.
    if (shape.use !== use || (against?.lacksCpus && !outcome.lacksCpus)) against = outcome;
    use = shape.use;
    const next = outcome.found;
    if (next !== undefined && (found === undefined || compareCosts(next.cost, found.cost) < 0)) found = next;
  }
  return { ...(found === undefined ? {} : { found }), refusals: against?.refusals ?? [], complete };
}

/**
 * Where one guest goes on a host, or why it does not fit. The same question has the same answer, whatever the order of
 * its lists; a guest that is placed already stays where it is while the hard rules hold.
 */
export function place(host: HostTopology, limits: HostLimits, ledger: Ledger, request: Request): Placement {
  const others = { claims: ledger.claims.filter((claim) => claim.name !== request.name) };
  const state = hostState(host, limits, others);
  const against = refusals(state, request);
  if (against.length > 0) return refused(request.name, against);
  const strict = mustBind(request);
  const kept = keep(state, request, strict);
  if (kept !== undefined) return placed(state, request, kept, true, []);
  if (request.pinned) return refused(request.name, [handMade]);
  if (mayFloat(request) && floated(request)) {
    const answer = afloat(state, request);
    if ("fits" in answer) return answer;
  }
  let outcome = search(state, request, true);
  const notes: string[] = [];
  if (outcome.found === undefined && !strict) {
    outcome = search(state, request, false);
    notes.push("the cell has less free memory than the guest may use; some of it may come from other cells");
  }
  if (!outcome.complete) notes.push("the search stopped at its bound; a cheaper placement may exist");
  if (outcome.found !== undefined) return placed(state, request, outcome.found, false, notes);
  if (mayFloat(request)) {
    const answer = afloat(state, request);
    if ("fits" in answer) return answer;
    return refused(request.name, [answer]);
  }
  return refused(request.name, outcome.refusals);
}
