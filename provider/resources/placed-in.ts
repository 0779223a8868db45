import { child, children, type Element, textOf } from "../schema/tree";
import { parseCpuSet } from "../tuning/cpu-set";
import type { PlacedBefore } from "../tuning/request";
import { pageOf } from "./domain-claim";
import { readRecord } from "./placement-record";

/**
 * Where a half-made domain of ours was placed, by its document: what wrote it did not live to tell. Undefined where it
 * was not, or where the document does not say all.
 */
export function placedIn(domain: Element): PlacedBefore | undefined {
  if (readRecord(domain) === undefined) return undefined;
  const tune = child(domain, "cputune");
  const sets = (name: string) =>
    (tune ? children(tune, name) : []).map(({ attributes }) => parseCpuSet(attributes["cpuset"] ?? "0"));
  const vcpus = sets("vcpupin");
  if (vcpus.length !== Number(textOf(child(domain, "vcpu") ?? domain))) return undefined;
  const bound = child(domain, "numatune");
  const single = bound ? children(bound, "memory") : [];
  const bindings = bound ? children(bound, "memnode") : [];
  const cells = (bindings.length > 0 ? bindings : single).flatMap(({ attributes }) =>
    parseCpuSet(attributes["nodeset"] ?? "0"),
  );
  const pages = cells.flatMap((cell, index) => {
    const sizeKiB = pageOf(domain, index);
    return sizeKiB === undefined ? [] : [{ cell, sizeKiB, count: 0 }];
  });
  return { cells, vcpus, emulator: sets("emulatorpin")[0] ?? [], iothreads: sets("iothreadpin"), pages };
}
