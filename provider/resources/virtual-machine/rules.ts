import type { Fault } from "../../core/check";
import type { Rule } from "../../core/resource";
import { parseBytes } from "../../core/units";
import { hasUnknown, isPlainObject } from "../../core/unknown";
import { isPcie } from "./general";
import { knownTypes, newestBelow } from "./host-facts";
import type { Inputs, rows } from "./rows";

type MachineRule = Rule<typeof rows>;
type Disk = Inputs["disks"][string];
type Nic = Inputs["nics"][string];

const fault = (property: string, reason: string): Fault => ({ property, reason });

/** A rule of one entry of a map; entries that are not known yet are left for the next check. */
function eachDisk(check: (disk: Disk, at: string, inputs: Inputs) => readonly Fault[]): MachineRule {
  return {
    needs: ["machine"],
    check: (inputs) => entriesOf<Disk>(inputs.disks).flatMap(([key, disk]) => check(disk, `disks.${key}`, inputs)),
  };
}

function eachNic(check: (nic: Nic, at: string) => readonly Fault[]): MachineRule {
  return {
    needs: [],
    check: (inputs) => entriesOf<Nic>(inputs.nics).flatMap(([key, nic]) => check(nic, `nics.${key}`)),
  };
}

function entriesOf<T>(map: unknown): [string, T][] {
  if (!isPlainObject(map)) return [];
  return Object.entries(map).flatMap(([key, entry]): [string, T][] =>
    isPlainObject(entry) ? [[key, entry as T]] : [],
  );
}

/** Faults of the later ones among entries that share a value which must be theirs alone. */
function duplicates(values: readonly (readonly [at: string, value: unknown])[], what: string): Fault[] {
  const seen = new Map<unknown, string>();
  return values.flatMap(([at, value]) => {
    if (value === undefined || hasUnknown(value)) return [];
    const first = seen.get(value);
    if (first === undefined) seen.set(value, at);
    return first === undefined ? [] : [fault(at, `${what} is taken by ${first}`)];
  });
}

const cpuRules: readonly MachineRule[] = [
  {
    needs: ["vcpus", "maxVcpus"],
    check: ({ vcpus, maxVcpus }) =>
      maxVcpus < vcpus ? [fault("maxVcpus", `is ${maxVcpus}, less than vcpus (${vcpus})`)] : [],
  },
  {
    needs: ["virtType", "cpu"],
    check: ({ virtType, cpu }) =>
      virtType === "qemu" && cpu?.mode === "host-passthrough"
        ? [fault("cpu.mode", 'host-passthrough needs virtType kvm; with qemu choose "maximum"')]
        : [],
  },
  {
    needs: ["cpu"],
    check: ({ cpu }) => {
      if (cpu?.mode === "custom" && cpu.model === undefined)
        return [fault("cpu.model", "is required with mode custom")];
      return cpu?.mode !== "custom" && cpu?.model !== undefined
        ? [fault("cpu.model", "goes only with mode custom")]
        : [];
    },
  },
  {
    needs: ["virtType"],
    check: ({ virtType, host }) =>
      virtType === "kvm" && knownTypes(host).length > 0 && !knownTypes(host).includes("kvm")
        ? [fault("virtType", 'the host has no KVM: enable virtualization in its firmware, or set virtType: "qemu"')]
        : [],
  },
  {
    needs: ["machine"],
    check: ({ machine, host }) => {
      const newest = newestBelow(host, machine);
      return newest === undefined
        ? []
        : [
            fault(
              "machine",
              `${machine} needs a newer QEMU: the newest that the host has is ${newest} (after an upgrade of the host run pulumi refresh)`,
            ),
          ];
    },
  },
];

const memoryRules: readonly MachineRule[] = [
  {
    needs: ["memory", "maxMemory"],
    check: ({ memory, maxMemory }) => {
      const odd = Object.entries({ memory, maxMemory }).filter(([, value]) => parseBytes(value) % 1048576n !== 0n);
      const small = parseBytes(maxMemory) < parseBytes(memory);
      return [
        ...odd.map(([name, value]) => fault(name, `${value} is not a whole number of MiB`)),
        ...(parseBytes(memory) === 0n ? [fault("memory", "must be at least 1 MiB")] : []),
        ...(small ? [fault("maxMemory", `is ${maxMemory}, less than memory (${memory})`)] : []),
      ];
    },
  },
];

const firmwareRules: readonly MachineRule[] = [
  {
    needs: ["firmware", "secureBoot", "machine"],
    check: ({ firmware, secureBoot, machine }) => {
      if (secureBoot === undefined) return [];
      if (firmware !== "uefi") return [fault("secureBoot", 'needs firmware: "uefi"')];
      return secureBoot && !isPcie(machine) ? [fault("secureBoot", 'needs machine: "q35"')] : [];
    },
  },
  {
    needs: ["rootPorts", "machine"],
    check: ({ rootPorts, machine }) =>
      rootPorts !== undefined && !isPcie(machine) ? [fault("rootPorts", "exist only on the machine type q35")] : [],
  },
  {
    needs: ["console", "serialLog"],
    check: ({ console, serialLog }) =>
      serialLog !== undefined && !console ? [fault("serialLog", "needs console: true")] : [],
  },
];

const deviceRules: readonly MachineRule[] = [
  eachDisk(({ volume, path, device }, at) => {
    if (volume !== undefined && path !== undefined) return [fault(at, "has both volume and path; give one")];
    const empty = volume === undefined && path === undefined;
    return empty && device === "disk"
      ? [fault(at, "needs a volume or a path; only an optical drive may be empty")]
      : [];
  }),
  eachDisk(({ path, format }, at) =>
    format !== undefined && path === undefined
      ? [fault(`${at}.format`, "goes only with path; a volume knows its own")]
      : [],
  ),
  eachDisk(({ bus, device }, at, { machine }) => {
    if (device === "cdrom" && bus === "virtio")
      return [fault(`${at}.bus`, "an optical drive cannot be virtio; use sata or scsi")];
    return bus === "ide" && isPcie(machine) ? [fault(`${at}.bus`, "q35 has no IDE controller; use sata")] : [];
  }),
  eachDisk(({ io, cache }, at) =>
    io === "native" && cache !== "none" && cache !== "directsync"
      ? [fault(`${at}.io`, "native needs cache none or directsync")]
      : [],
  ),
  eachNic(({ network, bridge }, at) => {
    if (network !== undefined && bridge !== undefined) return [fault(at, "has both network and bridge; give one")];
    return network === undefined && bridge === undefined ? [fault(at, "needs a network or a bridge")] : [];
  }),
  {
    needs: [],
    check: ({ disks, nics }) => [
      ...duplicates(
        entriesOf<Nic>(nics).map(([key, nic]) => [`nics.${key}.mac`, nic.mac]),
        "the MAC address",
      ),
      ...duplicates(
        entriesOf<Disk>(disks)
          .filter(([, disk]) => disk.device === "disk" && disk.readonly !== true)
          .map(([key, disk]) => [`disks.${key}`, disk.volume?.path ?? disk.path]),
        "the image",
      ),
      ...duplicates(
        entriesOf<Disk>(disks).map(([key, disk]) => [`disks.${key}.serial`, disk.serial]),
        "the serial number",
      ),
      ...duplicates(
        [
          ...entriesOf<Disk>(disks).map(([key, disk]) => [`disks.${key}.bootOrder`, disk.bootOrder] as const),
          ...entriesOf<Nic>(nics).map(([key, nic]) => [`nics.${key}.bootOrder`, nic.bootOrder] as const),
        ],
        "the place in the boot order",
      ),
    ],
  },
  {
    needs: ["waitForAddress"],
    check: ({ waitForAddress, nics }) => {
      const nic = waitForAddress === false ? undefined : waitForAddress.nic;
      if (nic === undefined || !isPlainObject(nics) || Object.hasOwn(nics, nic)) return [];
      return [fault("waitForAddress.nic", `there is no "${nic}" in nics`)];
    },
  },
  {
    needs: ["host"],
    check: ({ host, disks, nics }) => {
      const others = [
        ...entriesOf<Disk>(disks).map(([key, disk]) => [`disks.${key}.volume`, disk.volume?.host] as const),
        ...entriesOf<Nic>(nics).map(([key, nic]) => [`nics.${key}.network`, nic.network?.host] as const),
      ];
      return others
        .filter(([, other]) => isPlainObject(other) && typeof other["uri"] === "string" && other["uri"] !== host.uri)
        .map(([at]) => fault(at, "lives on another host than the virtual machine"));
    },
  },
];

/** Faults that no single attribute can see, found without the host. */
export const rules: readonly MachineRule[] = [...cpuRules, ...memoryRules, ...firmwareRules, ...deviceRules];
