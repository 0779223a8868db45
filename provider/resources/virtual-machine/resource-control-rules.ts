import type { Fault } from "../../core/check";
import { parseCpuSet } from "../../tuning/cpu-set";
import type { Inputs } from "./rows";
import { duplicates, fault, given, type MachineRule } from "./rule-entries";

type Tune = NonNullable<Inputs["cpuTune"]>;
type Cache = NonNullable<Tune["cacheTune"]>[number]["caches"][number];

/** One set of vCPUs, and what it has part of: a cache's code and data are parts of both. */
interface Group {
  readonly at: string;
  readonly vcpus: string;
  readonly parts: readonly (readonly [at: string, part: string])[];
}

const partsOf = ({ level, id, type }: Cache) =>
  (type === "both" ? ["code", "data"] : [type]).map((kind) => `${kind} of cache ${id} of level ${level}`);

function cacheGroups({ cacheTune = [] }: Tune): Group[] {
  return cacheTune.map(({ vcpus, caches }, index) => {
    const at = `cpuTune.cacheTune[${index}]`;
    const parts = caches.map((cache, place) => partsOf(cache).map((part) => [`${at}.caches[${place}]`, part] as const));
    return { at, vcpus, parts: parts.flat() };
  });
}

function memoryGroups({ memoryTune = [] }: Tune): Group[] {
  return memoryTune.map(({ vcpus, nodes }, index) => {
    const at = `cpuTune.memoryTune[${index}]`;
    return { at, vcpus, parts: nodes.map(({ id }, place) => [`${at}.nodes[${place}]`, `node ${id}`] as const) };
  });
}

/** Whether two sets have some vCPUs in common, but not all. */
function isCrossing(one: string, other: string): boolean {
  return one !== other && parseCpuSet(one).some((id) => parseCpuSet(other).includes(id));
}

/** Faults of parts that a set of vCPUs has already, once for each place. */
function takenParts(groups: readonly Group[]): Fault[] {
  const parts = groups.flatMap(({ vcpus, parts }) => parts.map(([at, part]) => [at, `${part} of ${vcpus}`] as const));
  const faults = duplicates(parts, "the part");
  return faults.filter(({ property }, index) => faults.findIndex((other) => other.property === property) === index);
}

/** The kernel puts each vCPU into one group of resctrl, which libvirt makes of what has the same vCPUs. */
export const resourceControlRule: MachineRule = {
  needs: ["cpuTune", "virtType"],
  check: ({ cpuTune, virtType }) => {
    if (!cpuTune) return [];
    const [caches, nodes] = [cacheGroups(cpuTune), memoryGroups(cpuTune)];
    const all = [...caches, ...nodes];
    return [
      ...(virtType === "kvm" ? [] : given(cpuTune, ["cacheTune", "memoryTune"])).map((name) =>
        fault(`cpuTune.${name}`, 'needs virtType: "kvm"; leave it out'),
      ),
      ...all.flatMap(({ at, vcpus }, index): Fault[] => {
        const other = all.slice(0, index).find((earlier) => isCrossing(earlier.vcpus, vcpus));
        const reason = `shares vCPUs with ${other?.at}, which has others too; name the same or none of them`;
        return other === undefined ? [] : [fault(`${at}.vcpus`, reason)];
      }),
      ...duplicates(
        caches.map(({ at, vcpus }) => [`${at}.vcpus`, vcpus]),
        "the set of vCPUs",
      ),
      ...takenParts(caches),
      ...takenParts(nodes),
    ];
  },
};
