import { formatBytes } from "../../core/units";
import { child, children, type Element, textOf } from "../../schema/tree";
import { ordinarySize } from "../../tuning/capacity";
import { coresOf, type HostTopology } from "../../tuning/topology";
import { enumValues, firmwareIn, launchSecurityIn, nestedIn } from "../domain-capabilities";
import type { CellFacts, Facts } from "../facts";
import type { HostDevice } from "../host-devices";
import { familyOf, oldestFirst } from "../machine-types";

/** Longest digest as JSON, in bytes: it travels twice in the state of every resource on the host. */
export const maxDigest = 2048;

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

/** Every machine type of the host's own architecture, under the name that stays the same for ever; "q35" is only an alias. */
export function machineTypesOf(capabilities: Element): string[] {
  const guest = guestOf(capabilities);
  const entries = guest ? children(guest, "machine") : [];
  const names = entries.map((machine) => machine.attributes["canonical"] ?? textOf(machine));
  return [...new Set(names)].sort(oldestFirst);
}

/** The newest of each family of machine types; those without a version, boards of Arm mostly, have no newer ones. */
export function machinesOf(capabilities: Element): string[] {
  const versioned = machineTypesOf(capabilities).filter((name) => familyOf(name) !== name);
  return [...new Map(versioned.map((name) => [familyOf(name), name])).values()];
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

/** The digest. What would make it too long is left out: first pools without a page, then the cells. */
export function factsOf(
  libvirt: number,
  capabilities: Element,
  domainCapabilities: Element | undefined,
  topology: HostTopology,
  devices: readonly HostDevice[] = [],
): Facts {
  const deviceCells = cellsWithDevices(devices);
  const architecture = architectureOf(capabilities);
  const facts: Facts = {
    libvirt,
    ...(!["x86_64", "unknown"].includes(architecture) && { architecture }),
    virtTypes: virtTypesOf(capabilities),
    machines: machinesOf(capabilities),
    ...(domainCapabilities
      ? offersOf(domainCapabilities)
      : { firmware: ["bios"], secureBoot: false, launchSecurity: [] }),
    ...(deviceCells.length > 0 && { deviceCells }),
  };
  const cells = cellFacts(topology);
  const short = cells.map(({ pages, ...cell }) => ({
    ...cell,
    pages: Object.fromEntries(Object.entries(pages).filter(([, total]) => total > 0)),
  }));
  const fits = (digest: Facts) => Buffer.byteLength(JSON.stringify(digest)) <= maxDigest;
  return [{ ...facts, cells }, { ...facts, cells: short }, facts].find(fits) ?? { ...facts, machines: [] };
}

/** PCI classes of 3D controllers and processing accelerators; a screen of the machine's own is no device for guests. */
const accelerator = /^0x(0302|12)/;

function cellsWithDevices(devices: readonly HostDevice[]): number[] {
  const forGuests = devices.filter(
    (device) => device.virtualFunctions || device.mediatedTypes || accelerator.test(device.class),
  );
  const cells = forGuests.flatMap(({ cell, iommuGroup }) =>
    cell !== undefined && iommuGroup !== undefined ? [cell] : [],
  );
  return [...new Set(cells)].sort((a, b) => a - b);
}

function offersOf(document: Element) {
  const nested = nestedIn(document);
  const sgx = child(document, "features/sgx")?.attributes["supported"] === "yes";
  return {
    firmware: firmwareIn(document),
    secureBoot: enumValues(document, "os/loader", "secure").includes("yes"),
    launchSecurity: launchSecurityIn(document),
    ...(nested !== undefined && { nested }),
    ...(sgx && { sgx }),
    tpm: enumValues(document, "devices/tpm", "model"),
  };
}

function cellFacts(topology: HostTopology): CellFacts[] {
  const ordinary = ordinarySize(topology);
  return topology.cells.map((cell) => ({
    id: cell.id,
    cpus: cell.cpus.length,
    cores: coresOf(cell).length,
    memory: Math.floor(cell.memoryKiB / 1024),
    pages: Object.fromEntries(
      cell.pages
        .filter(({ sizeKiB }) => sizeKiB !== ordinary)
        .map(({ sizeKiB, total }) => [formatBytes(BigInt(sizeKiB) * 1024n), total]),
    ),
  }));
}

function guestOf(capabilities: Element): Element | undefined {
  const own = architectureOf(capabilities);
  const guests = children(capabilities, "guest").map((guest) => child(guest, "arch"));
  return guests.find((arch) => arch?.attributes["name"] === own);
}
