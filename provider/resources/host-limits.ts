import { parseBytes } from "../core/units";
import { isPlainObject } from "../core/unknown";
import { parseCpuSet } from "../tuning/cpu-set";
import type { CellPages, HostLimits } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";

/** Pages of one size in one cell, or in each. */
export interface DeclaredPages {
  /** Absent: each cell. */
  readonly cell?: number | undefined;
  /** Size of a page, such as "2 MiB". */
  readonly size: string;
  readonly count: number;
}

/** What Host's arguments say of the use of its machine, in the form that they have after check. */
export interface DeclaredLimits {
  readonly housekeepingCpus?: string | undefined;
  readonly dedicatedCpus?: string | undefined;
  /** One size for each cell, or one by the cell's number. */
  readonly reservedMemory?: string | Readonly<Record<string, string>> | undefined;
  readonly reservedPages?: readonly DeclaredPages[] | undefined;
  readonly guestPages?: boolean | undefined;
}

/** Longest text that carries the limits, in bytes: like the facts, it stands twice in the state of every resource. */
export const maxLimits = 2048;

/** What placement has to be told beside what Host's arguments say. */
export type FoundLimits = Pick<HostLimits, "freePages" | "confidentialSlots" | "deviceCells">;

/** The limits that the reference to a Host carries as text; none where its arguments say nothing. */
export function declaredLimits(host: unknown): DeclaredLimits {
  const text = isPlainObject(host) ? host["limits"] : undefined;
  return typeof text === "string" ? (JSON.parse(text) as DeclaredLimits) : {};
}

/**
 * What placement may use of a host: what is declared, applied to the cells and CPUs that the host has now. CPUs that
 * are switched off are left out, they can take no pin.
 */
export function limitsFor(declared: DeclaredLimits, topology: HostTopology, found: FoundLimits = {}): HostLimits {
  const online = new Set(topology.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id)));
  const cpus = (set: string) => parseCpuSet(set).filter((cpu) => online.has(cpu));
  const { housekeepingCpus, dedicatedCpus, reservedMemory, reservedPages = [], guestPages } = declared;
  return {
    housekeeping: housekeepingCpus === undefined ? [] : cpus(housekeepingCpus),
    ...(dedicatedCpus !== undefined && { dedicated: cpus(dedicatedCpus) }),
    reserveKiB: new Map(topology.cells.map(({ id }) => [id, kibibytes(reservedIn(reservedMemory, id))])),
    pageReserve: eachCell(reservedPages, topology),
    ...(guestPages === true && { mayAddPages: true }),
    ...found,
  };
}

/** The pools that entries name, one by one. */
export function eachCell(pages: readonly DeclaredPages[], topology: HostTopology): CellPages[] {
  return pages.flatMap(({ cell, size, count }) => {
    const cells = cell === undefined ? topology.cells.map(({ id }) => id) : [cell];
    return cells.map((id) => ({ cell: id, sizeKiB: kibibytes(size), count }));
  });
}

/** Ordinary memory that is reserved in one cell. */
export function reservedIn(reserved: DeclaredLimits["reservedMemory"], cell: number): string {
  return (typeof reserved === "object" ? reserved[cell] : reserved) ?? "0 B";
}

function kibibytes(size: string): number {
  return Number(parseBytes(size) / 1024n);
}
