import type { Context, Meta, Values } from "../../../provider/core/handler";
import { unknown } from "../../../provider/core/unknown";
import { errorCode, LibvirtError } from "../../../provider/libvirt/errors";
import { network } from "../../../provider/resources/network";
import { needsRestart } from "../../../provider/resources/network/document";
import { liveUpdates } from "../../../provider/resources/network/live";
import type { Inputs } from "../../../provider/resources/network/rows";
import { parse } from "../../../provider/schema/tree";

const host = { uri: "qemu:///system" };
const meta: Meta = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::lan" };
const nat = { subnets: ["10.20.0.0/24"] };

function check(args: Values, olds?: Values) {
  return network.check({ host, ...args }, olds, meta);
}

/** "property: reason" of every fault. */
function faults(args: Values): string[] {
  return check(args).failures.map(({ property, reason }) => `${property}: ${reason}`);
}

test("what is left out is filled in, from identity and defaults", () => {
  expect(check(nat)).toMatchObject({
    failures: [],
    inputs: {
      name: expect.stringMatching(/^lan-[0-9a-f]{7}$/),
      bridge: expect.stringMatching(/^kvm[0-9a-f]{8}$/),
      mode: "nat",
      dhcp: true,
      stp: false,
      autostart: true,
      active: true,
    },
  });
});

test("what the host's libvirt would drop in silence is refused", () => {
  const on = (libvirt: number, args: Values) =>
    faults({ host: { ...host, facts: JSON.stringify({ libvirt }) }, ...nat, ...args });
  expect(on(6_000_000, { isolateGuests: true, natIpv6: true })).toEqual([
    "isolateGuests: needs libvirt 6.1.0; the host has 6.0.0. Leave it out, or upgrade the host",
    "natIpv6: needs libvirt 6.5.0; the host has 6.0.0. Leave it out, or upgrade the host",
  ]);
  expect(on(9_000_000, { isolateGuests: true, natIpv6: true })).toEqual([]);
});

test("identity and bridge are kept from the old inputs", () => {
  const olds = check(nat).inputs;
  const renamed = network.check({ host, ...nat }, olds, { ...meta, urn: "urn:pulumi:s::p::t::other" }).inputs;
  expect(renamed).toEqual(olds);
});

test("spellings are canonical", () => {
  const { inputs } = check({
    mode: "isolated",
    subnets: ["FD00:0020:0::/64", "10.20.0.0/24"],
    dhcp: { start: "10.20.0.9", end: "10.20.0.20", leaseTime: 7200 },
    reservations: { db: { mac: "52:54:00:AA:BB:CC", ip: "10.20.0.5" } },
  });
  expect(inputs).toMatchObject({
    subnets: ["fd00:20::/64", "10.20.0.0/24"],
    dhcp: { leaseTime: "2 h" },
    reservations: { db: { mac: "52:54:00:aa:bb:cc" } },
  });
});

test.each<[string, Values, RegExp]>([
  ["bits behind the prefix", { subnets: ["10.20.0.1/24"] }, /^subnets\[0\]: .*write "10\.20\.0\.0\/24"/],
  ["a subnet without room", { subnets: ["10.20.0.0/31"] }, /^subnets\[0\]: .*at most \/30/],
  ["loopback", { subnets: ["127.0.1.0/24"] }, /^subnets\[0\]: .*the host's own \(loopback\)/],
  ["multicast", { subnets: ["239.0.0.0/24"] }, /^subnets\[0\]: .*of multicast \(224\.0\.0\.0\/4\)/],
  ["half of the internet", { subnets: ["128.0.0.0/1"] }, /^subnets\[0\]: .*much of the internet.*at least \/8/],
  ["an eighth of IPv6", { subnets: ["2000::/3"] }, /^subnets\[0\]: .*much of the internet.*at least \/16/],
  ["nonsense", { subnets: ["lan"] }, /^subnets\[0\]: "lan" is not a subnet; write for example/],
  ["overlap", { subnets: ["10.0.0.0/8", "10.20.0.0/24"] }, /^subnets\[1\]: 10\.20\.0\.0\/24 overlaps 10\.0\.0\.0\/8/],
  ["no subnet", { mode: "route" }, /^subnets: mode "route" needs at least one subnet/],
  ["bridge without a name", { mode: "bridge" }, /^bridge: is required in mode "bridge"/],
  ["bridge with subnets", { mode: "bridge", bridge: "br0", ...nat }, /^subnets: is not possible in mode "bridge"/],
  ["bridge with dhcp", { mode: "bridge", bridge: "br0", dhcp: true }, /^dhcp: is not possible in mode "bridge"/],
  ["bridge with mtu", { mode: "bridge", bridge: "br0", mtu: 1400 }, /^mtu: .*belong to the host/],
  ["ports without nat", { ...nat, mode: "route", natPorts: { start: 1, end: 2 } }, /^natPorts: .*only mode nat/],
  ["no NAT for IPv6 without nat", { ...nat, mode: "route", natIpv6: false }, /^natIpv6: .*only mode nat translates/],
  ["no NAT for an isolated network", { ...nat, mode: "isolated", natIpv6: false }, /^natIpv6: .*only mode nat/],
  ["a device for isolated", { mode: "isolated", forwardDevice: "eth0" }, /^forwardDevice: .*forwards nothing/],
  ["a device for open", { ...nat, mode: "open", forwardDevice: "eth0" }, /^forwardDevice: .*use nat or route/],
  ["ports the wrong way round", { ...nat, natPorts: { start: 9, end: 2 } }, /^natPorts: start must not be above end/],
  [
    "a range elsewhere",
    { ...nat, dhcp: { start: "10.21.0.2", end: "10.21.0.9" } },
    /^dhcp\.start: .*none of the subnets/,
  ],
  ["a range that leaves", { ...nat, dhcp: { start: "10.20.0.2", end: "10.21.0.9" } }, /^dhcp\.end: .*outside/],
  ["a range that is none", { ...nat, dhcp: "yes" }, /^dhcp: expected true or false, or expected \{start/],
  ["a range upside down", { ...nat, dhcp: { start: "10.20.0.9", end: "10.20.0.2" } }, /^dhcp: .*swap them/],
  [
    "a range with the gateway",
    { ...nat, dhcp: { start: "10.20.0.1", end: "10.20.0.9" } },
    /^dhcp\.start: .*cannot have/,
  ],
  [
    "a range too long",
    { subnets: ["10.0.0.0/8"], dhcp: { start: "10.0.0.9", end: "10.1.0.9" } },
    /^dhcp: .*last 16 bits; choose a shorter one/,
  ],
  [
    "a lease too short",
    { ...nat, dhcp: { start: "10.20.0.2", end: "10.20.0.9", leaseTime: "10 s" } },
    /^dhcp\.leaseTime: .*at least 120 s/,
  ],
  [
    "a reservation elsewhere",
    { ...nat, reservations: { db: { mac: "52:54:00:00:00:01", ip: "10.21.0.5" } } },
    /^reservations\.db\.ip: .*outside 10\.20\.0\.0\/24/,
  ],
  [
    "a reservation of the gateway",
    { ...nat, reservations: { db: { mac: "52:54:00:00:00:01", ip: "10.20.0.1" } } },
    /^reservations\.db\.ip: .*gateway's \(10\.20\.0\.1\)/,
  ],
  [
    "a reservation in IPv6",
    { subnets: ["fd00::/64"], reservations: { db: { mac: "52:54:00:00:00:01", ip: "fd00::5" } } },
    /^reservations\.db\.ip: .*reserve an IPv4 address/,
  ],
  [
    "two reservations of one address",
    {
      ...nat,
      reservations: {
        db: { mac: "52:54:00:00:00:01", ip: "10.20.0.5" },
        web: { mac: "52:54:00:00:00:02", ip: "10.20.0.5" },
      },
    },
    /^reservations\.web\.ip: .*already for db/,
  ],
  [
    "packets too small for IPv6",
    { subnets: ["10.20.0.0/24", "fd00:20::/64"], mtu: 1279 },
    /^mtu: .*at least 1280 with an IPv6 subnet \(fd00:20::\/64\)/,
  ],
  [
    "hosts of a DNS server that is off",
    { ...nat, dns: { enable: false, hosts: { a: { ip: "10.20.0.5", hostnames: ["a"] } } } },
    /^dns\.enable: /,
  ],
  ["a local domain without a name", { ...nat, dns: { localOnly: true } }, /^dns\.localOnly: .*set `domain`/],
  ["an interface name too long", { ...nat, bridge: "a-very-long-bridge" }, /^bridge: .*1 to 15/],
  ["a name that XML cannot carry", { ...nat, name: "a\u0001b" }, /^name: /],
  ["an unknown attribute", { ...nat, subnet: "x" }, /^subnet: unknown attribute; did you mean "subnets"\?/],
])("%s is refused with what to do", (_name, args, expected) => {
  const found = faults(args);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(expected);
});

test("what is not known yet is checked later", () => {
  expect(faults({ subnets: [unknown], reservations: { db: { mac: "52:54:00:00:00:01", ip: unknown } } })).toEqual([]);
  expect(faults({ subnets: unknown, mode: unknown })).toEqual([]);
});

test("changes are classed by what they cost", () => {
  const olds = check({ ...nat, reservations: { db: { mac: "52:54:00:00:00:01", ip: "10.20.0.5" } } }).inputs;
  const classes = (args: Values) =>
    network.diff("id", olds, check(args, olds).inputs).changes.map((item) => `${item.property} ${item.class}`);
  expect(classes({ ...nat, dhcp: false })).toEqual(["dhcp live", "reservations.db live"]);
  expect(classes({ ...nat, mode: "route", mtu: 1400, reservations: olds["reservations"] })).toEqual([
    "mode restart",
    "mtu restart",
  ]);
  expect(network.diff("id", olds, check({ ...nat, name: "other" }, olds).inputs)).toMatchObject({
    replaces: ["name"],
    deleteBeforeReplace: true,
  });
});

test("live updates take away first, leave strangers alone, and know their <ip>", () => {
  const document = (hosts: string, names = "") =>
    parse(
      `<network><dns>${names}</dns><ip address='10.0.0.1'/><ip address='10.20.0.1'><dhcp>${hosts}</dhcp></ip></network>`,
    );
  const [a, b, stranger] = ["1", "2", "9"].map((n) => `<host mac='52:54:00:00:00:0${n}' ip='10.20.0.${n}'/>`);
  const live = document(`<range start='10.20.0.2' end='10.20.0.9'/>${a}${stranger}`);
  const before = document(`<range start='10.20.0.2' end='10.20.0.9'/>${a}`);
  const name = "<host ip='10.20.0.5'><hostname>x</hostname></host>";
  const wanted = document(`<range start='10.20.0.2' end='10.20.0.9'/>${b}`, name);
  expect(liveUpdates(live, [before], wanted)).toEqual([
    { section: 4, command: 2, parentIndex: 1, xml: expect.stringContaining("00:01") },
    { section: 4, command: 3, parentIndex: 1, xml: expect.stringContaining("00:02") },
    { section: 10, command: 3, parentIndex: -1, xml: expect.stringContaining("<hostname>x</hostname>") },
  ]);
  expect(liveUpdates(live, [live], live)).toEqual([]);
});

test("a subnet with DHCP is served on until the next start, where it goes then or another is to be served", () => {
  const ip = (net: number, inside = "") => `<ip address='10.${net}.0.1'>${inside}</ip>`;
  const range = (net: number) => `<dhcp><range start='10.${net}.0.2' end='10.${net}.0.9'/></dhcp>`;
  const wide = (inside: string) => `<ip family='ipv6' address='fd00::1'>${inside}</ip>`;
  const lan = (...ips: string[]) => parse(`<network>${ips.join("")}</network>`);
  const live = lan(ip(20, range(20)), ip(30), wide(""));
  const updates = (...ips: string[]) =>
    liveUpdates(live, [live], lan(...ips)).map(({ command, xml }) => [command, xml]);
  expect(updates(ip(40, range(40)), ip(20))).toEqual([]);
  expect(updates(ip(30, range(30)))).toEqual([]);
  // What IPv6 hands out is its own.
  expect(updates(ip(30, range(30)), wide(range(6)))).toEqual([[3, expect.stringContaining("10.6.0.2")]]);
  expect(updates(ip(20), ip(30, range(30)))).toEqual([
    [2, expect.stringContaining("10.20.0.2")],
    [3, expect.stringContaining("10.30.0.2")],
  ]);
  expect(updates(ip(20))).toEqual([[2, expect.stringContaining("10.20.0.2")]]);
});

test("ports that libvirt fills in do not wait for the next start where an overlay that is gone had named them", () => {
  const former = {
    ...check(nat).inputs,
    overlay: { forward: { nat: { port: { start: 5000, end: 6000 } } } },
  } as unknown as Inputs;
  const lan = (nat: string) => parse(`<network><forward mode='nat'>${nat}</forward></network>`);
  const ports = (start: number, end: number) => lan(`<nat><port start='${start}' end='${end}'/></nat>`);
  expect(needsRestart(ports(1024, 65535), lan(""), [former])).toEqual([]);
  expect(needsRestart(ports(5000, 6000), lan(""), [former])).toEqual(["overlay"]);
});

test("one that somebody takes away as it is made is missed by the create", async () => {
  const { inputs } = check({ name: "lan", mode: "bridge", bridge: "br0", active: false });
  const answers: Record<string, unknown> = {
    NETWORK_DEFINE_XML: {},
    NETWORK_IS_ACTIVE: { active: 0 },
    NETWORK_GET_AUTOSTART: { autostart: 1 },
  };
  const call = async (name: string) => {
    if (answers[name]) return answers[name];
    throw new LibvirtError(errorCode.noNetwork, 19, "Network not found", name);
  };
  const context = { meta, signal: new AbortController().signal, connect: async () => ({ call }) };
  await expect(network.create(inputs, context as unknown as Context)).rejects.toThrow(
    "Unable to create Network lan on qemu:///system: it is not there any more",
  );
});
