import { attribute, block, unlessTakenAway, z } from "../../core/attribute";
import type { Change } from "../../core/diff";
import { attributeAt, number, textAt } from "../../schema/lens";
import { type Element, element } from "../../schema/tree";
import { formatCpuSet, parseCpuSet } from "../../tuning/cpu-set";
import { numberSet } from "../number-set";
import { resourceControlRows } from "./cpu-resource-control";
import { bitMap, elementsAt, setAt } from "./host-sets";
import type { LiveOperation, LiveOperations } from "./live";
import { iothreadPinChange, noUnpinning, type Pins, vcpuPinChange } from "./pin-change";

const pinSchema = z.record(z.string().regex(/^(0|[1-9]\d*)$/, "must be a number"), numberSet).optional();

/** Elements such as `<vcpupin vcpu='0' cpuset='4-5'/>`, by their number. */
const pinsAt = (name: string, key: string) =>
  elementsAt<Pins>(
    "cputune",
    name,
    (found) =>
      Object.fromEntries(
        found.map(({ attributes }) => [attributes[key] ?? "", formatCpuSet(parseCpuSet(attributes["cpuset"] ?? "0"))]),
      ),
    (pins) => Object.entries(pins).map(([id, cpuset]) => element(name, { [key]: id, cpuset })),
  );

const schedulerSchema = z.strictObject({
  policy: z.enum(["fifo", "rr", "batch", "idle"]),
  priority: z.int().min(1).max(99).optional(),
});
type Scheduler = Readonly<Record<string, string | number | undefined>>;

const listSchema = (name: "vcpus" | "iothreads") =>
  z
    .array(z.strictObject({ [name]: numberSet, ...schedulerSchema.shape }))
    .transform((list) => (list.length > 0 ? joined(list, name) : undefined))
    .optional();

/** libvirt keeps one entry for each thread: those that are alike are one for us. */
function joined(list: readonly Scheduler[], key: string): Scheduler[] {
  const alike = new Map<string, { readonly first: Scheduler; readonly ids: number[] }>();
  for (const item of list) {
    const name = `${item["policy"]} ${item["priority"]}`;
    const group = alike.get(name) ?? { first: item, ids: [] };
    group.ids.push(...parseCpuSet(String(item[key])));
    alike.set(name, group);
  }
  const least = ({ ids }: { readonly ids: readonly number[] }) => Math.min(...ids);
  const groups = [...alike.values()].sort((a, b) => least(a) - least(b));
  return groups.map(({ first, ids }) => ({ ...first, [key]: formatCpuSet(ids) }));
}

const policyOf = (attributes: Readonly<Record<string, string>>): Scheduler => ({
  policy: attributes["scheduler"],
  ...(attributes["priority"] !== undefined && { priority: Number(attributes["priority"]) }),
});
const policyAttributes = ({ policy, priority }: Scheduler) => ({
  scheduler: String(policy),
  ...(priority !== undefined && { priority: String(priority) }),
});

/** Elements such as `<vcpusched vcpus='0-1' scheduler='fifo' priority='1'/>`. */
const schedulersAt = (tag: string, key: string) =>
  elementsAt<readonly Scheduler[]>(
    "cputune",
    tag,
    (found) =>
      joined(
        found.map(({ attributes }) => ({ [key]: attributes[key], ...policyOf(attributes) })),
        key,
      ),
    (list) => list.map((item) => element(tag, { [key]: String(item[key]), ...policyAttributes(item) })),
  );

/** A period or a quota of CPU time in microseconds. */
function time(tag: string, kind: "period" | "quota", whose: string) {
  const [least, most, unset] = kind === "period" ? [1000, 1_000_000, "100000"] : [1000, 17_592_186_044_415, "no limit"];
  const what = kind === "period" ? "Period of the quota" : "CPU time in a period; -1 for no limit";
  const range = z.int(`must be whole microseconds, ${least} to ${most}`).min(least).max(most);
  return attribute({
    doc: `${what}, of ${whose}, in microseconds (\`<${tag}>\`). Default ${unset}.`,
    schema: (kind === "quota" ? z.union([z.literal(-1), range]) : range).optional(),
    change: "live",
    lens: number(textAt(`cputune/${tag}`)),
  });
}

const vcpuPins = pinsAt("vcpupin", "vcpu");
const iothreadPins = pinsAt("iothreadpin", "iothread");
const emulatorPin = setAt(attributeAt("cputune/emulatorpin", "cpuset"));

/** CPUs of the host by what is pinned to them. */
export interface Pinned {
  readonly vcpuPins?: Pins | undefined;
  readonly emulatorPin?: string | undefined;
  readonly iothreadPins?: Pins | undefined;
}

/** The pins of a document. */
export function pinsIn(document: Element): Pinned {
  return {
    vcpuPins: vcpuPins.get(document),
    emulatorPin: emulatorPin.get(document),
    iothreadPins: iothreadPins.get(document),
  };
}

/** Where the guest's threads run and how much of the host's CPUs they get. */
export const cpuTuningRows = {
  cpuTune: block({
    doc: "Where the guest's threads run and how much CPU time they get (`<cputune>`). Default: anywhere, without a limit.",
    rows: {
      vcpuPins: attribute({
        doc: 'CPUs of the host for each vCPU by its number, as `{ "0": "2-3" }` (`<vcpupin>`). Default: any CPU.',
        schema: pinSchema,
        change: vcpuPinChange,
        lens: vcpuPins,
      }),
      emulatorPin: attribute({
        doc: "CPUs of the host for QEMU's other threads (`<emulatorpin>`). Default: any CPU.",
        schema: numberSet.optional(),
        change: unlessTakenAway(noUnpinning),
        lens: emulatorPin,
      }),
      iothreadPins: attribute({
        doc: "CPUs of the host for each IOThread by its number (`<iothreadpin>`). Default: any CPU.",
        schema: pinSchema,
        change: iothreadPinChange,
        lens: iothreadPins,
      }),
      shares: attribute({
        doc: "Weight among the guests of a host that is short of CPU time, 2 to 262144; 1 to 10000 with cgroup v2 (`<shares>`). Default: the cgroup's own, 1024 or 100.",
        schema: z.int().min(1).max(262144).optional(),
        // What the kernel gives others is another number with each version of cgroups, and libvirt tells of neither.
        change: unlessTakenAway("libvirt takes no weight away; name 1024, or 100 with cgroup v2, instead"),
        lens: number(textAt("cputune/shares")),
      }),
      period: time("period", "period", "each vCPU"),
      quota: time("quota", "quota", "each vCPU"),
      globalPeriod: time("global_period", "period", "the whole guest"),
      globalQuota: time("global_quota", "quota", "the whole guest"),
      emulatorPeriod: time("emulator_period", "period", "QEMU's other threads"),
      emulatorQuota: time("emulator_quota", "quota", "QEMU's other threads"),
      iothreadPeriod: time("iothread_period", "period", "each IOThread"),
      iothreadQuota: time("iothread_quota", "quota", "each IOThread"),
      vcpuSchedulers: attribute({
        doc: "Schedulers of vCPUs: `fifo` and `rr` (real time, with `priority` 1 to 99), `batch` or `idle` (`<vcpusched>`); an empty list leaves all to the host, whatever the profile says. Default: the host's.",
        schema: listSchema("vcpus"),
        change: "restart",
        lens: schedulersAt("vcpusched", "vcpus"),
      }),
      iothreadSchedulers: attribute({
        doc: "Schedulers of IOThreads, like those of vCPUs (`<iothreadsched>`). Default: the host's.",
        schema: listSchema("iothreads"),
        change: "restart",
        lens: schedulersAt("iothreadsched", "iothreads"),
      }),
      emulatorScheduler: attribute({
        doc: "Scheduler of QEMU's other threads (`<emulatorsched>`). Default: the host's.",
        schema: schedulerSchema.optional(),
        change: "restart",
        lens: elementsAt<Scheduler>(
          "cputune",
          "emulatorsched",
          ([found]) => policyOf(found?.attributes ?? {}),
          (scheduler) => [element("emulatorsched", policyAttributes(scheduler))],
        ),
      }),
      ...resourceControlRows,
    },
  }),
};

const parameters = {
  shares: "cpu_shares",
  period: "vcpu_period",
  quota: "vcpu_quota",
  globalPeriod: "global_period",
  globalQuota: "global_quota",
  emulatorPeriod: "emulator_period",
  emulatorQuota: "emulator_quota",
  iothreadPeriod: "iothread_period",
  iothreadQuota: "iothread_quota",
} as const;

/** What the kernel has for a time that is taken away: no limit, the usual period. */
function unset(field: string): bigint {
  return field.endsWith("quota") ? -1n : 100_000n;
}

const setTime = (field: string): LiveOperation => {
  return async ({ domain, change }) => {
    const value = change.next === undefined ? unset(field) : BigInt(Number(change.next));
    await domain.setSchedulerParameters([{ field, type: field.endsWith("quota") ? "llong" : "ullong", value }]);
  };
};

/** Whether the change is one of pins. */
export function isPin({ path: [block, name = ""] }: Pick<Change, "path">): boolean {
  return block === "cpuTune" && name.includes("Pin");
}

/** The pins that are new or other than before. */
function changedPins(old: unknown, next: unknown): [number, Buffer][] {
  const [before, after] = [(old ?? {}) as Pins, (next ?? {}) as Pins];
  return Object.entries(after).flatMap(([id, cpus]): [number, Buffer][] =>
    before[id] === cpus ? [] : [[Number(id), bitMap(cpus)]],
  );
}

export const cpuTuningOperations: LiveOperations = {
  "cpuTune.vcpuPins": async ({ domain, change }) => {
    // What is above comes with the next start, and its pin with it.
    const most = number(textAt("vcpu")).get(await domain.liveInFull()) ?? 0;
    const there = changedPins(change.old, change.next).filter(([vcpu]) => vcpu < most);
    for (const [vcpu, map] of there) await domain.pinVcpu(vcpu, map);
  },
  "cpuTune.emulatorPin": ({ domain, change }) => domain.pinEmulator(bitMap(String(change.next))),
  "cpuTune.iothreadPins": async ({ domain, change }) => {
    for (const [id, map] of changedPins(change.old, change.next)) await domain.pinIothread(id, map);
  },
  ...Object.fromEntries(Object.entries(parameters).map(([name, field]) => [`cpuTune.${name}`, setTime(field)])),
};
