import type { Around, Attribute, ChangeRule, MapOf, Rows } from "../../../../provider/core/attribute";
import { unknown } from "../../../../provider/core/unknown";
import { operationFor } from "../../../../provider/resources/virtual-machine/live";
import { operations, rows } from "../../../../provider/resources/virtual-machine/rows";
import { type Case, nicClasses } from "./nic-classes";

/** How each attribute changes, whatever it was and becomes: by class, then by what it belongs to. */
const always: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  live: {
    "": "title description profile guest osinfo rng onPoweroff onReboot onCrash autostart state stopTimeout onStopTimeout waitForAddress changePolicy deletionProtection deleteSnapshots adopt deleteAdopted",
    memoryLimits: "hardLimit softLimit swapHardLimit",
    balloon: "statsPeriod",
    launchSecurity: "secretHeader secret secretAddress",
    cpuTune: "period quota globalPeriod globalQuota emulatorPeriod emulatorQuota iothreadPeriod iothreadQuota",
    throttleGroups: "*",
    "throttleGroups.*":
      "totalBytesSec readBytesSec writeBytesSec totalIopsSec readIopsSec writeIopsSec totalBytesSecMax readBytesSecMax writeBytesSecMax totalIopsSecMax readIopsSecMax writeIopsSecMax totalBytesSecMaxLength readBytesSecMaxLength writeBytesSecMaxLength totalIopsSecMaxLength readIopsSecMaxLength writeIopsSecMaxLength sizeIopsSec",
    "disks.*.iotune":
      "group totalBytesSec readBytesSec writeBytesSec totalIopsSec readIopsSec writeIopsSec totalBytesSecMax readBytesSecMax writeBytesSecMax totalIopsSecMax readIopsSecMax writeIopsSecMax totalBytesSecMaxLength readBytesSecMaxLength writeBytesSecMaxLength totalIopsSecMaxLength readIopsSecMaxLength writeIopsSecMaxLength sizeIopsSec",
    "disks.*": "startupPolicy snapshot",
    blkio: "devices",
    cpu: "policy dedicatedVcpus smt emulator apart",
    "hostDevices.*": "locality",
    vsock: "cid",
    redirdevs: "*",
  },
  restart: {
    "": "name virtType maxVcpus maxMemory hugePages firmware secureBoot enrolledKeys statelessFirmware loader nvram bootMenu biosSerial rebootTimeout smbios fwCfg console serialLog panic crypto sound usbController audio smartcard overlay",
    cpu: "mode model migratable nested features",
    "cpu.topology": "dies clusters cores threads sockets",
    "cpu.cache": "mode level",
    "cpu.maxPhysicalAddress": "mode bits limit",
    memoryHotplug: "limit slots",
    "memoryDevices.*":
      "model size block cell nodes pageSize access discard dynamicSlots path labelSize alignSize persistent readonly",
    memoryBacking: "source access allocation threads locked mergePages discard",
    balloon: "autodeflate freePageReporting",
    numa: "cells",
    numaTune: "mode cells",
    boot: "kernel initrd cmdline dtb",
    launchSecurity:
      "type policy cbitpos reducedPhysBits kernelHashes dhCert session idBlock idAuth hostData guestVisibleWorkarounds authorKey vcek mrConfigId mrOwner mrOwnerConfig quoteGenerationService",
    securityLabels: "*",
    "securityLabels.*": "type label baseLabel relabel",
    cpuTune: "vcpuSchedulers iothreadSchedulers emulatorScheduler cacheTune memoryTune",
    "features.hyperv":
      "mode relaxed vapic spinlocks vpindex runtime synic stimer stimerDirect reset vendorId frequencies reenlightenment tlbflush tlbflushDirect tlbflushExtended ipi evmcs avic emsrBitmap xmmInput",
    "features.kvm": "hidden hintDedicated pollControl pvIpi dirtyRing",
    features: "pmu vmport",
    clock: "offset timezone",
    "clock.timers.pit": "present tickPolicy",
    "clock.timers.rtc": "present tickPolicy track",
    "clock.timers.hpet": "present",
    "clock.timers.kvmclock": "present",
    "clock.timers.hypervclock": "present",
    "clock.timers.tsc": "present frequency",
    "scsiControllers.*": "model queues commandsPerLun maxSectors ioeventfd iothread iothreadMapping",
    "disks.*":
      "encryption reservations device bus controller readonly shareable transient bootOrder serial wwn vendor product rotationRate removable logicalBlockSize physicalBlockSize discardGranularity cache io iothread iothreadMapping queues queueSize ioeventfd eventIdx packed discard detectZeroes discardNoUnref copyOnRead errorPolicy rerrorPolicy metadataCache throttleFilters",
    "filesystems.*":
      "driver source socket tag readonly accessMode fileMode folderMode multidevs queueSize cache xattr threads sandbox",
    "nics.*":
      "cell direct user vhostUser vdpa ethernet hostdev virtualPort model mac queues rxQueueSize txQueueSize driver ioeventfd eventIdx packed rss sndbuf mtu target bootOrder rom acpiIndex teaming",
    "nics.*.hostOffloads": "csum gso tso4 tso6 ecn ufo mergeableBuffers",
    "nics.*.guestOffloads": "csum tso4 tso6 ecn ufo",
    "hostDevices.*":
      "pci usb scsi mdev mdevFrom managed rom display ramfb startupPolicy guestReset readonly shareable cell bootOrder acpiIndex",
    tpm: "model backend device activePcrBanks persistentState",
    "serials.*": "source model log",
    "consoles.*": "source log",
    "channels.*": "source name log",
    graphics: "*",
    "graphics.*": "port listen tlsPort defaultMode websocket sharePolicy keymap openGl",
    video: "model heads vram ram vgamem accel3d renderNode resolution",
    "inputs.*": "type bus source grabAll grabToggle repeat",
    "shmems.*": "name model size role server vectors ioeventfd",
    "redirdevs.*": "source bootOrder",
    iommu: "model awBits intremap cachingMode eim iotlb",
  },
  none: {
    "securityLabels.*": "acceptLessIsolation",
    "": "suggestedPlacement overlayUnchecked",
  },
};

/** What changes as the guest runs, and is not taken away. */
const keptFor = (reason: string): readonly Case[] => [
  { next: 0, verdict: "live" },
  { old: 0, verdict: `restart, ${reason}` },
];
const unpinned = "restart, libvirt unpins no running thread; name all CPUs instead";
const noDefault = "restart, libvirt gives a running IOThread no default back; name the values instead";
const [first, both] = [{ "1": { max: 1 } }, { "1": { max: 1 }, "2": { max: 1 } }];
const tuned: readonly Case[] = [
  { next: first, after: { iothreads: 1 }, verdict: "live" },
  { old: first, after: { iothreads: 1 }, verdict: noDefault },
  { old: both, next: { "2": { max: 2 } }, after: { iothreads: 2 }, verdict: noDefault },
  { old: { "1": { max: 1, grow: 2 } }, next: { "1": { max: 2 } }, after: { iothreads: 1 }, verdict: noDefault },
  { old: both, next: first, after: { iothreads: 1 }, verdict: "live" },
  { old: first, after: {}, verdict: "live" },
  { old: first, after: { iothreads: unknown }, verdict: noDefault },
];
const medium: readonly Case[] = [
  { old: "/a", next: "/b", after: { device: "cdrom" }, verdict: "live, the medium is changed in the drive" },
  {
    old: "/a",
    next: "/b",
    after: { device: "disk" },
    verdict: "restart, the image behind a disk cannot be changed while the guest has it open",
  },
  { old: "/a", next: "/a", verdict: "none" },
];
const withoutPassword = "restart, a screen that was started without a password takes none";
const secret: readonly Case[] = [
  { old: "a", next: "b", verdict: "live" },
  { next: "b", verdict: withoutPassword },
  { old: "a", verdict: "restart, libvirt changes only the password of running graphics" },
];
const end: readonly Case[] = [
  { next: "b", beside: { password: "a" }, after: { password: "c" }, verdict: "live" },
  { old: "a", beside: { password: "a" }, after: { password: "a" }, verdict: "live" },
  { next: "b", after: { password: "a" }, verdict: withoutPassword },
];
const ports: readonly Case[] = [
  { next: {}, whole: { agent: true }, verdict: "live" },
  { next: {}, whole: { channels: { a: {} } }, verdict: "live" },
  { next: {}, whole: { agent: false }, verdict: "live, added, where the guest has a virtio-serial controller" },
  { old: {}, verdict: "live" },
];
const onlySome = "only usb-serial has hot-plug, and pci-serial on a pc machine";
const room = { maxMemory: "1 GiB", memoryHotplug: { limit: "4 GiB", slots: 1 } };
const fixed = { maxMemory: "2 GiB", balloon: { model: "none" } };
const one = (model: string, size = "1 GiB") => ({ model, size });

/** What depends on what it was and becomes, and on what is around it. */
const decided: Readonly<Record<string, readonly Case[]>> = {
  ...nicClasses,
  host: [
    { old: { uri: "a", uuid: "1" }, next: { uri: "b", uuid: "1" }, verdict: "live, the host's address only" },
    { old: { uri: "a", uuid: "1" }, next: { uri: "a", uuid: "2" }, verdict: "replace, another host" },
    { old: { uri: "a", facts: "1" }, next: { uri: "a", facts: "2" }, verdict: "none" },
  ],
  uuid: [{ verdict: "replace" }, { beside: { adopted: true }, verdict: "none" }],
  machine: [
    { old: "pc-q35-7.2", next: "q35", verdict: "none" },
    { old: "pc-q35-7.2", next: "pc", verdict: "restart" },
  ],
  vcpus: [
    { old: 1, next: 2, beside: { maxVcpus: 2 }, verdict: "live" },
    { old: 1, next: 4, beside: { maxVcpus: 2 }, verdict: "restart, above maxVcpus" },
    { old: 2, next: 1, verdict: "live, where the guest gives up vCPUs that came after its start" },
  ],
  memory: [
    { next: "1 GiB", beside: { maxMemory: "1 GiB" }, verdict: "live" },
    { next: "2 GiB", beside: { maxMemory: "1 GiB" }, verdict: "restart, above maxMemory" },
    { next: "1 GiB", beside: fixed, verdict: "restart, the guest has no balloon" },
  ],
  "memoryDevices.*": [
    { next: one("dimm"), beside: room, after: { memoryDevices: { a: one("dimm") } }, verdict: "live, added" },
    {
      next: one("dimm"),
      beside: room,
      after: { memoryDevices: { a: one("dimm"), b: one("dimm") } },
      verdict: "restart, added; the guest was started without room for it",
    },
    {
      next: one("virtio-mem", "4 GiB"),
      beside: room,
      after: { memoryDevices: { a: one("virtio-mem", "4 GiB") } },
      verdict: "restart, added; the guest was started without room for it",
    },
    { next: one("sgx-epc"), beside: room, verdict: "restart, added; QEMU plugs in no sgx-epc" },
    {
      next: one("nvdimm"),
      beside: room,
      verdict: "restart, added; QEMU takes an nvdimm only when it was started with one",
    },
    { next: one("nvdimm"), beside: { ...room, memoryDevices: { a: one("nvdimm") } }, verdict: "live, added" },
    { old: one("dimm"), verdict: "live, removed" },
    { old: one("virtio-mem"), verdict: "live, removed" },
    { old: one("nvdimm"), verdict: "restart, removed; QEMU unplugs no nvdimm" },
  ],
  "memoryDevices.*.requested": [
    { next: "1 GiB", beside: { size: "1 GiB" }, verdict: "live" },
    { next: "2 GiB", beside: { size: "1 GiB" }, verdict: "restart, above size" },
  ],
  "numaTune.nodes": [
    { old: "0", next: "1", beside: { mode: "restrictive" }, after: { mode: "restrictive" }, verdict: "live" },
    {
      old: "0",
      next: "1",
      beside: { mode: "strict" },
      after: { mode: "strict" },
      verdict: "restart, libvirt moves the memory of a running guest only in mode restrictive",
    },
  ],
  iothreadPolling: tuned,
  iothreadPools: tuned,
  "cpuTune.vcpuPins": [
    { next: { "0": "0" }, verdict: "live" },
    { old: { "0": "0" }, next: unknown, verdict: "live" },
    { old: { "0": "0" }, verdict: unpinned },
    { old: { "0": "0", "1": "1" }, next: { "0": "2" }, verdict: unpinned },
    {
      old: { "0": "0" },
      next: { "0": "0", "1": "1" },
      whole: { maxVcpus: 2 },
      after: { maxVcpus: 2 },
      verdict: "live",
    },
    ...[1, 2].map((most) => {
      const [few, many] = [{ "0": "0" }, { "0": "0", "1": "1" }];
      const [old, next] = most === 1 ? [few, many] : [many, few];
      const ends = { whole: { maxVcpus: most }, after: { maxVcpus: 3 - most } };
      return { old, next, ...ends, verdict: "restart, the vCPUs come or go with maxVcpus" };
    }),
    {
      ...{ old: { "0": "0" }, next: { "0": "2", "1": "1" }, whole: { maxVcpus: 1 }, after: { maxVcpus: 2 } },
      verdict: "live, but for vCPUs that come or go with maxVcpus",
    },
  ],
  "cpuTune.emulatorPin": keptFor("libvirt unpins no running thread; name all CPUs instead"),
  "cpuTune.iothreadPins": [
    { next: { "1": "0" }, after: { iothreads: 1 }, verdict: "live" },
    { old: { "1": "0" }, next: unknown, verdict: "live" },
    { old: { "1": "0" }, whole: { iothreads: 1 }, after: { iothreads: 1 }, verdict: unpinned },
    { old: { "1": "0" }, whole: { iothreads: 1 }, after: { iothreads: unknown }, verdict: unpinned },
    {
      old: { "1": "0", "2": "0" },
      next: { "1": "0" },
      whole: { iothreads: 2 },
      after: { iothreads: 1 },
      verdict: "live",
    },
    { old: { "1": "0" }, whole: { iothreads: 1 }, verdict: "live" },
    {
      ...{ old: { "1": "0" }, whole: { iothreads: 1, disks: { a: { iothread: 1 } } }, after: { disks: { a: {} } } },
      verdict: "restart, a disk or SCSI controller that stays uses one that goes",
    },
  ],
  "cpuTune.shares": keptFor("libvirt takes no weight away; name 1024, or 100 with cgroup v2, instead"),
  "blkio.weight": keptFor("libvirt takes no weight away; name 100, which BFQ gives others, instead"),
  "scsiControllers.*": [
    { next: {}, verdict: "live, added" },
    { old: {}, verdict: "live, removed" },
  ],
  iothreads: [
    { old: 2, next: 1, whole: { disks: { a: { iothread: 1 } } }, after: { disks: { a: {} } }, verdict: "live" },
    { old: 2, next: 1, whole: { disks: { a: { iothread: 2 } } }, after: { disks: { b: {} } }, verdict: "live" },
    {
      ...{ old: 2, next: 1, whole: { disks: { a: { iothread: 2 } } }, after: { disks: { a: { iothread: 1 } } } },
      verdict: "restart, a disk or SCSI controller that stays uses one that goes",
    },
  ],
  "disks.*": [
    { next: { bus: "virtio", path: "/a" }, verdict: "live, added" },
    { next: { bus: "scsi", device: "cdrom" }, verdict: "restart, added; an empty drive cannot be plugged in" },
    { old: { bus: "scsi" }, verdict: "live, removed" },
    { next: { bus: "sata", path: "/a" }, verdict: "restart, added; the bus sata has no hot-plug" },
  ],
  "disks.*.volume": medium,
  "disks.*.path": medium,
  "disks.*.network": medium,
  "disks.*.format": medium,
  "filesystems.*": [
    { next: { driver: "virtiofs" }, whole: { memoryBacking: { access: "shared" } }, verdict: "live, added" },
    { next: { driver: "virtiofs" }, verdict: "restart, added; the guest's memory is not shared yet" },
    { old: { driver: "virtiofs" }, verdict: "live, removed" },
    { old: { driver: "9p" }, verdict: "restart, removed; 9p has no hot-plug" },
  ],
  rootPorts: [
    { old: 4, next: 8, verdict: "restart, ports cannot be plugged in" },
    { old: 8, next: 4, verdict: "live, the ports that are there stay" },
    { old: 8, verdict: "live, the ports that are there stay" },
  ],
  "channels.*": ports,
  "consoles.*": ports,
  "serials.*": [
    { next: { model: "usb-serial" }, whole: { machine: "q35" }, verdict: "live, added" },
    { old: { model: "pci-serial" }, whole: { machine: "pc" }, verdict: "live, removed" },
    { next: { model: "pci-serial" }, whole: { machine: "q35" }, verdict: `restart, added; ${onlySome}` },
    { old: { model: "isa-serial" }, whole: { machine: "pc" }, verdict: `restart, removed; ${onlySome}` },
  ],
  agent: [
    { old: true, next: false, verdict: "live" },
    { old: false, next: true, whole: { consoles: { a: {} } }, verdict: "live" },
    {
      old: false,
      next: true,
      verdict: "restart, the guest was started without channels or consoles, and has no controller for one",
    },
  ],
  "hostDevices.*": [
    { next: {}, verdict: "live" },
    { next: { cell: 1 }, verdict: "restart, a bus of a cell cannot be plugged in" },
  ],
  "balloon.model": [
    { next: "virtio", verdict: "none" },
    { old: "virtio", verdict: "none" },
    { next: "none", verdict: "restart" },
    { old: "none", next: "virtio", verdict: "restart" },
  ],
  "shmems.*": [
    { next: {}, whole: { machine: "pc" }, verdict: "live" },
    { next: {}, whole: { machine: "q35", shmems: { a: {} } }, verdict: "live" },
    { next: {}, whole: { machine: "q35" }, verdict: "restart, a q35 guest has no place to plug its first into" },
    { old: {}, whole: { machine: "q35", shmems: { a: {} } }, verdict: "live" },
  ],
  "tpm.encryptionSecret": [{ next: "a", verdict: "restart, libvirt plugs no TPM into a running guest" }],
  "graphics.*.password": secret,
  "graphics.*.passwordValidTo": end,
  "watchdog.model": [
    { next: "i6300esb", whole: { machine: "pc" }, verdict: "live, added" },
    { old: "i6300esb", whole: { machine: "pc-i440fx-7.2" }, verdict: "live, removed" },
    { next: "i6300esb", whole: { machine: "q35" }, verdict: "restart, a q35 guest has no place to plug it into" },
    { old: "i6300esb", next: "ib700", whole: { machine: "pc" }, verdict: "restart, the guest is made with its ib700" },
  ],
  "watchdog.action": [
    { next: "reset", after: { model: "i6300esb" }, whole: { machine: "pc" }, verdict: "live, added" },
    { old: "reset", next: "pause", verdict: "restart, libvirt changes no action of a running guest" },
  ],
  "inputs.*": [
    { next: { bus: "usb" }, verdict: "live, added" },
    { old: { bus: "ps2" }, verdict: "restart, removed; only usb and virtio have hot-plug" },
  ],
};

interface Site {
  readonly path: string;
  readonly rule: ChangeRule;
  /** Whether the value lives in libvirt's document. */
  readonly inDocument: boolean;
}

function walk(table: Rows, above = ""): Site[] {
  return Object.entries(table).flatMap(([name, row]): Site[] => {
    const path = above === "" ? name : `${above}.${name}`;
    if (row.kind === "attribute") return [site(path, row, row.lens !== undefined)];
    if (row.kind === "block") return walk(row.rows, path);
    return [site(`${path}.*`, row, row.entries !== undefined), ...walk(row.rows, `${path}.*`)];
  });
}

function site(path: string, { change }: Attribute | MapOf, inDocument: boolean): Site {
  return { path, rule: change, inDocument };
}

const sites = walk(rows);
const expected = new Map(
  Object.entries(always).flatMap(([kind, groups]) =>
    Object.entries(groups).flatMap(([group, names]) =>
      names.split(" ").map((name) => [group === "" ? name : `${group}.${name}`, kind] as const),
    ),
  ),
);

function verdictOf(rule: ChangeRule, { old, next, beside = {}, after = {}, whole = {} }: Case): string {
  const around: Around = { old: beside, next: after, whole, wanted: after };
  const { class: kind, reason } =
    typeof rule === "string" ? { class: rule, reason: undefined } : rule(old, next, around);
  return reason === undefined ? kind : `${kind}, ${reason}`;
}

test("every attribute has its class here, and nothing else has", () => {
  expect([...expected.keys(), ...Object.keys(decided)].sort()).toEqual(sites.map(({ path }) => path).sort());
});

test.each(sites.filter(({ path }) => expected.has(path)).map(({ path, rule }) => [path, rule] as const))(
  "%s always changes in the same way",
  (path, rule) => {
    for (const change of [{ next: "a" }, { old: "a" }, { old: "a", next: "b" }]) {
      expect(verdictOf(rule, { ...change, verdict: "" }).split(",")[0]).toBe(expected.get(path));
    }
  },
);

test.each(
  sites.flatMap(({ path, rule }) => (decided[path] ?? []).map((item) => [path, item.verdict, rule, item] as const)),
)("%s: %s", (_path, verdict, rule, item) => {
  expect(verdictOf(rule, item)).toBe(verdict);
});

/** Done by the update itself, whatever the guest does. */
const byUpdate = ["watchdog.action", "autostart"];
/** Done with what is beside it. */
const byOthers = ["nics.*.portGroup"];

test("whatever is said to change in the running guest has an operation that changes it there", () => {
  const live = sites.filter(
    ({ path, inDocument }) =>
      inDocument && (expected.get(path) === "live" || decided[path]?.some(({ verdict }) => verdict.startsWith("live"))),
  );
  const without = live.filter(({ path }) => {
    const change = { path: path.split("."), property: path, class: "live", old: 1, next: 2 } as const;
    return operationFor(operations, change) === undefined && ![...byUpdate, ...byOthers].includes(path);
  });
  expect(without.map(({ path }) => path)).toEqual([]);
});
