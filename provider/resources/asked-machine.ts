import { attribute, type Row, type Rows, type StateOf, z } from "../core/attribute";
import type { Fault } from "../core/check";
import { filled } from "../core/filled";
import type { Values } from "../core/handler";
import { defineResource } from "../core/resource";
import { isPlainObject, unknown } from "../core/unknown";
import type { DeviceRequest } from "../tuning/request";
import { pciAddress } from "./pci-address";
import { virtualMachine } from "./virtual-machine";
import { nicEnds } from "./virtual-machine/nic-cable";
import { devicesOf } from "./virtual-machine/placement";

const { definition } = virtualMachine;

/** What the arguments of a virtual machine leave to its host, which is not there to be asked. */
const offlineRows = {
  devices: attribute({
    doc: "Devices by address, with the cell and IOMMU group that the host would tell.",
    schema: z
      .array(
        z.strictObject({
          address: pciAddress,
          cell: z.int().min(0).optional(),
          iommuGroup: z.int().min(0).optional(),
          locality: z.enum(["required", "preferred", "none"]).optional(),
        }),
      )
      .optional(),
    change: "none",
  }),
  confidential: attribute({ doc: "Short for `launchSecurity`.", schema: z.boolean().optional(), change: "none" }),
};
const rows = { ...definition.rows, ...offlineRows };

/** A virtual machine of a request: its arguments as the class checks them, and what its host would say. */
export type AskedMachine = StateOf<typeof rows>;

/** The class with its own rows, rules and profiles, for which every guest is placed. */
const asked = defineResource({
  ...definition,
  rows,
  presets: {
    by: definition.presets?.by ?? [],
    of: (news, olds, version) =>
      filled(definition.presets?.of(news, olds, version) ?? {}, { cpu: { policy: policyOf(news) } }),
  },
});

/** Pins and bindings by hand, without a policy, are no wish to be placed. */
function policyOf({ cpuTune, numaTune }: Values): string | undefined {
  const has = (block: unknown, ...names: string[]) =>
    isPlainObject(block) && names.some((name) => block[name] !== undefined);
  return has(cpuTune, "vcpuPins") || has(numaTune, "nodes", "cells") ? undefined : "shared";
}

/** Checks the arguments of one machine, of that name in its program; `at` is their path. */
export function machineOf(given: unknown, name: string, at: string, faults: Fault[]): AskedMachine | undefined {
  if (!isPlainObject(given)) {
    faults.push({ property: at, reason: "expected an object: the arguments of a VirtualMachine" });
    return undefined;
  }
  const urn = `urn:pulumi:plan::plan::kvm:VirtualMachine::${name}`;
  const meta = { organization: "plan", project: "plan", stack: "plan", urn };
  const { inputs, failures } = asked.check(withoutReferences(given), undefined, meta);
  faults.push(...failures.map(({ property, reason }) => ({ property: `${at}.${property}`, reason })));
  return inputs as AskedMachine;
}

/** Devices with all that is told of them: by the arguments, by `devices` and by the host's own documents. */
export function devicesFor(
  machine: AskedMachine,
  known: ReadonlyMap<string, Pick<DeviceRequest, "cell" | "iommuGroup">>,
): DeviceRequest[] {
  const told = new Map((machine.devices ?? []).map((device) => [device.address, device]));
  const own = new Map(devicesOf(machine).map(({ address, locality }) => [address, locality]));
  return [...new Set([...own.keys(), ...told.keys()])].map((address) => {
    const { cell, iommuGroup, locality = own.get(address) ?? "preferred" } = told.get(address) ?? {};
    return {
      ...known.get(address),
      ...{ address, locality },
      ...(cell !== undefined && { cell }),
      ...(iommuGroup !== undefined && { iommuGroup }),
    };
  });
}

/** Arguments that a place depends on: by themselves, or by what profiles and rules make of them. */
const tuning = [
  ...["vcpus", "maxVcpus", "memory", "maxMemory", "profile", "guest", "virtType", "cpu", "cpuTune", "numa", "numaTune"],
  ...["hugePages", "memoryBacking", "iothreads", "memoryDevices", "disks", "nics", "hostDevices", "launchSecurity"],
  ...["suggestedPlacement", "devices", "confidential", "defaultsVersion"],
];

/** What the program itself says of the place, in the form that the check gave it: no reference, no secret. */
export function tuningOf(given: Values, checked: AskedMachine): Values {
  const own = Object.fromEntries(Object.entries(given).filter(([name]) => tuning.includes(name)));
  return said(own, checked, rows) as Values;
}

function said(given: unknown, checked: unknown, within: Rows): unknown {
  if (!isPlainObject(given) || !isPlainObject(checked)) return checked;
  const entries = Object.entries(given).flatMap(([name, own]) => {
    const value = checked[name];
    if (value === undefined) return [];
    const row: Row | undefined = Object.hasOwn(within, name) ? within[name] : undefined;
    if (row?.kind === "attribute") return row.references || row.secret ? [] : [[name, value] as const];
    if (row?.kind === "map" && isPlainObject(own) && isPlainObject(value)) {
      const each = Object.keys(own).filter((key) => value[key] !== undefined);
      return [[name, Object.fromEntries(each.map((key) => [key, said(own[key], value[key], row.rows)]))] as const];
    }
    return [[name, row ? said(own, value, row.rows) : value] as const];
  });
  return Object.fromEntries(entries);
}

/** What an entry of a map needs, though placement does not: where a disk's data or an interface's cable is. */
const sources: Readonly<Record<string, readonly string[]>> = {
  disks: ["volume", "path", "network"],
  nics: nicEnds,
};

/** References to other resources are values that are not known here, and may be left out. */
function withoutReferences(given: Values): Values {
  const entries = Object.entries(sources).map(([map, [reference = "", ...others]]) => {
    const found = given[map];
    if (!isPlainObject(found)) return [map, found] as const;
    const known = Object.entries(found).map(([key, entry]) => {
      const isOpen = isPlainObject(entry) && [reference, ...others].every((name) => entry[name] === undefined);
      return [key, isOpen ? { ...entry, [reference]: unknown } : entry] as const;
    });
    return [map, Object.fromEntries(known)] as const;
  });
  const whole = { ...given, ...Object.fromEntries(entries.filter(([, map]) => map !== undefined)), host: unknown };
  return hidden(whole, rows) as Values;
}

function hidden(value: unknown, within: Rows): unknown {
  if (!isPlainObject(value)) return value;
  const each = Object.entries(value).map(([name, item]) => {
    const row: Row | undefined = Object.hasOwn(within, name) ? within[name] : undefined;
    if (row === undefined || item === undefined || item === null) return [name, item] as const;
    if (row.kind === "attribute") return [name, row.references ? unknown : item] as const;
    if (row.kind === "block") return [name, hidden(item, row.rows)] as const;
    const entries = isPlainObject(item) ? Object.entries(item) : undefined;
    return [
      name,
      entries ? Object.fromEntries(entries.map(([key, entry]) => [key, hidden(entry, row.rows)])) : item,
    ] as const;
  });
  return Object.fromEntries(each);
}
