import { type Around, mapOf, type Verdict } from "../../core/attribute";
import { KvmError } from "../../core/errors";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { child, type Element, ensure } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { isPcie } from "./general";
import { copyChildren, type LiveOperations, type Operation } from "./live";
import { nicHardwareRows } from "./nic-hardware";
import { pluggedInto } from "./nic-ports";
import { nicSourceRows } from "./nic-sources";
import { nicTrafficRows } from "./nic-traffic";
import { isShared } from "./shared-memory";

const sources = Object.keys(nicSourceRows).filter(
  (name) => name !== "portGroup" && name !== "virtualPort" && name !== "ethernet",
);
export const nicEntries = deviceEntries("interface", "nic", ["mac", ...sources], undefined, hasAddressOf);

function hasAddressOf(nic: Element, { mac }: Values): boolean {
  return mac !== undefined && mac === child(nic, "mac")?.attributes["address"];
}

/** Cards of conventional PCI: a q35 guest that has one has the bridge that others go on too. */
function isConventional(nic: unknown): boolean {
  return isPlainObject(nic) && (nic["model"] === "e1000" || nic["model"] === "rtl8139");
}

function hasConventional(nics: unknown): boolean {
  return isPlainObject(nics) && Object.values(nics).some(isConventional);
}

/** Adding and removing whole interfaces. */
function entryChange(_old: unknown, next: unknown, { whole }: Around): Verdict {
  const reason = next === undefined ? "removed" : "added";
  if (isPlainObject(next) && next["cell"] !== undefined)
    return { class: "restart", reason: `${reason}; a bus of a cell cannot be plugged in` };
  if (isConventional(next) && isPcie(whole["machine"]) && !hasConventional(whole["nics"]))
    return { class: "restart", reason: `${reason}; a q35 guest has no place to plug it into` };
  return isPlainObject(next) && next["vhostUser"] !== undefined && !isShared(whole)
    ? { class: "restart", reason: `${reason}; the guest's memory is not shared yet` }
    : { class: "live", reason };
}

export const nicRows = {
  nics: mapOf({
    doc: "Network interfaces under names of your choice.",
    change: entryChange,
    entries: nicEntries,
    rows: { ...nicSourceRows, ...nicHardwareRows, ...nicTrafficRows },
  }),
};

/** What libvirt changes in a plugged interface. */
const changeable = ["source", "link", "bandwidth", "vlan", "filterref", "port", "coalesce"];

/** Brings into the live element what is new in the configured one; all else of it is sent as it is. */
function copyCable(live: Element, configured: Element): void {
  const before = child(live, "source")?.attributes;
  copyChildren(live, configured, changeable);
  keepPortGroup(live, before);
  live.attributes["type"] = configured.attributes["type"] ?? "network";
  const trust = configured.attributes["trustGuestRxFilters"];
  if (trust === undefined) delete live.attributes["trustGuestRxFilters"];
  else live.attributes["trustGuestRxFilters"] = trust;
  // Without the element libvirt would keep the link down.
  if (!child(live, "link")) ensure(live, "link").attributes["state"] = "up";
}

/**
 * Another port group of the network waits for the next start: libvirt 9.0 would bring it in with whatever else is changed,
 * 11.3 refuses all of that with it.
 */
function keepPortGroup(live: Element, before: Element["attributes"] | undefined): void {
  const source = child(live, "source")?.attributes;
  if (!source || !before || source["network"] === undefined || source["network"] !== before["network"]) return;
  if (before["portgroup"] === undefined) delete source["portgroup"];
  else source["portgroup"] = before["portgroup"];
}

const changeCable: LiveOperations[string] = (operation) =>
  operation.updateDevice(nicEntries, (live, configured) => {
    if (isBoundTo(live, configured)) refuseAnother(operation);
    copyCable(live, configured);
  });

/**
 * Whether the guest has an interface of the host by a network of macvtap that it would not get again: libvirt fails as if
 * something were wrong, for want of a bridge or of an interface that is free.
 */
function isBoundTo(live: Element, configured: Element): boolean {
  const { network, mode } = child(live, "source")?.attributes ?? {};
  if (live.attributes["type"] !== "direct" || network === undefined) return false;
  return mode === "passthrough" || child(configured, "source")?.attributes["network"] !== network;
}

function refuseAnother({ domain, change }: Operation): void {
  throw new KvmError("unsupported", {
    step: `change ${change.property} of VirtualMachine ${domain.name}`,
    host: domain.host,
    reason: "the running guest keeps the interface of the host that its network has given it",
  });
}

/** libvirt leaves an interface alone that it takes for plugged into the network already: of a network started anew. */
const changeNetwork: LiveOperations[string] = async (operation) => {
  const { live, configured } = await operation.device(nicEntries);
  const wanted = configured && child(configured, "source")?.attributes["network"];
  const plugged = live && pluggedInto(live);
  if (plugged && plugged.network === wanted) {
    refuseToPlugAgain(operation);
    await operation.updateDevice(nicEntries, (nic) => {
      nic.attributes["type"] = "bridge";
      ensure(nic, "source").attributes = { bridge: plugged.bridge };
    });
  }
  await changeCable(operation);
};

/** A bridge of the same name is no reason for newer ones to touch the tap: seen in 11.3, and not in 9.0. */
const leavesTapAlone = 10_000_000;

function refuseToPlugAgain({ domain, change }: Operation): void {
  if (domain.libvirt.version < leavesTapAlone) return;
  throw new KvmError("unsupported", {
    step: `plug ${change.property} of VirtualMachine ${domain.name} in again`,
    host: domain.host,
    reason:
      "its network was started anew, and libvirt puts a running guest back on it when libvirtd or virtqemud starts",
  });
}

export const nicOperations: LiveOperations = {
  "nics.*": (operation) => operation.plug(nicEntries),
  "nics.*.network": changeNetwork,
  "nics.*.bridge": changeCable,
  ...Object.fromEntries(Object.keys(nicTrafficRows).map((name) => [`nics.*.${name}`, changeCable])),
};
