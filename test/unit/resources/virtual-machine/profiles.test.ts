import type { Context, Values } from "../../../../provider/core/handler";
import { unknown } from "../../../../provider/core/unknown";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { adviseHost, warnOfSlowDisks } from "../../../../provider/resources/virtual-machine/latency-advice";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { checked, meta } from "./checked";

const disks = { root: { path: "/root" }, a: { path: "/a" }, b: { path: "/b" } };
const base = {
  host: { uri: "qemu+ssh://rack1/system" },
  vcpus: 4,
  memory: "2 GiB",
  disks,
  nics: { lan: { network: { name: "lan" } } },
};

const check = (args: Values, olds?: Values) => virtualMachine.check({ ...base, ...args }, olds, meta);

const inputsOf = (args: Values, olds?: Values) => checked({ ...base, ...args }, olds);

function faultsOf(args: Values): string {
  return check(args)
    .failures.map(({ property, reason }) => `${property}: ${reason}`)
    .join("\n");
}

const threads = (inputs: Values) => [
  inputs["iothreads"],
  Object.values(inputs["disks"] as Record<string, Values>).map(({ iothread }) => iothread),
];

test("what a profile gives shows among the inputs, and without one nothing does", () => {
  expect(inputsOf({ profile: "dedicated" })).toMatchObject({
    cpu: { policy: "dedicated", cache: { mode: "passthrough" } },
    features: { kvm: { hintDedicated: true, pollControl: true } },
    hugePages: "preferred",
    firmware: "uefi",
    memoryBacking: { mergePages: false, allocation: "immediate", threads: 4 },
    balloon: { model: "none" },
    iothreads: 3,
    nics: { lan: { queues: 4 } },
  });
  expect(inputsOf({ profile: "general" })).toMatchObject({
    cpu: { policy: "shared" },
    balloon: { model: "virtio", freePageReporting: true },
    firmware: "uefi",
    iothreads: 1,
  });
  expect(inputsOf({ profile: "dense" })).toMatchObject({
    firmware: "uefi",
    cpuTune: { shares: 50 },
    disks: { root: { iotune: { totalIopsSec: 3000, totalBytesSec: "125 MiB/s" } } },
    balloon: { autodeflate: true, freePageReporting: true },
    nics: { lan: { queues: 1 } },
  });
  expect(inputsOf({ profile: "latency", hostDevices: { nic: { pci: "0000:3b:00.0" } } })).toMatchObject({
    cpu: { policy: "dedicated", smt: "isolate" },
    features: { pmu: false },
    hugePages: "required",
    usbController: "none",
    firmware: "uefi",
    cpuTune: { vcpuSchedulers: [{ vcpus: "1-3", policy: "fifo", priority: 1 }] },
    memoryBacking: { locked: true, mergePages: false },
    memoryLimits: { hardLimit: "3080 MiB" },
    disks: { root: { cache: "none", io: "native" } },
    nics: { lan: { rxQueueSize: 1024 } },
    hostDevices: { nic: { locality: "required" } },
  });
  const snp = { profile: "confidential", launchSecurity: { type: "sev-snp" } };
  expect(inputsOf(snp)).toMatchObject({
    cpu: { mode: "custom", model: "EPYC-Milan" },
    firmware: "uefi",
    statelessFirmware: true,
    balloon: { model: "none" },
    rootPorts: 0,
  });
  const plain = inputsOf({});
  expect([plain["cpu"], plain["hugePages"], plain["iothreads"]]).toEqual([
    { mode: "host-passthrough" },
    undefined,
    undefined,
  ]);
});

test("each value may be said otherwise, alone", () => {
  const said = inputsOf({
    profile: "latency",
    cpu: { policy: "shared" },
    hugePages: "none",
    iothreads: 1,
    balloon: { model: "virtio" },
    disks: { ...disks, a: { path: "/a", iothread: 1, cache: "directsync" } },
  });
  expect(said).toMatchObject({
    cpu: { policy: "shared", smt: "isolate" },
    hugePages: "none",
    balloon: { model: "virtio" },
    disks: { a: { cache: "directsync" }, b: { cache: "none" } },
  });
  expect(threads(said)).toEqual([1, [1, 1, 1]]);
  expect(said["features"]).toEqual({ pmu: false });
});

test.each<[string, Values, Values]>([
  ["queues of a general guest", { profile: "general", vcpus: 8 }, { nics: { lan: { queues: 4 } } }],
  [
    "queues of one that says so",
    { profile: "general", vcpus: 8, nics: { lan: { network: { name: "lan" }, queues: 8 } } },
    { nics: { lan: { queues: 8 } } },
  ],
  [
    "limits of its own",
    { profile: "dense", disks: { root: { path: "/root", iotune: { readIopsSec: 9 } } } },
    { disks: { root: { iotune: { readIopsSec: 9 } } } },
  ],
  ["TDX, which has the host's CPU", confidential({ type: "tdx" }), { cpu: { mode: "host-passthrough" } }],
  ["SEV", confidential({ type: "sev" }), { cpu: { mode: "custom", model: "EPYC-IBPB" } }],
  [
    "a CPU of the program's own",
    { ...confidential({ type: "sev" }), cpu: { mode: "host-passthrough" } },
    { cpu: { mode: "host-passthrough" } },
  ],
  [
    "USB where a device needs it",
    { profile: "latency", inputs: { pen: { type: "tablet" } } },
    { inputs: { pen: { bus: "usb" } } },
  ],
  ["a host without UEFI", { profile: "general", host: on({ firmware: ["bios"] }) }, { firmware: "bios" }],
  ["a kernel that is booted directly", { profile: "general", boot: { kernel: "/vmlinuz" } }, { firmware: "bios" }],
  ["a machine that is taken over", { profile: "general", adopt: true }, { firmware: "bios" }],
  ["a machine as it is", { profile: "general", defaultsVersion: 0 }, { firmware: "bios" }],
  [
    "a libvirt without threads",
    { profile: "dedicated", host: on({ libvirt: 8_001_000 }) },
    { memoryBacking: { mergePages: false, allocation: "immediate" } },
  ],
])("of values of a profile: %s", (_name, args, expected) => {
  const inputs = inputsOf(args);
  for (const [name, value] of Object.entries(expected)) {
    if (name === "memoryBacking") expect(inputs[name]).toEqual(value);
    else expect(inputs).toMatchObject({ [name]: value });
  }
  expect(inputs["usbController"]).toBeUndefined();
});

function confidential(launchSecurity: Values): Values {
  return { profile: "confidential", launchSecurity };
}

function on(facts: Values): Values {
  return { ...base.host, facts: JSON.stringify(facts) };
}

const snp = { launchSecurity: { type: "sev-snp" } };
const modern = { host: on({ libvirt: 11_003_000, firmware: ["bios", "efi"] }) };
const nics = (values: Values) => ({ nics: { lan: { network: { name: "lan" }, ...values } } });
const ofRoot = (values: Values) => ({ disks: { root: { path: "/root", ...values }, a: { path: "/a" } } });

/** One value of the profile said otherwise, and nothing else: what was to go with it must not stand in its way. */
test.each<[string, Values]>([
  ["general", { cpu: { policy: "dedicated" } }],
  ["general", { balloon: { model: "none" } }],
  ["general", { balloon: { freePageReporting: false } }],
  ["general", { hugePages: "2 MiB" }],
  ["general", { iothreads: 0 }],
  ["general", { iothreads: 3 }],
  ["general", { firmware: "bios" }],
  ["general", { machine: "pc" }],
  ["general", { firmware: "bios", biosSerial: true }],
  ["dense", { cpuTune: { shares: 100 } }],
  ["dense", { balloon: { model: "none" } }],
  ["dense", { balloon: { autodeflate: false } }],
  ["dense", ofRoot({ iotune: { writeBytesSec: "1 MiB/s" } })],
  ["dense", { ...ofRoot({ throttleFilters: ["g"] }), throttleGroups: { g: { totalIopsSec: 9 } } }],
  ["dense", nics({ queues: 4 })],
  ["dense", nics({ model: "e1000e" })],
  ["dedicated", { cpu: { policy: "shared" } }],
  ["dedicated", { cpu: { policy: "mixed", dedicatedVcpus: "0" } }],
  ["dedicated", { cpu: { mode: "host-model" } }],
  ["dedicated", { cpu: { mode: "custom", model: "EPYC" } }],
  ["dedicated", { cpu: { cache: { mode: "disable" } } }],
  ["dedicated", { cpu: { cache: { mode: "emulate", level: 3 } } }],
  ["dedicated", { virtType: "qemu" }],
  ["dedicated", { hugePages: "none" }],
  ["dedicated", { memoryBacking: { allocation: "ondemand" } }],
  ["dedicated", { memoryBacking: { threads: 2 } }],
  ["dedicated", { memoryBacking: { mergePages: true } }],
  ["dedicated", { features: { kvm: { hintDedicated: false } } }],
  ["dedicated", { balloon: { model: "virtio" } }],
  ["dedicated", { balloon: { model: "virtio", freePageReporting: true }, hugePages: "none" }],
  ["dedicated", { iothreads: 1 }],
  ["dedicated", ofRoot({ bus: "scsi" })],
  ["dedicated", ofRoot({ bus: "sata" })],
  ["latency", { cpu: { smt: "any" } }],
  ["latency", { features: { pmu: true } }],
  ["latency", { usbController: "qemu-xhci" }],
  ["latency", { graphics: { vnc: {} } }],
  ["latency", { cpuTune: { vcpuSchedulers: [{ vcpus: "0", policy: "rr", priority: 2 }] } }],
  ["latency", { memoryBacking: { locked: false } }],
  ["latency", { memoryLimits: { hardLimit: "6 GiB" } }],
  ["latency", ofRoot({ cache: "writeback" })],
  ["latency", ofRoot({ io: "threads" })],
  ["latency", ofRoot({ iothread: 1 })],
  ["latency", ofRoot({ bus: "scsi" })],
  ["latency", ofRoot({ shareable: true, cache: "directsync" })],
  ["latency", { iothreads: 1 }],
  ["latency", nics({ rxQueueSize: 256, queues: 1 })],
  ["latency", nics({ model: "e1000e" })],
  ["latency", { hostDevices: { card: { pci: "0000:3b:00.0", locality: "preferred" } } }],
  ["confidential", { ...snp, cpu: { mode: "host-model" } }],
  ["confidential", { ...snp, cpu: { model: "EPYC-Genoa" } }],
  ["confidential", { ...snp, cpu: { policy: "dedicated" } }],
  ["confidential", { ...snp, balloon: { model: "virtio" } }],
  ["confidential", { ...snp, rootPorts: 4 }],
  ["confidential", { ...snp, memoryBacking: { mergePages: true } }],
])("of profile %s one value is said otherwise: %j", (profile, args) => {
  const inputs = inputsOf({ profile, ...modern, ...args });
  for (const [name, value] of Object.entries(args)) {
    if (typeof value === "object") expect(inputs).toMatchObject({ [name]: value });
    else expect(inputs[name]).toBe(value);
  }
  expect(inputsOf({ profile, ...modern, ...args }, inputs)).toEqual(inputs);
});

test("what a profile says of a list or a limit can be taken away", () => {
  const free = inputsOf({
    profile: "latency",
    ...modern,
    cpuTune: { vcpuSchedulers: [] },
    memoryBacking: { locked: false },
  });
  expect((free["cpuTune"] as Values)["vcpuSchedulers"]).toBeUndefined();
  expect(free["memoryLimits"]).toBeUndefined();
  const cached = inputsOf({ profile: "latency", ...modern, ...ofRoot({ cache: "writeback" }) });
  expect(cached["disks"]).toMatchObject({ root: { cache: "writeback" }, a: { cache: "none", io: "native" } });
});

test("limits that the program takes away are gone, and those of others come with their disks", () => {
  const disksOf = (args: Values) => inputsOf(args)["disks"] as Record<string, Values>;
  const free = disksOf({ profile: "dense", disks: { root: { path: "/root", iotune: {} }, lun: { device: "cdrom" } } });
  expect([free["root"]?.["iotune"], free["lun"]?.["iotune"]]).toEqual([{}, undefined]);
});

test("what slows a latency guest and is no argument is said when it is made", () => {
  const lines: string[] = [];
  const context = { warn: (line: string) => lines.push(line), info: (line: string) => lines.push(line) };
  const made = {
    a: { path: "/dev/vg/a" },
    b: { path: "/b.qcow2", format: "qcow2" },
    c: { path: "/c.raw" },
    d: { path: "/d.iso", device: "cdrom" },
  };
  for (const profile of ["dedicated", "latency"]) {
    const inputs = inputsOf({ profile, disks: made }) as unknown as Inputs;
    warnOfSlowDisks(inputs, context as unknown as Context);
    adviseHost(inputs, context as unknown as Context);
  }
  expect(lines).toEqual([
    expect.stringMatching(/^disks.b: profile latency wants a raw block device.*is a qcow2 image.*type logical or disk/),
    expect.stringMatching(/^disks.c: .*\/c.raw is a file/),
    expect.stringMatching(/halt_poll_ns/),
  ]);
});

test("firmware of a machine that is there stays, whatever its profile", () => {
  const old = inputsOf({});
  expect(old["firmware"]).toBe("bios");
  expect(inputsOf({ profile: "latency" }, old)["firmware"]).toBe("bios");
  expect(inputsOf({ profile: "latency", firmware: "uefi" }, old)["firmware"]).toBe("uefi");
  const withUefi = inputsOf({ profile: "general" });
  const bare = inputsOf({}, withUefi);
  expect([withUefi["firmware"], bare["firmware"], inputsOf({}, bare)["firmware"]]).toEqual(["uefi", "uefi", "uefi"]);
  expect(inputsOf({ firmware: "bios" }, bare)["firmware"]).toBe("bios");
});

test("values follow the arguments that they depend on, and nothing else", () => {
  const before = inputsOf({ profile: "dedicated" });
  expect(inputsOf({ profile: "dedicated", title: "t" }, before)).toEqual({ ...before, title: "t" });
  const changes = (args: Values) =>
    virtualMachine
      .diff("id", before, inputsOf(args, before))
      .changes.map(({ property }) => property)
      .sort();
  expect(changes({ profile: "dedicated", vcpus: 2 })).toEqual([
    "maxVcpus",
    "memoryBacking.threads",
    "nics.lan.queues",
    "vcpus",
  ]);
  expect(changes({ profile: "general" })).toEqual(
    expect.arrayContaining(["balloon.model", "cpu.policy", "hugePages", "iothreads", "profile"]),
  );
});

test.each<[string, string, Values]>([
  ["latency", "vCPUs", { vcpus: 1 }],
  ["dedicated", "vCPUs", { vcpus: 1 }],
  ["dedicated", "memory taken at the start", { memoryBacking: { allocation: "ondemand" } }],
])("%s gives back what it gave when %s went and came back", (profile, _name, less) => {
  // Queues of an interface become fewer with the vCPUs, and stay so.
  const [more, fewer] = [
    { profile, nics: {} },
    { profile, nics: {}, ...less },
  ];
  const given = inputsOf(more);
  expect(inputsOf(more, inputsOf(fewer, given))).toEqual(given);
});

test("a disk keeps its IOThread while others come and go", () => {
  const before = inputsOf({ profile: "dedicated" });
  expect(threads(before)).toEqual([3, [1, 2, 3]]);
  const { a: _, ...less } = disks;
  const after = inputsOf({ profile: "dedicated", disks: less }, before);
  expect(threads(after)).toEqual([3, [1, 3]]);
  const more = { ...less, c: { path: "/c" }, d: { path: "/d" } };
  expect(threads(inputsOf({ profile: "dedicated", disks: more }, after))).toEqual([4, [1, 3, 2, 4]]);
});

test("queues of disks are shared where libvirt can, and an upgrade of the host changes none that are there", () => {
  const on = (libvirt: number) => ({ host: { ...base.host, facts: JSON.stringify({ libvirt }) }, profile: "latency" });
  const mapped = (inputs: Values) =>
    Object.values(inputs["disks"] as Record<string, Values>).map(
      ({ iothreadMapping }) => iothreadMapping !== undefined,
    );
  const old = inputsOf(on(9_000_000));
  expect(mapped(old)).toEqual([false, false, false]);
  expect(mapped(inputsOf(on(10_000_000), old))).toEqual([false, false, false]);
  const fresh = inputsOf(on(10_000_000));
  expect(mapped(fresh)).toEqual([true, true, true]);
  expect(fresh["disks"]).toMatchObject({ root: { cache: "none", io: "native" } });
  expect(fresh["iothreads"]).toBe(4);
});

test("Windows is given what it sees; a machine that is there keeps its firmware and its devices", () => {
  const fresh = inputsOf({ guest: "windows" });
  expect(fresh).toMatchObject({
    firmware: "uefi",
    secureBoot: true,
    tpm: { model: "tpm-crb" },
    clock: { offset: "localtime", timers: { hypervclock: { present: true } } },
    features: { hyperv: { relaxed: true, spinlocks: 8191, stimer: true } },
    disks: { root: { bus: "sata" } },
    nics: { lan: { model: "e1000e" } },
    cpu: { topology: { sockets: 1, cores: 4 } },
  });
  expect(inputsOf({ guest: "windows" }, fresh)).toEqual(fresh);
  const drivers = { ...disks, tools: { path: "/isos/virtio-win.iso", device: "cdrom" } };
  expect(inputsOf({ guest: "windows", disks: drivers })).toMatchObject({
    disks: { root: { bus: "virtio" }, tools: { bus: "sata" } },
    nics: { lan: { model: "virtio" } },
  });
  const installer = { ...disks, installer: { path: "/isos/windows.iso", device: "cdrom" } };
  expect(inputsOf({ guest: "windows", disks: installer })).toMatchObject({ disks: { installer: { bus: "sata" } } });
  const linux = inputsOf({ disks: installer });
  expect(inputsOf({ guest: "windows", disks: installer }, linux)).toMatchObject({
    disks: { installer: { bus: "scsi" } },
  });
  const old = inputsOf({});
  expect(inputsOf({ guest: "windows" }, old)).toMatchObject({
    firmware: "bios",
    disks: { root: { bus: "virtio" } },
    nics: { lan: { model: "virtio" } },
  });
  expect(inputsOf({ guest: "windows" }, old)["cpu"]).not.toHaveProperty("topology");
  expect(inputsOf({ guest: "windows", profile: "dedicated" })["cpu"]).not.toHaveProperty("topology");
  expect(inputsOf({ guest: "windows", virtType: "qemu" })["features"]).toBeUndefined();
});

test("what is not known yet leaves the rest alone", () => {
  const inputs = inputsOf({ profile: "latency", vcpus: unknown, memory: unknown, disks: unknown });
  expect(inputs).toMatchObject({ hugePages: "required", features: { pmu: false }, vcpus: unknown });
  expect([inputs["cpuTune"], inputs["memoryLimits"]]).toEqual([undefined, undefined]);
});

test.each<[string, Values, RegExp]>([
  ["encryption of none", { profile: "confidential" }, /^launchSecurity: is required with profile confidential/],
  [
    "vCPUs that come later",
    { profile: "latency", maxVcpus: 8 },
    /^maxVcpus: is 8 and vcpus 4: nothing is plugged into/,
  ],
  [
    "memory that comes later",
    { profile: "latency", maxMemory: "4 GiB" },
    /maxMemory: .*profile latency; make them equal/,
  ],
  ["a balloon of none", { profile: "dedicated", maxMemory: "4 GiB" }, /^balloon.model: none cannot bring the guest/],
  ["a word", { profile: "fast" }, /^profile: /],
  [
    "USB devices without USB",
    { usbController: "none", inputs: { pen: { type: "tablet" } }, sound: "usb" },
    /^inputs.pen: hangs on USB.*leave out one of the two\nsound: hangs on USB/,
  ],
])("refuses %s", (_name, args, message) => {
  expect(faultsOf(args)).toMatch(message);
});
