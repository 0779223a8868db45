import type { Values } from "../../../../provider/core/handler";
import { unknown } from "../../../../provider/core/unknown";

/** One change, and what is said of it. */
export interface Case {
  readonly old?: unknown;
  readonly next?: unknown;
  /** Values beside it, before and after; of the whole machine before. */
  readonly beside?: Values;
  readonly after?: Values;
  readonly whole?: Values;
  readonly verdict: string;
}

const leftAlone = "restart, libvirt before 11.3 may leave an interface that is plugged in as it is";
const noGroup = "restart, libvirt changes no port group of a running guest";
const on = (name: string, kind: string) => ({ network: { name, kind } });
const betweenBridges = "restart, libvirt moves a running guest's interface between bridges only";
const cable: readonly Case[] = [
  { beside: on("a", "bridge"), after: on("b", "bridge"), verdict: "live" },
  { beside: on("a", "bridge"), after: { bridge: "br0" }, verdict: "live" },
  { beside: on("a", "bridge"), after: on("b", "macvtap"), verdict: betweenBridges },
  { beside: on("a", "macvtap"), after: { network: { name: "b" } }, verdict: betweenBridges },
  { beside: { bridge: "br0" }, after: on("b", "hostdev"), verdict: betweenBridges },
  // Of a state of before, of a reference that is written by hand, and of what a preview does not know yet.
  ...[{ name: "b" }, { name: "b", kind: unknown }, unknown].map((network) => {
    const verdict = "live, unless a network of macvtap or hostdev is left or joined";
    return { beside: { bridge: "br0" }, after: { network }, verdict };
  }),
  { old: { name: "a" }, after: { user: {} }, verdict: betweenBridges },
  { next: { name: "a" }, beside: { direct: {} }, verdict: betweenBridges },
];
/** What libvirt is told of together with what the interface is plugged into. */
const traffic: readonly Case[] = [
  { verdict: "live" },
  { beside: on("a", "bridge"), after: on("b", "bridge"), verdict: "live" },
  { beside: on("a", "bridge"), after: on("b", "macvtap"), verdict: "restart, waits with what it is plugged into" },
  { beside: { direct: {} }, after: { bridge: "br0" }, verdict: "restart, waits with what it is plugged into" },
  { beside: { direct: {} }, after: { direct: {} }, verdict: "live" },
  {
    ...{ beside: on("a", "macvtap"), after: on("a", "macvtap") },
    verdict: "live, where the network has one interface, and guests share it",
  },
  {
    ...{ beside: on("a", "hostdev"), after: on("a", "hostdev") },
    verdict: "restart, libvirt changes nothing of a virtual function",
  },
];
/** What is said of changes of a network interface. */
export const nicClasses: Readonly<Record<string, readonly Case[]>> = {
  "nics.*": [
    { next: {}, verdict: "live, added" },
    { next: { vhostUser: {} }, verdict: "restart, added; the guest's memory is not shared yet" },
    { next: { model: "rtl8139" }, verdict: "restart, added; a q35 guest has no place to plug it into" },
    { next: { model: "rtl8139" }, whole: { machine: "pc" }, verdict: "live, added" },
    { next: { model: "rtl8139" }, whole: { nics: { a: { model: "e1000" } } }, verdict: "live, added" },
    { next: { vhostUser: {} }, whole: { filesystems: { a: { driver: "virtiofs" } } }, verdict: "live, added" },
    { old: { vhostUser: {} }, verdict: "live, removed" },
  ],
  "nics.*.network": [...cable, { old: { name: "a", uuid: "1" }, next: { name: "a", uuid: "2" }, verdict: "none" }],
  "nics.*.bridge": cable,
  "nics.*.portGroup": [
    { next: "a", beside: on("a", "bridge"), after: on("a", "bridge"), verdict: noGroup },
    { next: "a", beside: { bridge: "br0" }, after: on("a", "bridge"), verdict: "live" },
    { next: "a", beside: on("b", "macvtap"), after: on("a", "bridge"), verdict: betweenBridges },
  ],
  "nics.*.link": [
    ...traffic,
    {
      ...{ beside: { hostdev: {} }, after: { hostdev: {} } },
      verdict: "restart, libvirt changes nothing of a virtual function",
    },
  ],
  "nics.*.portIsolated": traffic,
  "nics.*.filter": traffic,
  "nics.*.coalesce": traffic,
  "nics.*.bandwidth": [
    ...traffic,
    { next: {}, beside: { ...on("b", "bridge"), portGroup: "a" }, after: on("a", "bridge"), verdict: "live" },
    { next: {}, after: { user: {} }, verdict: "restart, user has no live limits" },
    { next: {}, beside: { portGroup: "a" }, verdict: noGroup },
  ],
  "nics.*.trustGuestRxFilters": [
    ...[undefined, { facts: '{"libvirt":11003000}' }].map((host) => ({ next: true, whole: { host }, verdict: "live" })),
    ...[{ facts: '{"libvirt":11002000}' }, { uri: "qemu:///system" }].map((host) => {
      return { next: true, whole: { host }, verdict: leftAlone };
    }),
  ],
  "nics.*.vlan": [
    { next: {}, verdict: "live" },
    { next: {}, after: { hostdev: {} }, verdict: "restart, a virtual function gets its VLAN when it is plugged in" },
    { old: {}, after: { portGroup: "a" }, verdict: noGroup },
  ],
};
