/** What a guest is for; decides what nobody says. */
export const profiles = ["general", "dense", "dedicated", "latency", "confidential"] as const;
export type Profile = (typeof profiles)[number];

/** Values for arguments under their own names, in blocks and entries as the arguments are. */
export interface Presets {
  readonly [name: string]: unknown;
}

/** What a profile looks at: what the program says itself, as far as it is known. */
export interface ProfiledGuest {
  readonly profile: Profile | undefined;
  readonly guest: "linux" | "windows" | undefined;
  /** Hints of the hypervisor exist with kvm alone. */
  readonly isKvm: boolean;
  /** The guest sees the CPU of the host as it is. */
  readonly seesHostCpu: boolean;
  /** What the program says of `cpu.mode`. */
  readonly cpuMode: string | undefined;
  /** What the program says of `cpu.policy`. */
  readonly policy: string | undefined;
  /** Ordinary pages by the program's own word, huge ones by it, or nothing said. */
  readonly pages: "ordinary" | "huge" | undefined;
  readonly maxVcpus: number | undefined;
  readonly memoryBytes: number | undefined;
  /** Disks whose requests nothing of the program limits. */
  readonly unlimited: readonly string[];
  /** virtio disks of which the program names no IOThread, with the one that each has had so far. */
  readonly virtioDisks: Readonly<Record<string, number | undefined>>;
  /** IOThreads that the program has itself, and the highest number that it names for a disk. */
  readonly iothreads: number | undefined;
  readonly namedThread: number;
  /** virtio interfaces that a tap of the host serves. */
  readonly nics: readonly string[];
  /** PCI devices of the host. */
  readonly devices: readonly string[];
  /** IOThreads can share the queues of a disk (libvirt 10.0). */
  readonly mapsQueues: boolean;
  /** Several threads can take the memory at the start (libvirt 8.2), and the program does not want it taken later. */
  readonly takesByThreads: boolean;
  /** The program wants its memory locked, or says nothing of it. */
  readonly mayLock: boolean;
  /** The program wants a balloon, or says nothing of it. */
  readonly mayBalloon: boolean;
  /** Those of the virtio disks that the program lets QEMU's cache have nothing of. */
  readonly direct: readonly string[];
  /** How its memory is encrypted. */
  readonly encryption: string | undefined;
  /** The machine may be given UEFI: it is new and its host has some, or has it. */
  readonly mayUefi: boolean;
  readonly hasSecureBoot: boolean;
  /** The program gives it devices that hang on USB. */
  readonly needsUsb: boolean;
  /** vCPUs of a guest that may be told that they are the cores of one socket. */
  readonly coresOfOneSocket: number | undefined;
  /** Disks and interfaces that Windows would not see without drivers that are not there. */
  readonly driverless: { readonly disks: readonly string[]; readonly nics: readonly string[] };
}

const pageOverhead = 256;
const GiB = 1024 ** 3;

/** Most IOThreads that pay for themselves. */
const mostThreads = 4;

/** QEMU starts no more threads to take memory. */
const mostTakers = 16;

/** What the smallest current cloud disks give, AWS gp3 without extras: enough to live with, too little to starve others. */
const fairShare = { totalIopsSec: 3000, totalBytesSec: "125 MiB/s" };

/**
 * Oldest CPU that can encrypt memory so: every newer one runs it too, and what is measured at the start does not change
 * with the host. QEMU gives guests of TDX nothing but the CPU of the host.
 */
const oldestCpus: Readonly<Record<string, string>> = { sev: "EPYC-IBPB", "sev-snp": "EPYC-Milan" };

/** Most pairs of queues that an interface is given by itself: more cost memory and interrupts without a gain. */
export function mostQueues(profile: unknown): number {
  return profile === "general" ? 4 : 8;
}

/**
 * The values of the first table of defaults; later ones get tables of their own, so that no release changes what a
 * machine that is there was given. Values depend on arguments alone, and change with them.
 */
export function presetsOf(guest: ProfiledGuest): Presets {
  const { profile } = guest;
  const size = profile === undefined ? {} : tables[profile](guest);
  return merge(size, guest.guest === "windows" ? windows(guest) : {});
}

const tables: Readonly<Record<Profile, (guest: ProfiledGuest) => Presets>> = {
  general: (guest) => ({
    ...uefiFor(guest),
    cpu: { policy: "shared" },
    ...(guest.mayBalloon && guest.pages !== "huge" && { balloon: { freePageReporting: true } }),
    ...threadsFor(guest, 1),
  }),
  dense: (guest) => ({
    ...uefiFor(guest),
    cpu: { policy: "shared" },
    cpuTune: { shares: 50 },
    ...(guest.mayBalloon && {
      balloon: { autodeflate: true, ...(guest.pages !== "huge" && { freePageReporting: true }) },
    }),
    disks: entries(guest.unlimited, { iotune: fairShare }),
    nics: entries(guest.nics, { queues: 1 }),
  }),
  dedicated,
  latency: (guest) => {
    const { maxVcpus, memoryBytes, nics, devices, needsUsb, mayLock, direct } = guest;
    const own: Presets = {
      cpu: { smt: "isolate" },
      features: { pmu: false },
      hugePages: "required",
      ...(!needsUsb && { usbController: "none" }),
      // One vCPU stays with the guest's own housekeeping, or a busy real-time thread would starve it.
      ...(maxVcpus !== undefined &&
        maxVcpus > 1 && {
          cpuTune: {
            vcpuSchedulers: [{ vcpus: maxVcpus === 2 ? "1" : `1-${maxVcpus - 1}`, policy: "fifo", priority: 1 }],
          },
        }),
      ...(mayLock &&
        memoryBytes !== undefined && {
          memoryBacking: { locked: true },
          memoryLimits: { hardLimit: memoryBytes + roomForQemu(memoryBytes) },
        }),
      disks: entries(direct, { cache: "none", io: "native" }),
      nics: entries(nics, { rxQueueSize: 1024, ...(maxVcpus !== undefined && { queues: Math.min(maxVcpus, 256) }) }),
      hostDevices: entries(devices, { locality: "required" }),
    };
    return merge(merge(dedicated(guest), own), sharedQueues(guest));
  },
  confidential: ({ mayUefi, encryption = "", cpuMode = "custom" }) => ({
    ...(mayUefi && { firmware: "uefi", ...(encryption === "sev-snp" && { statelessFirmware: true }) }),
    ...(cpuMode === "custom" &&
      oldestCpus[encryption] !== undefined && { cpu: { mode: "custom", model: oldestCpus[encryption] } }),
    balloon: { model: "none" },
    memoryBacking: { mergePages: false },
    rootPorts: 0,
  }),
};

function dedicated(guest: ProfiledGuest): Presets {
  const owns = guest.policy !== "shared";
  const takers = Math.min(guest.maxVcpus ?? 1, mostTakers);
  return {
    ...uefiFor(guest),
    cpu: { policy: "dedicated", ...(guest.isKvm && guest.seesHostCpu && { cache: { mode: "passthrough" } }) },
    ...(owns && guest.isKvm && guest.seesHostCpu && { features: { kvm: { hintDedicated: true, pollControl: true } } }),
    hugePages: "preferred",
    memoryBacking: {
      mergePages: false,
      allocation: "immediate",
      ...(guest.takesByThreads && takers > 1 && { threads: takers }),
    },
    balloon: { model: "none" },
    ...threadsFor(guest, mostThreads),
  };
}

function uefiFor({ mayUefi }: ProfiledGuest): Presets {
  return mayUefi ? { firmware: "uefi" } : {};
}

/** A hard limit kills the guest when it is too low: page tables, queues, devices and 1 GiB more, in whole MiB. */
function roomForQemu(memory: number): number {
  const room = GiB + memory / pageOverhead;
  return Math.ceil(room / 1024 ** 2) * 1024 ** 2;
}

/** An IOThread for each virtio disk, up to some; a disk keeps the one that it has. */
function threadsFor({ virtioDisks, iothreads = mostThreads, namedThread }: ProfiledGuest, wanted: number): Presets {
  const keys = Object.keys(virtioDisks);
  const most = Math.min(wanted, iothreads);
  if (keys.length === 0 || most === 0) return {};
  const count = Math.max(
    Math.min(keys.length, most),
    ...keys.map((key) => virtioDisks[key] ?? 0).filter((thread) => thread <= most),
  );
  const load = Array.from({ length: count }, () => 0);
  const take = (thread: number) => {
    load[thread - 1] = (load[thread - 1] ?? 0) + 1;
    return { iothread: thread };
  };
  const isKept = (thread: number | undefined): thread is number => thread !== undefined && thread <= count;
  const kept = keys.flatMap((key) => {
    const thread = virtioDisks[key];
    return isKept(thread) ? [[key, take(thread)] as const] : [];
  });
  const rest = keys.filter((key) => !isKept(virtioDisks[key]));
  const given = rest.map((key) => [key, take(load.indexOf(Math.min(...load)) + 1)] as const);
  return { iothreads: Math.max(count, namedThread), disks: Object.fromEntries([...kept, ...given]) };
}

/** All IOThreads on each disk; a thread without a queue is refused by QEMU. */
function sharedQueues(guest: ProfiledGuest): Presets {
  const { mapsQueues, maxVcpus = 1, virtioDisks, iothreads = mostThreads, namedThread } = guest;
  const threads = Math.min(mostThreads, maxVcpus, iothreads);
  const keys = Object.keys(virtioDisks);
  if (!mapsQueues || threads < 2 || keys.length === 0) return {};
  const iothreadMapping = Array.from({ length: threads }, (_, index) => ({ iothread: index + 1 }));
  return { iothreads: Math.max(threads, namedThread), disks: entries(keys, { iothread: undefined, iothreadMapping }) };
}

/** Hyper-V's interfaces, the clock that Windows expects, what its current versions ask for, devices that it sees. */
function windows({ isKvm, mayUefi, hasSecureBoot, driverless, coresOfOneSocket }: ProfiledGuest): Presets {
  const hyperv = {
    ...{ relaxed: true, vapic: true, spinlocks: 8191, vpindex: true, runtime: true, synic: true, stimer: true },
    ...{ reset: true, frequencies: true, reenlightenment: true, tlbflush: true, ipi: true },
  };
  return {
    clock: { offset: "localtime", ...(isKvm && { timers: { hypervclock: { present: true } } }) },
    ...(isKvm && { features: { hyperv } }),
    // Windows for desktops uses two sockets at most.
    ...(coresOfOneSocket !== undefined && { cpu: { topology: { sockets: 1, cores: coresOfOneSocket } } }),
    ...(mayUefi && { firmware: "uefi", ...(hasSecureBoot && { secureBoot: true }), tpm: { model: "tpm-crb" } }),
    disks: entries(driverless.disks, { bus: "sata" }),
    nics: entries(driverless.nics, { model: "e1000e" }),
  };
}

function entries(keys: readonly string[], values: Presets): Presets {
  return Object.fromEntries(keys.map((key) => [key, values]));
}

/** The second over the first, block by block. */
function merge(a: Presets, b: Presets): Presets {
  const merged: Record<string, unknown> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const below = merged[name];
    merged[name] = isBlock(below) && isBlock(value) ? merge(below, value) : value;
  }
  return merged;
}

function isBlock(value: unknown): value is Presets {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
