import { isPlainObject } from "../../core/unknown";
import { libvirtOf } from "../facts";
import { cellFaults } from "./hostdev-rules";
import { networkKindOf, nicEnds } from "./nic-cable";
import { userFaults } from "./nic-user-rules";
import { virtualPortFaults } from "./nic-virtual-port-rules";
import {
  duplicates,
  type EntryCheck,
  eachEntry,
  entriesOf,
  fault,
  given,
  isMore,
  type MachineRule,
  type Nic,
} from "./rule-entries";

const source: EntryCheck<Nic> = (nic, at) => {
  const named = given(nic, nicEnds);
  const { portGroup } = nic;
  return [
    ...(named.length > 1 ? [fault(at, `has both ${named.join(" and ")}; give one`)] : []),
    ...(named.length === 0 ? [fault(at, `needs a network or a bridge (or ${nicEnds.slice(2).join(", ")})`)] : []),
    ...(portGroup !== undefined && nic.network === undefined
      ? [fault(`${at}.portGroup`, "goes only with network")]
      : []),
    ...(portGroup === undefined ? [] : given(nic, ["vlan", "bandwidth"])).map((name) =>
      fault(`${at}.${name}`, "comes from the port group; change it there"),
    ),
  ];
};

const virtioOnly = [
  "queues",
  "rxQueueSize",
  "txQueueSize",
  "driver",
  "ioeventfd",
  "eventIdx",
  "packed",
  "rss",
  "hostOffloads",
  "guestOffloads",
];

const hardware: EntryCheck<Nic> = (nic, at, { maxVcpus }) => {
  const { model, queues, rxQueueSize, teaming, hostdev } = nic;
  const wrong = model === "virtio" ? [] : given(nic, virtioOnly);
  return [
    ...wrong.map((name) => fault(`${at}.${name}`, 'only a virtio interface has it; use model: "virtio"')),
    ...(model === "virtio" && isMore(queues, maxVcpus)
      ? [fault(`${at}.queues`, `is ${queues}, more than vCPUs that could use them (maxVcpus is ${maxVcpus})`)]
      : []),
    ...(model !== "virtio"
      ? given(nic, ["vhostUser", "vdpa"]).map((name) => fault(`${at}.model`, `${name} needs "virtio"`))
      : []),
    ...(nic.vhostUser?.mode === "server" && nic.vhostUser.reconnect !== undefined
      ? [fault(`${at}.vhostUser.reconnect`, "a server waits to be connected to; leave it out")]
      : []),
    ...(isMore(256, rxQueueSize) ? [fault(`${at}.rxQueueSize`, "must be 256, 512 or 1024: QEMU refuses less")] : []),
    ...(teaming?.role === "persistent" && model !== "virtio"
      ? [fault(`${at}.teaming`, "the persistent half is a virtio interface")]
      : []),
    ...(teaming?.role === "transient" && hostdev === undefined && nic.network === undefined
      ? [fault(`${at}.teaming`, "the transient half is a virtual function: hostdev, or a network of them")]
      : []),
  ];
};

const bus: EntryCheck<Nic> = ({ cell, hostdev }, at, inputs) =>
  cell === undefined
    ? []
    : hostdev === undefined
      ? [fault(`${at}.cell`, "goes only with hostdev: other interfaces are near to no cell")]
      : cellFaults(cell, `${at}.cell`, "pci", inputs);

const partner: EntryCheck<Nic> = ({ teaming, mac }, at, { nics }) => {
  if (teaming?.role !== "transient" || !isPlainObject(nics)) return [];
  const other = nics[teaming.partner] as Nic | undefined;
  if (other === undefined) return [fault(`${at}.teaming.partner`, `there is no "${teaming.partner}" in nics`)];
  if (other.teaming?.role !== "persistent") {
    return [fault(`${at}.teaming.partner`, `nics.${teaming.partner} needs teaming: { role: "persistent" }`)];
  }
  return typeof mac === "string" && typeof other.mac === "string" && mac !== other.mac
    ? [fault(`${at}.mac`, `the two halves are one interface to the guest: set it to that of nics.${teaming.partner}`)]
    : [];
};

const traffic: EntryCheck<Nic> = (nic, at, { host }) => {
  const { vlan, bridge, virtualPort, hostdev, bandwidth, filter, portIsolated, mtu, coalesce } = nic;
  const version = libvirtOf(host);
  const isPlainBridge = bridge !== undefined && virtualPort?.type !== "openvswitch";
  const unable = given(nic, ["user", "vhostUser", "hostdev", "vdpa"]);
  const [name] = unable;
  const kind = networkKindOf(nic.network);
  return [
    ...(vlan !== undefined && isPlainBridge && version !== undefined && version < 11_000_000
      ? [
          fault(
            `${at}.vlan`,
            'a plain bridge takes VLANs since libvirt 11.0; use an Open vSwitch (virtualPort: { type: "openvswitch" }) or a bridge on the VLAN',
          ),
        ]
      : []),
    ...(vlan?.trunk && hostdev !== undefined ? [fault(`${at}.vlan.trunk`, "a virtual function has one VLAN")] : []),
    ...(bandwidth !== undefined && name !== undefined
      ? [fault(`${at}.bandwidth`, `libvirt limits no interface of ${name}`)]
      : []),
    ...(bandwidth?.inbound?.floor !== undefined && nic.network === undefined
      ? [fault(`${at}.bandwidth.inbound.floor`, "is guaranteed on networks only; leave it out")]
      : []),
    ...(kind !== undefined && kind !== "bridge"
      ? [
          ...(filter === undefined ? [] : [fault(`${at}.filter`, `libvirt filters on no network of ${kind}`)]),
          ...(portIsolated ? [fault(`${at}.portIsolated`, `a network of ${kind} has no ports to isolate`)] : []),
          ...(bandwidth?.inbound?.floor === undefined
            ? []
            : [fault(`${at}.bandwidth.inbound.floor`, `a network of ${kind} guarantees nothing; leave it out`)]),
        ]
      : []),
    ...(filter !== undefined && (name !== undefined || nic.direct !== undefined)
      ? [fault(`${at}.filter`, "libvirt filters on network, bridge and ethernet only")]
      : []),
    ...(mtu !== undefined && (name ?? nic.direct) !== undefined && nic.vhostUser === undefined
      ? [fault(`${at}.mtu`, "libvirt sets it on network, bridge, ethernet and vhostUser only; set it in the guest")]
      : []),
    ...(coalesce !== undefined && nic.network === undefined && bridge === undefined
      ? [fault(`${at}.coalesce`, "goes only with network or bridge")]
      : []),
    ...(nic.model === "igb" && version !== undefined && version < 9_003_000
      ? [fault(`${at}.model`, "igb came with libvirt 9.3 and QEMU 8.0; use e1000e, or upgrade the host")]
      : []),
    ...(portIsolated && nic.network === undefined && bridge === undefined
      ? [fault(`${at}.portIsolated`, "goes only with network or bridge")]
      : []),
    ...(portIsolated && virtualPort !== undefined
      ? [fault(`${at}.portIsolated`, `a port of ${virtualPort.type} cannot be isolated; leave out one of the two`)]
      : []),
  ];
};

/** Rules of network interfaces. */
export const nicRules: readonly MachineRule[] = [
  ...[source, userFaults, virtualPortFaults, hardware, bus, partner, traffic].map((check) => eachEntry("nics", check)),
  {
    needs: [],
    check: ({ nics }) => [
      ...duplicates(
        entriesOf<Nic>(nics)
          .filter(([, nic]) => nic.teaming?.role !== "transient")
          .map(([key, nic]) => [`nics.${key}.mac`, nic.mac]),
        "the MAC address",
      ),
      ...duplicates(
        entriesOf<Nic>(nics).map(([key, nic]) => [`nics.${key}.target`, nic.target]),
        "the name on the host",
      ),
      ...duplicates(
        entriesOf<Nic>(nics).map(([key, nic]) => [`nics.${key}.acpiIndex`, nic.acpiIndex]),
        "the number",
      ),
    ],
  },
  {
    needs: ["waitForAddress"],
    check: ({ waitForAddress, nics }) => {
      const nic = waitForAddress === false ? undefined : waitForAddress.nic;
      if (nic === undefined || !isPlainObject(nics) || Object.hasOwn(nics, nic)) return [];
      return [fault("waitForAddress.nic", `there is no "${nic}" in nics`)];
    },
  },
];
