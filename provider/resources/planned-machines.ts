import { parseBytes } from "../core/units";
import type { Libvirt } from "../libvirt/api";
import type { Element } from "../schema/tree";
import { ordinarySize } from "../tuning/capacity";
import { named } from "../tuning/cost";
import { parseCpuSet } from "../tuning/cpu-set";
import { refused } from "../tuning/place";
import { placeAll } from "../tuning/place-all";
import type { Placement, PlacementSet } from "../tuning/placement";
import type { Claim, DeviceRequest, HostLimits, PlacedBefore, Request } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { type AskedMachine, devicesFor } from "./asked-machine";
import { domainClaim } from "./domain-claim";
import { placedIn } from "./placed-in";
import { writeRecord } from "./placement-record";
import { NodeDevices } from "./virtual-machine/node-devices";
import { pinRefusal } from "./virtual-machine/pin-refusals";
import { isPlaced, recordOf, suggestedFor } from "./virtual-machine/placement";
import { requestOf } from "./virtual-machine/question";
import { composeRows } from "./virtual-machine/render";
import type { Inputs } from "./virtual-machine/rows";
import { entriesOf } from "./virtual-machine/rule-entries";

/** A host, and what is there already. */
export interface PlannedHost {
  readonly topology: HostTopology;
  readonly limits: HostLimits;
  /** What others hold. */
  readonly claims: readonly Claim[];
  /** Where the machines are, or were to be, by name. */
  readonly before: ReadonlyMap<string, PlacedBefore | undefined>;
  readonly devices: ReadonlyMap<string, Pick<DeviceRequest, "cell" | "iommuGroup">>;
}

/** Where the machines go: first those that the program pins by hand, which are where they are, then all others. */
export function planMachines(host: PlannedHost, machines: readonly AskedMachine[]): PlacementSet {
  const { topology, limits } = host;
  const claims = [...host.claims];
  const own = new Map<string, Placement>();
  const requests: Request[] = [];
  for (const machine of machines) {
    const inputs: Inputs = machine;
    const wrong = pinRefusal(writable(inputs), topology, claims);
    if (wrong) {
      own.set(inputs.name, refused(inputs.name, [{ fact: `${wrong.at}: ${wrong.reason}`, remedy: wrong.remedy }]));
    } else if (isPlaced(inputs)) {
      requests.push(questionOf(machine, host));
    } else {
      const document = composeRows(writable(inputs));
      writeRecord(document, recordOf(inputs, undefined, []));
      const claim = domainClaim(document, topology);
      claims.push(claim);
      own.set(inputs.name, byHand(inputs, document, claim, topology));
    }
  }
  const { placements, gap } = placeAll(topology, limits, { claims }, requests);
  const all = new Map([...own, ...placements.map((placement) => [placement.name, placement] as const)]);
  const ordered = machines.flatMap((machine) => {
    const placement = all.get(machine.name);
    return placement ? [asSaid(placement, machine)] : [];
  });
  return { placements: ordered, gap };
}

/** What the planner is asked about one machine. */
export function questionOf(
  machine: AskedMachine,
  { topology, before, devices }: Pick<PlannedHost, "topology" | "before" | "devices">,
): Request {
  const previous = before.get(machine.name) ?? suggestedFor(machine);
  const request = requestOf(machine, devicesFor(machine, devices), topology, previous);
  return { ...request, ...(machine.confidential && { confidential: true }) };
}

const nowhere = { topology: { cells: [], cacheGroups: [], offline: [] }, before: new Map(), devices: new Map() };

/** All that a machine's place depends on beside its host. */
export function demandOf(machine: AskedMachine): unknown {
  const { cpu, cpuTune, numaTune } = machine;
  return [questionOf(machine, nowhere), cpu?.topology, cpuTune, numaTune];
}

/** What the host says of the PCI devices of machines. */
export async function devicesOnHost(libvirt: Libvirt, host: string, machines: readonly AskedMachine[]) {
  const addresses = machines.flatMap((machine) => devicesFor(machine, new Map()).map(({ address }) => address));
  return new NodeDevices(libvirt, host).places(addresses);
}

/** The arguments that a document can be made of though the volumes and networks are not known. */
function writable(inputs: Inputs): Inputs {
  const cards = entriesOf<Inputs["nics"][string]>(inputs.nics).filter(([, { hostdev }]) => hostdev !== undefined);
  return { ...inputs, host: { uri: "" }, disks: {}, nics: Object.fromEntries(cards) };
}

/** A guest that its own pins and bindings place. */
function byHand(inputs: Inputs, document: Element, claim: Claim, host: HostTopology): Placement {
  const { cpuTune, maxVcpus, maxMemory, iothreads = 0 } = inputs;
  const all = host.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id)).sort((a, b) => a - b);
  const pin = (text: string | undefined) => (text === undefined ? all : parseCpuSet(text));
  const ordinary = ordinarySize(host);
  return {
    name: inputs.name,
    fits: true,
    cells: placedIn(document, host)?.cells ?? boundTo(claim, inputs.numa?.cells?.length ?? 1),
    guestCells: requestOf(inputs, [], host, undefined).cells ?? [
      { vcpus: Array.from({ length: maxVcpus }, (_, vcpu) => vcpu), memoryKiB: Number(parseBytes(maxMemory) / 1024n) },
    ],
    vcpus: Array.from({ length: maxVcpus }, (_, vcpu) => pin(cpuTune?.vcpuPins?.[String(vcpu)])),
    emulator: all,
    iothreads: Array.from({ length: iothreads }, () => all),
    pages: [
      ...claim.pages,
      ...claim.memory.map(({ cell, memoryKiB }) => ({
        cell,
        sizeKiB: ordinary,
        count: Math.ceil(memoryKiB / ordinary),
      })),
    ],
    devicePages: [],
    addedPages: [],
    owned: claim.owned,
    topology: { sockets: maxVcpus, dies: 1, clusters: 1, cores: 1, threads: 1 },
    distances: [],
    cost: named([]),
    explain: [
      "is where its own pins and bindings say (cpuTune, numaTune without cpu.policy): nothing is chosen for it",
    ],
  };
}

/** Host cells that the memory is bound to, where each guest cell has one. */
function boundTo({ memory, pages }: Claim, guestCells: number): number[] {
  const cells = [...memory, ...pages].map(({ cell }) => cell);
  return cells.length === guestCells ? cells : [];
}

/** What the arguments say themselves goes before what was found, as it does on the host. */
function asSaid(placement: Placement, { cpu, cpuTune }: Inputs): Placement {
  if (!placement.fits) return placement;
  const { emulatorPin, iothreadPins = {} } = cpuTune ?? {};
  const { sockets = 1, dies = 1, clusters = 1, cores = 1, threads = 1 } = cpu?.topology ?? {};
  return {
    ...placement,
    ...(emulatorPin !== undefined && { emulator: parseCpuSet(emulatorPin) }),
    iothreads: placement.iothreads.map((cpus, index) => {
      const own = iothreadPins[String(index + 1)];
      return own === undefined ? cpus : parseCpuSet(own);
    }),
    ...(cpu?.topology && { topology: { sockets, dies, clusters, cores, threads } }),
  };
}
