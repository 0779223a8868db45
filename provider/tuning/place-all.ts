import { ordinarySize } from "./capacity";
import { compareCosts } from "./cost";
import type { Refusal } from "./feasibility";
import { place, refused } from "./place";
import type { Placement, PlacementSet } from "./placement";
import { moreToFloat, oneOf } from "./remedies";
import type { CellPages, Claim, HostLimits, Ledger, Request } from "./request";
import { dedicatedCount } from "./shape";
import type { HostTopology } from "./topology";

/** Times that a set is tried anew with those first that found no room. */
const roundsLimit = 6;

/** What a placed guest holds, for the ledger of the next. */
export function claimOf(host: HostTopology, request: Request, placement: Placement): Claim {
  const ordinary = ordinarySize(host);
  const own = new Set(placement.owned);
  const shared = new Set(placement.vcpus.flat().filter((cpu) => !own.has(cpu)));
  const all = [...placement.pages, ...placement.devicePages];
  const isOrdinary = ({ sizeKiB }: CellPages) => sizeKiB === ordinary;
  const added = (request.added ?? []).reduce((sum, { memoryKiB }) => sum + memoryKiB, 0);
  return {
    name: request.name,
    owned: placement.owned,
    shared: [...shared].sort((a, b) => a - b),
    smt: request.smt,
    memory: all.filter(isOrdinary).map(({ cell, sizeKiB, count }) => ({ cell, memoryKiB: sizeKiB * count })),
    pages: all.filter((pages) => !isOrdinary(pages)),
    unboundKiB: placement.cells.length === 0 ? request.memoryKiB + added : 0,
    devices: request.devices,
    ...(request.confidential ? { confidential: true } : {}),
    ...(request.apart === undefined ? {} : { apart: request.apart }),
  };
}

function floats(request: Request): boolean {
  return dedicatedCount(request) === 0 && request.emulator !== "isolate";
}

function size(request: Request): number[] {
  return [
    request.previous === undefined ? 1 : 0,
    floats(request) ? 1 : 0,
    -dedicatedCount(request),
    -request.maxVcpus,
    -request.memoryKiB,
  ];
}

/** Those that are placed already, then owners before those that float, the biggest first; names decide between equals. */
function bySize(a: Request, b: Request): number {
  return compareCosts(size(a), size(b)) || (a.name < b.name ? -1 : 1);
}

/** What is free now, once a guest has taken its pages (1) or given them back (-1). */
export function without(limits: HostLimits, claim: Claim, sign: 1 | -1): HostLimits {
  if (limits.freePages === undefined) return limits;
  const freePages = limits.freePages.map((pool) => {
    const taken = claim.pages.filter((pages) => pages.cell === pool.cell && pages.sizeKiB === pool.sizeKiB);
    return { ...pool, count: pool.count - sign * taken.reduce((sum, pages) => sum + pages.count, 0) };
  });
  return { ...limits, freePages };
}

function crowded(limits: HostLimits): Refusal {
  return {
    fact: "host: the CPUs that its vCPUs could float over go to the others of the set",
    remedy: oneOf(...moreToFloat({ limits, owners: new Map() }), "take fewer vCPUs"),
  };
}

/** Whether the vCPUs of a guest float over a CPU that another owns. */
function floatsOnOwned(name: string, claims: ReadonlyMap<string, Claim>): boolean {
  const shared = new Set(claims.get(name)?.shared);
  return [...claims.values()].some((other) => other.name !== name && other.owned.some((cpu) => shared.has(cpu)));
}

function inOrder(host: HostTopology, limits: HostLimits, ledger: Ledger, order: readonly Request[]): Placement[] {
  const names = new Set(order.map((request) => request.name));
  const claims = new Map(ledger.claims.filter((claim) => !names.has(claim.name)).map((claim) => [claim.name, claim]));
  const answers = new Map<string, Placement>();
  let left = limits;
  const placeNext = (request: Request): void => {
    const before = claims.get(request.name);
    if (before !== undefined) left = without(left, before, -1);
    claims.delete(request.name);
    const answer = place(host, left, { claims: [...claims.values()] }, request);
    answers.set(request.name, answer);
    if (!answer.fits) return;
    const claim = claimOf(host, request, answer);
    claims.set(request.name, claim);
    left = without(left, claim, 1);
  };
  for (const request of order) placeNext(request);
  // Those that float keep their room from owners, and then keep off the CPUs that these took after them. One that finds
  // no room any more where it is may take CPUs of its own elsewhere, over which another floats.
  const clashing = () => order.filter(({ name }) => floatsOnOwned(name, claims));
  for (let round = 0; round < order.length && clashing().length > 0; round++) {
    for (const request of clashing()) {
      const previous = answers.get(request.name);
      if (previous !== undefined) placeNext({ ...request, previous });
    }
  }
  for (const { name } of clashing()) {
    claims.delete(name);
    answers.set(name, refused(name, [crowded(limits)]));
  }
  return order.flatMap((request) => answers.get(request.name) ?? []);
}

/**
 * Where a set of guests goes together: those that are placed already first, then the biggest. Where some find no room
 * the set is tried again with them first, a few times; the answer with the most guests counts.
 */
export function placeAll(
  host: HostTopology,
  limits: HostLimits,
  ledger: Ledger,
  requests: readonly Request[],
): PlacementSet {
  let order = [...requests].sort(bySize);
  let best = inOrder(host, limits, ledger, order);
  const unplaced = (placements: readonly Placement[]) => placements.filter((item) => !item.fits);
  let last = best;
  const seen = new Set([order.map((request) => request.name).join("\n")]);
  for (let round = 0; round < roundsLimit && unplaced(best).length > 0; round++) {
    const failed = new Set(unplaced(last).map((item) => item.name));
    // Turns only new owners: those that float come after them, or they would float on CPUs that others own.
    const turn = (request: Request) => [...size(request).slice(0, 2), failed.has(request.name) ? 0 : 1];
    order = [...order].sort((a, b) => compareCosts(turn(a), turn(b)));
    const key = order.map((request) => request.name).join("\n");
    if (seen.has(key)) break;
    seen.add(key);
    last = inOrder(host, limits, ledger, order);
    if (unplaced(last).length < unplaced(best).length) best = last;
  }
  const answers = new Map(best.map((answer) => [answer.name, answer]));
  const names = new Set(requests.map((request) => request.name));
  const others = { claims: ledger.claims.filter((claim) => !names.has(claim.name)) };
  const gap = requests.filter(
    (request) => answers.get(request.name)?.fits === false && place(host, limits, others, request).fits,
  ).length;
  const placements = requests.flatMap((request) => answers.get(request.name) ?? []);
  return { placements, gap };
}
