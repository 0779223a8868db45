import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import type { LabHost } from "./host";
import { type Lab, startLab } from "./lab";
import { clearAway, furnish, image, Machine, medium } from "./machines";

/**
 * Odd but lawful combinations through real daemons: each starts, is read back without drift, and a second update finds
 * nothing to do and nothing that waits for a restart.
 */
const roots = ["machine", "trixie"] as const;
let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ hosts: 2, root: roots });
  for (const host of lab.hosts) {
    const { network } = await furnish(host);
    const [a, b, qcow2] = [
      await image(host, "a.raw", "raw"),
      await image(host, "b.raw", "raw"),
      await image(host, "c.qcow2"),
    ];
    const share = join(host.directory, "share");
    mkdirSync(share);
    parts.set(host, { network, a, b, qcow2, iso: medium(host, "odd"), share, folder: host.directory });
  }
}, 90_000);

afterAll(() => lab?.stop());

/** What programs are made of, by host. */
const parts = new Map<LabHost, Values>();

const twoCells = {
  vcpus: 2,
  numa: {
    cells: [
      { cpus: "0", memory: "32 MiB" },
      { cpus: "1", memory: "32 MiB" },
    ],
  },
};

const programs: Readonly<Record<string, (part: Values) => Values>> = {
  "a floppy beside an IDE disk and a drive without a floppy": ({ a, b }) => ({
    machine: "pc",
    disks: { f: { volume: a, device: "floppy" }, e: { device: "floppy" }, d: { volume: b, bus: "ide" } },
  }),
  "a disk that is thrown away, with a share in the boot order": ({ a, network }) => ({
    disks: { d: { volume: a, transient: true, bootOrder: 2 } },
    nics: { n: { network, bootOrder: 1, rom: { enabled: false } } },
  }),
  "drives on three buses": ({ iso }) => ({
    disks: {
      a: { volume: iso, device: "cdrom" },
      b: { volume: iso, device: "cdrom", bus: "scsi" },
      c: { volume: iso, device: "cdrom", bus: "usb" },
    },
  }),
  "disks on four buses, one IOThread": ({ a, b, qcow2 }) => ({
    iothreads: 1,
    scsiControllers: { s: { iothread: 1, queues: 1 } },
    disks: {
      v: { volume: a, iothread: 1, queueSize: 512, packed: true },
      s: { volume: b, bus: "scsi", controller: "s", wwn: "5000c50015ea71aa", rotationRate: 1 },
      q: { volume: qcow2, bus: "usb", removable: true, metadataCache: "4 MiB" },
      e: { device: "cdrom" },
    },
  }),
  "limits that two disks share": ({ a, b }) => ({
    disks: {
      a: { volume: a, iotune: { totalIopsSec: 90, sizeIopsSec: 4096, group: "g" } },
      b: { volume: b, iotune: { totalIopsSec: 90, sizeIopsSec: 4096, group: "g" } },
    },
  }),
  "error policies that differ, and 4 KiB sectors": ({ a }) => ({
    disks: {
      a: {
        ...{ volume: a, errorPolicy: "ignore", rerrorPolicy: "report" },
        ...{ logicalBlockSize: 4096, physicalBlockSize: 4096 },
      },
    },
  }),
  "a shared raw disk": ({ a }) => ({ disks: { a: { volume: a, shareable: true, cache: "directsync", io: "native" } } }),
  "virtiofs in a guest of two cells": ({ share }) => ({ ...twoCells, filesystems: { s: { source: share } } }),
  "9p that maps, and virtiofs, on one folder": ({ share }) => ({
    filesystems: {
      n: { source: share, driver: "9p", accessMode: "mapped", fileMode: "0644", multidevs: "remap" },
      v: { source: share, xattr: true, cache: "none" },
    },
  }),
  "macvtap of several queues that may filter for itself": () => ({
    vcpus: 2,
    nics: { n: { direct: { dev: "eth1", mode: "private" }, queues: 2, trustGuestRxFilters: true } },
  }),
  "half of a pair, a plain tap, and a network of its own": ({ network }) => ({
    nics: {
      n: { network, teaming: { role: "persistent" }, coalesce: 32, sndbuf: 1048576 },
      e: { ethernet: true, target: "odd0" },
      u: { user: {}, link: false },
    },
  }),
  "a filter with an address, isolated, numbered": ({ network }) => ({
    nics: {
      n: {
        ...{ network, portIsolated: true, acpiIndex: 3 },
        filter: { name: "clean-traffic", parameters: { IP: "10.31.0.9" } },
      },
    },
  }),
  "cards of three makes": ({ network }) => ({
    machine: "pc",
    nics: { a: { network }, b: { network, model: "e1000" }, c: { network, model: "rtl8139" } },
  }),
  "offloads and rings": ({ network }) => ({
    nics: {
      n: {
        ...{ network, packed: true, rss: true, rxQueueSize: 1024, driver: "qemu", mtu: 1400 },
        ...{ hostOffloads: { csum: false, gso: false, mergeableBuffers: true }, guestOffloads: { tso4: false } },
      },
    },
  }),
  "sound that goes nowhere, three pointers, three ports": () => ({
    ...{ sound: "ich9", audio: "none" },
    inputs: { a: { type: "tablet" }, b: { type: "keyboard", bus: "virtio" }, c: { type: "mouse", bus: "ps2" } },
    serials: { a: {}, b: { model: "pci-serial" }, c: { model: "usb-serial" } },
  }),
  "a screen on a socket, the USB of old machines": () => ({
    ...{ machine: "pc", usbController: "piix3-uhci" },
    graphics: { vnc: { listen: { socket: "/tmp/odd-screen.sock" } } },
  }),
  "two heads, seen by VNC and in browsers": () => ({
    graphics: { vnc: { websocket: 5711, sharePolicy: "ignore", password: "abc" } },
    video: { model: "virtio", heads: 2 },
  }),
  "a screen for UEFI alone, a TPM, a watchdog, a panic device": () => ({
    ...{ firmware: "uefi", memory: "128 MiB", tpm: { model: "tpm-tis", activePcrBanks: ["sha256"] } },
    ...{
      graphics: { vnc: {} },
      video: { model: "bochs" },
      watchdog: { model: "i6300esb", action: "pause" },
      panic: "isa",
    },
  }),
  "variables of the program's own, keys to be enrolled": ({ folder }) => ({
    ...{ firmware: "uefi", memory: "128 MiB", secureBoot: true, enrolledKeys: false },
    nvram: { path: join(String(folder), "odd.fd") },
  }),
  "SMBIOS, fw_cfg, a menu, no USB, no balloon, no console": () => ({
    smbios: { mode: "sysinfo", system: { manufacturer: "a", serial: "b" }, oemStrings: ["x", "y"] },
    fwCfg: { "opt/com.example/config": { value: "a = (1; 2)" } },
    bootMenu: { enabled: true, timeout: 3000 },
    ...{ usbController: "none", balloon: { model: "none" }, console: false, agent: false, rng: false },
  }),
  "a virtio IOMMU, memory to plug, shared memory": () => ({
    ...{ iommu: { model: "virtio" }, memoryHotplug: { limit: "1 GiB", slots: 2 }, shmems: { s: { size: "4 MiB" } } },
    memoryDevices: { v: { size: "256 MiB", requested: "0 B" } },
  }),
  "an NVDIMM of a file": ({ folder }) => ({
    ...{ memoryHotplug: { limit: "1 GiB", slots: 2 }, numa: { cells: [{ cpus: "0", memory: "64 MiB" }] } },
    memoryDevices: { n: { model: "nvdimm", size: "16 MiB", path: join(String(folder), "b.raw") } },
  }),
  "twenty-six drives and two IOThreads": () => ({
    iothreads: 2,
    disks: Object.fromEntries(
      Array.from({ length: 26 }, (_, index) => [`d${index}`, { device: "cdrom", bus: "scsi" }]),
    ),
  }),
  "a profile of no profile: dense, with limits lifted": ({ a, b, network }) => ({
    ...{ profile: "dense", memory: "128 MiB", vcpus: 2, maxVcpus: 4 },
    ...{ disks: { a: { volume: a, iotune: {} }, b: { volume: b } }, nics: { n: { network } } },
  }),
};

/** Those that one of the two daemons alone takes. */
const own: Readonly<Record<string, typeof programs>> = {
  "9.0": { "sound that goes to the screen": () => ({ sound: "ich9", audio: "spice", graphics: { spice: {} } }) },
  "11.3": { "a watchdog that is part of q35": () => ({ watchdog: { model: "itco" } }) },
};

type Sequence = readonly [steps: readonly Values[], shown: RegExp, expected: readonly string[]];

/** What programs say one after the other of a machine, and what its definition shows at the end. */
const sequences: Readonly<Record<string, Sequence>> = {
  "nodes without a mode are taken out": [[{ numaTune: { nodes: "0" } }, {}], /<(?:numatune|memory mode)[^>]*>/g, []],
  "a serial port becomes one of another kind": [
    [{ serials: { a: { model: "pci-serial" } } }, { serials: { a: {} } }],
    /<target type='[a-z]+-serial' port='\d'>/g,
    ["<target type='isa-serial' port='0'>", "<target type='isa-serial' port='1'>"],
  ],
  "the spare ports stay as many with a paravirtual console": [
    ["", "later"].map((title) => ({ ...(title && { title }), agent: false, rootPorts: 2, consoles: { c: {} } })),
    /model='pcie-root-port'/g,
    Array(6).fill("model='pcie-root-port'"),
  ],
  "a card that comes into the boot order": [
    [{}, { nics: { n: { user: {}, bootOrder: 1 } } }],
    /<boot [^>]*>/g,
    ["<boot order='1'/>"],
  ],
  "a card that comes before what was first in the boot order": [
    [
      { disks: { d: { device: "cdrom", bootOrder: 1 } } },
      { disks: { d: { device: "cdrom", bootOrder: 2 } }, nics: { n: { user: {}, bootOrder: 1 } } },
    ],
    /<boot [^>]*>/g,
    ["<boot order='2'/>", "<boot order='1'/>"],
  ],
  "a pointer in the place of a port that the running guest has yet": [
    [{ serials: { s: { model: "usb-serial" } } }, { inputs: { i: { type: "tablet" } } }],
    /<address type='usb' [^>]*>/g,
    ["<address type='usb' bus='0' port='1'/>"],
  ],
  "a pointer and memory go to another bus and back": [
    ["usb dimm", "virtio virtio-mem", "usb dimm"].map((place) => ({
      ...{ inputs: { i: { type: "tablet", bus: place.split(" ")[0] } }, memoryHotplug: { limit: "1 GiB" } },
      memoryDevices: { m: { model: place.split(" ")[1], size: "128 MiB" } },
    })),
    /<address type='(?:usb|dimm)'/g,
    ["<address type='usb'", "<address type='dimm'"],
  ],
  "what follows power-off and reboot changes in one": [
    [{ onReboot: "destroy" }, { onPoweroff: "restart" }, { onReboot: "destroy" }],
    /<on_(?:poweroff|reboot)>\w+/g,
    ["<on_poweroff>destroy", "<on_reboot>destroy"],
  ],
  "firmware tables that say nothing of the program's": [
    [{ smbios: {} }, { smbios: { system: { serial: "1" } } }, { smbios: {} }],
    /<(?:sysinfo|smbios) [^>]*>/g,
    ["<sysinfo type='smbios'/>", "<smbios mode='sysinfo'/>"],
  ],
  "the I/O APIC of an IOMMU goes with it": [
    [{ iommu: { model: "intel", intremap: true } }, { iommu: { model: "intel" } }],
    /<ioapic [^>]*>/g,
    [],
  ],
  "timers that are taken out are as those of a new machine": [
    [
      {
        clock: {
          timers: {
            ...{ rtc: { present: false, tickPolicy: "delay", track: "guest" }, pit: { tickPolicy: "discard" } },
            ...{ hpet: { present: true }, kvmclock: { present: false }, hypervclock: { present: true } },
          },
        },
      },
      { clock: { timers: { rtc: { track: "guest" } } } },
      {},
    ],
    /<timer [^>]*>/g,
    [
      "<timer name='rtc' tickpolicy='catchup'/>",
      "<timer name='pit' tickpolicy='delay'/>",
      "<timer name='hpet' present='no'/>",
    ],
  ],
};

const watchdogs = /<watchdog [^>]*>/g;

/** Those that one of the two daemons alone takes. */
const ownSequences: Readonly<Record<string, typeof sequences>> = {
  "9.0": {
    "a screen by spice goes with all that libvirt added beside it": [
      [{ graphics: { spice: { defaultMode: "any" } } }, {}],
      /<(?:graphics|video|audio) ?[^>]*>/g,
      ["<audio id='1' type='none'/>"],
    ],
    "sound goes to a screen by spice that comes later": [
      [{}, { graphics: { spice: {} } }],
      /<audio [^>]*>/g,
      ["<audio id='1' type='spice'/>"],
    ],
    "sound goes nowhere beside spice": [
      [{ audio: "none", graphics: { spice: {} } }],
      /<audio [^>]*>/g,
      ["<audio id='1' type='none'/>"],
    ],
    "a watchdog comes, acts otherwise and goes": [
      [{}, { watchdog: {} }, { watchdog: { action: "pause" } }, {}],
      watchdogs,
      [],
    ],
  },
  "11.3": {
    "the watchdog of q35 is made ours, acts otherwise, gets another beside it, and is libvirt's again": [
      [
        {},
        ...["reset", "pause", "none"].map((action) => ({ watchdog: { model: "itco", action } })),
        ...["none", "poweroff"].map((action) => ({ watchdog: { model: "i6300esb", action } })),
        {},
      ],
      watchdogs,
      ["<watchdog model='itco' action='reset'/>"],
    ],
    "a watchdog comes beside that of q35, gives way to it, and leaves it": [
      [
        {},
        { watchdog: { action: "pause" } },
        { watchdog: { model: "itco", action: "dump" } },
        { watchdog: { model: "itco", action: "reset" } },
        {},
      ],
      watchdogs,
      ["<watchdog model='itco' action='reset'/>"],
    ],
  },
};

describe.each([
  ["9.0", 0],
  ["11.3", 1],
] as const)("libvirt %s", (libvirt, index) => {
  describe.each(["stopped", "running"])("in a guest that is %s", (state) => {
    test.each(Object.entries({ ...sequences, ...ownSequences[libvirt] }))(
      "%s",
      async (_name, [steps, shown, expected]) => {
        const args = { state, changePolicy: "restart", waitForAddress: false };
        const host = lab.hosts[index] as LabHost;
        const vm = new Machine(host, "odd", args);
        const look = async () => [await host.virsh("list", "--all"), await vm.xml("--inactive"), await vm.xml()];
        try {
          await vm.create(steps[0]);
          for (const step of steps.slice(1)) {
            await vm.up(step);
            const before = await look();
            expect([await vm.refresh(), vm.diff(step).changes]).toEqual([[], []]);
            await vm.up(step);
            expect(await look()).toEqual(before);
            expect([await vm.refresh(), vm.diff(step).changes, vm.state["pendingRestart"]]).toEqual([[], [], []]);
          }
          expect((await vm.xml("--inactive")).match(shown) ?? []).toEqual(expected);
        } finally {
          await clearAway([vm]);
        }
      },
      60_000,
    );
  });

  test.each(Object.entries({ ...programs, ...own[libvirt] }))("%s", async (_name, program) => {
    const host = lab.hosts[index];
    const part = host && parts.get(host);
    if (!host || !part) throw new Error("the lab has two hosts");
    const vm = new Machine(host, "odd", { waitForAddress: false });
    const args = program(part);
    try {
      await vm.create(args);
      expect(await vm.power()).toBe("running");
      expect(vm.state["pendingRestart"]).toEqual([]);
      expect(await vm.refresh()).toEqual([]);
      expect(vm.diff(args).changes).toEqual([]);
      await vm.up(args);
      expect(vm.state["pendingRestart"]).toEqual([]);
      expect(await vm.refresh()).toEqual([]);
    } finally {
      await clearAway([vm]);
    }
  });
});

describe.each(roots.map((root, index) => [root, index] as const))("%s: a board of another family", (_root, index) => {
  test.each([
    ["pc", "q35", "pcie-root", "pc-q35-"],
    ["q35", "pc", "pci-root", "pc-i440fx-"],
  ])("%s becomes %s", async (before, after, root, family) => {
    const host = lab.hosts[index] as LabHost;
    const { a, b, iso, network } = parts.get(host) as Values;
    const args = {
      disks: { a: { volume: a }, b: { volume: b, bus: "scsi" }, c: { volume: iso, device: "cdrom" } },
      ...{
        nics: { lan: { network } },
        graphics: { vnc: {} },
        video: {},
        inputs: { t: { type: "tablet" } },
        watchdog: {},
      },
    };
    const vm = new Machine(host, "board", { waitForAddress: false, ...args });
    try {
      await vm.create({ machine: before, state: "running" });
      await vm.up({ machine: after, state: "running", changePolicy: "restart" });
      const document = await vm.xml();
      expect(document).toContain(`machine='${family}`);
      expect(document).toContain(`model='${root}'`);
      expect(vm.state["pendingRestart"]).toEqual([]);
      expect(await vm.refresh()).toEqual([]);
      await vm.up({ machine: after, state: "running", changePolicy: "restart", title: "later" });
      const controllers = (xml: string) => xml.match(/<controller [^>]*?(?=\/?>)/g)?.sort();
      expect(controllers(await vm.xml("--inactive"))).toEqual(controllers(document));
    } finally {
      await clearAway([vm]);
    }
  });
});
