import { z } from "../core/attribute";
import { size } from "../core/quantities";
import { parseBytes } from "../core/units";
import { parseCpuSet } from "../tuning/cpu-set";
import type { HostLimits, Request } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { UsageError } from "./command";

const cpuSet = z.string().transform((text, context): number[] => {
  try {
    return parseCpuSet(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
    return z.NEVER;
  }
});

const kibibytes = size.transform((text) => Number(parseBytes(text) / 1024n));
const pageSize = kibibytes.refine(
  (value) => value === 2048 || value === 1048576,
  'is no huge page: "2 MiB" or "1 GiB"',
);

const vmSchema = z
  .strictObject({
    name: z.string().min(1),
    vcpus: z.int().min(1),
    maxVcpus: z.int().min(1).optional(),
    memory: kibibytes,
    maxMemory: kibibytes.optional(),
    cpu: z
      .strictObject({
        policy: z.enum(["shared", "dedicated", "mixed"]).default("shared"),
        dedicatedVcpus: cpuSet.optional(),
        smt: z.enum(["whole-core", "isolate", "any"]).default("whole-core"),
        emulator: z.enum(["housekeeping", "isolate", "share"]).default("housekeeping"),
      })
      .prefault({}),
    numa: z.strictObject({ cells: z.array(z.strictObject({ cpus: cpuSet, memory: kibibytes })).min(1) }).optional(),
    hugePages: z.union([z.enum(["any", "large"]), z.array(z.strictObject({ size: pageSize })).length(1)]).optional(),
    iothreads: z.int().min(0).default(0),
    devices: z
      .array(
        z.strictObject({
          address: z.string(),
          cell: z.int().min(0).optional(),
          iommuGroup: z.int().min(0).optional(),
          locality: z.enum(["required", "preferred", "none"]).default("preferred"),
        }),
      )
      .default([]),
    confidential: z.boolean().default(false),
  })
  .superRefine((vm, context) => {
    const most = vm.maxVcpus ?? vm.vcpus;
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
    if (most < vm.vcpus) fault(["maxVcpus"], `is less than vcpus (${vm.vcpus})`);
    const some = vm.cpu.dedicatedVcpus;
    if (vm.cpu.policy === "mixed" && !some?.length) fault(["cpu", "dedicatedVcpus"], 'is needed with policy "mixed"');
    if (vm.cpu.policy !== "mixed" && some) fault(["cpu", "dedicatedVcpus"], 'goes with policy "mixed" only');
    if (some?.some((vcpu) => vcpu >= most))
      fault(["cpu", "dedicatedVcpus"], `names a vCPU beyond the last, ${most - 1}`);
    if (vm.numa) {
      const members = vm.numa.cells.flatMap(({ cpus }) => cpus).sort((a, b) => a - b);
      if (members.length !== most || members.some((cpu, index) => cpu !== index)) {
        fault(["numa", "cells"], `must hold each vCPU from 0 to ${most - 1} once`);
      }
      const memory = vm.numa.cells.reduce((sum, cell) => sum + cell.memory, 0);
      const whole = vm.maxMemory ?? vm.memory;
      if (memory !== whole) fault(["numa", "cells"], `have ${memory} KiB together, the guest has ${whole} KiB`);
    }
    const [page] = Array.isArray(vm.hugePages) ? vm.hugePages : [];
    const parts = vm.numa?.cells.map((cell) => cell.memory) ?? [vm.maxMemory ?? vm.memory];
    if (page && parts.some((part) => part % page.size !== 0)) {
      fault(["hugePages"], `of ${page.size} KiB do not divide the memory (${parts.join(", ")} KiB)`);
    }
  });

const fileSchema = z.strictObject({
  host: z
    .strictObject({
      housekeepingCpus: cpuSet.default([]),
      dedicatedCpus: cpuSet.optional(),
      reservedMemory: kibibytes.default(0),
      deviceCells: z.array(z.int().min(0)).optional(),
    })
    .prefault({}),
  vms: z.array(vmSchema).min(1),
});

/** What `pulumi-kvm plan` is asked. */
export interface PlanRequest {
  readonly limits: HostLimits;
  readonly requests: readonly Request[];
}

/** Reads the JSON of a request; every fault is told with its path. */
export function readPlanRequest(text: string, file: string, host: HostTopology): PlanRequest {
  const parsed = fileSchema.safeParse(json(text, file));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `  ${path.join(".") || "(top)"}: ${message}`);
    throw new UsageError([`${file} is no request:`, ...faults].join("\n"));
  }
  const { host: uses, vms } = parsed.data;
  const twice = vms.find(({ name }, index) => vms.findIndex((vm) => vm.name === name) !== index);
  if (twice) throw new UsageError(`${file} is no request:\n  vms: two are called "${twice.name}"`);
  const online = new Set(host.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id)));
  const beyond = [...uses.housekeepingCpus, ...(uses.dedicatedCpus ?? [])].filter((cpu) => !online.has(cpu));
  if (beyond.length > 0) {
    throw new UsageError(`${file} is no request:\n  host: CPUs that are not online there: ${beyond.join(", ")}`);
  }
  const limits: HostLimits = {
    housekeeping: uses.housekeepingCpus,
    ...(uses.dedicatedCpus && { dedicated: uses.dedicatedCpus }),
    reserveKiB: new Map(host.cells.map(({ id }) => [id, uses.reservedMemory])),
    pageReserve: [],
    ...(uses.deviceCells && { deviceCells: uses.deviceCells }),
  };
  return { limits, requests: vms.map(requestOf) };
}

function requestOf(vm: z.infer<typeof vmSchema>): Request {
  const { name, cpu, numa, hugePages, iothreads, confidential } = vm;
  const pages = Array.isArray(hugePages) ? hugePages[0]?.size : hugePages;
  return {
    name,
    maxVcpus: vm.maxVcpus ?? vm.vcpus,
    memoryKiB: vm.maxMemory ?? vm.memory,
    ...(numa && { cells: numa.cells.map(({ cpus, memory }) => ({ vcpus: cpus, memoryKiB: memory })) }),
    pages: pages ?? "none",
    policy: cpu.policy,
    ...(cpu.dedicatedVcpus && { dedicatedVcpus: cpu.dedicatedVcpus }),
    smt: cpu.smt,
    emulator: cpu.emulator,
    iothreads,
    devices: vm.devices.map(({ address, locality, cell, iommuGroup }) => ({
      address,
      locality,
      ...(cell !== undefined && { cell }),
      ...(iommuGroup !== undefined && { iommuGroup }),
    })),
    confidential,
  };
}

function json(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
