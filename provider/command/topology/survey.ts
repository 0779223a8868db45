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
  /** Guests whose memory the host can encrypt at a time, 0 for none; absent where nobody says. */
  readonly confidentialSlots?: number;
  readonly limits: HostLimits;
}
