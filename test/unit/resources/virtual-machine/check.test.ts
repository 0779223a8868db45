import type { Meta, Values } from "../../../../provider/core/handler";
import { unknown } from "../../../../provider/core/unknown";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };
const host = { uri: "qemu+ssh://rack1/system" };
const network = { name: "lan" };

function check(args: Values, olds?: Values) {
  return virtualMachine.check({ host, memory: "1 GiB", ...args }, olds, meta);
}

function faultsOf(args: Values): string[] {
  return check(args).failures.map(({ property, reason }) => `${property}: ${reason}`);
}

test("defaults follow the other arguments and identities are derived", () => {
  const { inputs, failures } = check({
    disks: { root: { path: "/a.img" }, seed: { device: "cdrom" } },
    nics: { lan: { network } },
    vcpus: 4,
  });
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject({
    name: expect.stringMatching(/^db-[0-9a-f]{7}$/),
    virtType: "kvm",
    maxVcpus: 4,
    memory: "1 GiB",
    maxMemory: "1 GiB",
    cpu: { mode: "host-passthrough" },
    rootPorts: 8,
    state: "running",
    autostart: true,
    changePolicy: "stage",
    waitForAddress: { source: "any", timeout: "5 min", required: false },
    disks: {
      root: { bus: "virtio", discard: "unmap", serial: expect.stringMatching(/^[0-9a-f]{20}$/) },
      seed: { bus: "scsi" },
    },
    nics: { lan: { mac: expect.stringMatching(/^52(:[0-9a-f]{2}){5}$/), model: "virtio" } },
  });
  expect(check({ virtType: "qemu" }).inputs).toMatchObject({ cpu: { mode: "maximum" }, waitForAddress: false });
  expect(check({ machine: "pc" }).inputs).not.toHaveProperty("rootPorts");
});

test("what was derived once is kept, whatever the name in the program is now", () => {
  const args = { disks: { root: { path: "/a.img" } }, nics: { lan: { network } } };
  const { inputs } = check(args);
  const renamed = { ...meta, urn: `${urn}-renamed` };
  const again = virtualMachine.check({ host, memory: "1 GiB", ...args }, inputs, renamed);
  expect(again.inputs).toEqual(inputs);
});

test.each<[string, Values, RegExp]>([
  ["no image", { disks: { root: {} } }, /^disks.root: needs a volume, a path or a network/],
  ["two images", { disks: { root: { path: "/a", volume: { path: "/b" } } } }, /^disks.root: has both/],
  ["one image twice", { disks: { a: { path: "/a" }, b: { path: "/a" } } }, /^disks.b: the image is taken by disks.a/],
  [
    "an image that is written, as a CD-ROM too",
    { disks: { a: { path: "/a", device: "cdrom" }, b: { path: "/a" } } },
    /^disks.b: the image is taken by disks.a/,
  ],
  [
    "an image in two floppy drives",
    { disks: { a: { path: "/a", device: "floppy" }, b: { path: "/a", device: "floppy" } } },
    /^disks.b: the image is taken by disks.a/,
  ],
  ["a virtio cdrom", { disks: { cd: { device: "cdrom", bus: "virtio" } } }, /^disks.cd.bus: .*use sata or scsi/],
  ["ide on q35", { disks: { d: { path: "/a", bus: "ide" } } }, /^disks.d.bus: q35 has no IDE/],
  ["native without direct", { disks: { d: { path: "/a", io: "native" } } }, /^disks.d.io: .*cache none/],
  ["a format of a volume", { disks: { d: { volume: { path: "/a" }, format: "raw" } } }, /^disks.d.format: .*volume/],
  ["an egd daemon without a socket", { rng: { backend: "egd" } }, /^rng.socket: is required with the backend "egd"/],
  ["a socket of no egd daemon", { rng: { socket: "/run/egd" } }, /^rng.socket: only the backend "egd"/],
  ["a device that is not read", { rng: { backend: "builtin", device: "/dev/hwrng" } }, /^rng.device: only .*"random"/],
  [
    "a value under no such name",
    { fwCfg: { "etc/x": { value: "a" } } },
    /^fwCfg.etc\/x: the name must start with "opt\/"/,
  ],
  ["a period that the kernel has not", { cpuTune: { period: 999 } }, /^cpuTune.period: .*1000 to 1000000/],
  [
    "a part of the cache that is no whole KiB",
    { cpuTune: { cacheTune: [{ vcpus: "0", caches: [{ id: 0, level: 3, type: "both", size: 1025 }] }] } },
    /^cpuTune.cacheTune.*size: must be a whole number of KiB/,
  ],
  [
    "labels that are no whole KiB",
    {
      memoryHotplug: { limit: "4 GiB" },
      memoryDevices: { a: { model: "nvdimm", path: "/a", size: "1 GiB", labelSize: 131_073 } },
    },
    /^memoryDevices.a.labelSize: must be a whole number of KiB/,
  ],
  ["a bad entry name", { disks: { "a/b": { path: "/a" } } }, /^disks.a\/b: the name must match/],
  ["no cable", { nics: { a: {} } }, /^nics.a: needs a network or a bridge/],
  ["a long bridge", { nics: { a: { bridge: "b".repeat(16) } } }, /^nics.a.bridge: is not a name of a bridge/],
  [
    "one MAC twice",
    { nics: { a: { network, mac: "52:54:00:00:00:01" }, b: { network, mac: "52:54:00:00:00:01" } } },
    /^nics.b.mac: the MAC address is taken by nics.a.mac/,
  ],
  [
    "one boot place twice",
    { disks: { d: { path: "/a", bootOrder: 1 } }, nics: { n: { network, bootOrder: 1 } } },
    /^nics.n.bootOrder: .*disks.d.bootOrder/,
  ],
  ["few vCPUs at most", { vcpus: 4, maxVcpus: 2 }, /^maxVcpus: is 2, less than vcpus \(4\)/],
  ["little memory at most", { maxMemory: "512 MiB" }, /^maxMemory: is 512 MiB, less than memory/],
  ["odd memory", { memory: 1000000 }, /^memory: .*whole number of MiB/],
  ["a model without its mode", { cpu: { model: "Nehalem" } }, /^cpu.model: goes only with mode custom/],
  ["a mode without a model", { cpu: { mode: "custom" } }, /^cpu.model: is required/],
  ["passthrough emulated", { virtType: "qemu", cpu: { mode: "host-passthrough" } }, /^cpu.mode: .*maximum/],
  [
    "a machine type of a newer QEMU",
    { host: { ...host, facts: JSON.stringify({ machines: ["pc-q35-7.2"] }) }, machine: "pc-q35-10.1" },
    /^machine: pc-q35-10.1 needs a newer QEMU: .* pc-q35-7.2/,
  ],
  [
    "kvm where the facts say no",
    { host: { ...host, facts: JSON.stringify({ virtTypes: ["qemu"] }) } },
    /^virtType: the host has no KVM/,
  ],
  [
    "kvm of another architecture",
    { host: { ...host, facts: JSON.stringify({ architecture: "aarch64", virtTypes: ["qemu", "kvm"] }) } },
    /^virtType: the host is aarch64, whose KVM runs no guests of x86_64/,
  ],
  ["secure boot with bios", { secureBoot: true }, /^secureBoot: needs firmware: "uefi"/],
  ["secure boot on pc", { firmware: "uefi", machine: "pc", secureBoot: true }, /^secureBoot: needs machine/],
  ["a log of no console", { console: false, serialLog: "/a.log" }, /^serialLog: needs console/],
  ["a wait for no interface", { waitForAddress: { nic: "wan" } }, /^waitForAddress.nic: there is no "wan"/],
  [
    "a network elsewhere",
    { nics: { a: { network: { name: "l", host: { uri: "qemu:///system" } } } } },
    /^nics.a.network: lives on another host/,
  ],
  ["a typo", { memroy: "1 GiB" }, /^memroy: .*did you mean "memory"/],
  ["a nested typo", { disks: { a: { path: "/a", cahce: "none" } } }, /^disks.a.cahce: .*"cache"/],
  ["a unit", { memory: "1 Gib" }, /^memory: .*units: /],
  ["a control character", { title: "a\u0001" }, /^title: holds a control character/],
  ["a title of two lines", { title: "a\nb" }, /^title: must be one line/],
  ["a relative path", { disks: { a: { path: "a.img" } } }, /^disks.a.path: must be an absolute path/],
  ["a name with a slash", { name: "a/b" }, /^name: must not contain/],
])("%s is refused", (_name, args, expected) => {
  expect(faultsOf(args).join("\n")).toMatch(expected);
});

test("what is not known yet is no fault", () => {
  const args = {
    memory: unknown,
    vcpus: unknown,
    disks: { root: { volume: { path: unknown, name: "r", format: unknown } }, all: unknown },
    nics: { lan: { network: { name: unknown, uuid: unknown } } },
    waitForAddress: { nic: unknown },
  };
  expect(check(args).failures).toEqual([]);
  expect(check({ disks: unknown, nics: unknown }).failures).toEqual([]);
  expect(check({ iothreads: 1, iothreadPools: { a: unknown } }).failures).toEqual([]);
});

test("what is wrong whatever the unknown values are is told", () => {
  const disks = {
    open: { path: "/a", cache: unknown, io: "native" },
    first: { path: "/b" },
    twin: { path: "/b" },
    later: { path: unknown },
    drive: { device: "cdrom", bus: "virtio", volume: { path: unknown, name: "r", format: unknown } },
  };
  expect(check({ disks }).failures.map(({ property }) => property)).toEqual(["disks.drive.bus", "disks.twin"]);
});

test("an object in place of the entry that takes it is told so, and not of each of its properties", () => {
  const volume = { name: "r", path: unknown, pool: { name: "vms" }, host };
  expect(faultsOf({ disks: { root: volume }, nics: { lan: { ...network, uuid: unknown, host } } })).toEqual([
    "disks.root: the entry takes that object as its `volume`: { volume: ... }",
    "nics.lan: the entry takes that object as its `network`: { network: ... }",
  ]);
});
