import type { Meta, Values } from "../../../../provider/core/handler";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { requireHardware } from "../../../../provider/resources/virtual-machine/hardware";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { HostDaemon, type HostDocuments } from "./host-daemon";

/** The list of bad input of passthrough, devices, firmware and encryption: each with attribute, fact and remedy. */
const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };
const withoutSev = JSON.stringify({ libvirt: 11_003_000, virtTypes: ["kvm"], launchSecurity: [] });
const host = { uri: "qemu+ssh://rack1/system" };
const lan = { network: { name: "lan" } };
const uefi = { firmware: "uefi", machine: "q35" };
const sev = { ...uefi, virtType: "kvm", launchSecurity: { type: "sev" } };

function check(args: Values) {
  return virtualMachine.check({ host, memory: "1 GiB", vcpus: 4, ...args }, undefined, meta);
}

/** What `check` refuses, without any host. */
test.each<[string, Values, string, RegExp]>([
  [
    "a volume that --target leaves out",
    { disks: { a: { volume: { name: "a.qcow2", pool: "p-1", host } } } },
    "disks.a.volume",
    /this Volume or CloudInitDisk has no path: one that --target or --exclude leaves out is not made yet/,
  ],
  [
    "a MAC address twice",
    nics({ a: { mac: "52:54:00:00:00:01" }, b: { mac: "52:54:00:00:00:01" } }),
    "nics.b.mac",
    /is taken by nics.a.mac/,
  ],
  [
    "a PCI address twice",
    { hostDevices: { a: { pci: "65:00.0" }, b: { pci: "0000:65:00.0" } } },
    "hostDevices.b.pci",
    /is taken by hostDevices.a.pci/,
  ],
  [
    "a function as device and interface",
    { hostDevices: { a: { pci: "65:10.0" } }, nics: { n: { hostdev: { address: "65:10.0" } } } },
    "nics.n.hostdev.address",
    /is taken by hostDevices.a.pci/,
  ],
  [
    "a USB device twice",
    { hostDevices: { a: { usb: { bus: 1, device: 2 } }, b: { usb: { bus: 1, device: 2 } } } },
    "hostDevices.b.usb",
    /is taken by/,
  ],
  [
    "a place in the boot order twice",
    { disks: { d: { path: "/a", bootOrder: 1 } }, nics: { n: { ...lan, bootOrder: 1 } } },
    "nics.n.bootOrder",
    /is taken by disks.d.bootOrder/,
  ],
  [
    "a target twice",
    nics({ a: { target: "tap0" }, b: { target: "tap0" } }),
    "nics.b.target",
    /is taken by nics.a.target/,
  ],
  ["a machine type that is none", { machine: "i440fx" }, "machine", /is not a machine type like "q35"/],
  [
    "a USB device as lsusb writes it",
    { hostDevices: { key: { usb: "046d:c52b" } } },
    "hostDevices.key.usb",
    /expected an object: \{ vendor: /,
  ],
  ["an image twice", { disks: { a: { path: "/a" }, b: { path: "/a" } } }, "disks.b", /is taken by disks.a/],
  [
    "a serial number twice",
    { disks: { a: { path: "/a", serial: "S" }, b: { path: "/b", serial: "S" } } },
    "disks.b.serial",
    /is taken by disks.a.serial/,
  ],
  [
    "a tag twice",
    { filesystems: { a: { source: "/a", tag: "t" }, b: { source: "/b", tag: "t" } } },
    "filesystems.b.tag",
    /is taken by filesystems.a.tag/,
  ],
  [
    "more queues than CPUs",
    nics({ a: { queues: 8 } }),
    "nics.a.queues",
    /is 8, more than vCPUs that could use them \(maxVcpus is 4\)/,
  ],
  ["more queues than the kernel allows", { vcpus: 300, ...nics({ a: { queues: 257 } }) }, "nics.a.queues", /256/],
  [
    "more queues of a disk than CPUs",
    { disks: { d: { path: "/a", queues: 5 } } },
    "disks.d.queues",
    /is 5, more than vCPUs/,
  ],
  [
    "more queues of a controller than CPUs",
    { scsiControllers: { s: { queues: 5 } } },
    "scsiControllers.s.queues",
    /is 5, more than vCPUs/,
  ],
  [
    "Secure Boot without SMM",
    { firmware: "uefi", machine: "pc", secureBoot: true },
    "secureBoot",
    /needs machine: "q35": only there can SMM/,
  ],
  [
    "Secure Boot without SMM, by the overlay",
    { ...uefi, secureBoot: true, overlay: { features: { smm: { state: "off" } } } },
    "overlay.features.smm",
    /Secure Boot needs SMM: leave it out/,
  ],
  [
    "an unknown name of SMBIOS",
    { smbios: { chassis: { assetTag: "7" } } },
    "smbios.chassis.assetTag",
    /unknown attribute; known are manufacturer, version, serial, asset, sku/,
  ],
  ["Secure Boot with BIOS", { firmware: "bios", secureBoot: true }, "secureBoot", /needs firmware: "uefi"/],
  [
    "LUKS without a secret",
    { disks: { d: { path: "/a", encryption: {} } } },
    "disks.d.encryption.secret",
    /is required: the libvirt secret of the host.*usage/,
  ],
  [
    "a port of the screens twice",
    { graphics: { vnc: { port: 5901 }, spice: { port: 5901 } } },
    "graphics.spice.port",
    /is taken by graphics.vnc.port; give another one/,
  ],
  [
    "4 KiB sectors of an ATA disk",
    { disks: { d: { path: "/a", bus: "sata", logicalBlockSize: "4 KiB" } } },
    "disks.d.logicalBlockSize",
    /is 4 KiB, and a sata disk has 512 B; use bus scsi or virtio/,
  ],
  [
    "an ISA watchdog on q35",
    { machine: "q35", watchdog: { model: "ib700" } },
    "watchdog.model",
    /ib700 is an ISA card.*use machine: "pc" or model: "i6300esb"/,
  ],
  [
    "virtio-pmem on libvirt 9.0",
    {
      host: { ...host, facts: JSON.stringify({ libvirt: 9_000_000 }) },
      memoryHotplug: { limit: "4 GiB" },
      memoryDevices: { p: { model: "virtio-pmem", size: "1 GiB", path: "/a" } },
    },
    "memoryDevices.p.model",
    /libvirt 9.0.0 starts no guest with virtio-pmem. Choose nvdimm, or upgrade/,
  ],
  [
    "a stateless image of its own on libvirt 8.5",
    {
      host: { ...host, facts: JSON.stringify({ libvirt: 8_005_000 }) },
      firmware: "uefi",
      loader: { path: "/a", stateless: true },
    },
    "loader.stateless",
    /true needs libvirt 8.6; the host has 8.5.0/,
  ],
  [
    "a shared disk with a cache",
    { disks: { d: { path: "/a", shareable: true, cache: "writeback" } } },
    "disks.d.cache",
    /needs none or directsync: other guests would not see/,
  ],
  [
    "hot-plug of vCPUs with encryption",
    { ...sev, maxVcpus: 8 },
    "maxVcpus",
    /encrypted memory gets no vCPUs.*leave it out/,
  ],
  [
    "a balloon with encryption",
    { ...sev, maxMemory: "2 GiB" },
    "maxMemory",
    /encrypted memory gives none back; leave it out/,
  ],
  [
    "hot-plug of memory with encryption",
    { ...sev, memoryHotplug: { limit: "2 GiB", slots: 2 } },
    "memoryHotplug",
    /encrypted memory is measured at the start and does not grow: leave it out/,
  ],
  ["SEV with emulation", { ...sev, virtType: "qemu" }, "virtType", /needs "kvm"/],
  [
    "SEV where Host saw none",
    { ...sev, host: { ...host, facts: withoutSev } },
    "launchSecurity.type",
    /the host has no sev.*AMD EPYC/,
  ],
  [
    "TDX where Host saw none",
    { ...sev, launchSecurity: { type: "tdx" }, host: { ...host, facts: withoutSev } },
    "launchSecurity.type",
    /the host has no tdx.*Intel Xeon/,
  ],
  [
    "a cell that is not there",
    { numa: { cells: [{ memory: "1 GiB", cpus: "0-3" }] }, hostDevices: { g: { pci: "65:00.0", cell: 1 } } },
    "hostDevices.g.cell",
    /no cell 1 in numa.cells/,
  ],
])("check refuses %s", (_name, args, property, reason) => {
  const faults = check(args).failures.filter((fault) => fault.property === property);
  expect(faults.map((fault) => fault.reason).join()).toMatch(reason);
});

function nics(entries: Record<string, Values>): Values {
  return { nics: Object.fromEntries(Object.entries(entries).map(([key, nic]) => [key, { ...lan, ...nic }])) };
}

const group = (...members: number[]) =>
  `<iommuGroup number='7'>${members.map((fn) => `<address domain='0' bus='0x65' slot='0' function='${fn}'/>`).join("")}</iommuGroup>`;
const pci = (driver: string, inside: string) =>
  `<device><driver><name>${driver}</name></driver><capability type='pci'><class>0x020000</class>${inside}</capability></device>`;
const card = { pci_0000_65_00_0: pci("ixgbe", group(0)) };
const guest = (devices: string) => ({ other: `<domain><devices>${devices}</devices></domain>` });
const bridge = {
  br0: `<interface type='bridge' name='br0'><bridge><interface type='ethernet' name='eno1'/></bridge></interface>`,
};
const given = { hostDevices: { card: { pci: "65:00.0" } } };
const macvtap = (mode: string) => ({ nics: { n: { direct: { dev: "eno1", mode } } } });
const lun = { disks: { data: { path: "/dev/sdb" } } };
const noSev = `<domainCapabilities><features><sev supported='no'/></features></domainCapabilities>`;

/** What only the host can tell: refused before anything is written. */
test.each<[string, Values, HostDocuments, RegExp, RegExp]>([
  [
    "a PCI device of another domain",
    given,
    {
      devices: card,
      domains: guest(
        `<hostdev type='pci'><source><address domain='0' bus='0x65' slot='0' function='0'/></source></hostdev>`,
      ),
    },
    /hostDevices.card.pci .*is given to the domain vm-other/,
    /take it away there first/,
  ],
  [
    "a virtual function that another domain has as an interface",
    { nics: { n: { hostdev: { address: "65:00.0" } } } },
    {
      devices: card,
      domains: guest(
        `<interface type='hostdev'><source><address domain='0' bus='0x65' slot='0' function='0'/></source></interface>`,
      ),
    },
    /nics.n.hostdev.address .*is given to the domain vm-other/,
    /take it away there first/,
  ],
  [
    "half an IOMMU group",
    given,
    { devices: { pci_0000_65_00_0: pci("ixgbe", group(0, 1)), pci_0000_65_00_1: pci("ixgbe", group(0, 1)) } },
    /hostDevices.card.pci .*IOMMU group 7 of 0000:65:00.0 also has 0000:65:00.1 \(ixgbe\)/,
    /give the whole group/,
  ],
  [
    "a device without an IOMMU",
    given,
    { devices: { pci_0000_65_00_0: pci("ixgbe", "") } },
    /the IOMMU is off/,
    /intel_iommu=on/,
  ],
  [
    "the uplink of the host's bridge",
    given,
    {
      devices: {
        ...card,
        net_eno1: `<device><parent>pci_0000_65_00_0</parent><capability type='net'><interface>eno1</interface></capability></device>`,
      },
      interfaces: bridge,
    },
    /eno1 is the uplink of the bridge br0/,
    /nomaster/,
  ],
  [
    "macvtap on the uplink of a bridge",
    macvtap("bridge"),
    { interfaces: bridge },
    /nics.n.direct: eno1 is in use by the host.*bridge br0/,
    /bridge: "br0"/,
  ],
  [
    "an interface that another domain has whole",
    macvtap("bridge"),
    { domains: guest(`<interface type='direct'><source dev='eno1' mode='passthrough'/></interface>`) },
    /nics.n.direct: the domain vm-other has eno1 too/,
    /mode "bridge" in both/,
  ],
  [
    "the disk of a running domain",
    lun,
    { domains: guest(`<disk type='block'><source dev='/dev/sdb'/></disk>`) },
    /disks.data: \/dev\/sdb is in use by the running domain vm-other/,
    /shareable: true/,
  ],
  [
    "the disk of a storage pool",
    lun,
    { pools: { vg: `<pool type='logical'><source><device path='/dev/sdb'/></source></pool>` } },
    /disks.data: \/dev\/sdb is in use by the host: its storage pool vg lies on it/,
    /make a volume in the pool/,
  ],
  [
    "the disk of a volume group",
    lun,
    {
      volumeGroups: `<sources><source><device path='/dev/sdb2'/><name>system</name><format type='lvm2'/></source></sources>`,
    },
    /disks.data: \/dev\/sdb is in use by the host: its volume group system lies on it/,
    /give a logical volume of the group, keep the host's LVM off.*global_filter.*, or give another device/,
  ],
  [
    "a MAC address of another domain",
    { nics: { n: { ...lan, mac: "52:54:00:AA:00:01" } } },
    { domains: guest(`<interface type='network'><mac address='52:54:00:aa:00:01'/></interface>`) },
    /nics.n.mac: 52:54:00:aa:00:01 is the address of an interface of the domain vm-other/,
    /leave mac out, so that it is derived/,
  ],
  [
    "LUKS whose secret is not there",
    { disks: { d: { path: "/a", encryption: { secret: { usage: "nothing" } } } } },
    { secrets: { other: 1 } },
    /disks.d.encryption.secret: the host has no secret of usage nothing \(volume\)/,
    /virsh secret-define/,
  ],
  [
    "a password over the network that is not there",
    {
      disks: {
        d: {
          network: {
            protocol: "rbd",
            image: "pool/image",

            auth: { user: "libvirt", secret: { uuid: "11111111-2222-4333-8444-555555555555" } },
          },
        },
      },
    },
    {},
    /disks.d.network.auth.secret: the host has no secret of uuid 11111111/,
    /virsh secret-list/,
  ],
  [
    "a TPM whose secret is not there",
    { tpm: { encryptionSecret: "11111111-2222-4333-8444-555555555555" } },
    {},
    /tpm.encryptionSecret: the host has no secret/,
    /virsh secret-list/,
  ],
  ["SEV on a host without it", sev, { capabilities: noSev }, /launchSecurity.type: .*do not offer sev/, /AMD EPYC/],
])("the host refuses %s", async (_name, args, documents, fact, remedy) => {
  const { inputs, failures } = check(args);
  expect(failures).toEqual([]);
  const daemon = new HostDaemon(documents);
  const error = await requireHardware(daemon.libvirt, inputs as unknown as Inputs).catch((reason: Error) => reason);
  const [head = "", rest = ""] = String((error as Error).message).split("What to do:");
  expect(head).toMatch(fact);
  expect(head).toMatch(/nothing was changed/);
  expect(rest).toMatch(remedy);
  expect(daemon.changes).toEqual([]);
});

test("what two guests may share is not refused", async () => {
  const shared = { disks: { data: { path: "/dev/sdb", shareable: true, cache: "none" } } };
  const daemon = new HostDaemon({
    interfaces: {},
    secrets: { there: 1 },
    domains: guest(
      `<interface type='direct'><source dev='eno1' mode='bridge'/></interface><disk type='block'><source dev='/dev/sdb'/><shareable/></disk>`,
    ),
  });
  // A libvirt without LVM knows of no volume groups.
  const failing = { CONNECT_FIND_STORAGE_POOL_SOURCES: "missing backend for pool type 3 (logical)" };
  await requireHardware(new HostDaemon({ failing }).libvirt, check(lun).inputs as unknown as Inputs);
  // Nor is one on the disk that the guest has already: it may well be the guest's.
  const volumeGroups = "<sources><source><device path='/dev/sdb'/><name>guest</name></source></sources>";
  const inputs = check(lun).inputs as unknown as Inputs;
  const domains = {
    [inputs.uuid]: "<domain><devices><disk type='block'><source dev='/dev/sdb'/></disk></devices></domain>",
  };
  await requireHardware(new HostDaemon({ domains, volumeGroups }).libvirt, inputs);
  const open = { disks: { d: { path: "/a", encryption: { secret: { usage: "there" } } } } };
  const free = { nics: { n: { ...lan, mac: "52:54:00:aa:00:02" } } };
  for (const args of [macvtap("bridge"), shared, open, free]) {
    await requireHardware(daemon.libvirt, check(args).inputs as unknown as Inputs);
  }
});
