import { overheadKiB } from "../../tuning/capacity";
import type { Claim } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import type { Survey } from "./survey";

/** A domain as the picture shows it. */
export interface GuestPicture {
  /** Short name inside the picture: A to Z, then AA. */
  readonly key: string;
  readonly name: string;
  /** Absent where only its definition is known. */
  readonly running?: boolean;
  readonly owned: readonly number[];
  /** CPUs that it floats over; empty where it may run anywhere. */
  readonly shared: readonly number[];
  /** Host cells of its CPUs and of its memory. */
  readonly cells: readonly number[];
  /** Memory in ordinary pages, in KiB, bound to a cell or not. */
  readonly memoryKiB: number;
  readonly pages: Claim["pages"];
  readonly devices: readonly string[];
}

/** The domains, those that own CPUs first, then by name. */
export function guestPictures({ guests }: Survey, topology: HostTopology): GuestPicture[] {
  const cellOf = new Map(topology.cells.flatMap(({ id, cpus }) => cpus.map((cpu) => [cpu.id, id] as const)));
  const rank = (claim: Claim) => (claim.owned.length > 0 ? 0 : claim.shared.length > 0 ? 1 : 2);
  const sorted = [...guests].sort(
    (a, b) => rank(a.claim) - rank(b.claim) || a.claim.name.localeCompare(b.claim.name, "en", { numeric: true }),
  );
  return sorted.map(({ claim, running }, index) => {
    const pages = claim.pages.filter(({ count }) => count > 0);
    const cells = [
      ...[...claim.owned, ...claim.shared].flatMap((cpu) => cellOf.get(cpu) ?? []),
      ...[...claim.memory, ...pages].map(({ cell }) => cell),
    ];
    return {
      key: keyOf(index),
      name: claim.name,
      ...(running !== undefined && { running }),
      owned: claim.owned,
      shared: claim.shared,
      cells: [...new Set(cells)].sort((a, b) => a - b),
      memoryKiB: claim.memory.reduce((sum, { memoryKiB }) => sum + memoryKiB, claim.unboundKiB),
      pages,
      devices: claim.devices.map(({ address }) => address),
    };
  });
}

/** Ordinary memory of a cell that guests are bound to, QEMU's own included, in KiB. */
export function promisedKiB({ guests }: Survey, cell: number): number {
  return guests
    .flatMap(({ claim }) => claim.memory)
    .filter((item) => item.cell === cell)
    .reduce((sum, { memoryKiB }) => sum + memoryKiB + overheadKiB(memoryKiB), 0);
}

function keyOf(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : keyOf(Math.floor(index / 26) - 1) + letter;
}
