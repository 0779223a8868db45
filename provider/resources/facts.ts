import { isPlainObject, type Unknown, unknown } from "../core/unknown";

/** What the digest says of one cell of the host. */
export interface CellFacts {
  readonly id: number;
  /** Logical CPUs that are online. */
  readonly cpus: number;
  /** Cores; `cpus / cores` threads run on each. */
  readonly cores: number;
  /** Memory in MiB, huge pages included. */
  readonly memory: number;
  /** Pages of each pool of huge pages, taken or not, by their size: `{ "2 MiB": 512 }`. */
  readonly pages: Readonly<Record<string, number>>;
}

/** What checks of virtual machines may rely on, without asking the host. */
export interface Facts {
  /** Version of libvirt, as 1000000 * major + 1000 * minor + release. */
  readonly libvirt: number;
  /** Of a machine that is not x86_64. */
  readonly architecture?: string;
  readonly virtTypes: readonly string[];
  /** The newest machine type of each family that the host's own architecture has: `pc-q35-7.2`. */
  readonly machines: readonly string[];
  readonly firmware: readonly string[];
  readonly secureBoot: boolean;
  /** How guests' memory can be encrypted: sev, sev-es, sev-snp, tdx, s390-pv. */
  readonly launchSecurity: readonly string[];
  /** Guests may run guests of their own by KVM; absent where it is not known. */
  readonly nested?: boolean;
  /** Models of TPM that guests can have. */
  readonly tpm?: readonly string[];
  /** Guests can have SGX enclaves. */
  readonly sgx?: boolean;
  /** Cells with devices for guests (SR-IOV cards, GPUs, accelerators), which guests without devices keep off. */
  readonly deviceCells?: readonly number[];
  /** Absent where they would make the digest too long. */
  readonly cells?: readonly CellFacts[];
}

/** The digest of a host's capabilities that Host made and its reference carries as text; empty when it is not known. */
export function factsOf(host: unknown): Partial<Facts> {
  const text = isPlainObject(host) ? host["facts"] : undefined;
  const facts: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
  return isPlainObject(facts) ? facts : {};
}

/**
 * The digest as the state of a resource keeps it: what its changes and its place depend on. Checks are given all of it.
 * One that a preview does not know yet stays so: an update plan holds the deployment to what it does not mention.
 */
export function keptFacts(host: unknown): string | Unknown | undefined {
  if (isPlainObject(host) && host["facts"] === unknown) return unknown;
  const { libvirt, virtTypes, deviceCells } = factsOf(host);
  const text = JSON.stringify({ libvirt, virtTypes, deviceCells });
  return text === "{}" ? undefined : text;
}

/** libvirt of the host, as 1000000 * major + 1000 * minor + release. */
export function libvirtOf(host: unknown): number | undefined {
  return factsOf(host).libvirt;
}
