import { type CellState, type CoreState, type HostState, ordinaryMemory } from "../../tuning/capacity";
import type { HostTopology } from "../../tuning/topology";
import { type GuestPicture, promisedKiB } from "./guest-picture";
import type { Survey, SurveyedDevice } from "./survey";

/** What a CPU is: one guest's own, claimed twice, floated over, kept for the host, or nobody's. */
export type Occupancy = "owned" | "conflict" | "shared" | "housekeeping" | "free";

/** One hardware thread. */
export interface CpuPicture {
  readonly id: number;
  readonly occupancy: Occupancy;
  /** Keys of the guests that own it, or float over it. */
  readonly keys: readonly string[];
}

/** One core with its threads. */
export interface CorePicture {
  readonly socket: number;
  readonly cpus: readonly CpuPicture[];
}

/** Cores that share the last level of cache. */
export interface GroupPicture {
  readonly label: string;
  readonly cores: readonly CorePicture[];
}

/** A device with the key of the guest that has it. */
export interface DevicePicture extends SurveyedDevice {
  readonly key?: string;
}

/** One cell of the host. */
export interface CellPicture {
  readonly id: number;
  readonly memoryKiB: number;
  readonly sockets: readonly number[];
  /** Ordinary memory: what the cell has, and what guests that are bound to it were promised with QEMU's own. */
  readonly memory: { readonly totalKiB: number; readonly promisedKiB: number };
  readonly pools: readonly { readonly sizeKiB: number; readonly total: number; readonly free: number }[];
  readonly groups: readonly GroupPicture[];
  readonly devices: readonly DevicePicture[];
}

/** Works out what is shown of one cell. */
export function cellPicture(
  state: HostState,
  cell: CellState,
  topology: HostTopology,
  guests: readonly GuestPicture[],
  survey: Survey,
): CellPicture {
  const free = new Map(cell.pages.map((pool) => [pool.sizeKiB, pool.free]));
  return {
    id: cell.cell.id,
    memoryKiB: cell.cell.memoryKiB,
    sockets: [...new Set(cell.cell.cpus.map(({ socket }) => socket))].sort((a, b) => a - b),
    memory: {
      totalKiB: ordinaryMemory(cell.cell, state.ordinaryKiB),
      promisedKiB: promisedKiB(survey, cell.cell.id),
    },
    pools: cell.cell.pages
      .filter(({ sizeKiB, total }) => sizeKiB !== state.ordinaryKiB && total > 0)
      .map(({ sizeKiB, total }) => ({ sizeKiB, total, free: free.get(sizeKiB) ?? 0 })),
    groups: groupsOf(state, cell, topology, guests),
    devices: devicesIn(cell.cell.id, survey.devices, guests),
  };
}

function groupsOf(
  state: HostState,
  cell: CellState,
  topology: HostTopology,
  guests: readonly GuestPicture[],
): GroupPicture[] {
  const kind = topology.cacheLevel === undefined ? "die" : `L${topology.cacheLevel} group`;
  const numbers = [...new Set(cell.cores.map(({ group }) => group))].sort((a, b) => a - b);
  const pictures = (core: CoreState): CorePicture => ({
    socket: core.socket,
    cpus: core.cpus.map((id) => cpuPicture(state, id, guests)),
  });
  return numbers.map((number) => ({
    label: `${kind} ${number}`,
    cores: cell.cores.filter(({ group }) => group === number).map(pictures),
  }));
}

function cpuPicture(state: HostState, id: number, guests: readonly GuestPicture[]): CpuPicture {
  const keys = (of: "owned" | "shared") => guests.filter((guest) => guest[of].includes(id)).map(({ key }) => key);
  const [owners, floating] = [keys("owned"), keys("shared")];
  if (owners.length > 0) return { id, occupancy: owners.length > 1 ? "conflict" : "owned", keys: owners };
  if (state.housekeeping.includes(id)) return { id, occupancy: "housekeeping", keys: floating };
  return { id, occupancy: floating.length > 0 ? "shared" : "free", keys: floating };
}

/** The devices of a cell, or those of no known cell, with the guests that have them. */
export function devicesIn(
  cell: number | undefined,
  devices: readonly SurveyedDevice[],
  guests: readonly GuestPicture[],
): DevicePicture[] {
  return devices
    .filter((device) => device.cell === cell)
    .map((device) => {
      const owner = guests.find((guest) => guest.devices.includes(device.address));
      return { ...device, ...(owner && { key: owner.key }) };
    });
}
