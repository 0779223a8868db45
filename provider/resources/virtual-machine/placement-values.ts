import type { Values } from "../../core/handler";
import { formatBytes } from "../../core/units";
import { formatCpuSet } from "../../tuning/cpu-set";
import type { Placement } from "../../tuning/placement";
import type { HostTopology } from "../../tuning/topology";
import { pagesText, placeText } from "../placed";
import { isOlder } from "../version-rules";
import type { Pinned } from "./cpu-tuning";
import { isPcie } from "./general";
import { leavesDistances, type Placed } from "./placement";
import type { Inputs } from "./rows";

/** Above this, pages are no ordinary ones on any architecture, in KiB. */
const largestOrdinary = 64;

const sizeText = (kibibytes: number) => formatBytes(BigInt(kibibytes) * 1024n);

/** A device of the host by its place among the arguments, and the host cell that it hangs on. */
export interface NearDevice {
  readonly map: "hostDevices" | "nics";
  readonly key: string;
  readonly cell: number;
}

/** What the arguments that follow from a placement depend on, beside the guest and its host. */
interface Circumstances {
  /** Devices of the host that get a bus near to them. */
  readonly near?: readonly NearDevice[];
  /** Cells of a program that says no distances are as far apart as those of the host. Default true. */
  readonly mirrors?: boolean;
  /** What is pinned as the guest runs. */
  readonly pinned?: Pinned | undefined;
}

/** The answer of the planner as state keeps it, with the arguments that follow from it. */
export function placedFrom(
  answer: Placement,
  inputs: Inputs,
  host: HostTopology,
  libvirt: number,
  { near = [], mirrors = true, pinned = {} }: Circumstances = {},
): Placed {
  return {
    ...placeText(answer),
    owned: formatCpuSet(answer.owned),
    cost: Object.fromEntries(answer.cost.filter(({ value }) => value !== 0).map(({ name, value }) => [name, value])),
    explain: answer.explain,
    ...(answer.addedPages.length > 0 && { addedPages: pagesText(answer.addedPages) }),
    values: {
      ...tuneOf(answer, host, pinned),
      ...valuesOf(answer, inputs, libvirt, mirrors),
      ...busesOf(answer, inputs, near),
    },
  };
}

/** The bus of a guest cell for each device that hangs on the host cell of it. */
function busesOf({ cells }: Placement, { machine }: Inputs, devices: readonly NearDevice[]): Values {
  if (cells.length < 2 || !isPcie(machine)) return {};
  const near = devices.filter(({ cell }) => cells.includes(cell));
  const maps = [...new Set(near.map(({ map }) => map))].map((map) => {
    const own = near.filter((device) => device.map === map);
    return [map, Object.fromEntries(own.map(({ key, cell }) => [key, { cell: cells.indexOf(cell) }]))] as const;
  });
  return Object.fromEntries(maps);
}

function valuesOf(answer: Placement, inputs: Inputs, libvirt: number, mirrors: boolean): Values {
  const pages = pagesOf(answer);
  return {
    ...cpuOf(answer, libvirt),
    ...cellsOf(answer, inputs, mirrors),
    ...(pages.length > 0 && { hugePages: pages, memoryBacking: { allocation: "immediate" } }),
  };
}

/** Pins; a set of all CPUs says nothing, but of a thread that is pinned: libvirt takes no pin from it as it runs. */
function tuneOf({ vcpus, emulator, iothreads }: Placement, host: HostTopology, pinned: Pinned): Values {
  const online = host.cells.reduce((sum, { cpus }) => sum + cpus.length, 0);
  const pins = (sets: readonly (readonly number[])[], first: number, has: object = {}) => {
    const all = sets.map((cpus, index) => [String(index + first), cpus] as const);
    const says = (id: string, { length }: readonly number[]) =>
      length === 1 || length < online || Object.hasOwn(has, id);
    const entries = all.filter(([id, cpus]) => cpus.length > 0 && says(id, cpus));
    return entries.length > 0 ? Object.fromEntries(entries.map(([id, cpus]) => [id, formatCpuSet(cpus)])) : undefined;
  };
  const vcpuPins = pins(vcpus, 0, pinned.vcpuPins);
  const iothreadPins = pins(iothreads, 1, pinned.iothreadPins);
  const emulatorPin = pins([emulator], 0, pinned.emulatorPin === undefined ? {} : { 0: pinned.emulatorPin })?.["0"];
  const tune = {
    ...(vcpuPins && { vcpuPins }),
    ...(emulatorPin && { emulatorPin }),
    ...(iothreadPins && { iothreadPins }),
  };
  return Object.keys(tune).length > 0 ? { cpuTune: tune } : {};
}

function cpuOf({ topology }: Placement, libvirt: number): Values {
  if (topology === undefined) return {};
  const { sockets, dies, clusters, cores, threads } = topology;
  // Older ones know no clusters: their cores are cores of the die.
  const hasClusters = clusters > 1 && !isOlder(libvirt, "10.1");
  const level = hasClusters ? { clusters, cores } : { cores: cores * clusters };
  return { cpu: { topology: { sockets, dies, ...level, threads } } };
}

/** Guest cells where there are several, and what binds their memory. */
function cellsOf(answer: Placement, inputs: Inputs, mirrors: boolean): Values {
  const { cpu, numa } = inputs;
  const { cells, guestCells, distances } = answer;
  if (cells.length === 0) return {};
  const isStrict = (cpu?.policy ?? "shared") !== "shared" || pagesOf(answer).length > 0;
  if (cells.length === 1 && numa?.cells === undefined) {
    return { numaTune: { mode: isStrict ? "strict" : "preferred", nodes: String(cells[0]) } };
  }
  const mode = isStrict ? "strict" : "preferred";
  const bindings = cells.map((host, cell) => ({ cell, mode, nodes: String(host) }));
  const own = guestCells.map(({ vcpus, memoryKiB }, index) => ({
    ...(vcpus.length > 0 && { cpus: formatCpuSet(vcpus) }),
    memory: sizeText(memoryKiB),
    distances: distances[index],
  }));
  return {
    ...((numa?.cells === undefined || (mirrors && cells.length > 1 && leavesDistances(inputs))) && {
      numa: { cells: own },
    }),
    numaTune: { ...(isStrict && { mode, nodes: formatCpuSet(cells) }), cells: bindings },
  };
}

/** Huge pages, by size; guest cells are named where not all are alike. */
function pagesOf({ pages }: Placement): { readonly size: string; readonly cells?: string }[] {
  const bySize = new Map<number, number[]>();
  pages.forEach(({ sizeKiB }, cell) => {
    if (sizeKiB > largestOrdinary) bySize.set(sizeKiB, [...(bySize.get(sizeKiB) ?? []), cell]);
  });
  return [...bySize].map(([sizeKiB, cells]) => ({
    size: sizeText(sizeKiB),
    ...(cells.length < pages.length && { cells: formatCpuSet(cells) }),
  }));
}
