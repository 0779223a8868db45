import { child, children, type Element, element, render } from "../../schema/tree";

/** libvirt's virNetworkUpdateSection and virNetworkUpdateCommand. */
const sections = { dhcpHost: 4, dhcpRange: 5, dnsHost: 10 } as const;
const commands = { delete: 2, addLast: 3 } as const;

/** One virNetworkUpdate. */
export interface LiveUpdate {
  readonly section: number;
  readonly command: number;
  /** Which `<ip>` of the running network, by position; -1 outside of them. */
  readonly parentIndex: number;
  readonly xml: string;
}

/**
 * What turns the running network into the wanted one without stopping it, as deletions and additions: libvirt 9.0
 * modifies neither ranges nor DNS hosts. What runs but was never in a definition of ours (`before`) is left alone.
 */
export function liveUpdates(live: Element, before: readonly Element[], wanted: Element): LiveUpdate[] {
  const waits = isElsewhere(live, wanted);
  const pairs = children(live, "ip").flatMap((ip, parentIndex) => {
    if (waits && isNarrow(ip)) return [];
    const twins = (document: Element) =>
      children(document, "ip").filter((candidate) => candidate.attributes["address"] === ip.attributes["address"]);
    const [next] = twins(wanted);
    return next
      ? [{ live: dhcpOf(ip), parentIndex, next: dhcpOf(next), before: before.flatMap(twins).map(dhcpOf) }]
      : [];
  });
  const parts = [
    ...pairs.map((pair) => ({
      section: sections.dhcpHost,
      parentIndex: pair.parentIndex,
      ...lists("host", pair.live, pair.before, pair.next),
    })),
    ...pairs.map((pair) => ({
      section: sections.dhcpRange,
      parentIndex: pair.parentIndex,
      ...lists("range", pair.live, pair.before, pair.next),
    })),
    {
      section: sections.dnsHost,
      parentIndex: -1,
      ...lists("host", dnsOf(live), before.map(dnsOf), dnsOf(wanted)),
    },
  ];
  const update = (command: number) => (part: (typeof parts)[number]) =>
    (command === commands.delete ? part.removed : part.added).map((xml) => ({
      section: part.section,
      command,
      parentIndex: part.parentIndex,
      xml,
    }));
  // Everything goes first, so that an address or a name may move from one entry to another.
  return [...parts.flatMap(update(commands.delete)), ...parts.flatMap(update(commands.addLast))];
}

/**
 * Whether DHCP of IPv4, for which libvirt has one subnet, goes from or to one that comes or goes with the next start: what
 * runs serves its guests until then.
 */
function isElsewhere(live: Element, wanted: Element): boolean {
  const [from, to] = [live, wanted].map(servedAddress);
  const has = (document: Element, address: string) =>
    children(document, "ip").some(({ attributes }) => attributes["address"] === address);
  if (from === undefined || to === undefined || from === to) return false;
  return !has(wanted, from) || !has(live, to);
}

function servedAddress(document: Element): string | undefined {
  const served = children(document, "ip").find((ip) => {
    const dhcp = dhcpOf(ip);
    return isNarrow(ip) && dhcp && (child(dhcp, "range") ?? child(dhcp, "host"));
  });
  return served?.attributes["address"];
}

const isNarrow = ({ attributes }: Element) => attributes["family"] !== "ipv6";
const dhcpOf = (ip: Element) => child(ip, "dhcp");
const dnsOf = (document: Element) => child(document, "dns");

function lists(
  name: string,
  live: Element | undefined,
  before: readonly (Element | undefined)[],
  wanted: Element | undefined,
): { removed: string[]; added: string[] } {
  const texts = (parent: Element | undefined) => (parent ? children(parent, name).map(render) : []);
  const [running, known, next] = [texts(live), before.flatMap(texts), texts(wanted)];
  const identities = new Set((wanted ? children(wanted, name) : []).map(identityOf));
  const stale = (live ? children(live, name) : []).filter((entry) => {
    const text = render(entry);
    return !next.includes(text) && (name === "range" || known.includes(text) || identities.has(identityOf(entry)));
  });
  return { removed: stale.map(condemned), added: next.filter((text) => !running.includes(text)) };
}

/** A DNS host is taken out by its address: by its names libvirt would find others that have them too, and refuse. */
function condemned(entry: Element): string {
  const { mac, ip } = entry.attributes;
  return render(entry.name === "host" && mac === undefined && ip !== undefined ? element("host", { ip }) : entry);
}

/** What libvirt takes two entries for one by. */
function identityOf({ attributes }: Element): string {
  return attributes["mac"] ?? attributes["ip"] ?? attributes["start"] ?? "";
}
