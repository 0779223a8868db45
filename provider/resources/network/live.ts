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
 * modifies neither ranges nor DNS hosts. What runs but was never in the definition (`before`) is left alone.
 */
export function liveUpdates(live: Element, before: Element, wanted: Element): LiveUpdate[] {
  const pairs = children(live, "ip").flatMap((ip, parentIndex) => {
    const twin = (document: Element) =>
      children(document, "ip").find((candidate) => candidate.attributes["address"] === ip.attributes["address"]);
    const next = twin(wanted);
    return next ? [{ ip, parentIndex, next, before: twin(before) }] : [];
  });
  const parts = [
    ...pairs.map((pair) => ({
      section: sections.dhcpHost,
      parentIndex: pair.parentIndex,
      ...lists("host", child(pair.ip, "dhcp"), pair.before && child(pair.before, "dhcp"), child(pair.next, "dhcp")),
    })),
    ...pairs.map((pair) => ({
      section: sections.dhcpRange,
      parentIndex: pair.parentIndex,
      ...lists("range", child(pair.ip, "dhcp"), pair.before && child(pair.before, "dhcp"), child(pair.next, "dhcp")),
    })),
    {
      section: sections.dnsHost,
      parentIndex: -1,
      ...lists("host", child(live, "dns"), child(before, "dns"), child(wanted, "dns")),
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

function lists(
  name: string,
  live: Element | undefined,
  before: Element | undefined,
  wanted: Element | undefined,
): { removed: string[]; added: string[] } {
  const texts = (parent: Element | undefined) => (parent ? children(parent, name).map(render) : []);
  const [running, known, next] = [texts(live), texts(before), texts(wanted)];
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
