import { z } from "../core/attribute";
import { size } from "../core/quantities";
import { isPlainObject } from "../core/unknown";
import { limitsFor } from "../resources/host-limits";
import { numberSet } from "../resources/number-set";
import { guestRequest, plannerRequest } from "../resources/placement-request";
import { machinePresets } from "../resources/virtual-machine/profiles";
import { parseCpuSet } from "../tuning/cpu-set";
import { profiles } from "../tuning/profiles";
import type { HostLimits, Request } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { UsageError } from "./command";

const vmSchema = guestRequest.safeExtend({ name: z.string().min(1), profile: z.enum(profiles).optional() });

/** What the guest's profile asks of placement, below what is said for the guest itself. */
function profiled(vm: unknown): unknown {
  if (!isPlainObject(vm)) return vm;
  const { cpu, hugePages } = machinePresets(vm, undefined);
  const { policy, smt } = isPlainObject(cpu) ? cpu : {};
  const own = isPlainObject(vm["cpu"]) ? vm["cpu"] : {};
  return {
    ...vm,
    ...(hugePages !== undefined && vm["hugePages"] === undefined && { hugePages }),
    ...((vm["cpu"] === undefined || isPlainObject(vm["cpu"])) && {
      cpu: { ...(policy !== undefined && { policy }), ...(smt !== undefined && { smt }), ...own },
    }),
  };
}

const fileSchema = z.strictObject({
  host: z
    .strictObject({
      housekeepingCpus: numberSet.optional(),
      dedicatedCpus: numberSet.optional(),
      reservedMemory: size.optional(),
      deviceCells: z.array(z.int().min(0)).optional(),
    })
    .prefault({}),
  vms: z.array(z.preprocess(profiled, vmSchema)).min(1),
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
  const named = [uses.housekeepingCpus, uses.dedicatedCpus].flatMap((set) =>
    set === undefined ? [] : parseCpuSet(set),
  );
  const beyond = named.filter((cpu) => !online.has(cpu));
  if (beyond.length > 0) {
    throw new UsageError(`${file} is no request:\n  host: CPUs that are not online there: ${beyond.join(", ")}`);
  }
  const { deviceCells, ...declared } = uses;
  return {
    limits: limitsFor(declared, host, deviceCells && { deviceCells }),
    requests: vms.map(({ name, ...vm }) => plannerRequest(name, vm)),
  };
}

function json(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
