import type { Fault } from "../../core/check";
import { machineOf } from "../../resources/asked-machine";
import { questionOf } from "../../resources/planned-machines";
import { type HostState, hostState, keysOf, overheadKiB } from "../../tuning/capacity";
import { place } from "../../tuning/place";
import { claimOf, without } from "../../tuning/place-all";
import type { Placement } from "../../tuning/placement";
import { type Profile, profiles } from "../../tuning/profiles";
import type { Claim, HostLimits, Ledger, Request } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import { UsageError } from "../command";

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

/** What a guest of each profile has of the host. */
const means: Readonly<Record<Profile, string>> = {
  general: "floats over the CPUs of one cell, ordinary memory",
  dense: "the same at a low weight; its balloon and KSM give memory back, which is not counted on",
  dedicated: "whole cores of its own, one a vCPU while there are enough; huge pages if there are some",
  latency: "a whole core for each vCPU, huge pages only",
  confidential: "floats, ordinary memory that stays where it is, and a key of the host's",
};

/** What placement is asked for a guest of which its profile alone says something. */
function asked(profile: Profile, { vcpus, memoryKiB }: Size, topology: HostTopology): Request {
  const launchSecurity = profile === "confidential" ? { type: "sev-snp" } : undefined;
  const guest = { profile, vcpus, memory: memoryKiB * 1024, disks: { root: {} }, launchSecurity };
  const faults: Fault[] = [];
  const machine = machineOf(guest, "room", "guest", faults);
  if (machine === undefined || faults.length > 0) {
    const reasons = faults.map(({ property, reason }) => `${property}: ${reason}`);
    throw new UsageError(["room cannot be counted for such a guest", ...reasons].join("\n  "));
  }
  // No domain has a name with a slash.
  return questionOf({ ...machine, name: "room/" }, { topology, before: new Map(), devices: new Map() });
}

/** Placing on goes no further: more than this many is "at least". */
const most = 1000;

/** The first fact of a refusal, without the owners: those are mostly guests that are not there. */
function factOf({ explain: [first = ""] }: Placement): string {
  return first.replace(/;.*/, "");
}

/** For each profile: how many more guests of that size fit beside those that are there. */
export function roomForMore(host: HostTopology, limits: HostLimits, ledger: Ledger, size: Size): RoomFor[] {
  return profiles.map((profile) => {
    const request = asked(profile, size, host);
    const found =
      request.policy === "shared"
        ? withKeys(floating(hostState(host, limits, ledger), size), request, limits, ledger)
        : fitting(host, limits, ledger, request);
    return { profile, ...size, means: means[profile], ...found };
  });
}

type Room = Pick<RoomFor, "count" | "limit">;

/** Guests that float share their CPUs, so that memory alone bounds them; what placement would overcommit is not counted. */
function floating(state: HostState, { vcpus, memoryKiB }: Size): Room {
  const need = memoryKiB + overheadKiB(memoryKiB);
  const wide = state.cells.filter((cell) => cell.floating.length >= vcpus);
  const room = wide.reduce((sum, cell) => sum + Math.max(0, Math.floor(cell.memoryKiB / need)), 0);
  const count = Math.min(room, Math.max(0, Math.floor(state.totalKiB / need)));
  const limit =
    wide.length === 0 ? `no cell has ${vcpus} CPUs that guests may float over` : "ordinary memory of the cells";
  return { count, limit };
}

/** Guests with encrypted memory take a key each, of which a host has so many or none. */
function withKeys(room: Room, { confidential }: Request, limits: HostLimits, ledger: Ledger): Room {
  if (!confidential) return room;
  const found = keysOf(limits, ledger);
  if (!found) return { ...room, limit: `${room.limit}; whether the host encrypts memory is not known here` };
  const { keys, taken } = found;
  if (keys === 0) return { count: 0, limit: "the host offers no encryption of memory" };
  const left = Math.max(0, keys - taken);
  if (left >= room.count) return room;
  return { count: left, limit: `${taken} of ${keys} keys for encrypted guests are taken` };
}

function fitting(host: HostTopology, limits: HostLimits, ledger: Ledger, asked: Request): Room {
  const claims: Claim[] = [...ledger.claims];
  let left = limits;
  for (let count = 0; count < most; count++) {
    const request = { ...asked, name: `room/${count}` };
    const answer = place(host, left, { claims }, request);
    if (!answer.fits) return { count, limit: factOf(answer) };
    const claim = claimOf(host, request, answer);
    claims.push(claim);
    left = without(left, claim, 1);
  }
  return { count: most, limit: "counting ended here" };
}
