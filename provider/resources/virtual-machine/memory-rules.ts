import type { Fault } from "../../core/check";
import { formatBytes, parseBytes } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import { parseCpuSet } from "../../tuning/cpu-set";
import { addedBy } from "./memory-device-rules";
import { duplicates, fault, type MachineRule } from "./rule-entries";

const pageSizes = ["2 MiB", "1 GiB"];

const entries = (list: unknown): readonly (readonly [number, Readonly<Record<string, unknown>>])[] =>
  Array.isArray(list) ? list.flatMap((item, index) => (isPlainObject(item) ? [[index, item] as const] : [])) : [];

const isSize = (value: unknown): value is string => typeof value === "string" && /^\d/.test(value);

const pageRule: MachineRule = {
  needs: ["hugePages", "maxMemory"],
  check: ({ hugePages, maxMemory, numa, balloon }) => {
    const pages = entries(hugePages);
    const cells = entries(numa?.cells);
    const whole = pages.filter(([, { cells: of }]) => of === undefined);
    return [
      ...pages.flatMap(([index, page]): Fault[] => {
        const at = `hugePages[${index}]`;
        if (!isSize(page["size"])) return [];
        if (!pageSizes.includes(page["size"])) {
          return [fault(`${at}.size`, `${page["size"]} is no huge page of x86: choose 2 MiB or 1 GiB`)];
        }
        const bytes = parseBytes(page["size"]);
        const remedy = "make it a multiple, or choose smaller pages";
        if (typeof page["cells"] !== "string") {
          return cells.length === 0 && parseBytes(maxMemory) % bytes !== 0n
            ? [fault(`${at}.size`, `maxMemory ${maxMemory} is no whole number of pages of ${page["size"]}: ${remedy}`)]
            : [];
        }
        return parseCpuSet(page["cells"]).flatMap((id): Fault[] => {
          const memory = cells.find(([cell]) => cell === id)?.[1]["memory"];
          if (numa?.cells === undefined || (Array.isArray(numa.cells) && id >= numa.cells.length))
            return [fault(`${at}.cells`, `numa.cells has no cell ${id}: add it, or leave cells out`)];
          return isSize(memory) && parseBytes(memory) % bytes !== 0n
            ? [fault(`numa.cells[${id}].memory`, `${memory} is no whole number of pages of ${page["size"]}: ${remedy}`)]
            : [];
        });
      }),
      ...(whole.length > 1
        ? [fault(`hugePages[${whole[1]?.[0]}].cells`, "is required: only one page size may be for all cells")]
        : []),
      ...(pages.length > 0 && balloon?.freePageReporting === true
        ? [fault("balloon.freePageReporting", "gives back no huge pages: leave it out, or leave out hugePages")]
        : []),
    ];
  },
};

function needsHugePages(pages: unknown): boolean {
  return typeof pages === "string" ? pages !== "none" && pages !== "preferred" : entries(pages).length > 0;
}

const backingRule: MachineRule = {
  needs: ["memoryBacking"],
  check: ({ memoryBacking, memoryLimits, hugePages }) => {
    const { locked, threads, allocation, source, discard } = memoryBacking ?? {};
    const faults = [
      locked === true &&
        memoryLimits?.hardLimit === undefined &&
        fault("memoryBacking.locked", "needs memoryLimits.hardLimit: memory and what QEMU needs, some 1 GiB more"),
      threads !== undefined &&
        allocation !== "immediate" &&
        fault("memoryBacking.threads", 'needs allocation: "immediate"'),
      source === "anonymous" &&
        memoryBacking?.access === "shared" &&
        hugePages === undefined &&
        fault("memoryBacking.access", 'anonymous memory cannot be shared: choose source: "memfd"'),
      source === "anonymous" &&
        needsHugePages(hugePages) &&
        fault("memoryBacking.source", "anonymous memory has no huge pages: leave it out, or leave out hugePages"),
      discard === true &&
        source !== "file" &&
        source !== "memfd" &&
        hugePages === undefined &&
        fault("memoryBacking.discard", 'needs source "file" or "memfd", or hugePages'),
    ];
    return faults.filter((found) => found !== false);
  },
};

const limitRule: MachineRule = {
  needs: ["memoryLimits", "maxMemory", "memoryDevices"],
  check: ({ memoryLimits, maxMemory, memoryDevices }) => {
    const { hardLimit, swapHardLimit } = memoryLimits ?? {};
    const added = addedBy(memoryDevices) ?? 0n;
    const whole = added === 0n ? "maxMemory" : "maxMemory and memoryDevices";
    const most = parseBytes(maxMemory) + added;
    return [
      ...(isSize(hardLimit) && parseBytes(hardLimit) <= most
        ? [
            fault(
              "memoryLimits.hardLimit",
              `${hardLimit} is not above ${whole} (${formatBytes(most)}): the host would kill the guest; leave room for QEMU`,
            ),
          ]
        : []),
      ...(isSize(hardLimit) && isSize(swapHardLimit) && parseBytes(swapHardLimit) < parseBytes(hardLimit)
        ? [
            fault(
              "memoryLimits.swapHardLimit",
              `${swapHardLimit} is less than hardLimit (${hardLimit}), which it includes`,
            ),
          ]
        : []),
    ];
  },
};

const balloonRule: MachineRule = {
  needs: ["balloon", "memory", "maxMemory"],
  check: ({ balloon, memory, maxMemory }) => {
    if (balloon?.model !== "none") return [];
    const idle = (["autodeflate", "freePageReporting", "statsPeriod"] as const).filter((name) => balloon[name]);
    return [
      ...idle.map((name) => fault(`balloon.${name}`, 'needs a balloon: leave it out, or leave out model: "none"')),
      ...(memory === maxMemory
        ? []
        : [fault("balloon.model", "none cannot bring the guest from maxMemory to memory: make the two equal")]),
    ];
  },
};

const cellRule: MachineRule = {
  needs: ["numa", "maxMemory", "maxVcpus"],
  check: ({ numa, maxMemory, maxVcpus }) => {
    const cells = entries(numa?.cells);
    if (cells.length === 0) return [];
    const memories = cells.map(([, { memory }]) => memory);
    const total = memories.every(isSize) ? memories.reduce((all, memory) => all + parseBytes(memory), 0n) : undefined;
    const owner = new Map<number, number>();
    return [
      ...(total !== undefined && total !== parseBytes(maxMemory)
        ? [fault("numa.cells", `have ${formatBytes(total)} together, and maxMemory is ${maxMemory}: make them equal`)]
        : []),
      ...cells.flatMap(([index, { cpus, distances }]) => [
        ...(typeof cpus === "string" ? parseCpuSet(cpus) : []).flatMap((cpu): Fault[] => {
          const first = owner.get(cpu);
          owner.set(cpu, first ?? index);
          const at = `numa.cells[${index}].cpus`;
          if (cpu >= maxVcpus) return [fault(at, `vCPU ${cpu} is not below maxVcpus (${maxVcpus})`)];
          return first === undefined ? [] : [fault(at, `vCPU ${cpu} is in cell ${first} already: take it out of one`)];
        }),
        ...distanceFaults(index, distances, cells.length),
      ]),
    ];
  },
};

function distanceFaults(index: number, distances: unknown, count: number): Fault[] {
  if (!Array.isArray(distances)) return [];
  const at = `numa.cells[${index}].distances`;
  if (distances.length !== count)
    return [fault(at, `has ${distances.length} values; give one for each of ${count} cells`)];
  return distances.flatMap((value, other) => {
    if (other === index) return value === 10 ? [] : [fault(`${at}[${other}]`, "must be 10, the distance to itself")];
    return typeof value === "number" && value <= 10
      ? [fault(`${at}[${other}]`, "must be above 10: it is another cell")]
      : [];
  });
}

const bindingRule: MachineRule = {
  needs: ["numaTune"],
  check: ({ numaTune, numa }) => {
    if (!numaTune) return [];
    const { mode, nodes, cells } = numaTune;
    const count = Array.isArray(numa?.cells) ? numa.cells.length : numa?.cells === undefined ? 0 : undefined;
    const single = mode === "preferred" && typeof nodes === "string" && parseCpuSet(nodes).length > 1;
    return [
      ...(mode !== undefined && nodes === undefined
        ? [fault("numaTune.nodes", 'is required with a mode: the host\'s cells, as "0"')]
        : []),
      ...(single ? [fault("numaTune.nodes", "mode preferred takes one cell: name one, or choose interleave")] : []),
      ...duplicates(
        entries(cells).map(([index, { cell }]) => [`numaTune.cells[${index}].cell`, cell]),
        "the cell",
      ),
      ...entries(cells).flatMap(([index, { cell, mode: own }]): Fault[] => {
        const at = `numaTune.cells[${index}]`;
        if (typeof cell === "number" && count !== undefined && cell >= count)
          return [fault(`${at}.cell`, `numa.cells has no cell ${cell}: add it, or take this out`)];
        return (own === "restrictive") !== ((mode ?? own) === "restrictive")
          ? [fault(`${at}.mode`, "restrictive goes with no other mode: use it everywhere or nowhere")]
          : [];
      }),
    ];
  },
};

export const memoryPlaceRules: readonly MachineRule[] = [
  pageRule,
  backingRule,
  limitRule,
  balloonRule,
  cellRule,
  bindingRule,
];
