import type { Fault } from "../../core/check";
import type { Rule } from "../../core/definition";
import { overlayRule } from "../overlay";
import { versionRule } from "../version-rules";
import {
  contains,
  formatAddress,
  formatSubnet,
  gatewayOf,
  inOneRange,
  isUsable,
  overlap,
  parseAddress,
  type Subnet,
  subnetFrom,
} from "./address";
import { rangeOf } from "./addresses";
import { type Inputs, rows } from "./rows";
import type { Mode } from "./values";

type NetworkRule = Rule<typeof rows>;

const addresses = ["domain", "dns", "subnets", "dhcp", "reservations"] as const;
const onlyHostdev = { physicalFunction: "only mode hostdev hands out virtual functions" };

/** Attributes that a mode has no place for, with the reason. */
const foreign: Readonly<Record<Mode, Readonly<Partial<Record<keyof Inputs, string>>>>> = {
  nat: onlyHostdev,
  route: { ...onlyHostdev, natPorts: "only mode nat translates ports", natIpv6: "only mode nat translates addresses" },
  open: {
    ...onlyHostdev,
    natPorts: "only mode nat translates ports",
    natIpv6: "only mode nat translates addresses",
    forwardDevice: "mode open makes no forwarding rules; use nat or route",
  },
  isolated: {
    ...onlyHostdev,
    natPorts: "only mode nat translates ports",
    natIpv6: "only mode nat translates addresses",
    forwardDevice: "an isolated network forwards nothing; use nat or route",
  },
  bridge: {
    ...onlyHostdev,
    ...Object.fromEntries(
      ["stp", "mtu", "natPorts", "natIpv6", "forwardDevice", ...addresses].map((name) => [
        name,
        "the bridge and its addresses belong to the host; remove it, or use nat, route, open or isolated",
      ]),
    ),
  },
  hostdev: Object.fromEntries(
    ["bridge", "stp", "mtu", "isolateGuests", "natPorts", "natIpv6", "forwardDevice", ...addresses].map((name) => [
      name,
      "guests have functions of the card itself, on no bridge of the host; remove it",
    ]),
  ),
};

const modeRule: NetworkRule = {
  needs: ["mode", "subnets", "dhcp", "reservations", "dns", "stp", "bridge", "physicalFunction"],
  check(inputs) {
    const derived = `kvm${inputs.uuid?.slice(0, 8)}`;
    const misplaced = Object.entries(foreign[inputs.mode]).flatMap(([name, reason]) => {
      const value = inputs[name as keyof Inputs];
      // What another mode derived says nothing.
      return isSet(name, value) && !(name === "bridge" && value === derived)
        ? [fault(name, `is not possible in mode "${inputs.mode}": ${reason}`)]
        : [];
    });
    if (inputs.mode === "hostdev" && inputs.physicalFunction === undefined) {
      const reason =
        'is required in mode "hostdev": give the name of the card\'s interface on the host, e.g. "enp59s0f0"';
      misplaced.push(fault("physicalFunction", reason));
    }
    if (inputs.mode === "bridge" && (inputs.bridge === undefined || inputs.bridge === derived)) {
      misplaced.push(
        fault("bridge", 'is required in mode "bridge": give the name of a bridge that the host has, e.g. "br0"'),
      );
    }
    if (["nat", "route", "open"].includes(inputs.mode) && inputs.subnets.length === 0) {
      misplaced.push(
        fault(
          "subnets",
          `mode "${inputs.mode}" needs at least one subnet, e.g. ["10.20.0.0/24"]; or use mode "isolated"`,
        ),
      );
    }
    return misplaced;
  },
};

/** What is false goes without saying; but NAT that is spoken of at all makes libvirt think of mode nat. */
function isSet(name: string, value: unknown): boolean {
  if (value === undefined || (value === false && name !== "natIpv6")) return false;
  return typeof value !== "object" || value === null || Object.keys(value).length > 0;
}

const subnetRule: NetworkRule = {
  needs: ["subnets"],
  check({ subnets }) {
    const blocks = subnets.map(subnetFrom);
    return blocks.flatMap((block, index) => {
      const other = blocks.slice(0, index).findIndex((earlier) => overlap(earlier, block));
      if (other < 0) return [];
      return [
        fault(
          `subnets[${index}]`,
          `${subnets[index]} overlaps ${subnets[other]}; each subnet needs addresses of its own`,
        ),
      ];
    });
  },
};

/** The kernel gives an interface with smaller packets no IPv6 address (RFC 8200). */
const leastMtu = 1280;

const mtuRule: NetworkRule = {
  needs: ["subnets", "mtu"],
  check({ subnets, mtu = leastMtu }) {
    const wide = subnets.find((text) => subnetFrom(text).family === 6);
    if (wide === undefined || mtu >= leastMtu) return [];
    return [
      fault("mtu", `must be at least ${leastMtu} with an IPv6 subnet (${wide}): the kernel gives it no address else`),
    ];
  },
};

const rangeRule: NetworkRule = {
  needs: ["subnets", "dhcp"],
  check({ subnets, dhcp }) {
    if (typeof dhcp !== "object") return [];
    const [start, end] = [parseAddress(dhcp.start), parseAddress(dhcp.end)];
    if (!start || !end) return [];
    const block = subnets.map(subnetFrom).find((candidate) => contains(candidate, start));
    if (!block) return [fault("dhcp.start", `${dhcp.start} lies in none of the subnets (${list(subnets)})`)];
    if (!contains(block, end)) return [fault("dhcp.end", `${dhcp.end} lies outside the subnet of ${dhcp.start}`)];
    if (start.value > end.value) return [fault("dhcp", `start ${dhcp.start} is above end ${dhcp.end}; swap them`)];
    if (!inOneRange(start, end)) {
      return [
        fault("dhcp", "libvirt takes no range whose ends differ before their last 16 bits; choose a shorter one"),
      ];
    }
    const [first, last] = [isUsable(block, start), isUsable(block, end)];
    if (first && last) return [];
    const which = first ? "end" : "start";
    return [
      fault(
        `dhcp.${which}`,
        `${dhcp[which]} is the subnet's own, the gateway's or the broadcast address; guests cannot have it`,
      ),
    ];
  },
};

const reservationRule: NetworkRule = {
  needs: ["subnets", "dhcp", "reservations"],
  check({ subnets, dhcp, reservations }) {
    const blocks = subnets.map(subnetFrom);
    const entries = Object.entries(reservations);
    const home = dhcpSubnet({ subnets, dhcp }, blocks, entries[0]?.[1].ip);
    return entries.flatMap(([key, { mac, ip }], index) => {
      const at = `reservations.${key}`;
      const earlier = entries.slice(0, index);
      const twin = (same: (other: { mac: string; ip: string }) => boolean) =>
        earlier.find(([, other]) => same(other))?.[0];
      const [macTwin, ipTwin] = [twin((other) => other.mac === mac), twin((other) => other.ip === ip)];
      return [
        ...addressFaults(`${at}.ip`, ip, home, subnets),
        ...(macTwin ? [fault(`${at}.mac`, `${mac} has a reservation already: ${macTwin}`)] : []),
        ...(ipTwin ? [fault(`${at}.ip`, `${ip} is reserved already for ${ipTwin}`)] : []),
      ];
    });
  },
};

/** The one IPv4 subnet in which libvirt runs DHCP: that of the range, else that of the reservations. */
function dhcpSubnet(inputs: Pick<Inputs, "subnets" | "dhcp">, blocks: readonly Subnet[], ip = ""): Subnet | undefined {
  const [block] = rangeOf(inputs) ?? [];
  if (block?.family === 4) return block;
  const address = parseAddress(ip);
  return address && blocks.find((candidate) => contains(candidate, address));
}

function addressFaults(at: string, ip: string, home: Subnet | undefined, subnets: readonly string[]): Fault[] {
  const address = parseAddress(ip);
  if (!address) return [];
  if (address.family === 6) {
    return [fault(at, "is an IPv6 address; libvirt cannot reserve those by MAC address, reserve an IPv4 address")];
  }
  if (!home) return [fault(at, `${ip} lies in none of the subnets (${list(subnets)})`)];
  if (!contains(home, address)) {
    return [fault(at, `${ip} lies outside ${formatSubnet(home)}, the one IPv4 subnet in which libvirt runs DHCP`)];
  }
  if (isUsable(home, address)) return [];
  const gateway = formatAddress(gatewayOf(home));
  return [fault(at, `${ip} is the subnet's own, the gateway's (${gateway}) or the broadcast address; choose another`)];
}

const dnsRule: NetworkRule = {
  needs: ["dns", "domain"],
  check({ dns, domain }) {
    if (!dns) return [];
    const entries = Object.entries(dns.hosts ?? {});
    const twins = entries.flatMap(([key, { ip }], index) => {
      const twin = entries.slice(0, index).find(([, other]) => other.ip === ip)?.[0];
      return twin ? [fault(`dns.hosts.${key}.ip`, `${ip} has an entry already: ${twin}; add the names to it`)] : [];
    });
    const idle = dns.enable === false && (entries.length > 0 || (dns.forwarders ?? []).length > 0);
    return [
      ...twins,
      ...(idle
        ? [fault("dns.enable", "is false, so hosts and forwarders have no place; remove them or enable DNS")]
        : []),
      ...(dns.localOnly && domain === undefined
        ? [fault("dns.localOnly", "needs the network's domain; set `domain`")]
        : []),
    ];
  },
};

export const rules: readonly NetworkRule[] = [
  modeRule,
  subnetRule,
  mtuRule,
  rangeRule,
  reservationRule,
  dnsRule,
  versionRule(rows),
  overlayRule("network"),
];

function list(subnets: readonly string[]): string {
  return subnets.length === 0 ? "there are none" : subnets.join(", ");
}

function fault(property: string, reason: string): Fault {
  return { property, reason };
}
