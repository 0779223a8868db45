import { attribute, z } from "../../core/attribute";
import { sizeInKiB } from "../../core/quantities";
import { formatBytes, parseBytes } from "../../core/units";
import { children, type Element, element } from "../../schema/tree";
import { unitBytes } from "../../schema/units";
import { numberSet } from "../number-set";
import { elementsAt } from "./host-sets";

const cacheSchema = z.strictObject({
  vcpus: numberSet,
  caches: z
    .array(
      z.strictObject({
        id: z.int().min(0),
        level: z.int().min(1).max(3),
        type: z.enum(["both", "code", "data"]),
        size: sizeInKiB,
      }),
    )
    .min(1),
});
const bandwidthSchema = z.strictObject({
  vcpus: numberSet,
  nodes: z.array(z.strictObject({ id: z.int().min(0), bandwidth: z.int().min(1).max(100) })).min(1),
});
type CacheTune = z.infer<typeof cacheSchema>;
type MemoryTune = z.infer<typeof bandwidthSchema>;

function readCache({ attributes }: Element): CacheTune["caches"][number] {
  const type = (["both", "code", "data"] as const).find((known) => known === attributes["type"]) ?? "both";
  const bytes = BigInt(attributes["size"] ?? 0) * (unitBytes[attributes["unit"] ?? "B"] ?? 1n);
  return { id: Number(attributes["id"]), level: Number(attributes["level"]), type, size: formatBytes(bytes) };
}

function writeCache(cache: CacheTune["caches"][number]): Element {
  const { id, level, type } = cache;
  const kibibytes = String(parseBytes(cache.size) / 1024n);
  return element("cache", { id: String(id), level: String(level), type, size: kibibytes, unit: "KiB" });
}

/** Parts of the host's caches and of its memory bandwidth (resctrl); rows of `cpuTune`. */
export const resourceControlRows = {
  cacheTune: attribute({
    doc: "Parts of the host's caches for vCPUs: cache `id`, `level`, `type` (both, code, data) and `size` in whole KiB; needs kvm and resctrl on the host (`<cachetune>`). Default: the whole cache, shared.",
    schema: z.array(cacheSchema).min(1).optional(),
    change: "restart",
    lens: elementsAt<readonly CacheTune[]>(
      "cputune",
      "cachetune",
      (found) =>
        found.map((tune) => ({
          vcpus: tune.attributes["vcpus"] ?? "",
          caches: children(tune, "cache").map(readCache),
        })),
      (list) => list.map(({ vcpus, caches }) => element("cachetune", { vcpus }, ...caches.map(writeCache))),
    ),
  }),
  memoryTune: attribute({
    doc: "Memory bandwidth in percent for vCPUs, by the host's node; needs kvm and resctrl on the host (`<memorytune>`). Default: all of it.",
    schema: z.array(bandwidthSchema).min(1).optional(),
    change: "restart",
    lens: elementsAt<readonly MemoryTune[]>(
      "cputune",
      "memorytune",
      (found) =>
        found.map((tune) => ({
          vcpus: tune.attributes["vcpus"] ?? "",
          nodes: children(tune, "node").map(({ attributes }) => ({
            id: Number(attributes["id"]),
            bandwidth: Number(attributes["bandwidth"]),
          })),
        })),
      (list) => list.map(({ vcpus, nodes }) => element("memorytune", { vcpus }, ...nodes.map(writeNode))),
    ),
  }),
};

function writeNode({ id, bandwidth }: MemoryTune["nodes"][number]): Element {
  return element("node", { id: String(id), bandwidth: String(bandwidth) });
}
