import { type HostState, hostState, overheadKiB } from "../../tuning/capacity";
import { place } from "../../tuning/place";
import { claimOf, without } from "../../tuning/place-all";
import type { Placement } from "../../tuning/placement";
import type { Claim, HostLimits, Ledger, Request } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";

/** The guest that free capacity is counted in. */
export interface Size {
  readonly vcpus: number;
  readonly memoryKiB: number;
}

/** How many more guests of one profile the host can take. */
export interface RoomFor {
  readonly profile: string;
  readonly vcpus: number;
  readonly memoryKiB: number;
  readonly count: number;
  /** What each of them gets. */
  readonly means: string;
  /** What stops the next one; the first fact of its refusal. */
  readonly limit: string;
}

type Wish = Pick<Request, "policy" | "smt" | "emulator" | "pages" | "iothreads">;

/** What the profiles ask of placement. */
const profiles: Readonly<Record<string, Wish & { means: string }>> = {
  general: {
    ...{ policy: "shared", smt: "whole-core", emulator: "housekeeping", pages: "none", iothreads: 1 },
    means: "floats over the CPUs of one cell, ordinary memory",
  },
  dedicated: {
    ...{ policy: "dedicated", smt: "whole-core", emulator: "housekeeping", pages: "any", iothreads: 1 },
    means: "whole cores of its own, one a vCPU while there are enough; huge pages if there are some",
  },
  latency: {
    ...{ policy: "dedicated", smt: "isolate", emulator: "housekeeping", pages: "large", iothreads: 1 },
    means: "a whole core for each vCPU, huge pages only",
  },
};

/** Placing on goes no further: more than this many is "at least". */
const most = 1000;

/** The first fact of a refusal, without the owners: those are mostly guests that are not there. */
function factOf({ explain: [first = ""] }: Placement): string {
  return first.replace(/;.*/, "");
}

/** For each profile: how many more guests of that size fit beside those that are there. */
export function roomForMore(host: HostTopology, limits: HostLimits, ledger: Ledger, size: Size): RoomFor[] {
  return Object.entries(profiles).map(([profile, { means, ...wish }]) => {
    const found =
      wish.policy === "shared"
        ? floating(hostState(host, limits, ledger), size)
        : fitting(host, limits, ledger, size, wish);
    return { profile, ...size, means, ...found };
  });
}

/** Guests that float share their CPUs, so that memory alone bounds them; what placement would overcommit is not counted. */
function floating(state: HostState, { vcpus, memoryKiB }: Size): Pick<RoomFor, "count" | "limit"> {
  const need = memoryKiB + overheadKiB(memoryKiB);
  const wide = state.cells.filter((cell) => cell.floating.length >= vcpus);
  const room = wide.reduce((sum, cell) => sum + Math.max(0, Math.floor(cell.memoryKiB / need)), 0);
  const count = Math.min(room, Math.max(0, Math.floor(state.totalKiB / need)));
  const limit =
    wide.length === 0 ? `no cell has ${vcpus} CPUs that guests may float over` : "ordinary memory of the cells";
  return { count, limit };
}

function fitting(host: HostTopology, limits: HostLimits, ledger: Ledger, size: Size, wish: Wish) {
  const claims: Claim[] = [...ledger.claims];
  let left = limits;
  for (let count = 0; count < most; count++) {
    // No domain has a name with a slash.
    const name = `room/${count}`;
    const request = { name, maxVcpus: size.vcpus, memoryKiB: size.memoryKiB, devices: [], ...wish };
    const answer = place(host, left, { claims }, request);
    if (!answer.fits) return { count, limit: factOf(answer) };
    const claim = claimOf(host, request, answer);
    claims.push(claim);
    left = without(left, claim, 1);
  }
  return { count: most, limit: "counting ended here" };
}
