import type { Values } from "../../core/handler";
import { formatBytes } from "../../core/units";
import { formatCpuSet } from "../../tuning/cpu-set";
import type { Placement } from "../../tuning/placement";
import type { HostTopology } from "../../tuning/topology";
import { pagesText, placeText } from "../placed";
import { isPcie } from "./general";
import { leavesDistances, type Placed } from "./placement";
import type { Inputs } from "./rows";
import { isOlder } from "./version-rules";

/** Above this, pages are no ordinary ones on any architecture, in KiB. */
const largestOrdinary = 64;

const sizeText = (kibibytes: number) => formatBytes(BigInt(kibibytes) * 1024n);

/** A device of the host by its place among the arguments, and the host cell that it hangs on. */
export interface NearDevice {
  readonly map: "hostDevices" | "nics";
  readonly key: string;
  readonly cell: number;
}

/**
 * The answer of the planner as state keeps it, with the arguments that follow from it. Cells of the program that says
 * no distances are as far apart as those of the host where the guest `mirrors` it.
 */
export function placedFrom(
  answer: Placement,
  inputs: Inputs,
  host: HostTopology,
  libvirt: number,
  devices: readonly NearDevice[] = [],
  mirrors = true,
): Placed {
  return {
    ...placeText(answer),
    owned: formatCpuSet(answer.owned),
    cost: Object.fromEntries(answer.cost.filter(({ value }) => value !== 0).map(({ name, value }) => [name, value])),
    explain: answer.explain,
    ...(answer.addedPages.length > 0 && { addedPages: pagesText(answer.addedPages) }),
    values: { ...valuesOf(answer, inputs, host, libvirt, mirrors), ...busesOf(answer, inputs, devices) },
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

function valuesOf(answer: Placement, inputs: Inputs, host: HostTopology, libvirt: number, mirrors: boolean): Values {
  const pages = pagesOf(answer);
  return {
    ...tuneOf(answer, host),
    ...cpuOf(answer, libvirt),
    ...cellsOf(answer, inputs, mirrors),
    ...(pages.length > 0 && { hugePages: pages, memoryBacking: { allocation: "immediate" } }),
  };
}

/** Pins; a set of all CPUs says nothing. */
function tuneOf({ vcpus, emulator, iothreads }: Placement, host: HostTopology): Values {
  const online = host.cells.reduce((sum, { cpus }) => sum + cpus.length, 0);
  const pins = (sets: readonly (readonly number[])[], first: number) => {
    const narrow = sets.map((cpus, index) => [String(index + first), cpus] as const);
    const entries = narrow.filter(([, cpus]) => cpus.length === 1 || (cpus.length > 0 && cpus.length < online));
    return entries.length > 0 ? Object.fromEntries(entries.map(([id, cpus]) => [id, formatCpuSet(cpus)])) : undefined;
  };
  const vcpuPins = pins(vcpus, 0);
  const iothreadPins = pins(iothreads, 1);
  const emulatorPin = pins([emulator], 0)?.["0"];
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
