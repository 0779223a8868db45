import { parseBytes } from "../../core/units";
import { parseCpuSet } from "../../tuning/cpu-set";
import { suits } from "../../tuning/keep";
import type { AddedMemory, DeviceRequest, GuestCell, PageRequest, PlacedBefore, Request } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import { pinsByHand, smtOf } from "./placement";
import type { Inputs } from "./rows";

/** The planner's question about a virtual machine, by its checked arguments. */
export function requestOf(
  inputs: Inputs,
  devices: readonly DeviceRequest[],
  host: HostTopology,
  before: PlacedBefore | undefined,
): Request {
  const { cpu, iothreads, launchSecurity } = inputs;
  const dedicated = cpu?.dedicatedVcpus;
  const isPinned = pinsByHand(inputs);
  const previous = isPinned ? byHand(inputs, host, before) : before;
  const cells = cellsOf(inputs);
  return {
    name: inputs.name,
    maxVcpus: inputs.maxVcpus,
    memoryKiB: kibibytes(inputs.maxMemory),
    ...(cells && { cells }),
    added: addedOf(inputs),
    pages: pagesOf(inputs),
    policy: cpu?.policy ?? (ownsByPins(inputs) ? "dedicated" : "shared"),
    ...(dedicated !== undefined && { dedicatedVcpus: parseCpuSet(dedicated) }),
    smt: smtOf(inputs),
    emulator: cpu?.emulator ?? "housekeeping",
    iothreads: iothreads ?? 0,
    devices,
    ...(launchSecurity !== undefined && { confidential: true }),
    ...(cpu?.apart !== undefined && { apart: cpu.apart }),
    ...(previous && { previous }),
    ...(isPinned && { pinned: true }),
  };
}

/** Pins of every vCPU to a CPU of its own leave no room for others, though no policy says so. */
function ownsByPins({ cpuTune, maxVcpus }: Inputs): boolean {
  const cpus = Object.values(cpuTune?.vcpuPins ?? {}).map(parseCpuSet);
  const isNarrow = cpus.every((set) => set.length === 1) && new Set(cpus.flat()).size === cpus.length;
  return cpus.length === maxVcpus && isNarrow;
}

/** Guest cells; where pages are said cell by cell, one that none are said for has ordinary ones. */
function cellsOf({ numa, hugePages }: Inputs): GuestCell[] | undefined {
  const list = typeof hugePages === "object" ? hugePages : [];
  const whole = list.find(({ cells }) => cells === undefined);
  return numa?.cells?.map(({ cpus, memory }, id) => {
    const own = list.find(({ cells }) => cells !== undefined && parseCpuSet(cells).includes(id)) ?? whole;
    return {
      vcpus: cpus === undefined ? [] : parseCpuSet(cpus),
      memoryKiB: kibibytes(memory),
      ...(list.length > 0 && { pages: own ? kibibytes(own.size) : "none" }),
    };
  });
}

/** Modules and virtio-mem up to their size; those that name cells of the host themselves go there. */
function addedOf({ memoryDevices = {} }: Partial<Inputs>): AddedMemory[] {
  return Object.values(memoryDevices).flatMap(({ model, size, cell, nodes, pageSize }) =>
    (model === "dimm" || model === "virtio-mem") && nodes === undefined
      ? [
          {
            cell: cell ?? 0,
            memoryKiB: kibibytes(size),
            ...(pageSize !== undefined && { pageKiB: kibibytes(pageSize) }),
          },
        ]
      : [],
  );
}

/** What x86 takes where nobody asks for huge pages. */
const ordinary = "4 KiB";

/** Whether pages of that size, or ordinary ones, are what a guest that is placed asks for: then it keeps them. */
export function isContentWith(inputs: Inputs, size: string = ordinary): boolean {
  return suits(kibibytes(size), pagesOf(inputs), kibibytes(ordinary));
}

function pagesOf({ hugePages }: Inputs): PageRequest {
  if (hugePages === undefined || hugePages === "none") return "none";
  if (hugePages === "preferred") return "any";
  if (hugePages === "required") return "large";
  return kibibytes(typeof hugePages === "string" ? hugePages : (hugePages[0]?.size ?? "2 MiB"));
}

/** Pins of the program's own, as if the guest were there already. */
function byHand(inputs: Inputs, host: HostTopology, before: PlacedBefore | undefined): PlacedBefore {
  const { cpuTune, numa, maxVcpus } = inputs;
  const pins = cpuTune?.vcpuPins ?? {};
  const vcpus = Array.from({ length: maxVcpus }, (_, vcpu) => {
    const cpus = pins[String(vcpu)];
    return cpus === undefined ? [] : parseCpuSet(cpus);
  });
  const cellOf = (cpu: number | undefined) => host.cells.find(({ cpus }) => cpus.some(({ id }) => id === cpu))?.id;
  const first = numa?.cells?.map(({ cpus }) => vcpus[cpus === undefined ? -1 : (parseCpuSet(cpus)[0] ?? -1)]?.[0]);
  const cells = first ? first.map(cellOf) : [...new Set(vcpus.map(([cpu]) => cellOf(cpu)))];
  const used = new Set(vcpus.flat());
  const emulator = cpuTune?.emulatorPin === undefined ? [...used] : parseCpuSet(cpuTune.emulatorPin);
  return { cells: cells.flatMap((cell) => cell ?? []), vcpus, emulator, iothreads: [], pages: before?.pages ?? [] };
}

function kibibytes(size: string): number {
  return Number(parseBytes(size) / 1024n);
}
