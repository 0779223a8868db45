import type { Fault } from "../../core/check";
import { isPlainObject } from "../../core/unknown";
import { overlaySchedulerRule, tuneRule } from "./cpu-tune-rules";
import { resourceControlRule } from "./resource-control-rules";
import { fault, type MachineRule } from "./rule-entries";

/** What a flag of Hyper-V needs beside it; QEMU refuses to start without. */
const hypervNeeds: readonly (readonly [flag: string, needs: string])[] = [
  ["synic", "vpindex"],
  ["stimer", "synic"],
  ["stimerDirect", "stimer"],
  ["tlbflush", "vpindex"],
  ["tlbflushDirect", "tlbflush"],
  ["tlbflushDirect", "vapic"],
  ["tlbflushExtended", "tlbflush"],
  ["ipi", "vpindex"],
  ["evmcs", "vapic"],
];

const isSame = (value: unknown, all: unknown) => typeof value === "number" && typeof all === "number" && value === all;

const topologyRule: MachineRule = {
  needs: ["cpu", "maxVcpus"],
  check: ({ cpu, maxVcpus }) => {
    const topology = cpu?.topology;
    if (!topology) return [];
    const { sockets, dies, clusters = 1, cores, threads } = topology;
    const counts: readonly unknown[] = [sockets, dies, clusters, cores, threads];
    if (!counts.every((value) => typeof value === "number")) return [];
    const product = counts.reduce<number>((all, value) => all * Number(value), 1);
    const said = `${sockets} sockets x ${dies} dies x ${clusters} clusters x ${cores} cores x ${threads} threads`;
    const remedy = `set maxVcpus: ${product}, or change the topology`;
    return isSame(product, maxVcpus)
      ? []
      : [fault("cpu.topology", `${said} make ${product} vCPUs, and maxVcpus is ${maxVcpus}: ${remedy}`)];
  },
};

const cpuRule: MachineRule = {
  needs: ["cpu"],
  check: ({ cpu }) => {
    if (!cpu) return [];
    const hosts = cpu.mode === "host-passthrough" || cpu.mode === "maximum";
    const { cache, maxPhysicalAddress: width, features, nested } = cpu;
    const named = ["vmx", "svm"].filter((name) => isPlainObject(features) && Object.hasOwn(features, name));
    const faults: (Fault | false | undefined)[] = [
      cpu.migratable !== undefined &&
        !hosts &&
        fault("cpu.migratable", "goes only with cpu.mode host-passthrough or maximum; leave it out"),
      nested !== undefined &&
        named.length > 0 &&
        fault(`cpu.features.${named[0]}`, "is what cpu.nested says; leave one of the two out"),
      cache?.mode === "passthrough" &&
        !hosts &&
        fault(
          "cpu.cache.mode",
          'passthrough needs cpu.mode host-passthrough or maximum; choose "emulate" with level 3',
        ),
      cache?.mode === "emulate" &&
        cache.level === undefined &&
        fault("cpu.cache.level", "is required with mode emulate: set it to 3"),
      cache !== undefined &&
        cache.mode !== "emulate" &&
        cache.level !== undefined &&
        fault("cpu.cache.level", "goes only with mode emulate; leave it out"),
      width?.mode === "passthrough" &&
        cpu.mode !== "host-passthrough" &&
        fault("cpu.maxPhysicalAddress.mode", 'passthrough needs cpu.mode host-passthrough; choose "emulate" with bits'),
      width?.mode === "emulate" &&
        width.bits === undefined &&
        fault("cpu.maxPhysicalAddress.bits", "is required with mode emulate"),
      width?.mode === "passthrough" &&
        width.bits !== undefined &&
        fault("cpu.maxPhysicalAddress.bits", "goes only with mode emulate; use limit"),
      width?.mode === "emulate" &&
        width.limit !== undefined &&
        fault("cpu.maxPhysicalAddress.limit", "goes only with mode passthrough; use bits"),
    ];
    return faults.filter((found) => found !== false && found !== undefined);
  },
};

/** What KVM's kernel module must set for each vCPU, and what is built upon it. */
const kvmOnly = ["vpindex", "synic", "stimer", "tlbflush", "ipi"];

const featureRule: MachineRule = {
  needs: ["features", "cpu", "virtType"],
  check: ({ features, cpu, virtType, clock }) => {
    const flags: Readonly<Record<string, unknown>> = features?.hyperv ?? {};
    // libvirt puts the host's own beside the flags, and looks at what they need itself.
    const missing =
      flags["mode"] === "host-model"
        ? []
        : hypervNeeds.filter(([flag, needs]) => flags[flag] === true && flags[needs] !== true);
    const given = Object.keys(flags).filter((name) => name !== "mode" && flags[name] !== undefined);
    const timer = flags["stimer"] === true && clock?.timers?.hypervclock?.present !== true;
    const { kvm } = features ?? {};
    const hosts = cpu?.mode === "host-passthrough" || cpu?.mode === "maximum";
    return [
      ...missing.map(([flag, needs]) => fault(`features.hyperv.${flag}`, `needs features.hyperv.${needs}: true`)),
      ...(timer ? [fault("features.hyperv.stimer", "needs clock.timers.hypervclock.present: true")] : []),
      ...(flags["mode"] === "passthrough" && given.length > 0
        ? [fault("features.hyperv.mode", `passthrough takes all of the host's flags: leave out ${given.join(", ")}`)]
        : []),
      ...(kvm?.hintDedicated === true && !hosts
        ? [fault("features.kvm.hintDedicated", "needs cpu.mode host-passthrough or maximum")]
        : []),
      ...(virtType === "qemu" ? kvmOnly.filter((name) => flags[name] === true) : []).map((name) =>
        fault(
          `features.hyperv.${name}`,
          'is done by KVM: with virtType "qemu" QEMU does not start, or newer ones show the guest nothing of it; leave it out',
        ),
      ),
      ...(kvm?.dirtyRing !== undefined && virtType === "qemu"
        ? [fault("features.kvm.dirtyRing", 'needs virtType: "kvm"; leave it out')]
        : []),
    ];
  },
};

const clockRule: MachineRule = {
  needs: ["clock"],
  check: ({ clock }) => {
    if (!clock || (clock.offset === "timezone") === (clock.timezone !== undefined)) return [];
    return clock.offset === "timezone"
      ? [fault("clock.timezone", 'is required with offset timezone, for example "Europe/Berlin"')]
      : [fault("clock.timezone", 'needs offset: "timezone"')];
  },
};

export const cpuTuneRules: readonly MachineRule[] = [
  topologyRule,
  cpuRule,
  tuneRule,
  overlaySchedulerRule,
  resourceControlRule,
  featureRule,
  clockRule,
];
