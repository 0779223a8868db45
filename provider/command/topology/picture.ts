import { hostState } from "../../tuning/capacity";
import type { HostCell } from "../../tuning/topology";
import { type CellPicture, cellPicture, devicesIn, type Occupancy } from "./cell-picture";
import { type GuestPicture, guestPictures } from "./guest-picture";
import { type RoomFor, roomForMore, type Size } from "./room";
import type { Survey } from "./survey";

/** What there is to show of a host; text, JSON and the page say the same. */
export interface HostPicture {
  readonly name: string;
  readonly readAt?: string;
  readonly sockets: number;
  readonly cores: number;
  readonly cpus: number;
  readonly memoryKiB: number;
  /** CPUs that the kernel has switched off. */
  readonly offline: readonly number[];
  /** How many CPUs are in each state. */
  readonly states: Readonly<Record<Occupancy, number>>;
  readonly cells: readonly CellPicture[];
  readonly guests: readonly GuestPicture[];
  /** Devices of which the host does not say where they hang. */
  readonly devices: CellPicture["devices"];
  readonly room: readonly RoomFor[];
  /** What is wrong: CPUs that two guests own, cells with more promised than they have. */
  readonly warnings: readonly string[];
}

/** Works out the picture; `size` is the guest that the free capacity is counted in. */
export function hostPicture(survey: Survey, size: Size): HostPicture {
  const { topology, devices, freePages, confidentialSlots } = survey;
  const limits = {
    ...survey.limits,
    ...(freePages && { freePages }),
    ...(confidentialSlots !== undefined && { confidentialSlots }),
  };
  const ledger = { claims: survey.guests.map(({ claim }) => claim) };
  const state = hostState(topology, limits, ledger);
  const guests = guestPictures(survey, topology);
  const cells = state.cells.map((cell) => cellPicture(state, cell, topology, guests, survey));
  const all = cells.flatMap(({ groups }) => groups.flatMap(({ cores }) => cores));
  const cpus = all.flatMap((core) => core.cpus);
  const count = (wanted: Occupancy) => cpus.filter(({ occupancy }) => occupancy === wanted).length;
  return {
    name: survey.name,
    ...(survey.readAt !== undefined && { readAt: survey.readAt }),
    sockets: new Set(topology.cells.flatMap((cell: HostCell) => cell.cpus.map(({ socket }) => socket))).size,
    cores: all.length,
    cpus: cpus.length,
    memoryKiB: topology.cells.reduce((sum, { memoryKiB }) => sum + memoryKiB, 0),
    offline: topology.offline,
    states: {
      owned: count("owned"),
      conflict: count("conflict"),
      shared: count("shared"),
      housekeeping: count("housekeeping"),
      free: count("free"),
    },
    cells,
    guests,
    devices: devicesIn(undefined, devices, guests),
    room: roomForMore(topology, limits, ledger, size),
    warnings: warningsOf(cells, guests),
  };
}

function warningsOf(cells: readonly CellPicture[], guests: readonly GuestPicture[]): string[] {
  const names = new Map(guests.map(({ key, name }) => [key, name]));
  const twice = cells.flatMap(({ groups }) =>
    groups.flatMap(({ cores }) => cores.flatMap((core) => core.cpus.filter((cpu) => cpu.occupancy === "conflict"))),
  );
  const over = cells.filter(({ memory }) => memory.promisedKiB > memory.totalKiB);
  return [
    ...twice.map(({ id, keys }) => `CPU ${id} is owned by ${keys.map((key) => names.get(key)).join(" and ")}`),
    ...over.map(({ id }) => `cell ${id}: more ordinary memory is promised to guests that are bound to it than it has`),
  ];
}
