import { attribute, z } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { size } from "../../core/quantities";
import { parseBytes } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import { type Profile, presetsOf, profiles } from "../../tuning/profiles";
import { factsOf, libvirtOf } from "../facts";
import { fault, type MachineRule } from "./rule-entries";
import { usbDevicesOf } from "./usb";

const byItsValues = () => ({ class: "live", reason: "by the values that it gives" }) as const;
const guests = ["linux", "windows"] as const;

export const profileRows = {
  profile: attribute({
    doc: "What the guest is for. It gives values to arguments that are left out, which show in the preview and may each be said otherwise: `general` (placed in one cell where it fits, free page reporting, one IOThread, up to 4 queues), `dense` (low weight, a balloon that gives back, disks limited to 3000 requests and 125 MiB a second each, one queue), `dedicated` (CPUs of its own by whole cores, huge pages where there are some, all memory taken at the start, no balloon, up to 4 IOThreads), `latency` (in addition one vCPU a core, real-time vCPUs, huge pages in any case, locked memory, near devices, longer rings, no USB), `confidential` (for `launchSecurity`: a named CPU model, no balloon, nothing plugged in). New machines get UEFI, where the host has it and no kernel is booted directly. Values follow the arguments that they depend on, by the table of `defaultsVersion`. Default: none.",
    schema: z.enum(profiles).optional(),
    change: byItsValues,
  }),
  guest: attribute({
    doc: "Operating system of the guest. `windows` gives it Hyper-V's interfaces, local time, optical drives on sata, in a new machine UEFI with Secure Boot and a TPM, and disks and interfaces that it sees without virtio drivers unless a cdrom with virtio in its name is there. Default linux.",
    schema: z.enum(guests).optional(),
    change: byItsValues,
  }),
};

const object = (value: unknown): Values => (isPlainObject(value) ? value : {});
const numberOr = (value: unknown) => (typeof value === "number" ? value : undefined);
const textOr = (value: unknown) => (typeof value === "string" ? value : undefined);

/** Values of the profile and the guest for what the program leaves out; all that is not known yet is left to later. */
export function machinePresets(news: Values, olds: Values | undefined): Values {
  const profile = profiles.find((known) => known === news["profile"]);
  const guest = guests.find((known) => known === news["guest"]);
  if (profile === undefined && guest === undefined) return firmwareOf(news, olds);
  const { vcpus = 1, maxVcpus = vcpus, memory, maxMemory = memory, virtType, hugePages } = news;
  const [cpu, backing] = [object(news["cpu"]), object(news["memoryBacking"])];
  const disks = entriesIn(news["disks"]);
  const driverless = guest === "windows" ? withoutDrivers(news, olds, disks.some(isDriverMedium)) : noDevices;
  const isVirtio = ([key, disk]: Entry) =>
    (disk["bus"] ?? "virtio") === "virtio" && isDisk(disk) && !driverless.disks.includes(key);
  const virtio = disks.filter(isVirtio);
  const nameless = virtio.filter(([, { iothread, iothreadMapping }]) => (iothread ?? iothreadMapping) === undefined);
  const before = profile !== undefined && olds?.["profile"] === profile ? olds : {};
  const disksBefore = object(before["disks"]);
  const isDecided = wasDecided(before);
  return presetsOf({
    profile,
    guest,
    isKvm: virtType !== "qemu",
    cpuMode: textOr(cpu["mode"]),
    seesHostCpu: cpu["mode"] === undefined || cpu["mode"] === "host-passthrough" || cpu["mode"] === "maximum",
    policy: textOr(cpu["policy"]),
    pages: hugePages === undefined ? undefined : hugePages === "none" ? "ordinary" : "huge",
    maxVcpus: numberOr(maxVcpus),
    memoryBytes: bytesOf(maxMemory),
    unlimited: disks.filter(isUnlimited).map(([key]) => key),
    virtioDisks: Object.fromEntries(nameless.map(([key]) => [key, numberOr(object(disksBefore[key])["iothread"])])),
    iothreads: numberOr(news["iothreads"]),
    namedThread: Math.max(0, ...virtio.map(([, { iothread }]) => numberOr(iothread) ?? 0)),
    nics: entriesIn(news["nics"]).flatMap(([key, nic]) => (isTap(nic) && !driverless.nics.includes(key) ? [key] : [])),
    devices: entriesIn(news["hostDevices"]).flatMap(([key, { pci }]) => (pci === undefined ? [] : [key])),
    mapsQueues: mapsQueues(news, isDecided ? disksBefore : {}),
    takesByThreads: backing["allocation"] !== "ondemand" && takesByThreads(news, isDecided ? before : {}),
    mayLock: backing["locked"] !== false,
    mayBalloon: object(news["balloon"])["model"] !== "none",
    direct: virtio.flatMap(([key, { cache = "none" }]) => (cache === "none" || cache === "directsync" ? [key] : [])),
    encryption: textOr(object(news["launchSecurity"])["type"]),
    mayUefi: mayUefi(news, olds),
    hasSecureBoot: factsOf(news["host"])["secureBoot"] !== false,
    needsUsb: usbDevicesOf(news).length > 0,
    coresOfOneSocket: showsCores(news, olds) ? numberOr(maxVcpus) : undefined,
    driverless,
  });
}

type Entry = readonly [string, Values];
const noDevices = { disks: [], nics: [] };

function entriesIn(map: unknown): Entry[] {
  return Object.entries(object(map)).flatMap(([key, entry]): Entry[] => (isPlainObject(entry) ? [[key, entry]] : []));
}

function isDisk({ device }: Values): boolean {
  return device === undefined || device === "disk";
}

/** Interfaces whose packets a tap carries, which several queues can serve. */
function isTap({ model, network, bridge }: Values): boolean {
  return (model === undefined || model === "virtio") && (network !== undefined || bridge !== undefined);
}

/** A cdrom by whose name one sees that it brings virtio drivers, as virtio-win.iso. */
function isDriverMedium([key, { device, volume, path }]: Entry): boolean {
  const names = [key, object(volume)["name"], path].filter((name) => typeof name === "string");
  return device === "cdrom" && names.some((name) => /virtio/i.test(name));
}

/**
 * Of a machine that is there those that it has so already: another bus would be another disk for its system. Drives are
 * on sata whatever lies in them: drivers on a medium that the installer does not see are of no use to it.
 */
function withoutDrivers(news: Values, olds: Values | undefined, hasDrivers: boolean) {
  const isMeant = (map: string, entry: Values) =>
    entry["device"] === "cdrom" || (!hasDrivers && (map === "nics" || isDisk(entry)));
  const choose = (map: string, name: string, value: string) =>
    entriesIn(news[map]).flatMap(([key, entry]) => {
      const old = object(olds?.[map])[key];
      const fits = old === undefined || object(old)[name] === value;
      return fits && entry[name] === undefined && isMeant(map, entry) ? [key] : [];
    });
  return { disks: choose("disks", "bus", "sata"), nics: choose("nics", "model", "e1000e") };
}

/** Whether the state shows what the profile had made of the host's libvirt: one vCPU takes no second thread of either kind. */
function wasDecided({ maxVcpus }: Values): boolean {
  return (numberOr(maxVcpus) ?? 1) > 1;
}

/** An upgrade of the host changes nothing for disks that are there. */
function mapsQueues({ host }: Values, before: Values): boolean {
  const disks = Object.values(before).filter(isPlainObject);
  if (disks.length > 0) return disks.some(({ iothreadMapping }) => iothreadMapping !== undefined);
  return (libvirtOf(host) ?? 0) >= 10_000_000;
}

/** An upgrade of the host changes nothing for memory that is taken by one thread. */
function takesByThreads({ host }: Values, before: Values): boolean {
  const backing = object(before["memoryBacking"]);
  return before["profile"] === undefined || backing["allocation"] === "ondemand"
    ? (libvirtOf(host) ?? 8_002_000) >= 8_002_000
    : backing["threads"] !== undefined;
}

/** What is there already, or is taken as it is, has a system that expects what it has. */
function isNew({ adopt, defaultsVersion }: Values, olds: Values | undefined): boolean {
  return olds === undefined && adopt !== true && defaultsVersion !== 0;
}

/** A system that was installed with the other firmware would not start. */
function mayUefi(news: Values, olds: Values | undefined): boolean {
  const { firmware, boot, loader, host } = news;
  if (firmware !== undefined) return firmware === "uefi";
  if (!isNew(news, olds)) return olds?.["firmware"] === "uefi";
  const offered = factsOf(host).firmware;
  return object(boot)["kernel"] === undefined && loader === undefined && (offered?.includes("efi") ?? true);
}

/** What a profile or guest has brought stays without it, for the same reason. */
function firmwareOf({ firmware, loader }: Values, olds: Values | undefined): Values {
  const isKept = firmware === undefined && loader === undefined && olds?.["firmware"] === "uefi";
  return isKept ? { firmware: "uefi" } : {};
}

/** Another topology is other hardware; one that is placed, has cells or says it has one already. */
function showsCores(news: Values, olds: Values | undefined): boolean {
  const { profile, numa, cpu } = news;
  const { topology, policy } = object(cpu);
  if ((topology ?? policy ?? numa) !== undefined || (profile !== undefined && profile !== "confidential")) return false;
  return isNew(news, olds) || object(object(olds?.["cpu"])["topology"])["cores"] !== undefined;
}

/** Also a set of limits without any is the program's own word. */
function isUnlimited([, disk]: Entry): boolean {
  const { device, iotune, throttleFilters } = disk;
  return (device === undefined || device === "disk") && (iotune ?? throttleFilters) === undefined;
}

function bytesOf(value: unknown): number | undefined {
  const parsed = size.safeParse(value);
  return parsed.success ? Number(parseBytes(parsed.data)) : undefined;
}

export const profileRules: readonly MachineRule[] = [
  {
    needs: ["profile"],
    check: ({ profile, launchSecurity }) =>
      profile === "confidential" && launchSecurity === undefined
        ? [fault("launchSecurity", 'is required with profile confidential: { type: "sev-snp" }, or what the host has')]
        : [],
  },
  {
    needs: ["profile", "vcpus", "maxVcpus"],
    check: ({ profile, vcpus, maxVcpus }) =>
      isFixed(profile) && maxVcpus !== vcpus
        ? [
            fault(
              "maxVcpus",
              `is ${maxVcpus} and vcpus ${vcpus}: nothing is plugged into a guest of profile ${profile}; make them equal`,
            ),
          ]
        : [],
  },
  {
    needs: ["profile", "memory", "maxMemory"],
    check: ({ profile, memory, maxMemory, memoryDevices }) => {
      if (!isFixed(profile)) return [];
      const why = `nothing is plugged into a guest of profile ${profile}`;
      return [
        ...(memory === maxMemory
          ? []
          : [fault("maxMemory", `is ${maxMemory} and memory ${memory}: ${why}; make them equal`)]),
        ...Object.keys(memoryDevices ?? {}).map((key) =>
          fault(`memoryDevices.${key}`, `${why}: leave it out and raise memory`),
        ),
      ];
    },
  },
];

/** Real-time guests are sized once: a vCPU or page that comes later comes from elsewhere. */
function isFixed(profile: Profile | undefined): boolean {
  return profile === "latency" || profile === "confidential";
}
