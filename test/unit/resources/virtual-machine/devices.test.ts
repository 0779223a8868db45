import type { Meta, Values } from "../../../../provider/core/handler";
import { unknown } from "../../../../provider/core/unknown";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };
const host = { uri: "qemu+ssh://rack1/system" };
const lan = { network: { name: "lan" } };
const vf = { hostdev: { address: "3b:10.0" } };
const block = { path: "/dev/vg/a" };

function check(args: Values, olds?: Values) {
  return virtualMachine.check({ host, memory: "1 GiB", vcpus: 4, waitForAddress: false, ...args }, olds, meta);
}

function faultsOf(args: Values): string {
  return check(args)
    .failures.map(({ property, reason }) => `${property}: ${reason}`)
    .join("\n");
}

const disk = (values: Values): Values => ({ disks: { d: { path: "/a", ...values } } });
const source = (network: Values, values: Values = {}): Values => ({ disks: { d: { network, ...values } } });
const nic = (values: Values): Values => ({ nics: { n: { ...lan, ...values } } });

const direct = { direct: { dev: "eno1" } };
const dpdk = { socket: "/s", mode: "client" };
const user = (...addresses: Values[]): Values => ({ nics: { n: { user: { addresses } } } });
const port = (cable: Values, type: string, parameters: Values = {}): Values => ({
  nics: { n: { ...cable, virtualPort: { type, parameters } } },
});

test.each<[string, Values, RegExp]>([
  ["a lun in a file", disk({ device: "lun" }), /^disks.d: a lun needs a block device/],
  ["a lun over nbd", source({ protocol: "nbd", host: "a" }, { device: "lun" }), /^disks.d: a lun needs a block device/],
  ["a virtio lun", { disks: { d: { ...block, device: "lun", bus: "virtio" } } }, /^disks.d.bus: a lun needs scsi/],
  ["a lun that is named", { disks: { d: { ...block, device: "lun", serial: "A" } } }, /^disks.d.serial: a lun shows/],
  ["reservations of a file", disk({ reservations: { managed: true } }), /^disks.d.reservations: .*device: "lun"/],
  ["a shared cached disk", disk({ shareable: true }), /^disks.d.cache: a shared disk needs none/],
  ["a shared qcow2", disk({ shareable: true, cache: "none", format: "qcow2" }), /^disks.d.shareable: needs a raw/],
  ["LUKS without a secret", disk({ encryption: {} }), /^disks.d.encryption.secret: /],
  ["LUKS in qcow2", disk({ encryption: { secret: { usage: "a" } }, format: "qcow2" }), /^disks.d.encryption: .*raw/],
  [
    "an encrypted volume as it is",
    { disks: { d: { volume: { path: "/a", format: "raw", encrypted: true } } } },
    /^disks.d.encryption: is required: .*write over the LUKS container; .*path and format/,
  ],
  ["queues on sata", disk({ bus: "sata", queues: 2 }), /^disks.d.queues: only a virtio disk.*use bus: "virtio"/],
  ["queues on scsi", disk({ bus: "scsi", queues: 2 }), /^disks.d.queues: .*scsiControllers/],
  ["more queues than vCPUs", disk({ queues: 5 }), /^disks.d.queues: is 5, more than vCPUs .*maxVcpus is 4/],
  ["an odd ring", disk({ queueSize: 300 }), /^disks.d.queueSize: must be a power of two/],
  ["discard on a cdrom", disk({ device: "cdrom", discard: "unmap" }), /^disks.d.discard: a drive that is only read/],
  ["an IOThread too many", disk({ iothread: 9 }), /^disks.d.iothread: there is no IOThread 9/],
  ["a floppy on sata", disk({ device: "floppy", bus: "sata" }), /^disks.d.bus: floppies/],
  ["a wwn on sata", disk({ bus: "sata", wwn: "5000c50015ea71aa" }), /^disks.d.wwn: only scsi and ide disks/],
  ["a vendor on virtio", disk({ vendor: "A" }), /^disks.d.vendor: only a scsi disk/],
  ["a controller of nowhere", disk({ bus: "scsi", controller: "x" }), /^disks.d.controller: there is no "x"/],
  [
    "a disk that may be missing at a start",
    disk({ startupPolicy: "requisite" }),
    /^disks.d.startupPolicy: only a drive/,
  ],
  [
    "a start without an image of the network",
    source({ protocol: "nbd", host: "a" }, { startupPolicy: "optional" }),
    /^disks.d.startupPolicy: libvirt looks for no image/,
  ],
  ["tables of a raw image", disk({ metadataCache: "4 MiB" }), /^disks.d.metadataCache: only a qcow2 image/],
  ["clusters of a raw image", disk({ discardNoUnref: true }), /^disks.d.discardNoUnref: only a qcow2 image/],
  ["a lun in qcow2", { disks: { d: { ...block, device: "lun", format: "qcow2" } } }, /^disks.d.format: a lun is a raw/],
  [
    "a lun that is decrypted",
    { disks: { d: { ...block, device: "lun", encryption: { secret: { usage: "a" } } } } },
    /^disks.d.encryption: a lun is not decrypted/,
  ],
  [
    "revolutions of a cdrom",
    disk({ device: "cdrom", rotationRate: 7200 }),
    /^disks.d.rotationRate: goes only with device: "disk"; a cdrom shows none/,
  ],
  [
    "a medium that is thrown away",
    disk({ device: "cdrom", transient: true }),
    /^disks.d.transient: needs device: "disk"/,
  ],
  [
    "a block device that is thrown away",
    { disks: { d: { ...block, transient: true } } },
    /^disks.d.transient: needs .*a file/,
  ],
  [
    "a shared image on sata",
    disk({ bus: "sata", transient: "shared" }),
    /^disks.d.transient: shared is not for the bus/,
  ],
  [
    "five disks of one IDE controller",
    {
      machine: "pc",
      disks: Object.fromEntries([1, 2, 3, 4, 5].map((id) => [`d${id}`, { path: `/${id}`, bus: "ide" }])),
    },
    /^disks.d5.bus: ide has room for 4 disks/,
  ],
  [
    "a sector that is larger than that of the image",
    disk({ volume: undefined, path: "/srv/a.raw", logicalBlockSize: "4 KiB" }),
    /^disks.d.logicalBlockSize: is more than physicalBlockSize \(512 B\); raise that as well/,
  ],
  [
    "a vendor of more bytes than characters",
    { features: { hyperv: { vendorId: "éééééééé" } } },
    /^features.hyperv.vendorId: must be 1 to 12 bytes/,
  ],
  ["an odd sector", disk({ logicalBlockSize: 1000 }), /^disks.d.logicalBlockSize: must be a power of two/],
  [
    "a total and one way",
    disk({ iotune: { totalIopsSec: 9, readIopsSec: 9 } }),
    /^disks.d.iotune.totalIopsSec: excludes readIopsSec/,
  ],
  ["a burst of nothing", disk({ iotune: { readIopsSecMax: 9 } }), /^disks.d.iotune.readIopsSecMax: needs readIopsSec/],
  [
    "a burst below the limit",
    disk({ iotune: { readBytesSec: "2 MiB/s", readBytesSecMax: "1 MiB/s" } }),
    /^disks.d.iotune.readBytesSecMax: is less than readBytesSec/,
  ],
  [
    "a burst of more than QEMU counts",
    disk({ iotune: { readIopsSec: 1, readIopsSecMax: 1e9, readIopsSecMaxLength: 1e6 + 1 } }),
    /^disks.d.iotune.readIopsSecMaxLength: times readIopsSecMax is more than 10\^15/,
  ],
  ["a group without a limit", disk({ iotune: { group: "g" } }), /^disks.d.iotune.group: needs the limits/],
  [
    "a group twice",
    { throttleGroups: { g: { totalIopsSec: 9 } }, ...disk({ throttleFilters: ["g", "g"] }) },
    /^disks.d.throttleFilters: names one group twice/,
  ],
  [
    "filters of a cdrom",
    { throttleGroups: { g: { totalIopsSec: 9 } }, ...disk({ device: "cdrom", throttleFilters: ["g"] }) },
    /^disks.d.throttleFilters: libvirt filters no optical drive/,
  ],
  ["a group of nowhere", disk({ throttleFilters: ["x"] }), /^disks.d.throttleFilters: there is no "x"/],
  ["two hosts of nbd", source({ protocol: "nbd", host: "a", socket: "/s" }), /^disks.d.network: needs either host or/],
  ["a protocol unheard of", source({ protocol: "gopher", host: "a" }), /^disks.d.network/],
  ["a share of nothing", { filesystems: { f: {} } }, /^filesystems.f: needs either source.* or socket/],
  [
    "a tag that 9p has no room for",
    { filesystems: { f: { source: "/s", driver: "9p", tag: "t".repeat(32) } } },
    /^filesystems.f.tag: must have at most 31 bytes with driver 9p/,
  ],
  [
    "a tag of more bytes than characters",
    { filesystems: { f: { source: "/s", tag: "ü".repeat(19) } } },
    /^filesystems.f.tag: must have at most 36 bytes with driver virtiofs/,
  ],
  [
    "a mapped virtiofs",
    { filesystems: { f: { source: "/s", accessMode: "mapped" } } },
    /accessMode: virtiofs knows only/,
  ],
  [
    "modes of files that are not mapped",
    { filesystems: { f: { driver: "9p", source: "/s", fileMode: "0644" } } },
    /^filesystems.f.fileMode: needs accessMode: "mapped"/,
  ],
  [
    "one tag twice",
    { filesystems: { f: { source: "/s", tag: "a" }, g: { source: "/t", tag: "a" } } },
    /^filesystems.g.tag: the tag is taken by filesystems.f.tag/,
  ],
  ["more NIC queues than vCPUs", nic({ queues: 8 }), /^nics.n.queues: is 8, more than vCPUs .*maxVcpus is 4/],
  ["300 queues", { vcpus: 400, ...nic({ queues: 300 }) }, /^nics.n.queues: .*256/],
  ["queues of an e1000", nic({ model: "e1000", queues: 2 }), /^nics.n.queues: only a virtio interface/],
  ["a ring of 128", nic({ rxQueueSize: 128 }), /^nics.n.rxQueueSize: must be 256, 512 or 1024/],
  ["two cables", nic({ bridge: "br0" }), /^nics.n: has both network and bridge/],
  ["a VLAN twice", nic({ vlan: { tags: [{ id: 1 }, { id: 1 }] } }), /^nics.n.vlan: names one VLAN twice/],
  [
    "a VLAN on a plain bridge of an old libvirt",
    {
      host: { ...host, facts: '{"libvirt":9000000}' },
      nics: { n: { bridge: "br0", vlan: { tags: [{ id: 1 }] } } },
    },
    /^nics.n.vlan: a plain bridge takes VLANs since libvirt 11.0; use an Open vSwitch/,
  ],
  [
    "limits of a VF",
    { nics: { n: { ...vf, bandwidth: { inbound: { average: "1 MiB/s" } } } } },
    /no interface of hostdev/,
  ],
  ["a peak alone", nic({ bandwidth: { inbound: { peak: "1 MiB/s" } } }), /^nics.n.bandwidth: average is required/],
  ["half a KiB", nic({ bandwidth: { inbound: { average: 1000 } } }), /^nics.n.bandwidth.*whole number of KiB/],
  [
    "a filter on a VF",
    { nics: { n: { ...vf, filter: { name: "clean-traffic" } } } },
    /^nics.n.filter: libvirt filters/,
  ],
  ["forwards of slirp", { nics: { n: { user: { portForwards: [] } } } }, /^nics.n.user.portForwards: needs backend/],
  [
    "room for two",
    user({ address: "10.0.3.0", prefix: 30 }),
    /^nics.n.user.addresses\[0\].prefix: must be from 4 to 27/,
  ],
  ["half an IPv6 subnet", user({ address: "fd00::", prefix: 65 }), /^nics.n.user.addresses\[0\].prefix: must be 64/],
  [
    "two addresses of a kind",
    user({ address: "10.0.3.0" }, { address: "fd00::" }, { address: "10.0.4.0" }),
    /^nics.n.user.addresses\[2\]: there is one IPv4/,
  ],
  [
    "an IPv4 prefix of IPv6",
    { nics: { n: { user: { backend: "passt", addresses: [{ address: "10.0.3.0", prefix: 64 }] } } } },
    /^nics.n.user.addresses\[0\].prefix: must be at most 32/,
  ],
  ["a port of no switch", port({ user: {} }, "openvswitch"), /^nics.n.virtualPort: user has no port on a switch/],
  ["a port without its profile", port(direct, "802.1Qbh"), /^nics.n.virtualPort.parameters.profileid: is required/],
  [
    "a parameter of another port",
    port(lan, "802.1Qbh", { interfaceid: "a" }),
    /^nics.n.virtualPort.parameters.interfaceid: 802.1Qbh has profileid only/,
  ],
  [
    "a type that is too large",
    port(lan, "802.1Qbg", { typeid: "0x1000000" }),
    /^nics.n.virtualPort.parameters.typeid: must be a number from 0 to 16777215/,
  ],
  ["an id that is none", port(lan, "openvswitch", { interfaceid: "a" }), /parameters.interfaceid: must be a UUID/],
  [
    "an isolated port of Open vSwitch",
    port({ ...lan, portIsolated: true }, "openvswitch"),
    /^nics.n.portIsolated: .*openv/,
  ],
  ["a ROM that is off", nic({ rom: { enabled: false, bar: true } }), /^nics.n.rom: that is not enabled has neither/],
  ["a ROM of nothing", nic({ rom: {} }), /^nics.n.rom: must say something/],
  ["an e1000 of a switch", { nics: { n: { vhostUser: dpdk, model: "e1000" } } }, /^nics.n.model: vhostUser needs/],
  [
    "a server that reconnects",
    { nics: { n: { vhostUser: { ...dpdk, mode: "server", reconnect: 5 } } } },
    /^nics.n.vhostUser.reconnect: a server waits/,
  ],
  [
    "a guarantee on a bridge",
    { nics: { n: { bridge: "br0", bandwidth: { inbound: { floor: "1 MiB/s" } } } } },
    /^nics.n.bandwidth.inbound.floor: is guaranteed on networks only/,
  ],
  ...(["macvtap", "hostdev"] as const).flatMap((kind): [string, Values, RegExp][] => {
    const on = (nic: Values) => ({ nics: { n: { network: { name: "l", kind }, ...nic } } });
    return [
      [`a filter on ${kind}`, on({ filter: { name: "clean-traffic" } }), /^nics.n.filter: libvirt filters on no/],
      [`an isolated port of ${kind}`, on({ portIsolated: true }), /^nics.n.portIsolated: .* no ports/],
      [
        `a floor on ${kind}`,
        on({ bandwidth: { inbound: { floor: "1 MiB/s" } } }),
        /inbound.floor: .*guarantees nothing/,
      ],
    ];
  }),
  [
    "one name on the host twice",
    { nics: { a: { ...lan, target: "t0" }, b: { ...lan, target: "t0" } } },
    /^nics.b.target: the name on the host is taken by nics.a.target/,
  ],
  ["a name that libvirt gives", nic({ target: "vnet3" }), /^nics.n.target: is a name that libvirt gives/],
  ["a partner of nowhere", { nics: { n: { ...vf, teaming: { role: "transient", partner: "x" } } } }, /there is no "x"/],
  [
    "a pair with two addresses",
    {
      nics: {
        a: { ...lan, teaming: { role: "persistent" } },
        n: { ...vf, teaming: { role: "transient", partner: "a" } },
      },
    },
    /^nics.n.mac: the two halves are one interface/,
  ],
])("%s is refused", (_name, args, expected) => {
  expect(faultsOf(args)).toMatch(expected);
});

test("what an overlay may add, or an adopted domain may have, is not missed", () => {
  const args = port(direct, "802.1Qbh");
  expect(faultsOf({ ...args, adopt: true })).toBe("");
  expect(faultsOf({ ...args, overlay: { devices: {} } })).toBe("");
});

test("what libvirt reads as a number is one", () => {
  for (const managerid of ["255", "0xff", "0377"]) expect(faultsOf(port(lan, "802.1Qbg", { managerid }))).toBe("");
});

test("what the host's libvirt does not know is refused with the version that brings it", () => {
  const args = {
    iothreads: 1,
    disks: { d: { ...block, iothreadMapping: [{ iothread: 1 }], throttleFilters: ["g"], queueSize: 512 } },
    throttleGroups: { g: { totalIopsSec: 1 } },
  };
  const on = (libvirt: number) => faultsOf({ ...args, host: { ...host, facts: JSON.stringify({ libvirt }) } });
  expect(on(9_000_000).split("\n")).toEqual([
    expect.stringMatching(/^throttleGroups.g.totalIopsSec: needs libvirt 11.2; the host has 9.0.0/),
    expect.stringMatching(/^disks.d.iothreadMapping: needs libvirt 10.0; the host has 9.0.0/),
    expect.stringMatching(/^disks.d.throttleFilters: needs libvirt 11.2; the host has 9.0.0/),
  ]);
  expect(on(11_003_000)).toBe("");
});

test("what is not known yet is no fault", () => {
  const args = {
    disks: { d: { path: unknown, iotune: { totalBytesSec: unknown }, encryption: { secret: { uuid: unknown } } } },
    nics: { n: { network: { name: unknown }, vlan: unknown, filter: { name: unknown }, queues: unknown } },
    filesystems: { f: { source: unknown } },
  };
  expect(faultsOf(args)).toBe("");
});

test("an encrypted volume is opened with its secret, and the state keeps its place alone", () => {
  const [volume, encryption] = [{ path: "/a", format: "raw" }, { secret: { usage: "a" } }];
  const { inputs, failures } = check({ disks: { d: { volume: { ...volume, encrypted: true }, encryption } } });
  expect([failures, inputs["disks"]]).toMatchObject([[], { d: { encryption } }]);
  expect((inputs["disks"] as Values)["d"]).toHaveProperty("volume", volume);
});

test("queues follow the vCPUs when an interface is made, and are kept", () => {
  const queuesOf = (args: Values, olds?: Values) =>
    (check({ nics: { n: { ...lan } }, ...args }, olds).inputs as { nics: { n: { queues?: number } } }).nics.n.queues;
  expect(queuesOf({ vcpus: 1 })).toBe(1);
  expect(queuesOf({ vcpus: 4 })).toBe(4);
  expect(queuesOf({ vcpus: 32 })).toBe(8);
  const cells = [
    { id: 0, cpus: 2, cores: 2, memory: 1024, pages: {} },
    { id: 1, cpus: 2, cores: 2, memory: 1024, pages: {} },
  ];
  const small = { host: { ...host, facts: JSON.stringify({ libvirt: 9000000, cells }) } };
  expect(queuesOf({ vcpus: 8, ...small })).toBe(4);
  expect(queuesOf({ vcpus: 8, ...small, nics: { n: { ...lan, queues: 8 } } })).toBe(8);
  const { inputs } = check({ vcpus: 2, maxVcpus: 8, nics: { n: lan } });
  expect(queuesOf({ vcpus: 8, maxVcpus: 8 }, inputs)).toBe(2);
  expect(queuesOf({ vcpus: 1, maxVcpus: 1 }, inputs)).toBe(1);
  expect(queuesOf({ nics: { n: { ...lan, model: "e1000e" } } })).toBeUndefined();
  expect(queuesOf({ nics: { n: { user: {} } } })).toBeUndefined();
});

test("block devices are written to directly, files as QEMU thinks best", () => {
  const { inputs } = check({
    disks: { b: block, f: { path: "/a" }, c: { ...block, path: "/dev/b", cache: "writeback" } },
  });
  expect(inputs).toMatchObject({ disks: { b: { cache: "none", io: "native" }, c: { cache: "writeback" } } });
  expect((inputs["disks"] as Values)["f"]).not.toHaveProperty("cache");
  expect((inputs["disks"] as Values)["c"]).not.toHaveProperty("io");
});

test.each<[string, Values, Values, readonly string[]]>([
  ["limits", disk({}), disk({ iotune: { totalIopsSec: 9 } }), ["disks.d.iotune.totalIopsSec live"]],
  ["no limits", disk({ iotune: { totalIopsSec: 9 } }), disk({}), ["disks.d.iotune.totalIopsSec live"]],
  ["a cache", disk({}), disk({ cache: "none" }), ["disks.d.cache restart"]],
  ["a queue", nic({}), nic({ queues: 2 }), ["nics.n.queues restart"]],
  ["an MTU", nic({}), nic({ mtu: 9000 }), ["nics.n.mtu restart"]],
  ["bandwidth", nic({}), nic({ bandwidth: { outbound: { average: "1 MiB/s" } } }), ["nics.n.bandwidth live"]],
  ["a filter", nic({ filter: { name: "clean-traffic" } }), nic({}), ["nics.n.filter live"]],
  ["a bridge", nic({}), { nics: { n: { bridge: "br0" } } }, ["nics.n.network live", "nics.n.bridge live"]],
  [
    "macvtap",
    nic({}),
    { nics: { n: { direct: { dev: "eth0" } } } },
    ["nics.n.network restart", "nics.n.direct restart"],
  ],
  ["a medium", { disks: { d: { device: "cdrom" } } }, disk({ device: "cdrom" }), ["disks.d.path live"]],
  ["a share", {}, { filesystems: { f: { source: "/s", driver: "9p" } } }, ["filesystems.f restart"]],
  ["a group", {}, { throttleGroups: { g: { totalIopsSec: 1 } } }, ["throttleGroups.g live"]],
  ["a weight", {}, { blkio: { weight: 500 } }, ["blkio.weight live"]],
])("%s", (_name, before, after, expected) => {
  const olds = check(before).inputs;
  const { changes } = virtualMachine.diff("id", olds, check(after, olds).inputs);
  expect(changes.map(({ property, class: kind }) => `${property} ${kind}`)).toEqual(expected);
});
