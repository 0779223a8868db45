import type { CellPages, PlacedBefore } from "./request";

/** `<topology>` of a guest; the product is the number of its vCPUs. */
export interface GuestTopology {
  readonly sockets: number;
  readonly dies: number;
  readonly clusters: number;
  readonly cores: number;
  readonly threads: number;
}

/** Names of the terms of the cost, most important first. */
export const costTerms = [
  "missedPreferences",
  "sharedCores",
  "extraCells",
  "distance",
  "ordinaryPages",
  "addedPages",
  "extraCacheGroups",
  "brokenCores",
  "openedCacheGroups",
  "largestGuestLost",
  "deviceCellsUsed",
  "moved",
  "imbalance",
] as const;

/** One term of the cost; lower is better, and a term counts only where all before it are equal. */
export interface CostTerm {
  readonly name: (typeof costTerms)[number];
  readonly value: number;
}

/** Where a guest goes, or why it does not. Everything but `name`, `fits` and `explain` is empty where it does not fit. */
export interface Placement extends PlacedBefore {
  readonly name: string;
  readonly fits: boolean;
  /** Guest cells with the vCPUs and memory that each has, as asked or as chosen. */
  readonly guestCells: readonly { readonly vcpus: readonly number[]; readonly memoryKiB: number }[];
  /** Pages of each guest cell with its memory devices, ordinary ones included; `cell` is the host cell. */
  readonly pages: readonly CellPages[];
  /** Pages of memory devices that say their own size. */
  readonly devicePages: readonly CellPages[];
  /** Pages among those that the host has to be given before the guest starts. */
  readonly addedPages: readonly CellPages[];
  /** Host CPUs that the guest owns, QEMU's own ones included, in ascending order. */
  readonly owned: readonly number[];
  readonly topology?: GuestTopology;
  /** SLIT distance from guest cell to guest cell. */
  readonly distances: readonly (readonly number[])[];
  readonly cost: readonly CostTerm[];
  /** Every choice and every refusal with its fact and, for refusals, the remedy. */
  readonly explain: readonly string[];
}

/** Where a set of guests goes. */
export interface PlacementSet {
  /** In the order of the requests. */
  readonly placements: readonly Placement[];
  /** How many more guests a better arrangement could place at most; 0 where none could. */
  readonly gap: number;
}
