import type { CellPages, Claim, HostLimits } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";

/** A domain with what it holds of the host. */
export interface SurveyedGuest {
  readonly claim: Claim;
  /** Absent where only its definition is known. */
  readonly running?: boolean;
}

/** A PCI device that could be given to a guest. */
export interface SurveyedDevice {
  /** As in node devices: "0000:3b:00.0". */
  readonly address: string;
  readonly kind: "network" | "storage" | "display" | "accelerator" | "other";
  /** Vendor and product, or the address where libvirt knows no names. */
  readonly label: string;
  readonly cell?: number;
  readonly iommuGroup?: number;
  /** Interfaces of the host that it carries. */
  readonly interfaces: readonly string[];
  /** For a virtual function: its physical one. */
  readonly physicalFunction?: string;
}

/** All that is known of one host, from libvirt or from files. */
export interface Survey {
  /** How the user named it: the URI, or the file. */
  readonly name: string;
  /** When libvirt was asked, ISO 8601; absent for files. */
  readonly readAt?: string;
  readonly topology: HostTopology;
  readonly guests: readonly SurveyedGuest[];
  readonly devices: readonly SurveyedDevice[];
  /** Huge pages that are free now; absent for files. */
  readonly freePages?: readonly CellPages[];
  readonly limits: HostLimits;
}

/** What a running guest holds together with what its definition asks for at the next start: the more of each. */
export function joinClaims(running: Claim, defined: Claim): Claim {
  const cpus = (of: "owned" | "shared") => [...new Set([...running[of], ...defined[of]])].sort((a, b) => a - b);
  const owned = cpus("owned");
  const key = ({ cell, sizeKiB }: CellPages) => `${cell}/${sizeKiB}`;
  const other = new Map(defined.pages.map((pages) => [key(pages), pages.count]));
  const held = new Set(running.pages.map(key));
  const cells = [...new Set([...running.memory, ...defined.memory].map(({ cell }) => cell))];
  const inCell = (claim: Claim, cell: number) =>
    claim.memory.reduce((sum, item) => sum + (item.cell === cell ? item.memoryKiB : 0), 0);
  const addresses = new Map([...defined.devices, ...running.devices].map((device) => [device.address, device]));
  return {
    ...running,
    owned,
    shared: cpus("shared").filter((cpu) => !owned.includes(cpu)),
    memory: cells.map((cell) => ({ cell, memoryKiB: Math.max(inCell(running, cell), inCell(defined, cell)) })),
    pages: [
      ...running.pages.map((pages) => ({ ...pages, count: Math.max(pages.count, other.get(key(pages)) ?? 0) })),
      ...defined.pages.filter((pages) => !held.has(key(pages))),
    ],
    unboundKiB: Math.max(running.unboundKiB, defined.unboundKiB),
    devices: [...addresses.values()],
    ...((running.confidential || defined.confidential) && { confidential: true }),
  };
}
