import { attribute, block, type DeriveContext, mapOf, type StateOf, z } from "../../core/attribute";
import { macAddress, objectName, uuid } from "../../core/quantities";
import { attributeAt, number, textAt, words } from "../../schema/lens";
import { adoptionRows, uuidChange } from "../adoption";
import { hostRow } from "../host-reference";
import { overlayRows } from "../overlay";
import { forwardDeviceLens, forwardersLens, modeLens, physicalFunctionLens, portRangeLens } from "./lenses";
import { address, dhcpRange, forwarder, hostname, interfaceName, type Mode, modes, portRange, subnet } from "./values";

/** The network itself has to be stopped for it; that waits while guests are attached. */
const restart = () => ({ class: "restart", reason: "of the network, once no guest is attached to it" }) as const;

/** Whether libvirt makes no bridge for a network of that mode, and serves no addresses. */
export const hasNoBridge = ({ mode }: Readonly<Record<string, unknown>>) => mode === "bridge" || mode === "hostdev";

/** Kept for the network's life, but for one of the host that another mode has no business with. */
function ownBridge({ identity, siblings, olds, defaultsVersion }: DeriveContext): string | undefined {
  const isOfHost = olds?.["mode"] === "bridge" && siblings["mode"] !== "bridge";
  const kept = isOfHost ? undefined : olds?.["bridge"];
  if (typeof kept === "string") return kept;
  return hasNoBridge(siblings) || defaultsVersion === 0 ? undefined : identity.interfaceName("kvm");
}

const identityRows = {
  host: hostRow,
  name: attribute<string>({
    doc: "Name in libvirt. Default: the resource's name and 7 hex digits. libvirt cannot rename a network.",
    schema: objectName,
    derive: ({ identity }) => identity.physicalName,
    change: "replace",
    lens: textAt("name"),
  }),
  uuid: attribute<string>({
    doc: "UUID in libvirt. Default: derived from where the resource stands in the program.",
    schema: uuid,
    derive: ({ identity }) => identity.uuid,
    change: uuidChange,
    lens: textAt("uuid"),
  }),
};

const linkRows = {
  mode: attribute<Mode>({
    doc: 'How guests reach the outside: "nat", "route" (no NAT), "open" (route, no firewall rules), "isolated" (not at all), "bridge" (on an existing bridge of the host) or "hostdev" (each by a virtual function of an SR-IOV card, `physicalFunction`). Default "nat".',
    schema: z.enum(modes),
    defaults: { 1: "nat" },
    change: restart,
    lens: modeLens,
  }),
  bridge: attribute<string | undefined>({
    doc: 'Name of the bridge on the host, at most 15 characters; in mode "bridge" that of the existing one. Default: "kvm" and 8 hex digits.',
    schema: interfaceName.optional(),
    derive: ownBridge,
    follows: true,
    change: restart,
    lens: attributeAt("bridge", "name"),
  }),
  stp: attribute<boolean | undefined>({
    doc: "Run the spanning tree protocol on the bridge. Default false: with it, guests wait seconds for their first packet.",
    schema: z.boolean().optional(),
    defaults: { 1: ({ siblings }) => (hasNoBridge(siblings) ? undefined : false) },
    change: restart,
    lens: words(attributeAt("bridge", "stp"), "on", "off"),
  }),
  mtu: attribute<number | undefined>({
    doc: "Largest packet on the bridge, 576 to 65535 bytes. Default: the kernel's, 1500.",
    schema: z.int().min(576).max(65535).optional(),
    change: restart,
    lens: number(attributeAt("mtu", "size")),
  }),
  isolateGuests: attribute<boolean | undefined>({
    doc: "Keep guests from talking to each other; each reaches only the host and the outside. Default false.",
    schema: z.boolean().optional(),
    since: "6.1.0",
    change: restart,
    lens: words(attributeAt("port", "isolated"), "yes", "no"),
  }),
  forwardDevice: attribute<string | undefined>({
    doc: "The one interface of the host that forwarded traffic may use. Default: any.",
    schema: interfaceName.optional(),
    change: restart,
    lens: forwardDeviceLens,
  }),
  physicalFunction: attribute<string | undefined>({
    doc: 'In mode "hostdev" the interface of the host whose virtual functions guests are given, one each (`<pf dev>`); libvirt takes a function from its driver for as long as a guest has it (`managed`).',
    schema: interfaceName.optional(),
    change: restart,
    lens: physicalFunctionLens,
  }),
  natPorts: attribute<z.output<typeof portRange> | undefined>({
    doc: "Source ports that NAT uses. Default: libvirt's, 1024 to 65535.",
    schema: portRange.optional(),
    change: restart,
    lens: portRangeLens,
  }),
  natIpv6: attribute<boolean | undefined>({
    doc: "NAT for IPv6 too. Default false: IPv6 is routed.",
    schema: z.boolean().optional(),
    since: "6.5.0",
    change: restart,
    lens: words(attributeAt("forward/nat", "ipv6"), "yes", "no"),
  }),
};

const reservation = {
  mac: attribute<string>({ doc: "MAC address of the guest's interface.", schema: macAddress, change: "live" }),
  ip: attribute<string>({
    doc: "IPv4 address that it always gets, inside one of the subnets.",
    schema: address,
    change: "live",
  }),
  hostname: attribute<string | undefined>({
    doc: "Name that DHCP tells the guest and DNS answers to.",
    schema: hostname.optional(),
    change: "live",
  }),
};

const dnsHost = {
  ip: attribute<string>({ doc: "Address that the names resolve to.", schema: address, change: "live" }),
  hostnames: attribute<readonly string[]>({
    doc: "Names that resolve to the address.",
    schema: z.array(hostname).min(1, "needs at least one name"),
    change: "live",
  }),
};

const addressRows = {
  subnets: attribute<readonly string[]>({
    doc: 'Blocks of addresses such as "10.20.0.0/24" or "fd00:20::/64". The host gets the first address of each and is the guests\' gateway.',
    schema: z.array(subnet),
    defaults: { 1: [] },
    change: restart,
  }),
  dhcp: attribute<boolean | z.output<typeof dhcpRange> | undefined>({
    doc: "Hand out addresses: true for all of the first IPv4 subnet (libvirt serves one), or a range {start, end, leaseTime (default 1 h)}. Default true.",
    schema: z.union([z.boolean("expected true or false"), dhcpRange]).optional(),
    defaults: { 1: ({ siblings }) => (hasNoBridge(siblings) ? undefined : true) },
    change: "live",
  }),
  reservations: mapOf({ doc: "Fixed IPv4 addresses by DHCP, under names of your choice.", rows: reservation }),
  domain: attribute<string | undefined>({
    doc: "DNS domain of the network, told to guests by DHCP.",
    schema: hostname.optional(),
    change: restart,
    lens: attributeAt("domain", "name"),
  }),
  dns: block({
    doc: "The network's DNS server.",
    rows: {
      enable: attribute<boolean | undefined>({
        doc: "Run a DNS server for the guests. Default true.",
        schema: z.boolean().optional(),
        change: restart,
        lens: words(attributeAt("dns", "enable"), "yes", "no"),
      }),
      localOnly: attribute<boolean | undefined>({
        doc: "Never ask other servers for names of the network's own domain. Default false.",
        schema: z.boolean().optional(),
        change: restart,
        lens: words(attributeAt("domain", "localOnly"), "yes", "no"),
      }),
      forwarders: attribute<readonly z.output<typeof forwarder>[] | undefined>({
        doc: "Servers to ask: an address, or {address?, domain?} for the names of one domain. Default: those of the host.",
        schema: z.array(forwarder).optional(),
        change: restart,
        lens: forwardersLens,
      }),
      hosts: mapOf({ doc: "Names of your own, under keys of your choice.", rows: dnsHost }),
    },
  }),
};

const stateRows = {
  autostart: attribute<boolean>({
    doc: "Start the network when the host boots. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: "live",
  }),
  active: attribute<boolean>({
    doc: "Whether the network runs; one that was stopped by hand is started again. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: "live",
  }),
};

export const rows = {
  ...identityRows,
  ...linkRows,
  ...addressRows,
  ...stateRows,
  ...adoptionRows,
  ...overlayRows("network"),
};
export type Inputs = StateOf<typeof rows>;

/** Reservations or DNS hosts as check leaves them. */
export type Reservations = Inputs["reservations"];
export type DnsHosts = Readonly<Record<string, StateOf<typeof dnsHost>>>;
