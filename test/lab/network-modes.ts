import type { Values } from "../../provider/core/handler";

/** The network that most tests change. */
export const nat = { mode: "nat", subnets: ["10.31.0.0/24"] };

/** A network of each mode, and of what can stand in its definition. */
export const everyMode: readonly (readonly [string, Values])[] = [
  ["nat", { ...nat, domain: "lab.example", mtu: 1400, natPorts: { start: 2000, end: 3000 }, isolateGuests: true }],
  ["route", { mode: "route", subnets: ["10.32.0.0/16"], forwardDevice: "eth1" }],
  ["open", { mode: "open", subnets: ["10.33.0.0/24", "fd00:33::/64"], dhcp: false }],
  [
    "isolated",
    { mode: "isolated", subnets: ["10.34.0.0/29"], dhcp: { start: "10.34.0.3", end: "10.34.0.5", leaseTime: "2 h" } },
  ],
  ["isolated without addresses", { mode: "isolated", dns: { enable: false } }],
  ["bridge", { mode: "bridge", bridge: "br0", isolateGuests: true }],
  [
    "dns of its own",
    {
      ...nat,
      domain: "lab.example",
      dns: {
        localOnly: true,
        forwarders: ["9.9.9.9", { domain: "corp.example", address: "10.0.0.53" }, { domain: "void.example" }],
        hosts: { gate: { ip: "10.31.0.1", hostnames: ["gate", "router"] } },
      },
    },
  ],
  ["reservations alone", { ...nat, dhcp: false, reservations: { db: { mac: "52:00:00:00:00:01", ip: "10.31.0.9" } } }],
  ["a huge subnet", { mode: "isolated", subnets: ["10.64.0.0/10"] }],
  ["nat of both families", { mode: "nat", subnets: ["10.35.0.0/24", "fd00:35::/64"], natIpv6: true, stp: true }],
];
