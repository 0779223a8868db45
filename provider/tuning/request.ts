/** A guest cell as the user writes it. */
export interface GuestCell {
  /** None in a cell that is memory alone. */
  readonly vcpus: readonly number[];
  readonly memoryKiB: number;
  /** Pages of this cell. Default: those of the guest. */
  readonly pages?: PageRequest;
}

/**
 * Pages that back a guest: "none" takes the host's ordinary pages, "any" the largest that fit, ordinary ones
 * included, "large" the largest huge pages that fit, a number exactly that size in KiB.
 */
export type PageRequest = "none" | "any" | "large" | number;

/**
 * "whole-core": no other guest on a core of this one; "isolate": in addition one vCPU per core;
 * "any": single threads, beside others that said the same.
 */
export type SmtPolicy = "whole-core" | "isolate" | "any";

/** A host device that a guest asks for. */
export interface DeviceRequest {
  /** As in node devices, such as "0000:3b:00.0". */
  readonly address: string;
  /** Host cell that the device hangs on; absent where the host does not say. */
  readonly cell?: number;
  readonly locality: "required" | "preferred" | "none";
  readonly iommuGroup?: number;
}

/** Memory pages of one size in one host cell. */
export interface CellPages {
  readonly cell: number;
  readonly sizeKiB: number;
  readonly count: number;
}

/** Memory that a guest may be given beside what its cells start with. */
export interface AddedMemory {
  /** Guest cell. */
  readonly cell: number;
  readonly memoryKiB: number;
  /** Size of its pages. Absent: those of the cell. */
  readonly pageKiB?: number;
}

/** Where a guest already is; it stays there as long as the hard rules hold. */
export interface PlacedBefore {
  /** Host cell of each guest cell. */
  readonly cells: readonly number[];
  /** Host CPUs of each vCPU. */
  readonly vcpus: readonly (readonly number[])[];
  readonly emulator: readonly number[];
  readonly iothreads: readonly (readonly number[])[];
  readonly pages: readonly CellPages[];
  /** Those of its CPUs that were its own. Absent where that is not known. */
  readonly owned?: readonly number[];
  /** It is yet to go there. */
  readonly suggested?: boolean;
}

/** What one guest needs. */
export interface Request {
  readonly name: string;
  /** Places are planned for all vCPUs that the guest may ever have. */
  readonly maxVcpus: number;
  readonly memoryKiB: number;
  /** Memory devices, up to the size that each may have. They go where their guest cell goes. */
  readonly added?: readonly AddedMemory[];
  /** Guest cells; absent: as few equal ones as fit. */
  readonly cells?: readonly GuestCell[];
  readonly pages: PageRequest;
  readonly policy: "shared" | "dedicated" | "mixed";
  /** vCPUs with host CPUs of their own under the policy "mixed". */
  readonly dedicatedVcpus?: readonly number[];
  readonly smt: SmtPolicy;
  /**
   * CPUs of QEMU's own threads: the host's housekeeping CPUs (the guest's own where none are declared), one more
   * CPU that the guest owns, or the CPUs of the guest.
   */
  readonly emulator: "housekeeping" | "isolate" | "share";
  readonly iothreads: number;
  readonly devices: readonly DeviceRequest[];
  /** The guest takes one of the host's slots for encrypted guests (SEV ASID, TDX key). */
  readonly confidential?: boolean;
  /** Name of a group whose guests prefer cells apart from each other, such as those that live on memory bandwidth. */
  readonly apart?: string;
  readonly previous?: PlacedBefore;
  /** The program pins the vCPUs by hand: they go to their `previous` CPUs or nowhere. */
  readonly pinned?: boolean;
}

/** What one other domain holds of the host. */
export interface Claim {
  readonly name: string;
  /** CPUs that nobody else may own. */
  readonly owned: readonly number[];
  /** CPUs that it floats over. */
  readonly shared: readonly number[];
  /** Absent for domains that others defined: their cores may be shared with guests that said "any". */
  readonly smt?: SmtPolicy;
  /** Guest memory from ordinary pages that is bound to a host cell. */
  readonly memory: readonly { readonly cell: number; readonly memoryKiB: number }[];
  /** Huge pages that are bound to a host cell. */
  readonly pages: readonly CellPages[];
  /** Guest memory from ordinary pages that may come from any cell. */
  readonly unboundKiB: number;
  readonly devices: readonly { readonly address: string; readonly iommuGroup?: number }[];
  readonly confidential?: boolean;
  /** Its group, as in a request. */
  readonly apart?: string;
}

/** What is taken of a host: one claim per other domain, running or only defined. */
export interface Ledger {
  readonly claims: readonly Claim[];
}

/** What placement may use of a host. */
export interface HostLimits {
  /** CPUs for the host and QEMU's own threads; no vCPU is placed on them. Empty: none declared. */
  readonly housekeeping: readonly number[];
  /** CPUs that guests may own; absent: all but housekeeping. Shared vCPUs keep off this set. */
  readonly dedicated?: readonly number[];
  /** Ordinary memory that is kept free, in KiB by host cell. */
  readonly reserveKiB: ReadonlyMap<number, number>;
  /** Huge pages that are kept free. */
  readonly pageReserve: readonly CellPages[];
  /** Pages that are free now; absent where not known. Holds for guests that are not running yet. */
  readonly freePages?: readonly CellPages[];
  /** Guests may have pages added to the host's, from ordinary memory that nothing is bound to and nobody reserves. */
  readonly mayAddPages?: boolean;
  /** Slots for encrypted guests; absent: not known, not limited. */
  readonly confidentialSlots?: number;
  /** Cell of each of the host's devices that could be given to guests; guests without devices keep off these. */
  readonly deviceCells?: readonly number[];
}
