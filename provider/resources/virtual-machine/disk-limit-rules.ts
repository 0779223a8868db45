import type { Fault } from "../../core/check";
import { equal } from "../../core/equal";
import { parseRate } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import { most } from "./disk-limits";
import { type Disk, type EntryCheck, eachEntry, entriesOf, fault, given, type MachineRule } from "./rule-entries";

const ways = ["BytesSec", "IopsSec"] as const;

/** What libvirt and QEMU ask of a set of limits. */
function limitFaults(limits: Readonly<Record<string, unknown>>, at: string) {
  const amount = (name: string) => {
    const value = limits[name];
    return typeof value === "string" ? Number(parseRate(value)) : typeof value === "number" ? value : undefined;
  };
  return ways.flatMap((way) => {
    const both = ["", "Max"].flatMap((end) => {
      const split = [`read${way}${end}`, `write${way}${end}`].filter((name) => limits[name] !== undefined);
      const total = `total${way}${end}`;
      return limits[total] !== undefined && split.length > 0
        ? [fault(`${at}.${total}`, `excludes ${split.join(" and ")}; give the total or the two ways`)]
        : [];
    });
    const bursts = ["total", "read", "write"].flatMap((kind) => {
      const name = `${kind}${way}`;
      const [base, burst] = [amount(name), amount(`${name}Max`)];
      const isShort = base !== undefined && burst !== undefined && burst < base;
      return [
        ...(burst !== undefined && base === undefined ? [fault(`${at}.${name}Max`, `needs ${name}`)] : []),
        ...(isShort ? [fault(`${at}.${name}Max`, `is less than ${name}`)] : []),
        ...(limits[`${name}MaxLength`] !== undefined && burst === undefined
          ? [fault(`${at}.${name}MaxLength`, `needs ${name}Max`)]
          : []),
        ...(isTooLong(burst, limits[`${name}MaxLength`])
          ? [fault(`${at}.${name}MaxLength`, `times ${name}Max is more than 10^15, the most that QEMU counts`)]
          : []),
      ];
    });
    return [...both, ...bursts];
  });
}

function isTooLong(burst: number | undefined, seconds: unknown): boolean {
  return burst !== undefined && typeof seconds === "number" && BigInt(seconds) * BigInt(burst) > most;
}

const anyIops = /IopsSec$/;

/** Requests are counted only where they are limited. */
function sizeFault({ sizeIopsSec, ...limits }: Readonly<Record<string, unknown>>, at: string): Fault[] {
  return sizeIopsSec === undefined || given(limits, Object.keys(limits)).some((name) => anyIops.test(name))
    ? []
    : [fault(`${at}.sizeIopsSec`, "needs a limit of requests, such as totalIopsSec")];
}

const limits: EntryCheck<Disk> = ({ device, iotune, throttleFilters }, at, { throttleGroups }) => {
  const filters: readonly unknown[] = Array.isArray(throttleFilters) ? throttleFilters : [];
  const unknownGroups = filters.filter(
    (name) => typeof name === "string" && isPlainObject(throttleGroups) && !Object.hasOwn(throttleGroups, name),
  );
  return [
    ...(isPlainObject(iotune) ? [...limitFaults(iotune, `${at}.iotune`), ...sizeFault(iotune, `${at}.iotune`)] : []),
    ...unknownGroups.map((name) => fault(`${at}.throttleFilters`, `there is no "${name}" in throttleGroups`)),
    ...(iotune?.group !== undefined && Object.values(iotune).filter((value) => value !== undefined).length === 1
      ? [fault(`${at}.iotune.group`, "needs the limits that its disks share, such as totalIopsSec")]
      : []),
    ...(new Set(filters).size < filters.length ? [fault(`${at}.throttleFilters`, "names one group twice")] : []),
    ...(device === "cdrom" && throttleFilters !== undefined
      ? [fault(`${at}.throttleFilters`, "libvirt filters no optical drive; use iotune")]
      : []),
    ...(iotune !== undefined && throttleFilters !== undefined
      ? [fault(`${at}.throttleFilters`, "excludes iotune; put the limits into a group")]
      : []),
  ];
};

/** Rules of the limits of disks. */
export const diskLimitRules: readonly MachineRule[] = [
  eachEntry("disks", limits),
  {
    needs: [],
    check: ({ throttleGroups }) =>
      entriesOf<Readonly<Record<string, unknown>>>(throttleGroups).flatMap(([key, group]) => [
        ...limitFaults(group, `throttleGroups.${key}`),
        ...sizeFault(group, `throttleGroups.${key}`),
      ]),
  },
  {
    needs: ["disks"],
    check: ({ disks }) => {
      const first = new Map<string, readonly [key: string, limits: unknown]>();
      return entriesOf<Disk>(disks).flatMap(([key, { iotune }]) => {
        const group = iotune?.group;
        if (group === undefined) return [];
        const [other, limits] = first.get(group) ?? [key, iotune];
        first.set(group, [other, limits]);
        return equal(limits, iotune)
          ? []
          : [
              fault(
                `disks.${key}.iotune`,
                `shares the group ${group} with disks.${other}: state the same limits in both`,
              ),
            ];
      });
    },
  },
];
