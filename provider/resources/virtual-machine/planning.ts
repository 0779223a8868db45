import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { parseBytes } from "../../core/units";
import type { Libvirt } from "../../libvirt/api";
import { parseCpuSet } from "../../tuning/cpu-set";
import { place } from "../../tuning/place";
import type { DeviceRequest, PageRequest, PlacedBefore, Request } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import type { HostUsage } from "../host-usage";
import { NodeDevices } from "./node-devices";
import { refusePins } from "./pin-refusals";
import { devicesOf, isPlaced, type Placed, pinsByHand, smtOf } from "./placement";
import { placedFrom } from "./placement-values";
import type { Inputs } from "./rows";

/** What a guest is placed by, beside the host. */
export interface Site {
  readonly libvirt: Libvirt;
  readonly inputs: Inputs;
  /** uuid of the domain, which takes nothing from itself. */
  readonly uuid: string;
  /** Where it is, or is to be if it can. */
  readonly previous: PlacedBefore | undefined;
  /** It runs: its pages are not among the free ones. */
  readonly runs: boolean;
  readonly context: Context;
}

/**
 * Where the guest goes on a host that is used like that; undefined where it is not placed. Refuses pins that others
 * own, and a guest that does not fit, with the planner's reasons.
 */
export async function plan(site: Site, usage: HostUsage): Promise<Placed | undefined> {
  const { inputs, libvirt, context } = site;
  refusePins(inputs, usage);
  if (!isPlaced(inputs)) return undefined;
  const request = await requestOf(site, usage.topology);
  const answer = place(usage.topology, limitsFor(site, usage), usage.ledger, request);
  const misses = pinsByHand(inputs) && answer.vcpus.some((cpus, vcpu) => !isPinned(inputs, vcpu, cpus));
  if (!answer.fits || misses) throw refusal(inputs, answer.explain, misses && answer.fits);
  const placed = placedFrom(answer, inputs, usage.topology, libvirt.version);
  if (inputs.hugePages === "preferred" && placed.values["hugePages"] === undefined) {
    context.warn(
      `no huge pages are free where ${inputs.name} goes: its memory takes ordinary ones, which the host's kernel may join by itself (transparent huge pages). Give the host huge pages, or set hugePages: "required" to insist`,
    );
  }
  return placed;
}

function refusal(inputs: Inputs, explain: readonly string[], byHand: boolean): KvmError {
  const facts = explain.filter((line) => !line.startsWith("remedy: "));
  const remedies = explain.flatMap((line) => (line.startsWith("remedy: ") ? line.slice("remedy: ".length) : []));
  return new KvmError("conflict", {
    step: `place VirtualMachine ${inputs.name}`,
    host: inputs.host.uri,
    reason: byHand
      ? "the CPUs of cpuTune.vcpuPins and the guest's cells, pages or cpu.smt do not go together; nothing was changed"
      : `${facts.join("; ")}; nothing was changed`,
    remedy: byHand
      ? "pin vCPUs in their order to one host cell after the other, with cpu.smt whole-core to whole cores, or leave vcpuPins out and let the guest be placed"
      : remedies.join("; or "),
  });
}

function isPinned({ cpuTune }: Inputs, vcpu: number, cpus: readonly number[]): boolean {
  return parseCpuSet(cpuTune?.vcpuPins?.[String(vcpu)] ?? "0").join() === cpus.join();
}

/** Pages of a running guest are its own for its next start too. */
function limitsFor({ previous, runs }: Site, { limits }: HostUsage): HostUsage["limits"] {
  const own = runs ? (previous?.pages ?? []) : [];
  if (limits.freePages === undefined || own.length === 0) return limits;
  const freePages = limits.freePages.map((pool) => {
    const mine = own.filter(({ cell, sizeKiB }) => cell === pool.cell && sizeKiB === pool.sizeKiB);
    return { ...pool, count: pool.count + mine.reduce((sum, { count }) => sum + count, 0) };
  });
  return { ...limits, freePages };
}

async function requestOf(site: Site, host: HostTopology): Promise<Request> {
  const { inputs, libvirt } = site;
  const { cpu, numa, iothreads, launchSecurity } = inputs;
  const dedicated = cpu?.dedicatedVcpus;
  const previous = pinsByHand(inputs) ? byHand(inputs, host, site.previous) : site.previous;
  return {
    name: inputs.name,
    maxVcpus: inputs.maxVcpus,
    memoryKiB: kibibytes(inputs.maxMemory),
    ...(numa?.cells && {
      cells: numa.cells.map(({ cpus, memory }) => ({ vcpus: parseCpuSet(cpus ?? "0"), memoryKiB: kibibytes(memory) })),
    }),
    pages: pagesOf(inputs),
    policy: cpu?.policy ?? "shared",
    ...(dedicated !== undefined && { dedicatedVcpus: parseCpuSet(dedicated) }),
    smt: smtOf(inputs),
    emulator: cpu?.emulator ?? "housekeeping",
    iothreads: iothreads ?? 0,
    devices: await devicesWithCells(libvirt, inputs),
    ...(launchSecurity !== undefined && { confidential: true }),
    ...(previous && { previous }),
  };
}

function pagesOf({ hugePages }: Inputs): PageRequest {
  if (hugePages === undefined || hugePages === "none") return "none";
  if (hugePages === "preferred") return "any";
  if (hugePages === "required") return "large";
  return kibibytes(typeof hugePages === "string" ? hugePages : (hugePages[0]?.size ?? "2 MiB"));
}

/** Pins of the program's own, as if the guest were there already. */
function byHand({ cpuTune }: Inputs, host: HostTopology, before: PlacedBefore | undefined): PlacedBefore {
  const vcpus = Object.values(cpuTune?.vcpuPins ?? {}).map(parseCpuSet);
  const used = new Set(vcpus.flat());
  const cellOf = (cpu: number | undefined) => host.cells.find(({ cpus }) => cpus.some(({ id }) => id === cpu))?.id;
  const cells = [...new Set(vcpus.map(([cpu]) => cellOf(cpu)))].flatMap((cell) => cell ?? []);
  const emulator = cpuTune?.emulatorPin === undefined ? [...used] : parseCpuSet(cpuTune.emulatorPin);
  return { cells, vcpus, emulator, iothreads: [], pages: before?.pages ?? [] };
}

async function devicesWithCells(libvirt: Libvirt, inputs: Inputs): Promise<DeviceRequest[]> {
  const devices = new NodeDevices(libvirt, inputs.host.uri);
  return Promise.all(
    devicesOf(inputs).map(async ({ address, locality }) => {
      const found = await devices.pci(address);
      return {
        address,
        locality,
        ...(found?.cell !== undefined && { cell: found.cell }),
        ...(found?.group && { iommuGroup: Number(found.group.number) }),
      };
    }),
  );
}

function kibibytes(size: string): number {
  return Number(parseBytes(size) / 1024n);
}
