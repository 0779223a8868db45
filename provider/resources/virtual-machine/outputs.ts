import type { Made } from "../../core/definition";
import type { Change } from "../../core/diff";
import type { Values } from "../../core/handler";
import { isIgnored } from "../../core/ignored";
import { isPlainObject } from "../../core/unknown";
import { child, type Element, textOf } from "../../schema/tree";
import { adoptedOutput } from "../adoption";
import { readRows } from "../document";
import { type Addresses, mainAddress, seenAddresses } from "./addresses";
import { lagOf, roomOf } from "./behind";
import { isPin } from "./cpu-tuning";
import type { Domain, Present } from "./domain";
import { groupsOf } from "./iommu-groups";
import { measurementOf } from "./launch-attestation";
import { forgetLostPorts } from "./nic-ports";
import { pendingOf, residue, takenOut, untold } from "./pending";
import { asOutput, effective, isPlaced, placementIn } from "./placement";
import type { PowerState } from "./power-state";
import { type Inputs, rows } from "./rows";
import { leftIn, memoOf, withRest } from "./run-note";
import { markWaiting } from "./waiting-mark";

export const outputs = {
  ipAddress: {
    doc: "The first address of the guest, of the interface that `waitForAddress.nic` names if it does. Absent while the guest is off.",
    type: "string",
  },
  ipAddresses: { doc: "All addresses by the name of the interface.", type: "{ readonly [nic: string]: string[] }" },
  pendingRestart: {
    doc: "Properties whose configured value the running guest gets at its next start; a reboot from inside is not enough. What a refresh found otherwise in the running guest alone is among them until the next update mends it.",
    type: "string[]",
  },
  resolved: {
    doc: "What libvirt chose when the domain was defined, and keeps.",
    type: "{ readonly machine: string; readonly loader?: string; readonly nvram?: string }",
  },
  placement: {
    doc: "Where the guest is on its host: the host cell of each guest cell, the host CPUs of each vCPU, of QEMU and of each IOThread, pages, those of them that the host was given for it, the CPUs that no other guest may own, the terms of the cost that are not 0, the reasons, and the arguments that follow from it (`values`). Absent for a guest that is not placed.",
    type: "{ readonly cells: readonly number[]; readonly vcpus: readonly string[]; readonly emulator: string; readonly iothreads: readonly string[]; readonly pages: readonly { readonly cell: number; readonly size: string; readonly count: number }[]; readonly addedPages?: readonly { readonly cell: number; readonly size: string; readonly count: number }[]; readonly owned: string; readonly cost: { readonly [term: string]: number }; readonly explain: readonly string[]; readonly values: object } | undefined",
  },
  launchMeasurement: {
    doc: "What the firmware of the host measured of a sev guest at its start, base64 (virDomainGetLaunchSecurityInfo): the owner checks it, then makes `launchSecurity.secret` for it. Absent while the guest is off and without sev.",
    type: "string",
  },
  iommuGroups: {
    doc: "IOMMU groups of the PCI devices in `hostDevices` and `nics`, by the property that gives them: the number on the host, and the addresses of all members. Absent without such devices.",
    type: "{ readonly [property: string]: { readonly group: string; readonly members: string[] } }",
  },
  adopted: adoptedOutput,
};

/** The domain as it is now. */
export interface Observation extends PowerState {
  readonly made: Made<typeof outputs>;
  readonly config: Element;
  /** By what the running guest differs from its configuration. */
  readonly waiting: readonly Change[];
  /** What of it is drift of the running guest alone. */
  readonly behind: readonly Change[];
  readonly autostart: boolean;
}

/** What spares a look, or says what the running guest still has. */
interface Hints {
  /** The state whose inputs the guest still has where they were taken out: it is marked with them. Default: the known outputs. */
  readonly before?: Values;
  /** The guest was started since: it has nothing of before. */
  readonly anew?: boolean;
  /** An update has done to the guest all that it could. */
  readonly isDone?: boolean;
  /** Looks whether its interfaces are still plugged into their networks: in a refresh, and where one found that they are not. */
  readonly looksAtPorts?: boolean;
  /** Paths of the option `ignoreChanges`: nothing of it is tried, or noted. */
  readonly ignored?: readonly string[] | undefined;
  /** The definition, read since it was last written. */
  readonly config?: Element;
  /** The guest, read since it was last changed, and autostart. */
  readonly now?: Present | undefined;
  readonly autostart?: boolean;
}

/** Reads everything back, without waiting for anything, and marks what waits. `known` are outputs of before. */
export async function observe(domain: Domain, inputs: Inputs, known: Values, hints: Hints = {}): Promise<Observation> {
  const { before = known, anew = false, isDone = false, looksAtPorts = false, ignored } = hints;
  const definition = hints.config ?? domain.inactive();
  const [config, { live, ...state }, autostart, iommuGroups] = await Promise.all([
    definition,
    hints.now ?? domain.present(definition),
    hints.autostart ?? domain.autostart(),
    groupsOf(domain.libvirt, inputs),
  ]);
  const [addresses, launchMeasurement] = live
    ? await Promise.all([
        seenAddresses(domain, inputs.nics),
        measurementOf(domain, config),
        looksAtPorts ? forgetLostPorts(domain, live) : undefined,
      ])
    : [{}, undefined];
  const wanted = effective(inputs, known);
  // An update has done all that it could to what the guest alone has.
  const named = isDone ? wanted : withRest(wanted, known);
  const waiting = live ? residue(rows, named, live, config) : [];
  const had = withRest(effective(before, before), before, wanted);
  const left = live && !anew ? takenOut(rows, had, wanted, { live, config, waiting }) : [];
  const gone = left.map(({ property }) => property);
  const isUpdated = hints.before !== undefined && !anew;
  const properties = live && isUpdated ? [...gone, ...untold(rows, had, wanted, { live, config, waiting })] : gone;
  if (live && isUpdated) await markWaiting(domain, live, properties);
  const isMeant = (property: string) => !isIgnored(property, ignored);
  const meant = waiting.filter(({ property }) => isMeant(property));
  const lag = live && lagOf(meant, { wanted, named, known, isDone });
  const behind = lag?.behind ?? [];
  // Pins that moved are drift among the inputs.
  const toMend = behind.filter((change) => !isPin(change)).map(({ property }) => property);
  const memo =
    live && memoOf({ behind: toMend, left: lag?.left, room: { ...leftIn(known, left), ...roomOf(waiting) } });
  const pending = [...pendingOf(meant), ...properties.filter(isMeant)].sort();
  return {
    made: {
      id: domain.uuid,
      outputs: {
        ...addressOutputs(addresses, inputs, live ? known : {}),
        pendingRestart: pending,
        resolved: resolvedOf(config, live, known),
        ...(isPlaced(inputs) && asOutput(placementIn(known))),
        ...(launchMeasurement !== undefined && { launchMeasurement }),
        ...(iommuGroups && { iommuGroups }),
        ...(known["adopted"] === true && { adopted: true, uuid: domain.uuid }),
      },
      applied: readRows(rows, wanted, config),
      ...(memo && { memo }),
    },
    config,
    waiting,
    behind,
    autostart,
    ...state,
  };
}

/** The outputs among the values of a state: all that is known of a domain while its host cannot be asked. */
export function outputsIn(known: Values, uuid: string): Values {
  const kept = Object.fromEntries(Object.keys(outputs).map((name) => [name, known[name]]));
  return { ...kept, ...(known["adopted"] === true && { uuid }) };
}

/** A running guest whose address cannot be seen at this moment keeps the one that it had. */
function addressOutputs(addresses: Addresses, inputs: Inputs, known: Values): Values {
  if (Object.keys(addresses).length === 0) {
    return { ipAddress: known["ipAddress"], ipAddresses: known["ipAddresses"] ?? {} };
  }
  const wait = inputs.waitForAddress === false ? undefined : inputs.waitForAddress;
  return { ipAddress: mainAddress(addresses, wait), ipAddresses: addresses };
}

/** Paths of the firmware show only while the guest runs (libvirt 9.0): those of its last run stay. */
function resolvedOf(config: Element, live: Element | undefined, known: Values): Values {
  const before = isPlainObject(known["resolved"]) ? known["resolved"] : {};
  const firmware = (name: string) => {
    const found = (live && child(live, `os/${name}`)) ?? child(config, `os/${name}`);
    const hasFirmware = child(config, "os")?.attributes["firmware"] !== undefined;
    return found ? textOf(found) : hasFirmware ? before[name] : undefined;
  };
  const machine = child(config, "os/type")?.attributes["machine"] ?? "";
  return { machine, loader: firmware("loader"), nvram: firmware("nvram") };
}
