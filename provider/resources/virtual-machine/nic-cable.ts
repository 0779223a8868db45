import type { Around, Verdict } from "../../core/attribute";
import { equal } from "../../core/equal";
import { isPlainObject } from "../../core/unknown";

/** How a network plugs guests in: into a bridge, by macvtap, or by a virtual function of an SR-IOV card. */
export const networkKinds = ["bridge", "macvtap", "hostdev"] as const;
type NetworkKind = (typeof networkKinds)[number];

type Nic = Around["old"];

/** What an interface is plugged into beside networks and bridges. */
const byThemselves = ["direct", "user", "vhostUser", "vdpa", "ethernet", "hostdev"] as const;
/** What an interface is plugged into: one of them. */
export const nicEnds: readonly string[] = ["network", "bridge", ...byThemselves];

/** What an interface is plugged in by; undefined where nobody has told of its network. */
function kindOf(nic: Nic): NetworkKind | "other" | undefined {
  const { bridge, network, hostdev } = nic;
  if (hostdev !== undefined) return "hostdev";
  if (byThemselves.some((name) => nic[name] !== undefined)) return "other";
  if (bridge !== undefined) return "bridge";
  return networkKindOf(network);
}

/** The kind that a reference to a network tells. */
export function networkKindOf(network: unknown): NetworkKind | undefined {
  return isPlainObject(network) ? networkKinds.find((kind) => kind === network["kind"]) : undefined;
}

const isOffBridges = (nic: Nic) => ![undefined, "bridge"].includes(kindOf(nic));

/** libvirt moves a running guest's interface between bridges only. */
export function cableChange(_old: unknown, _next: unknown, around: Around): Verdict {
  return moveBetween(around);
}

function moveBetween({ old, next }: Around): Verdict {
  if (isOffBridges(old) || isOffBridges(next)) return another();
  const isTold = [old, next].every((nic) => kindOf(nic) !== undefined);
  return isTold
    ? { class: "live" }
    : { class: "live", reason: "unless a network of macvtap or hostdev is left or joined" };
}

export const another = (): Verdict => ({
  class: "restart",
  reason: "libvirt moves a running guest's interface between bridges only",
});

/** The same network under another address of its host, or of which more is told, is no change. */
export function networkChange(old: unknown, next: unknown, around: Around): Verdict {
  return isPlainObject(old) && isPlainObject(next) && old["name"] === next["name"]
    ? { class: "none" }
    : moveBetween(around);
}

const nameOf = ({ network }: Nic) => (isPlainObject(network) ? network["name"] : network);

/** How the interface gets from one end to another; undefined where it stays. */
function moveOf(around: Around): Verdict | undefined {
  const { old, next } = around;
  const stays =
    nameOf(old) === nameOf(next) && ["bridge", ...byThemselves].every((name) => equal(old[name], next[name]));
  return stays ? undefined : moveBetween(around);
}

const portGroupStays: Verdict = { class: "restart", reason: "libvirt changes no port group of a running guest" };

/** With its network a port group changes as well. */
export function portGroupChange(_old: unknown, _next: unknown, around: Around): Verdict {
  return moveOf(around) ?? portGroupStays;
}

/** What an interface has in place of a port group changes with that. */
export function ofPortGroup(around: Around): Verdict | undefined {
  return around.old["portGroup"] === around.next["portGroup"] ? undefined : (moveOf(around) ?? portGroupStays);
}

export const trafficWaits: Verdict = { class: "restart", reason: "waits with what it is plugged into" };

/**
 * How the traffic of an interface changes: libvirt is told of it together with what the interface is plugged into, and
 * leaves all of it to a new start, or does all of it.
 */
export function trafficChange(_old: unknown, _next: unknown, around: Around): Verdict {
  if (moveOf(around)?.class === "restart") return trafficWaits;
  const kind = kindOf(around.old);
  if (kind === "hostdev") return { class: "restart", reason: "libvirt changes nothing of a virtual function" };
  if (kind !== "macvtap") return { class: "live" };
  // libvirt asks for an interface of the network anew.
  return { class: "live", reason: "where the network has one interface, and guests share it" };
}
