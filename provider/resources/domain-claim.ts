import { child, children, type Element, textOf } from "../schema/tree";
import { unitBytes } from "../schema/units";
import { ordinarySize } from "../tuning/capacity";
import { parseCpuSet } from "../tuning/cpu-set";
import type { CellPages, Claim } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { pciText } from "./pci-address";
import { readRecord } from "./placement-record";

/** Size of huge pages where a domain names none, in KiB: the kernel's own, which is that of the only ones that there are. */
function defaultPage(host: HostTopology, ordinaryKiB: number): number {
  const there = host.cells.flatMap(({ pages }) => pages.filter(({ total }) => total > 0));
  const [size, ...others] = new Set(there.map(({ sizeKiB }) => sizeKiB).filter((size) => size !== ordinaryKiB));
  return size !== undefined && others.length === 0 ? size : 2048;
}

/**
 * What a domain holds of the host, from its document: CPUs that it is pinned to so narrowly that they are its own, CPUs
 * that it floats over, memory and huge pages by host cell, PCI devices.
 */
export function domainClaim(domain: Element, host: HostTopology): Claim {
  const record = readRecord(domain);
  const { owned, shared } = asRecorded(cpusOf(domain, host), record);
  const ordinaryKiB = ordinarySize(host);
  const parts = [...memoryParts(domain), ...moduleParts(domain)].map(({ page, ...part }) => {
    const pageKiB = page === "default" ? defaultPage(host, ordinaryKiB) : page;
    return { ...part, pageKiB: pageKiB === ordinaryKiB ? undefined : pageKiB };
  });
  const pages = parts.flatMap(({ pageKiB, sizeKiB, cells }): CellPages[] => {
    const held = cells.length === 0 ? host.cells.map(({ id }) => id) : cells;
    const count = pageKiB === undefined ? 0 : Math.ceil(sizeKiB / pageKiB / held.length);
    return pageKiB === undefined ? [] : held.map((cell) => ({ cell, sizeKiB: pageKiB, count }));
  });
  const ordinary = parts.filter(({ pageKiB }) => pageKiB === undefined);
  const bound = ordinary.filter(({ cells }) => cells.length === 1);
  const unbound = ordinary.filter(({ cells }) => cells.length !== 1);
  return {
    name: textOf(child(domain, "name") ?? domain),
    owned,
    shared,
    ...(record && { smt: record.smt }),
    memory: bound.flatMap(({ cells, sizeKiB }) => cells.map((cell) => ({ cell, memoryKiB: Math.ceil(sizeKiB) }))),
    pages,
    unboundKiB: Math.ceil(unbound.reduce((sum, { sizeKiB }) => sum + sizeKiB, 0)),
    devices: devicesOf(domain).map((address) => ({ address })),
    ...(child(domain, "launchSecurity") && { confidential: true }),
    ...apartOf(record?.apart),
  };
}

/** All that a domain holds by several documents of it, such as the running one's and the next start's. */
export function joinClaims([first, ...rest]: readonly Claim[]): Claim[] {
  return first === undefined ? [] : [rest.reduce(joined, first)];
}

function joined(a: Claim, b: Claim): Claim {
  const owned = union(a.owned, b.owned);
  return {
    name: a.name,
    owned,
    shared: union(a.shared, b.shared).filter((cpu) => !owned.includes(cpu)),
    ...smtOf(a, b),
    memory: most(
      a.memory,
      b.memory,
      ({ cell }) => `${cell}`,
      ({ memoryKiB }) => memoryKiB,
    ),
    pages: most(
      a.pages,
      b.pages,
      ({ cell, sizeKiB }) => `${cell} ${sizeKiB}`,
      ({ count }) => count,
    ),
    unboundKiB: Math.max(a.unboundKiB, b.unboundKiB),
    devices: [...new Map([...a.devices, ...b.devices].map((device) => [device.address, device])).values()],
    ...((a.confidential || b.confidential) && { confidential: true }),
    ...apartOf(a.apart ?? b.apart),
  };
}

function apartOf(apart: string | undefined): Pick<Claim, "apart"> {
  return apart === undefined ? {} : { apart };
}

/** Whoever wants whole cores in one of the documents has them. */
function smtOf(...claims: readonly Claim[]): Pick<Claim, "smt"> {
  const named = claims.flatMap(({ smt }) => smt ?? []);
  const smt = named.find((policy) => policy !== "any") ?? named[0];
  return smt ? { smt } : {};
}

function union(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** Of the entries of one key, which each of the two lists adds up, those of the list that has more. */
function most<T>(a: readonly T[], b: readonly T[], key: (item: T) => string, size: (item: T) => number): T[] {
  const sum = (list: readonly T[], of: string) =>
    list.reduce((all, item) => all + (key(item) === of ? size(item) : 0), 0);
  const keys = [...new Set([...a, ...b].map(key))];
  return keys.flatMap((of) => (sum(a, of) >= sum(b, of) ? a : b).filter((item) => key(item) === of));
}

/** What we placed says itself what of its CPUs it owns; what somebody pinned it to since then counts as well. */
function asRecorded(found: ReturnType<typeof cpusOf>, record: ReturnType<typeof readRecord>): typeof found {
  if (record === undefined) return found;
  const shares = new Set(record.shared);
  const owned = union(
    record.owned,
    found.owned.filter((cpu) => !shares.has(cpu)),
  );
  return { owned, shared: union(found.shared, record.shared).filter((cpu) => !owned.includes(cpu)) };
}

/** Pins to one core, or all pins together to no more CPUs than there are vCPUs, leave no room for others. */
function cpusOf(domain: Element, host: HostTopology): { readonly owned: number[]; readonly shared: number[] } {
  const cpus = new Map(host.cells.flatMap((cell) => cell.cpus.map((cpu) => [cpu.id, cpu])));
  const vcpu = child(domain, "vcpu");
  const count = vcpu ? Number(textOf(vcpu)) : 1;
  const tune = child(domain, "cputune");
  const pins = (tune ? children(tune, "vcpupin") : []).map(({ attributes }) => attributes["cpuset"] ?? "");
  const texts = pins.length < count ? [...pins, vcpu?.attributes["cpuset"] ?? ""] : pins;
  const named = texts.filter((text) => text !== "").map((text) => parseCpuSet(text).filter((cpu) => cpus.has(cpu)));
  // What floats over the whole host is nobody's neighbour in particular.
  const sets = named.filter(({ length }) => length < cpus.size || length === 1);
  const isNarrow = new Set(named.flat()).size <= count;
  const isOneCore = (set: readonly number[]) => set.every((cpu) => cpus.get(set[0] ?? -1)?.siblings.includes(cpu));
  const owned = new Set(sets.filter((set) => isNarrow || isOneCore(set)).flat());
  const wide = sets.filter((set) => !isNarrow && !isOneCore(set));
  const ascending = (list: Iterable<number>) => [...list].sort((a, b) => a - b);
  return { owned: ascending(owned), shared: ascending(new Set(wide.flat().filter((cpu) => !owned.has(cpu)))) };
}

interface MemoryPart {
  readonly sizeKiB: number;
  /** Size of its huge pages, in KiB; absent for ordinary ones. */
  readonly page: number | "default" | undefined;
  /** Host cells that it is bound to; none where it may lie anywhere. */
  readonly cells: readonly number[];
}

/** The memory of each guest cell, or of the whole guest where it has none. */
function memoryParts(domain: Element): MemoryPart[] {
  const numa = child(domain, "cpu/numa");
  const cells = numa ? children(numa, "cell") : [];
  if (cells.length === 0) {
    const all = bindingOf(domain, "");
    return [{ sizeKiB: sizeOf(child(domain, "memory")), page: pageOf(domain, undefined), cells: all }];
  }
  return cells.map((cell, index) => {
    const id = cell.attributes["id"] ?? String(index);
    const sizeKiB = kibibytes(cell, cell.attributes["memory"]);
    return { sizeKiB, page: pageOf(domain, Number(id)), cells: bindingOf(domain, id) };
  });
}

/** Modules and virtio-mem, up to the size that each may have; they follow their guest cell unless they say otherwise. */
function moduleParts(domain: Element): MemoryPart[] {
  const devices = child(domain, "devices");
  const found = devices ? children(devices, "memory") : [];
  const modules = found.filter(({ attributes: { model } }) => model === "dimm" || model === "virtio-mem");
  return modules.map((module) => {
    const node = child(module, "target/node");
    const [size, mask] = [child(module, "source/pagesize"), child(module, "source/nodemask")];
    const cell = node ? Number(textOf(node)) : 0;
    return {
      sizeKiB: sizeOf(child(module, "target/size")),
      page: size ? sizeOf(size) : pageOf(domain, cell),
      cells: mask ? parseCpuSet(textOf(mask)) : bindingOf(domain, String(cell)),
    };
  });
}

/** Host cells that hold the memory of a guest cell. */
function bindingOf(domain: Element, id: string): number[] {
  const tune = child(domain, "numatune");
  const own = (tune ? children(tune, "memnode") : []).find(({ attributes }) => attributes["cellid"] === id);
  return boundCells(own ?? (tune && child(tune, "memory")));
}

/** Only strict binding and restriction keep memory where it is. */
function boundCells(binding: Element | undefined): number[] {
  const { mode = "strict", nodeset } = binding?.attributes ?? {};
  return nodeset !== undefined && (mode === "strict" || mode === "restrictive") ? parseCpuSet(nodeset) : [];
}

/** Size of the huge pages of a guest cell, or of the guest, in KiB; undefined for ordinary ones. */
function pageOf(domain: Element, guestCell: number | undefined): MemoryPart["page"] {
  const huge = child(domain, "memoryBacking/hugepages");
  if (huge === undefined) return undefined;
  const pages = children(huge, "page");
  if (pages.length === 0) return "default";
  const holds = ({ attributes: { nodeset } }: Element) =>
    nodeset === undefined || guestCell === undefined || parseCpuSet(nodeset).includes(guestCell);
  // A page for this very cell goes before the one for all.
  const found = pages
    .filter(holds)
    .sort((a, b) => Number(!a.attributes["nodeset"]) - Number(!b.attributes["nodeset"]))[0];
  if (found === undefined) return undefined;
  return kibibytes(found, found.attributes["size"]);
}

function sizeOf(memory: Element | undefined): number {
  if (memory === undefined) return 0;
  return kibibytes(memory, textOf(memory));
}

/** A size of libvirt's in KiB, which is its unit where it says none. */
function kibibytes({ attributes: { unit = "KiB" } }: Element, text = "0"): number {
  return (Number(text) * Number(unitBytes[unit] ?? 1024n)) / 1024;
}

/** Addresses as node devices have them: "0000:3b:00.0". */
function devicesOf(domain: Element): string[] {
  const devices = child(domain, "devices");
  const sources = (devices?.children ?? []).flatMap((node) =>
    "name" in node ? (child(node, "source/address") ?? []) : [],
  );
  return sources
    .filter(({ attributes }) => attributes["bus"] !== undefined && attributes["slot"] !== undefined)
    .filter(({ attributes: { type = "pci" } }) => type === "pci")
    .map(pciText);
}
