import { z } from "../core/attribute";
import { size } from "../core/quantities";
import { formatBytes, parseBytes } from "../core/units";
import { cpusIn, formatCpuSet, parseCpuSet } from "../tuning/cpu-set";
import type { CellPages, PlacedBefore } from "../tuning/request";
import { numberSet } from "./number-set";

/** Where a guest is, or is to be, as arguments and outputs have it. */
export const placedPlace = z.object({
  /** Host cell of each guest cell; none where the guest floats over the host. */
  cells: z.array(z.int().min(0)).readonly(),
  /** Host CPUs of each vCPU that the guest may ever have. */
  vcpus: z.array(numberSet).readonly(),
  emulator: numberSet,
  iothreads: z.array(numberSet).readonly(),
  /** Pages of each guest cell, ordinary ones included. */
  pages: z.array(z.object({ cell: z.int().min(0), size, count: z.int().min(0) })).readonly(),
});
export type PlacedPlace = z.infer<typeof placedPlace>;

/** A planner's answer in that form. */
export function placeText({ cells, vcpus, emulator, iothreads, pages }: PlacedBefore): PlacedPlace {
  return {
    cells: [...cells],
    vcpus: vcpus.map(formatCpuSet),
    emulator: formatCpuSet(emulator),
    iothreads: iothreads.map(formatCpuSet),
    pages: pagesText(pages),
  };
}

/** Pages by their size as text, and back. */
export function pagesText(pages: readonly CellPages[]): PlacedPlace["pages"] {
  return pages.map(({ cell, sizeKiB, count }) => ({ cell, size: formatBytes(BigInt(sizeKiB) * 1024n), count }));
}

export function pagesOf(pages: PlacedPlace["pages"]): CellPages[] {
  return pages.map(({ cell, size: of, count }) => ({ cell, sizeKiB: Number(parseBytes(of) / 1024n), count }));
}

/** The same as the planner takes it back; what the guest owned is known of one that was there. */
export function placedBefore(place: PlacedPlace & { readonly owned?: string }): PlacedBefore {
  const { cells, vcpus, emulator, iothreads, pages, owned = "" } = place;
  return {
    cells,
    vcpus: vcpus.map(parseCpuSet),
    emulator: parseCpuSet(emulator),
    iothreads: iothreads.map(parseCpuSet),
    pages: pagesOf(pages),
    owned: cpusIn(owned),
  };
}
