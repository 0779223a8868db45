import type { Fault } from "../../core/check";
import { valueAt } from "../../core/paths";
import { isPlainObject } from "../../core/unknown";
import { parseCpuSet } from "../../tuning/cpu-set";
import { fault, type MachineRule } from "./rule-entries";

/** Faults of schedulers: a priority with the real-time ones, and with no other. */
function schedulerFaults(at: string, scheduler: unknown): Fault[] {
  if (!isPlainObject(scheduler)) return [];
  const realTime = scheduler["policy"] === "fifo" || scheduler["policy"] === "rr";
  if (realTime && scheduler["priority"] === undefined)
    return [fault(`${at}.priority`, "is required with fifo and rr: 1 to 99")];
  return !realTime && scheduler["priority"] !== undefined
    ? [fault(`${at}.priority`, "goes only with fifo and rr; leave it out")]
    : [];
}

/** Faults of numbers that are not below `count`. */
function above(at: string, set: unknown, count: unknown, remedy: string): Fault[] {
  if (typeof set !== "string" || typeof count !== "number") return [];
  const wrong = parseCpuSet(set).filter((id) => id >= count);
  return wrong.length === 0 ? [] : [fault(at, `${wrong[0]} is not below ${count}: ${remedy}`)];
}

/** libvirt numbers IOThreads from 1. */
function noThread(at: string, set: unknown, threads: number | undefined): Fault[] {
  const remedy = "IOThreads are numbered from 1; raise iothreads or take it out";
  return typeof set === "string" && parseCpuSet(set).includes(0)
    ? [fault(at, remedy)]
    : above(at, set, threads && threads + 1, remedy);
}

/** Faults of the later ones among sets that name a thread twice. */
function overlaps(name: string, key: string, list: readonly unknown[]): Fault[] {
  const seen = new Set<number>();
  return list.flatMap((item, index) => {
    const set = isPlainObject(item) ? item[key] : undefined;
    const ids = typeof set === "string" ? parseCpuSet(set) : [];
    const twice = ids.find((id) => seen.has(id));
    for (const id of ids) seen.add(id);
    const at = `cpuTune.${name}[${index}].${key}`;
    return twice === undefined ? [] : [fault(at, `${twice} has a scheduler already; name it once`)];
  });
}

/** Faults of pins and schedulers that no thread of the guest has. */
export const tuneRule: MachineRule = {
  needs: ["cpuTune", "maxVcpus", "iothreadPolling", "iothreadPools"],
  check: ({ cpuTune, maxVcpus, iothreads, iothreadPolling, iothreadPools }) => {
    const vcpuRemedy = "vCPUs are numbered from 0; raise maxVcpus or take it out";
    const threads = typeof iothreads === "number" ? iothreads : iothreads === undefined ? 0 : undefined;
    const lists: Readonly<Record<string, unknown>> = cpuTune ?? {};
    const listed = (name: string): readonly unknown[] => (Array.isArray(lists[name]) ? (lists[name] as unknown[]) : []);
    return [
      ...Object.keys(cpuTune?.vcpuPins ?? {}).flatMap((id) =>
        above(`cpuTune.vcpuPins[${id}]`, id, maxVcpus, vcpuRemedy),
      ),
      ...Object.keys(cpuTune?.iothreadPins ?? {}).flatMap((id) => noThread(`cpuTune.iothreadPins[${id}]`, id, threads)),
      ...Object.entries({ iothreadPolling, iothreadPools }).flatMap(([name, tuned]) =>
        Object.keys(tuned ?? {}).flatMap((id) => noThread(`${name}[${id}]`, id, threads)),
      ),
      ...["vcpuSchedulers", "cacheTune", "memoryTune"].flatMap((name) =>
        listed(name).flatMap((item, index) =>
          isPlainObject(item) ? above(`cpuTune.${name}[${index}].vcpus`, item["vcpus"], maxVcpus, vcpuRemedy) : [],
        ),
      ),
      ...listed("iothreadSchedulers").flatMap((item, index) =>
        isPlainObject(item)
          ? noThread(`cpuTune.iothreadSchedulers[${index}].iothreads`, item["iothreads"], threads)
          : [],
      ),
      ...overlaps("vcpuSchedulers", "vcpus", listed("vcpuSchedulers")),
      ...overlaps("iothreadSchedulers", "iothreads", listed("iothreadSchedulers")),
      ...["vcpuSchedulers", "iothreadSchedulers"].flatMap((name) =>
        listed(name).flatMap((item, index) => schedulerFaults(`cpuTune.${name}[${index}]`, item)),
      ),
      ...schedulerFaults("cpuTune.emulatorScheduler", cpuTune?.emulatorScheduler),
    ];
  },
};

const split = { vcpusched: ["vcpus", "vcpuSchedulers"], iothreadsched: ["iothreads", "iothreadSchedulers"] } as const;

/** libvirt makes an element for each number: one of several would be missing at once, and could not be taken back. */
export const overlaySchedulerRule: MachineRule = {
  needs: ["overlay"],
  check: ({ overlay }) =>
    Object.entries(split).flatMap(([name, [numbers, argument]]) => {
      const items = valueAt(overlay, ["cputune", name]);
      return (Array.isArray(items) ? items : [items]).flatMap((item, index) => {
        const set = isPlainObject(item) ? item[numbers] : undefined;
        if (typeof set !== "string" || /^\d+$/.test(set)) return [];
        const at = `overlay.cputune.${name}${Array.isArray(items) ? `[${index}]` : ""}.${numbers}`;
        return [fault(at, `libvirt has an element for each number: write one each, or set cpuTune.${argument}`)];
      });
    }),
};
