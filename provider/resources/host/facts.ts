import { child, children, type Element, textOf } from "../../schema/tree";

/** What checks of virtual machines may rely on, without asking the host. */
export interface Facts {
  /** Version of libvirt, as 1000000 * major + 1000 * minor + release. */
  readonly libvirt: number;
  readonly virtTypes: readonly string[];
  /** The newest machine type of each family that the host's own architecture has: `pc-q35-7.2`. */
  readonly machines: readonly string[];
  readonly firmware: readonly string[];
  readonly secureBoot: boolean;
  /** How guests' memory can be encrypted: sev, sev-snp, tdx. */
  readonly launchSecurity: readonly string[];
}

/** Longest digest as JSON, in bytes: it travels twice in the state of every resource on the host. */
export const maxDigest = 1024;

/** Architecture of the machine, from its capabilities. */
export function architectureOf(capabilities: Element): string {
  const found = child(capabilities, "host/cpu/arch");
  return found ? textOf(found) : "unknown";
}

/** What guests of the host's own architecture can run on. */
export function virtTypesOf(capabilities: Element): string[] {
  const guest = guestOf(capabilities);
  const types = guest ? children(guest, "domain").flatMap((domain) => domain.attributes["type"] ?? []) : [];
  return [...new Set(types)];
}

/** The newest of each family of machine types, under the name that stays the same for ever; "q35" is only an alias. */
export function machinesOf(capabilities: Element): string[] {
  const guest = guestOf(capabilities);
  const entries = guest ? children(guest, "machine") : [];
  const names = entries.map((machine) => machine.attributes["canonical"] ?? textOf(machine)).sort(oldestFirst);
  return [...new Map(names.map((name) => [name.replace(/-[\d.]+$/, ""), name])).values()];
}

/** Logical CPUs and memory in bytes as the cells of the topology show them. */
export function sizeOf(capabilities: Element): { cpus: number; memory: bigint } {
  const topology = child(capabilities, "host/topology/cells");
  const cells = topology ? children(topology, "cell") : [];
  const memory = cells.map((cell) => {
    const found = child(cell, "memory");
    return found ? BigInt(textOf(found).trim()) * 1024n : 0n;
  });
  const cpus = cells.map((cell) => Number(child(cell, "cpus")?.attributes["num"] ?? 0));
  return { cpus: cpus.reduce((sum, count) => sum + count, 0), memory: memory.reduce((sum, bytes) => sum + bytes, 0n) };
}

/** The digest; families of machine types that would make it too long are left out. */
export function factsOf(libvirt: number, capabilities: Element, domainCapabilities: Element | undefined): Facts {
  const firmware = domainCapabilities ? enumValues(domainCapabilities, "os", "firmware") : [];
  const secure = domainCapabilities ? enumValues(domainCapabilities, "os/loader", "secure") : [];
  const facts = {
    libvirt,
    virtTypes: virtTypesOf(capabilities),
    machines: machinesOf(capabilities),
    firmware: ["bios", ...firmware.filter((name) => name !== "bios")],
    secureBoot: secure.includes("yes"),
    launchSecurity: domainCapabilities ? launchSecurityOf(domainCapabilities) : [],
  };
  while (facts.machines.length > 0 && Buffer.byteLength(JSON.stringify(facts)) > maxDigest) facts.machines.pop();
  return facts;
}

/** Older libvirt than 10.5 knows sev only, and does not list the types. */
function launchSecurityOf(document: Element): string[] {
  const listed = enumValues(document, "features/launchSecurity", "sectype");
  const hasSev = child(document, "features/sev")?.attributes["supported"] === "yes";
  return hasSev && !listed.includes("sev") ? ["sev", ...listed] : listed;
}

function guestOf(capabilities: Element): Element | undefined {
  const own = architectureOf(capabilities);
  const guests = children(capabilities, "guest").map((guest) => child(guest, "arch"));
  return guests.find((arch) => arch?.attributes["name"] === own);
}

function enumValues(document: Element, path: string, name: string): string[] {
  const parent = child(document, path);
  const found = parent && children(parent, "enum").find((item) => item.attributes["name"] === name);
  return found ? children(found, "value").map(textOf) : [];
}

function oldestFirst(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
