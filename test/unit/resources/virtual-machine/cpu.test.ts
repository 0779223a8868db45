import type { Meta, Values } from "../../../../provider/core/handler";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { applyInputs } from "../../../../provider/resources/virtual-machine/apply";
import { bitMap } from "../../../../provider/resources/virtual-machine/host-sets";
import { compose } from "../../../../provider/resources/virtual-machine/render";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { child, element } from "../../../../provider/schema/tree";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };
const host = { uri: "qemu+ssh://rack1/system" };

function check(args: Values) {
  return virtualMachine.check({ host, memory: "1 GiB", vcpus: 4, ...args }, undefined, meta);
}

function faultsOf(args: Values): string {
  return check(args)
    .failures.map(({ property, reason }) => `${property}: ${reason}`)
    .join("\n");
}

function changes(before: Values, after: Values): string[] {
  const olds = check(before).inputs;
  return virtualMachine
    .diff("id", olds, check(after).inputs)
    .changes.map((change) => `${change.property} ${change.class}`);
}

const bandwidth = (vcpus: string): Values => ({ vcpus, nodes: [{ id: 0, bandwidth: 50 }] });
const l3 = (vcpus: string, ...types: string[]): Values => ({
  vcpus,
  caches: types.map((type) => ({ id: 0, level: 3, type, size: "1 MiB" })),
});

test.each<[string, Values, RegExp]>([
  [
    "a topology of another size",
    { cpu: { topology: { cores: 3, threads: 2 } } },
    /^cpu.topology: 1 sockets x 1 dies x 1 clusters x 3 cores x 2 threads make 6 vCPUs, and maxVcpus is 4: set maxVcpus: 6/,
  ],
  ["a cache of no level", { cpu: { cache: { mode: "emulate" } } }, /^cpu.cache.level: is required.*set it to 3/],
  [
    "a level of no cache",
    { cpu: { cache: { mode: "disable", level: 3 } } },
    /^cpu.cache.level: goes only with mode emu/,
  ],
  ["level 2", { cpu: { cache: { mode: "emulate", level: 2 } } }, /^cpu.cache.level: must be 3/],
  [
    "the host's cache on another CPU",
    { cpu: { mode: "host-model", cache: { mode: "passthrough" } } },
    /^cpu.cache.mode: passthrough needs cpu.mode host-passthrough or maximum; choose "emulate"/,
  ],
  ["a migratable model", { cpu: { mode: "host-model", migratable: true } }, /^cpu.migratable: goes only with/],
  ["nesting said twice", { cpu: { nested: true, features: { vmx: "require" } } }, /^cpu.features.vmx: .*leave one/],
  ["a policy", { cpu: { features: { pcid: "on" } } }, /^cpu.features.pcid: expected one of/],
  [
    "bits of the host",
    { cpu: { maxPhysicalAddress: { mode: "passthrough", bits: 42 } } },
    /bits: goes only.*use limit/,
  ],
  ["no bits", { cpu: { maxPhysicalAddress: { mode: "emulate" } } }, /bits: is required with mode emulate/],
  [
    "a pin of no vCPU",
    { cpuTune: { vcpuPins: { "4": "0" } } },
    /^cpuTune.vcpuPins\[4\]: 4 is not below 4: .*raise maxVcpus/,
  ],
  ["a pin to nothing", { cpuTune: { vcpuPins: { "0": "1,^1" } } }, /^cpuTune.vcpuPins\[0\]: "1,\^1" names none/],
  ["no CPU set", { cpuTune: { emulatorPin: "first" } }, /^cpuTune.emulatorPin: "first" is not a CPU/],
  ["a pin of no IOThread", { cpuTune: { iothreadPins: { "1": "0" } } }, /iothreadPins\[1\]: .*raise iothreads/],
  ["IOThread 0", { iothreads: 1, cpuTune: { iothreadPins: { "0": "0" } } }, /iothreadPins\[0\]: .*from 1/],
  [
    "a scheduler of no IOThread",
    { iothreads: 1, cpuTune: { iothreadSchedulers: [{ iothreads: "1-2", policy: "batch" }] } },
    /^cpuTune.iothreadSchedulers\[0\].iothreads: 2 is not below 2: .*raise iothreads/,
  ],
  [
    "a scheduler of IOThread 0",
    { iothreads: 1, cpuTune: { iothreadSchedulers: [{ iothreads: "0-1", policy: "batch" }] } },
    /^cpuTune.iothreadSchedulers\[0\].iothreads: .*from 1/,
  ],
  [
    "two schedulers of a vCPU",
    {
      cpuTune: {
        vcpuSchedulers: [
          { vcpus: "0-1", policy: "batch" },
          { vcpus: "1-2", policy: "idle" },
        ],
      },
    },
    /^cpuTune.vcpuSchedulers\[1\].vcpus: 1 has a scheduler already/,
  ],
  [
    "resctrl without KVM",
    { virtType: "qemu", cpuTune: { memoryTune: [bandwidth("0")] } },
    /^cpuTune.memoryTune: needs vi/,
  ],
  [
    "sets of vCPUs that cross",
    { cpuTune: { memoryTune: [bandwidth("1")], cacheTune: [l3("0-1", "both")] } },
    /^cpuTune.memoryTune\[0\].vcpus: shares vCPUs with cpuTune.cacheTune\[0\]/,
  ],
  [
    "caches of the same vCPUs twice",
    { cpuTune: { cacheTune: [l3("0,1", "code"), l3("0-1", "data")] } },
    /^cpuTune.cacheTune\[1\].vcpus: the set of vCPUs is taken by cpuTune.cacheTune\[0\].vcpus/,
  ],
  [
    "code twice",
    { cpuTune: { cacheTune: [l3("0", "both", "code")] } },
    /^cpuTune.cacheTune\[0\].caches\[1\]: the part is taken by cpuTune.cacheTune\[0\].caches\[0\]; give another one$/,
  ],
  [
    "bandwidth of a node twice",
    { cpuTune: { memoryTune: [bandwidth("0"), bandwidth("0")] } },
    /^cpuTune.memoryTune\[1\].nodes\[0\]: the part is taken by/,
  ],
  [
    "real time without priority",
    { cpuTune: { vcpuSchedulers: [{ vcpus: "0", policy: "fifo" }] } },
    /^cpuTune.vcpuSchedulers\[0\].priority: is required/,
  ],
  [
    "a priority of batch",
    { cpuTune: { emulatorScheduler: { policy: "batch", priority: 1 } } },
    /^cpuTune.emulatorScheduler.priority: goes only with fifo and rr/,
  ],
  [
    "cache for no vCPU",
    { cpuTune: { memoryTune: [{ vcpus: "0-9", nodes: [{ id: 0, bandwidth: 50 }] }] } },
    /^cpuTune.memoryTune\[0\].vcpus: 4 is not below 4/,
  ],
  [
    "KVM's own interfaces with emulation",
    { virtType: "qemu", features: { hyperv: { relaxed: true, vpindex: true, ipi: true } } },
    /^features.hyperv.vpindex: is done by KVM.*leave it out\nfeatures.hyperv.ipi: is done by KVM/,
  ],
  [
    "more vCPUs than interrupts reach",
    { vcpus: 256 },
    /^maxVcpus: is 256.*add iommu: \{ model: "intel", intremap: true, eim: true \}$/,
  ],
  ["synic alone", { features: { hyperv: { synic: true } } }, /^features.hyperv.synic: needs features.hyperv.vpindex/],
  [
    "stimer without its clock",
    { features: { hyperv: { vpindex: true, synic: true, stimer: true } } },
    /^features.hyperv.stimer: needs clock.timers.hypervclock.present: true/,
  ],
  ["flags beside passthrough", { features: { hyperv: { mode: "passthrough", relaxed: true } } }, /leave out relaxed/],
  ["an odd ring", { features: { kvm: { dirtyRing: 5000 } } }, /^features.kvm.dirtyRing: must be a power of two/],
  [
    "a ring without KVM",
    { virtType: "qemu", features: { kvm: { dirtyRing: 4096 } } },
    /dirtyRing: needs virtType: "kvm"/,
  ],
  [
    "a hint to a named model",
    { cpu: { mode: "host-model" }, features: { kvm: { hintDedicated: true } } },
    /^features.kvm.hintDedicated: needs cpu.mode/,
  ],
  ["no zone", { clock: { offset: "timezone" } }, /^clock.timezone: is required/],
  [
    "an overlay's scheduler of several vCPUs",
    { overlay: { cputune: { vcpusched: [{ vcpus: "0-1", scheduler: "batch" }] } } },
    /^overlay.cputune.vcpusched\[0\].vcpus: libvirt has an element for each.*cpuTune.vcpuSchedulers/,
  ],
  ["a zone of UTC", { clock: { timezone: "Europe/Berlin" } }, /^clock.timezone: needs offset: "timezone"/],
])("%s is refused", (_name, args, expected) => {
  expect(faultsOf(args)).toMatch(expected);
});

test("vCPUs may have a part of a cache and of the bandwidth, and code and data apart", () => {
  const cpuTune = { cacheTune: [l3("0-1", "code", "data")], memoryTune: [bandwidth("0,1"), bandwidth("2")] };
  expect(faultsOf({ cpuTune })).toBe("");
});

test("a host that is too old is named with what it lacks", () => {
  const facts = JSON.stringify({ libvirt: 9_000_000 });
  const topology = { clusters: 2, cores: 2 };
  const args = { host: { ...host, facts }, cpu: { topology, maxPhysicalAddress: { mode: "passthrough", limit: 42 } } };
  expect(faultsOf(args)).toMatch(/^cpu.topology.clusters: needs libvirt 10.1; the host has 9.0.0/m);
  expect(faultsOf(args)).toMatch(/^cpu.maxPhysicalAddress.limit: needs libvirt 9.3/m);
});

test("the vendor of a model that others wrote goes with it: libvirt takes none without a model", () => {
  const [before, after] = [{ mode: "custom", model: "EPYC" }, { mode: "host-model" }].map(
    (cpu) => check({ cpu }).inputs as Inputs,
  );
  const document = compose(before as Inputs);
  child(document, "cpu")?.children.push(element("vendor", {}, "AMD"));
  expect(child(applyInputs(document, after as Inputs, before as Inputs), "cpu")?.children).toEqual([]);
});

test("sets of CPUs have one spelling, and one bit for each CPU on the wire", () => {
  expect(check({ cpuTune: { emulatorPin: "3,1,2,^2,0" } }).inputs).toMatchObject({ cpuTune: { emulatorPin: "0-1,3" } });
  expect(bitMap("0,3,8")).toEqual(Buffer.from([0b1001, 1]));
});

test("pins and times change in the running guest, the rest at its next start", () => {
  const before = { cpuTune: { vcpuPins: { "0": "0" }, emulatorPin: "0", shares: 100 } };
  const after = { cpuTune: { vcpuPins: { "0": "1" }, shares: 200, quota: -1 }, cpu: { nested: false } };
  expect(changes(before, after)).toEqual([
    "cpu.nested restart",
    "cpuTune.vcpuPins live",
    "cpuTune.emulatorPin restart",
    "cpuTune.shares live",
    "cpuTune.quota live",
  ]);
  expect(changes({ cpuTune: { emulatorPin: "0,1" } }, { cpuTune: { emulatorPin: "0-1" } })).toEqual([]);
});
