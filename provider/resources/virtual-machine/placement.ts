import type { Change } from "../../core/diff";
import { equal } from "../../core/equal";
import { filled } from "../../core/filled";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { cpusIn, parseCpuSet } from "../../tuning/cpu-set";
import type { PlacedBefore, SmtPolicy } from "../../tuning/request";
import type { GuestPages } from "../added-pages";
import { type PlacedPlace, placedBefore } from "../placed";
import type { PlacementRecord } from "../placement-record";
import { pciDevicesOf } from "./hostdev-rules";
import type { Inputs } from "./rows";

/** Where a guest is on its host, as state keeps it. */
export interface Placed extends PlacedPlace {
  /** Host CPUs that no other guest may own. */
  readonly owned: string;
  readonly cost: Readonly<Record<string, number>>;
  readonly explain: readonly string[];
  /** The arguments that follow from it; what the program says itself goes before them. */
  readonly values: Values;
  /** Huge pages that the host was given for it. */
  readonly addedPages?: PlacedPlace["pages"];
}

/** The arguments that placement depends on. */
type Asked = Partial<Inputs>;

/** Whether the program pins vCPUs by hand. */
export function pinsByHand({ cpuTune }: Asked): boolean {
  return cpuTune?.vcpuPins !== undefined;
}

/** Whether the guest is placed: by its CPU policy, or for huge pages that are still to be found. */
export function isPlaced(inputs: Asked): boolean {
  const { cpu, hugePages } = inputs;
  if (typeof hugePages === "string" && hugePages !== "none") return true;
  return cpu?.policy !== undefined && !(cpu.policy === "shared" && pinsByHand(inputs));
}

/** Whether the host has to be asked which CPUs it has and who owns them. */
export function concernsOthers(inputs: Asked): boolean {
  const { vcpuPins, emulatorPin, iothreadPins } = inputs.cpuTune ?? {};
  return isPlaced(inputs) || (vcpuPins ?? emulatorPin ?? iothreadPins) !== undefined;
}

/** The placement among outputs. */
export function placementIn(known: Values): Placed | undefined {
  const { placement } = known;
  return isPlainObject(placement) ? (placement as unknown as Placed) : undefined;
}

/** The placement as an output. */
export function asOutput(placement: Placed | undefined): Values {
  return placement ? { placement } : {};
}

/** Where a PlacementGroup would put the guest. */
export function suggestedFor({ suggestedPlacement }: Asked): PlacedBefore | undefined {
  return suggestedPlacement && { ...placedBefore(suggestedPlacement), suggested: true };
}

/**
 * The inputs as they are in force: with what placement found below what the program says, so that whatever writes,
 * compares and watches attributes does so for placed ones too.
 */
export function effective<I extends Asked>(inputs: I, known: Values): I {
  const placement = isPlaced(inputs) ? placementIn(known) : undefined;
  if (!placement) return inputs;
  const { hugePages, ...given } = inputs;
  const own = typeof hugePages === "string" ? given : inputs;
  const numa = numaFor(inputs, placement);
  const said = numa ? { ...own, numa } : own;
  return filled(said as Values, { ...placement.values, ...busesFor(inputs, placement) }) as I;
}

/** Whether the program has cells of its own and says nothing of how far they are from each other. */
export function leavesDistances({ numa }: Asked): boolean {
  return numa?.cells?.every(({ distances }) => distances === undefined) ?? false;
}

/** The cells of the program with the distances that were found for them. */
function numaFor(inputs: Asked, { values: { numa } }: Placed): Inputs["numa"] | undefined {
  const found = isPlainObject(numa) && Array.isArray(numa["cells"]) ? numa["cells"] : [];
  const cells = inputs.numa?.cells ?? [];
  if (!leavesDistances(inputs) || found.length !== cells.length) return undefined;
  return { cells: cells.map((cell, index) => ({ ...cell, distances: found[index].distances })) };
}

/** The buses of devices that the program has still. */
function busesFor(inputs: Asked, { values }: Placed): Values {
  const maps = (["hostDevices", "nics"] as const).flatMap((map) => {
    const placed = values[map];
    const there: object = inputs[map] ?? {};
    if (!isPlainObject(placed)) return [];
    return [[map, Object.fromEntries(Object.entries(placed).filter(([key]) => Object.hasOwn(there, key)))] as const];
  });
  return Object.fromEntries(maps);
}

/**
 * The same of a program that is compared with a state: a wish for other pages is still a wish, since nobody has looked
 * for them yet.
 */
export function effectiveAfter<I extends Asked>(inputs: I, olds: Asked & Values): I {
  const found = effective(inputs, olds);
  return equal(inputs.hugePages, olds.hugePages) ? found : { ...found, hugePages: inputs.hugePages };
}

/** What a drifted host shows, without what only repeats the placement: the inputs of a refreshed state. */
export function withoutPlaced(seen: Values, wanted: Values, inputs: Values): Values {
  const names = new Set([...Object.keys(inputs), ...Object.keys(seen)]);
  return Object.fromEntries(
    [...names].flatMap((name): [string, unknown][] => {
      const [value, own] = [seen[name], inputs[name]];
      // A wish is not among the values that it was made into.
      if (equal(value, wanted[name])) return own === undefined ? [] : [[name, own]];
      if (!isPlainObject(value) || !isPlainObject(wanted[name])) return [[name, value]];
      const inner = withoutPlaced(value, wanted[name], isPlainObject(own) ? own : {});
      return Object.keys(inner).length === 0 && own === undefined ? [] : [[name, inner]];
    }),
  );
}

/** Whether the guest has to be placed anew: something that placement depends on is another. */
export function isAskedAnew(olds: Asked, news: Asked): boolean {
  return !equal(demandOf(olds), demandOf(news));
}

/** Whether the change may give a placed guest what needs a new start: cells, a topology or pages that are others. */
export function mayMove({ path: [block, name = ""] }: Pick<Change, "path">): boolean {
  return block === "cpu" && ["policy", "dedicatedVcpus", "smt", "emulator"].includes(name);
}

function demandOf(inputs: Asked): Values {
  const { maxVcpus, maxMemory, cpu, cpuTune, numa, hugePages, launchSecurity } = inputs;
  const places = isPlaced(inputs) && {
    maxMemory,
    cpu: [cpu?.dedicatedVcpus, cpu?.emulator, cpu?.apart],
    numa,
    hugePages,
    iothreads: inputs.iothreads ?? 0,
    devices: devicesOf(inputs),
    memoryDevices: modulesOf(inputs),
    encrypted: launchSecurity !== undefined,
  };
  return {
    maxVcpus,
    policy: cpu?.policy,
    smt: cpu?.smt,
    pins: [cpuTune?.vcpuPins, cpuTune?.emulatorPin, cpuTune?.iothreadPins],
    ...places,
  };
}

/** What memory devices may come to need of the host. */
function modulesOf({ memoryDevices = {} }: Asked): readonly Values[] {
  return Object.values(memoryDevices).map(({ model, size, cell, nodes, pageSize }) => ({
    ...{ model, size, cell, nodes, pageSize },
  }));
}

/** PCI devices of the host that the guest gets, with how near they are to be. */
export function devicesOf(inputs: Asked): { readonly address: string; readonly locality: Locality }[] {
  const { hostDevices = {}, nics = {} } = inputs;
  return pciDevicesOf({ hostDevices, nics }).map(([at, address]) => {
    const [, key = ""] = at.split(".");
    const locality = at.startsWith("hostDevices.") ? hostDevices[key]?.locality : undefined;
    return { address, locality: locality ?? "preferred" };
  });
}
type Locality = "required" | "preferred" | "none";

/** Devices that a bus of the guest's own cells may carry, by the address that says where they are. */
export function busDevicesOf({ hostDevices = {}, nics = {} }: Asked) {
  return [
    ...Object.entries(hostDevices).map(([key, { pci, mdevFrom, locality }]) => {
      return { map: "hostDevices", key, address: locality === "none" ? undefined : (pci ?? mdevFrom?.parent) } as const;
    }),
    ...Object.entries(nics).map(([key, { hostdev }]) => ({ map: "nics", key, address: hostdev?.address }) as const),
  ];
}

/** Pins by hand without a policy say nothing of the rest of their cores. */
export function smtOf({ cpu, cpuTune }: Asked): SmtPolicy {
  return cpu?.smt ?? (cpu?.policy === undefined && cpuTune?.vcpuPins !== undefined ? "any" : "whole-core");
}

/**
 * What the domain's document says to others; undefined where the program left it to the pins alone, and no pages of the
 * host are to be given back.
 */
export function recordOf(
  inputs: Asked,
  placement: Placed | undefined,
  added: readonly GuestPages[],
): PlacementRecord | undefined {
  const pages = added.length > 0 ? { pages: added } : {};
  if (placement) {
    const owned = cpusIn(placement.owned);
    const all = new Set(placement.vcpus.flatMap(parseCpuSet));
    // Whoever floats over the whole host is nobody's neighbour in particular.
    const floats = placement.cells.length > 0 ? [...all].filter((cpu) => !owned.includes(cpu)) : [];
    const apart = inputs.cpu?.apart;
    return { smt: smtOf(inputs), owned, shared: floats, ...(apart !== undefined && { apart }), ...pages };
  }
  if (inputs.cpu?.policy !== "shared")
    return added.length > 0 ? { smt: "any", owned: [], shared: [], ...pages } : undefined;
  return {
    smt: "any",
    owned: [],
    shared: Object.values(inputs.cpuTune?.vcpuPins ?? {}).flatMap(parseCpuSet),
    ...pages,
  };
}
