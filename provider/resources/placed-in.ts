import { child, children, type Element, textOf } from "../schema/tree";
import { parseCpuSet } from "../tuning/cpu-set";
import type { PlacedBefore } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { domainClaim } from "./domain-claim";
import { readRecord } from "./placement-record";

/**
 * Where a domain is placed, by its document: the pins of all of its vCPUs, each guest cell in one host cell. Undefined
 * where it floats, or lies across cells: nothing has placed it.
 */
export function placedIn(domain: Element, host: HostTopology): PlacedBefore | undefined {
  const tune = child(domain, "cputune");
  const sets = (name: string) =>
    (tune ? children(tune, name) : []).map(({ attributes }) => cpusOf(attributes["cpuset"]));
  const pins = new Map(
    (tune ? children(tune, "vcpupin") : []).map(({ attributes }) => [Number(attributes["vcpu"]), attributes["cpuset"]]),
  );
  const count = Number(textOf(child(domain, "vcpu") ?? domain));
  if (!Number.isSafeInteger(count) || pins.size !== count) return undefined;
  const vcpus = Array.from({ length: count }, (_, vcpu) => cpusOf(pins.get(vcpu)));
  const numa = child(domain, "cpu/numa");
  const guestCells = (numa ? children(numa, "cell") : []).map(({ attributes }) => cpusOf(attributes["cpus"]));
  const parts = guestCells.length > 0 ? guestCells : [vcpus.map((_, vcpu) => vcpu)];
  const cellOf = new Map(host.cells.flatMap(({ id, cpus }) => cpus.map((cpu) => [cpu.id, id] as const)));
  const cells = parts.map((part) => new Set(part.flatMap((vcpu) => (vcpus[vcpu] ?? []).map((cpu) => cellOf.get(cpu)))));
  const known = cells.flatMap((found) => (found.size === 1 ? ([...found][0] ?? []) : []));
  if (known.length !== parts.length) return undefined;
  const pages = domainClaim(domain, host).pages.filter(({ cell }) => known.includes(cell));
  const owned = readRecord(domain)?.owned ?? [];
  return { cells: known, vcpus, emulator: sets("emulatorpin")[0] ?? [], iothreads: sets("iothreadpin"), pages, owned };
}

function cpusOf(text: string | undefined): number[] {
  return text === undefined ? [] : parseCpuSet(text);
}
