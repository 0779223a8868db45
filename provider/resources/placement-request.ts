import { z } from "../core/attribute";
import { size } from "../core/quantities";
import { parseBytes } from "../core/units";
import { parseCpuSet } from "../tuning/cpu-set";
import type { Request } from "../tuning/request";
import { numberSet } from "./number-set";
import { apartGroup } from "./placement-record";

const kibibytes = (text: string) => Number(parseBytes(text) / 1024n);
const pageSize = size.refine((value) => value === "2 MiB" || value === "1 GiB", 'is no huge page: "2 MiB" or "1 GiB"');

/** What of a virtual machine placement depends on, under the names that its own arguments have. */
export const guestRequest = z
  .strictObject({
    vcpus: z.int().min(1),
    maxVcpus: z.int().min(1).optional(),
    memory: size,
    maxMemory: size.optional(),
    cpu: z
      .strictObject({
        policy: z.enum(["shared", "dedicated", "mixed"]).default("shared"),
        dedicatedVcpus: numberSet.optional(),
        smt: z.enum(["whole-core", "isolate", "any"]).default("whole-core"),
        emulator: z.enum(["housekeeping", "isolate", "share"]).default("housekeeping"),
        apart: apartGroup.optional(),
      })
      .prefault({}),
    numa: z.strictObject({ cells: z.array(z.strictObject({ cpus: numberSet, memory: size })).min(1) }).optional(),
    hugePages: z
      .union([
        z.enum(["none", "preferred", "required", "any", "large"]),
        pageSize,
        z.array(z.strictObject({ size: pageSize })).length(1),
      ])
      .optional(),
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
    if (vm.cpu.policy === "mixed" && some === undefined)
      fault(["cpu", "dedicatedVcpus"], 'is needed with policy "mixed"');
    if (vm.cpu.policy !== "mixed" && some !== undefined)
      fault(["cpu", "dedicatedVcpus"], 'goes with policy "mixed" only');
    if (some !== undefined && parseCpuSet(some).some((vcpu) => vcpu >= most))
      fault(["cpu", "dedicatedVcpus"], `names a vCPU beyond the last, ${most - 1}`);
    const whole = vm.maxMemory ?? vm.memory;
    if (vm.numa) {
      const members = vm.numa.cells.flatMap(({ cpus }) => parseCpuSet(cpus)).sort((a, b) => a - b);
      if (members.length !== most || members.some((cpu, index) => cpu !== index)) {
        fault(["numa", "cells"], `must hold each vCPU from 0 to ${most - 1} once`);
      }
      const memory = vm.numa.cells.reduce((sum, cell) => sum + kibibytes(cell.memory), 0);
      if (memory !== kibibytes(whole))
        fault(["numa", "cells"], `have ${memory} KiB together, the guest has ${kibibytes(whole)} KiB`);
    }
    const page = pagesOf(vm.hugePages);
    const parts = (vm.numa?.cells.map((cell) => cell.memory) ?? [whole]).map(kibibytes);
    if (typeof page === "number" && parts.some((part) => part % page !== 0)) {
      fault(["hugePages"], `of ${page} KiB do not divide the memory (${parts.join(", ")} KiB)`);
    }
  });

/** One guest to be placed, checked. */
export type GuestRequest = z.infer<typeof guestRequest>;

function pagesOf(pages: GuestRequest["hugePages"]): Request["pages"] {
  if (pages === undefined || pages === "none") return "none";
  if (pages === "preferred" || pages === "any") return "any";
  if (pages === "required" || pages === "large") return "large";
  return kibibytes(typeof pages === "string" ? pages : (pages[0]?.size ?? "2 MiB"));
}

/** The planner's question about a guest of that name. */
export function plannerRequest(name: string, guest: GuestRequest): Request {
  const { cpu, numa, hugePages, iothreads, confidential } = guest;
  return {
    name,
    maxVcpus: guest.maxVcpus ?? guest.vcpus,
    memoryKiB: kibibytes(guest.maxMemory ?? guest.memory),
    ...(numa && {
      cells: numa.cells.map(({ cpus, memory }) => ({ vcpus: parseCpuSet(cpus), memoryKiB: kibibytes(memory) })),
    }),
    pages: pagesOf(hugePages),
    policy: cpu.policy,
    ...(cpu.dedicatedVcpus !== undefined && { dedicatedVcpus: parseCpuSet(cpu.dedicatedVcpus) }),
    smt: cpu.smt,
    emulator: cpu.emulator,
    ...(cpu.apart !== undefined && { apart: cpu.apart }),
    iothreads,
    devices: guest.devices.map(({ address, locality, cell, iommuGroup }) => ({
      address,
      locality,
      ...(cell !== undefined && { cell }),
      ...(iommuGroup !== undefined && { iommuGroup }),
    })),
    confidential,
  };
}
