import { diffRows, ofClass } from "../../core/diff";
import type { Values } from "../../core/handler";
import { child, children, clone, type Element, element, remove, render as renderTree, textOf } from "../../schema/tree";
import { applyRows, readRows } from "../document";
import { overlay, withdraw } from "../overlay";
import {
  onlyWideRange,
  readDhcp,
  readDnsHosts,
  readReservations,
  reservedHosts,
  subnetText,
  writeAddresses,
} from "./addresses";
import { modeLens, portRangeLens } from "./lenses";
import { type Inputs, rows } from "./rows";

/** The document of a network that does not exist yet. */
export function render(inputs: Inputs): string {
  return renderTree(compose(emptyDocument(), inputs, {}));
}

export function emptyDocument(): Element {
  return element("network");
}

/** A copy of the document with every managed value in it. */
export function compose(document: Element, news: Inputs, olds: Partial<Inputs>): Element {
  const result = clone(document);
  withdraw(result, olds, news, () => composeRows(emptyDocument(), news, {}));
  const made = composeRows(result, news, olds);
  overlay(made, news);
  return made;
}

function composeRows(document: Element, news: Inputs, olds: Partial<Inputs>): Element {
  applyRows(rows, news, olds, document);
  writeAddresses(document, news, olds);
  if (news.mode === "hostdev") remove(document, "bridge");
  else if (news.mode === "bridge") leaveToHost(document);
  // libvirt would fill in a delay that holds back every guest's first packet.
  else bridgeOf(document).attributes["delay"] = "0";
  return document;
}

/** On a bridge of the host's own libvirt refuses whatever it cannot set. */
function leaveToHost(document: Element): void {
  const bridge = bridgeOf(document);
  for (const name of ["stp", "delay", "macTableManager"]) delete bridge.attributes[name];
  for (const name of ["mac", "mtu", "domain", "dns"]) remove(document, name);
}

function bridgeOf(document: Element): Element {
  const [found] = children(document, "bridge");
  if (found) return found;
  const bridge = element("bridge");
  document.children.push(bridge);
  return bridge;
}

/** The managed values as the document shows them. */
export function observe(document: Element, inputs: Inputs): Values {
  const subnets = children(document, "ip").flatMap((ip) => subnetText(ip) ?? []);
  const read = readRows(rows, inputs, document);
  const dns = inputs.dns && {
    ...(read["dns"] as Values | undefined),
    hosts: readDnsHosts(document, inputs.dns.hosts ?? {}),
  };
  return {
    ...read,
    subnets,
    ...(inputs.dhcp !== undefined && { dhcp: readDhcp(document, subnets, inputs.dhcp) }),
    reservations: readReservations(document, inputs.reservations),
    ...(dns && { dns }),
  };
}

/** The inputs that would make a network like the one of the document. */
export function describe(document: Element): Values {
  const reservations = reservedHosts(document);
  const found = observe(document, {
    ...Object.fromEntries(Object.keys(rows).map((name) => [name, true])),
    // What is true is a range of IPv4.
    dhcp: onlyWideRange(document) ?? true,
    reservations: {},
    dns: undefined,
  } as unknown as Inputs);
  const dns = describeDns(document);
  return { ...found, reservations: Object.fromEntries(reservations.flatMap(describeReservation)), ...(dns && { dns }) };
}

function describeReservation({ attributes }: Element): [string, Values][] {
  const { mac, ip, name } = attributes;
  if (mac === undefined || ip === undefined) return [];
  const key = name === undefined ? `mac-${mac.replaceAll(":", "")}` : keyOf(name);
  return [[key, { mac, ip, ...(name !== undefined && { hostname: name }) }]];
}

/** Undefined where the document says nothing that is not usual. */
function describeDns(document: Element): Values | undefined {
  const managed = { enable: true, localOnly: true, forwarders: true } as const;
  const { forwarders, ...said } = (readRows(rows, { dns: managed }, document)["dns"] ?? {}) as Values;
  const dns = child(document, "dns");
  const hosts = (dns ? children(dns, "host") : []).map(({ attributes, children: inside }): [string, Values] => {
    const hostnames = inside.flatMap((node) => ("name" in node && node.name === "hostname" ? [textOf(node)] : []));
    return [keyOf(hostnames[0] ?? "host"), { ip: attributes["ip"], hostnames }];
  });
  const all = {
    ...said,
    ...(Array.isArray(forwarders) && forwarders.length > 0 && { forwarders }),
    ...(hosts.length > 0 && { hosts: Object.fromEntries(hosts) }),
  };
  return Object.keys(all).length > 0 ? all : undefined;
}

/** A host name in the letters that names of entries may have. */
function keyOf(hostname: string): string {
  return hostname
    .replace(/[^A-Za-z0-9_-]/g, "-")
    .replace(/^(?=[^A-Za-z])/, "host-")
    .slice(0, 32);
}

/** What libvirt means where a document says nothing. */
const usual = { natIpv6: false, isolateGuests: false };
const usualDns = { enable: true, localOnly: false, forwarders: [] };

/**
 * What of the running network is in force only once it is started anew, if it is to be what the other document says.
 * `looks`: the inputs, and those of before, for what they said and these do not is still in what runs.
 */
export function needsRestart(live: Element, wanted: Element, looks: readonly Inputs[]): readonly string[] {
  // Where nothing waits, what is wanted and what was before are often one object.
  const changes = [...new Set(looks)].flatMap((look) => diffRows(rows, inForce(live, look), inForce(wanted, look)));
  return [...new Set(ofClass(changes, "restart").map(({ property }) => property))];
}

function inForce(document: Element, look: Inputs): Values {
  const seen = observe(asStarted(document), look);
  return { ...usual, ...seen, dns: { ...usualDns, ...(seen["dns"] as Values | undefined) } };
}

/** With the ports that libvirt writes into the document of a running network of which the definition names none. */
function asStarted(document: Element): Element {
  if (modeLens.get(document) !== "nat" || child(document, "forward/nat/port")) return document;
  const filled = clone(document);
  portRangeLens.set(filled, { start: 1024, end: 65535 });
  return filled;
}
