import type { Libvirt } from "../libvirt/api";
import { parseAnswer } from "../schema/answer";
import { child, children, type Element, textOf } from "../schema/tree";
import { unitBytes } from "../schema/units";
import { parseCpuSet } from "../tuning/cpu-set";
import type { HostCell, HostCpu, HostTopology } from "../tuning/topology";
import { attempt } from "./failure";

/** The topology that the host has at this moment. */
export async function readTopology(libvirt: Libvirt, host: string): Promise<HostTopology> {
  const { capabilities } = await attempt({ step: "read the capabilities", host }, () =>
    libvirt.call("CONNECT_GET_CAPABILITIES", {}),
  );
  return topologyOf(parseAnswer(capabilities));
}

/**
 * The host's topology from its capabilities document (`<host><topology>` and `<cache>`, virConnectGetCapabilities).
 *
 * @throws RangeError when the document is none, or holds numbers that cannot be.
 */
export function topologyOf(capabilities: Element): HostTopology {
  const found = child(capabilities, "host/topology/cells");
  if (capabilities.name !== "capabilities" || found === undefined) {
    throw new RangeError(
      `<${capabilities.name}> holds no host/topology/cells; expected what "virsh capabilities" prints`,
    );
  }
  const elements = children(found, "cell");
  const all = elements.flatMap((cell) => cpuElements(cell).map((cpu) => numberOf(cpu, "id")));
  // libvirt gives a CPU that is switched off its id alone; hosts without sysfs have no detail of any CPU.
  const detailed = elements.flatMap(cpuElements).some((cpu) => cpu.attributes["siblings"] !== undefined);
  const online = new Set(
    elements
      .flatMap(cpuElements)
      .filter((cpu) => !detailed || cpu.attributes["siblings"] !== undefined)
      .map((cpu) => numberOf(cpu, "id")),
  );
  const cells = elements.map((cell) => cellOf(cell, online)).sort((a, b) => a.id - b.id);
  const banks = lastLevelBanks(capabilities);
  const cacheLevel = banks[0] && numberOf(banks[0], "level");
  return {
    cells,
    cacheGroups: cacheGroupsOf(banks, cells),
    ...(cacheLevel !== undefined && { cacheLevel }),
    offline: all.filter((cpu) => !online.has(cpu)).sort((a, b) => a - b),
  };
}

function cpuElements(cell: Element): Element[] {
  const cpus = child(cell, "cpus");
  return cpus ? children(cpus, "cpu") : [];
}

function cellOf(cell: Element, online: ReadonlySet<number>): HostCell {
  const id = numberOf(cell, "id");
  const memory = child(cell, "memory");
  const siblings = child(cell, "distances");
  return {
    id,
    memoryKiB: memory ? wholeNumber(textOf(memory), memory) * factorOf(memory) : 0,
    pages: children(cell, "pages")
      .map((pages) => ({
        sizeKiB: numberOf(pages, "size") * factorOf(pages),
        total: wholeNumber(textOf(pages), pages),
      }))
      .sort((a, b) => a.sizeKiB - b.sizeKiB),
    distances: new Map(
      (siblings ? children(siblings, "sibling") : []).map((item) => [numberOf(item, "id"), numberOf(item, "value")]),
    ),
    cpus: cpuElements(cell)
      .filter((cpu) => online.has(numberOf(cpu, "id")))
      .map((cpu) => cpuOf(cpu, id, online))
      .sort((a, b) => a.id - b.id),
  };
}

function cpuOf(cpu: Element, cell: number, online: ReadonlySet<number>): HostCpu {
  const id = numberOf(cpu, "id");
  const siblings = parseCpuSet(cpu.attributes["siblings"] ?? String(id)).filter((other) => online.has(other));
  return {
    id,
    cell,
    socket: numberOf(cpu, "socket_id", 0),
    die: numberOf(cpu, "die_id", 0),
    cluster: numberOf(cpu, "cluster_id", 0),
    core: numberOf(cpu, "core_id", id),
    siblings: siblings.includes(id) ? siblings : [id],
  };
}

/** The banks of the highest cache level. */
function lastLevelBanks(capabilities: Element): Element[] {
  const cache = child(capabilities, "host/cache");
  const banks = cache ? children(cache, "bank") : [];
  const highest = Math.max(0, ...banks.map((bank) => numberOf(bank, "level")));
  return banks.filter((bank) => numberOf(bank, "level") === highest);
}

/** CPUs that no bank names are grouped by socket and die. */
function cacheGroupsOf(banks: readonly Element[], cells: readonly HostCell[]): number[][] {
  const left = new Map(cells.flatMap((cell) => cell.cpus.map((cpu) => [cpu.id, cpu])));
  const groups: number[][] = [];
  for (const bank of banks) {
    const group = parseCpuSet(bank.attributes["cpus"] ?? "").filter((cpu) => left.delete(cpu));
    if (group.length > 0) groups.push(group);
  }
  const rest = new Map<string, number[]>();
  for (const cpu of left.values()) {
    const key = `${cpu.cell}/${cpu.socket}/${cpu.die}`;
    rest.set(key, [...(rest.get(key) ?? []), cpu.id]);
  }
  return [...groups, ...rest.values()].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
}

function numberOf(element: Element, attribute: string, missing?: number): number {
  const text = element.attributes[attribute];
  return text === undefined && missing !== undefined ? missing : wholeNumber(text ?? "", element, attribute);
}

function wholeNumber(text: string, element: Element, attribute?: string): number {
  const value = Number(text.trim());
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  const place = attribute === undefined ? `<${element.name}>` : `<${element.name}>/@${attribute}`;
  throw new RangeError(`${place} of the capabilities is "${text}", not a whole number`);
}

function factorOf(element: Element): number {
  const unit = element.attributes["unit"] ?? "KiB";
  const factor = unitBytes[unit];
  if (factor === undefined)
    throw new RangeError(`<${element.name}> of the capabilities has the unknown unit "${unit}"`);
  return Number(factor) / 1024;
}
