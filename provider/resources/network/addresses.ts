import { equal } from "../../core/equal";
import { formatDuration, parseDuration } from "../../core/units";
import { child, children, type Element, element, ensure, isElement, textOf } from "../../schema/tree";
import {
  type Address,
  contains,
  defaultRange,
  formatAddress,
  formatSubnet,
  gatewayOf,
  parseAddress,
  type Subnet,
  subnetFrom,
  subnetOf,
} from "./address";
import type { DnsHosts, Inputs, Reservations } from "./rows";
import type { DhcpRange } from "./values";

/** The range that `dhcp` stands for, with the subnet that it lies in: libvirt runs DHCP in one IPv4 subnet at most. */
export function rangeOf({ subnets, dhcp }: Pick<Inputs, "subnets" | "dhcp">): readonly [Subnet, DhcpRange] | undefined {
  const blocks = subnets.map(subnetFrom);
  if (typeof dhcp === "object") {
    const start = parseAddress(dhcp.start);
    const block = start && blocks.find((candidate) => contains(candidate, start));
    return block && [block, dhcp];
  }
  const block = dhcp ? blocks.find(({ family }) => family === 4) : undefined;
  const range = block && defaultRange(block);
  return range && [block, range];
}

/** Writes subnets, ranges, reservations and DNS hosts. Entries that neither `olds` nor `news` name stay. */
export function writeAddresses(document: Element, news: Inputs, olds: Partial<Inputs>): void {
  const present = children(document, "ip");
  const blocks = news.subnets.map((text) => [text, subnetFrom(text)] as const);
  const elements = blocks.map(([text, block]) => {
    const found = present.find((ip) => subnetText(ip) === text) ?? element("ip", ipAttributes(block));
    writeDhcp(found, block, news, olds);
    return found;
  });
  document.children = document.children.filter((node) => !isElement(node) || node.name !== "ip");
  document.children.push(...elements);
  writeDnsHosts(document, news.dns?.hosts ?? {}, olds.dns?.hosts ?? {});
}

function ipAttributes(block: Subnet): Record<string, string> {
  const address = formatAddress(gatewayOf(block));
  const prefix = String(block.prefix);
  return block.family === 6 ? { family: "ipv6", address, prefix } : { address, prefix };
}

function writeDhcp(ip: Element, block: Subnet, news: Inputs, olds: Partial<Inputs>): void {
  const [at, range] = rangeOf(news) ?? [];
  const wanted = Object.values(news.reservations).filter(({ ip: text }) => holds(block, text));
  const managed = [...Object.values(olds.reservations ?? {}), ...Object.values(news.reservations)].map(
    ({ mac }) => mac,
  );
  const dhcp = child(ip, "dhcp") ?? element("dhcp");
  const present = new Map(children(dhcp, "host").map((host) => [macOf(host), host]));
  const ranges = ownRanges(dhcp, block, news, olds);
  const kept = dhcp.children.filter(
    (node) =>
      isElement(node) && !ranges.includes(node) && !(node.name === "host" && managed.includes(macOf(node) ?? "")),
  );
  const now = range && equal(at, block) ? [range] : [];
  dhcp.children = [
    ...now.map((wish) => ranges.find((found) => equal(readRange(found), wish)) ?? rangeElement(wish)),
    ...kept,
    ...wanted.map((reservation) => reservationElement(reservation, present.get(reservation.mac))),
  ];
  ip.children = ip.children.filter((node) => node !== dhcp);
  if (dhcp.children.length > 0) ip.children.push(dhcp);
}

/**
 * The ranges that `dhcp` stands for. Where it is not among those of a subnet, somebody has changed it; in IPv6, where
 * libvirt serves a range of its own beside it, they are of others.
 */
function ownRanges(
  dhcp: Element,
  block: Subnet,
  news: Inputs,
  { subnets = [], dhcp: former }: Partial<Inputs>,
): Element[] {
  const named = [rangeOf(news), rangeOf({ subnets, dhcp: former })].flatMap((found) =>
    found && equal(found[0], block) ? [found[1]] : [],
  );
  const ranges = children(dhcp, "range");
  const ours = ranges.filter((found) => named.some((range) => isAt(found, range)));
  if (ours.length > 0) return ours;
  return block.family === 4 || named.length > 0 ? ranges : [];
}

function isAt({ attributes }: Element, { start, end }: DhcpRange): boolean {
  return canonical(attributes["start"]) === start && canonical(attributes["end"]) === end;
}

function macOf({ attributes }: Element): string | undefined {
  return attributes["mac"]?.toLowerCase();
}

function rangeElement({ start, end, leaseTime }: DhcpRange): Element {
  if (leaseTime === undefined) return element("range", { start, end });
  const expiry = String(Math.round(parseDuration(leaseTime)));
  return element("range", { start, end }, element("lease", { expiry, unit: "seconds" }));
}

/** With what others have written beside it, such as a lease time of its own. */
function reservationElement({ mac, ip, hostname }: Reservations[string], found: Element | undefined): Element {
  const made = element("host", { mac, name: hostname, ip });
  if (!found) return made;
  const { mac: _mac, name: _name, ip: _ip, ...others } = found.attributes;
  return { ...made, attributes: { ...made.attributes, ...others }, children: found.children };
}

function writeDnsHosts(document: Element, news: DnsHosts, olds: DnsHosts): void {
  const managed = [...Object.values(olds), ...Object.values(news)].map(({ ip }) => ip);
  if (managed.length === 0) return;
  const dns = ensure(document, "dns");
  const kept = dns.children.filter((node) => {
    return !isElement(node) || node.name !== "host" || !managed.includes(canonical(node.attributes["ip"]));
  });
  const wanted = Object.values(news).map(({ ip, hostnames }) =>
    element("host", { ip }, ...hostnames.map((name) => element("hostname", {}, name))),
  );
  dns.children = [...kept, ...wanted];
  const bare = dns.children.length === 0 && Object.keys(dns.attributes).length === 0;
  if (bare) document.children = document.children.filter((node) => node !== dns);
}

/** The subnet of an `<ip>`, in our spelling; one whose host address is not the first shows that address. */
export function subnetText(ip: Element): string | undefined {
  const address = parseAddress(ip.attributes["address"] ?? "");
  const prefix = address && prefixOf(ip, address);
  if (!address || prefix === undefined) return undefined;
  const block = subnetOf(address, prefix);
  return gatewayOf(block).value === address.value ? formatSubnet(block) : `${formatAddress(address)}/${prefix}`;
}

function prefixOf(ip: Element, { family }: Address): number | undefined {
  const { prefix, netmask } = ip.attributes;
  if (prefix !== undefined) return Number(prefix);
  const mask = parseAddress(netmask ?? "");
  if (mask?.family === 4) return mask.value.toString(2).replace(/0+$/, "").length;
  return family === 6 ? 64 : undefined;
}

/**
 * What `dhcp` would have to be for the ranges of the document, given the subnets of the document. Beside a range of ours
 * others are none of its business, nor are those of IPv6 beside one of IPv4.
 */
export function readDhcp(document: Element, subnets: readonly string[], managed: Inputs["dhcp"]): Inputs["dhcp"] {
  const isWide = typeof managed === "object" && parseAddress(managed.start)?.family === 6;
  const found = rangesOf(document, isWide ? 6 : 4);
  const candidates = managed === undefined ? [true, false] : [managed, true, false];
  const same = candidates.find((dhcp) => {
    const range = rangeOf({ subnets, dhcp })?.[1];
    return range ? found.some((item) => equal(item, range)) : found.length === 0;
  });
  return same ?? found[0] ?? false;
}

/** The range of IPv6 of a document that has none of IPv4: `dhcp` names one. */
export function onlyWideRange(document: Element): DhcpRange | undefined {
  return rangesOf(document, 4).length > 0 ? undefined : rangesOf(document, 6)[0];
}

function rangesOf(document: Element, family: 4 | 6): DhcpRange[] {
  return children(document, "ip").flatMap((ip) => {
    const dhcp = child(ip, "dhcp");
    const isOf = (ip.attributes["family"] === "ipv6") === (family === 6);
    return dhcp && isOf ? children(dhcp, "range").map(readRange) : [];
  });
}

function readRange(range: Element): DhcpRange {
  const { start, end } = range.attributes;
  const lease = child(range, "lease");
  const bounds = { start: canonical(start), end: canonical(end) };
  return lease ? { ...bounds, leaseTime: formatDuration(leaseSeconds(lease)) } : bounds;
}

const leaseUnits: Readonly<Record<string, number>> = { seconds: 1, minutes: 60, hours: 3600 };

function leaseSeconds({ attributes }: Element): number {
  return Number(attributes["expiry"] ?? 0) * (leaseUnits[attributes["unit"] ?? "minutes"] ?? 60);
}

/** What the document has of reservations, managed or not. */
export function reservedHosts(document: Element): Element[] {
  return children(document, "ip").flatMap((ip) => {
    const dhcp = child(ip, "dhcp");
    return dhcp ? children(dhcp, "host") : [];
  });
}

/** The managed reservations as the document shows them, found by MAC address. */
export function readReservations(document: Element, managed: Reservations): Reservations {
  const hosts = reservedHosts(document);
  return pickEntries(managed, ({ mac }) => {
    const found = hosts.find((host) => macOf(host) === mac);
    if (!found) return undefined;
    const { ip, name } = found.attributes;
    return { mac, ip: canonical(ip), ...(name !== undefined && { hostname: name }) } as Reservations[string];
  });
}

/** The managed DNS hosts as the document shows them, found by address. */
export function readDnsHosts(document: Element, managed: DnsHosts): DnsHosts {
  const dns = child(document, "dns");
  const hosts = dns ? children(dns, "host") : [];
  return pickEntries(managed, ({ ip }) => {
    const found = hosts.find(({ attributes }) => canonical(attributes["ip"]) === ip);
    return found && { ip, hostnames: children(found, "hostname").map(textOf) };
  });
}

function pickEntries<T>(managed: Readonly<Record<string, T>>, find: (entry: T) => T | undefined): Record<string, T> {
  const found = Object.entries(managed).map(([key, entry]) => [key, find(entry)] as const);
  return Object.fromEntries(found.filter((pair): pair is [string, T] => pair[1] !== undefined));
}

function holds(block: Subnet, text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && contains(block, address);
}

function canonical(text: string | undefined): string {
  const address = parseAddress(text ?? "");
  return address ? formatAddress(address) : (text ?? "");
}
