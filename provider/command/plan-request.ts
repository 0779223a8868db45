import { attribute, block, type StateOf, z } from "../core/attribute";
import { checkRows, type Fault } from "../core/check";
import { newestDefaults } from "../core/defaults-version";
import { formatPath } from "../core/faults";
import { isPlainObject } from "../core/unknown";
import { type AskedMachine, machineOf } from "../resources/asked-machine";
import { limitFaults } from "../resources/host/limit-faults";
import { limitRows, limitRules } from "../resources/host/limits";
import { limitsFor } from "../resources/host-limits";
import type { HostLimits } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { UsageError } from "./command";

/** What Host's arguments say of the use of its machine, and what Host would find out. */
const hostRows = {
  ...limitRows,
  deviceCells: attribute({
    doc: "Cells of devices that could be given to guests.",
    schema: z.array(z.int().min(0)).optional(),
    change: "none",
  }),
  confidentialSlots: attribute({
    doc: "How many encrypted guests the machine takes.",
    schema: z.int().min(0).optional(),
    change: "none",
  }),
};

const fileRows = {
  host: block({ doc: "What placement may use of the machine.", rows: hostRows }),
  vms: attribute({
    doc: "the virtual machines to place, as a list",
    schema: z.array(z.unknown(), { error: "expected a list of virtual machines" }).min(1, "must name at least one"),
    change: "none",
  }),
};

/** What `pulumi-kvm plan` is asked. */
export interface PlanRequest {
  readonly limits: HostLimits;
  readonly machines: readonly AskedMachine[];
}

/** Reads the JSON of a request; every fault is told with its path. */
export function readPlanRequest(text: string, file: string, host: HostTopology): PlanRequest {
  const given = json(text, file);
  if (!isPlainObject(given)) throw new UsageError(`${file} is no request:\n  expected an object with "vms"`);
  const context = { identity: undefined, defaultsVersion: newestDefaults, inputs: given };
  const { values, faults } = checkRows(fileRows, { news: given, olds: undefined }, context);
  const { host: uses, vms } = values as StateOf<typeof fileRows>;
  const machines = (vms ?? []).flatMap((vm, index) => entryOf(vm, formatPath(["vms", String(index)]), faults) ?? []);
  const limits = (uses ?? {}) as StateOf<typeof hostRows>;
  if (faults.length === 0) {
    const found = [...limitRules.flatMap(({ check }) => check(limits)), ...limitFaults(limits, host)];
    faults.push(...found.map(({ property, reason }) => ({ property: `host.${property}`, reason })));
  }
  machines.forEach(({ name }, index) => {
    if (name === undefined || machines.findIndex((other) => other.name === name) === index) return;
    faults.push({ property: formatPath(["vms", String(index), "name"]), reason: `two are called "${name}"` });
  });
  if (faults.length > 0) {
    const lines = faults.map(({ property, reason }) => `  ${property}: ${reason}`);
    throw new UsageError([`${file} is no request:`, ...lines].join("\n"));
  }
  const { deviceCells, confidentialSlots, ...declared } = limits;
  const found = {
    ...(deviceCells && { deviceCells }),
    ...(confidentialSlots !== undefined && { confidentialSlots }),
  };
  return { limits: limitsFor(declared, host, found), machines };
}

/** One entry of the list, which says its name itself. */
function entryOf(vm: unknown, at: string, faults: Fault[]): AskedMachine | undefined {
  const name = isPlainObject(vm) ? vm["name"] : undefined;
  if (isPlainObject(vm) && name === undefined) {
    faults.push({ property: `${at}.name`, reason: "is required: the name of the guest" });
  }
  return machineOf(vm, String(name), at, faults);
}

function json(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
