import type { Fault } from "../../core/check";
import { formatBytes, parseBytes } from "../../core/units";
import { versionText } from "../../schema/version";
import { libvirtOf } from "../facts";
import { type MemoryModel, pageOf } from "./memory-devices";
import type { Inputs } from "./rows";
import { entriesOf, fault, given, type MachineRule } from "./rule-entries";

type Device = Inputs["memoryDevices"][string];

const isSize = (value: unknown): value is string => typeof value === "string" && /^\d/.test(value);
const isPower = (value: bigint) => value > 0n && (value & (value - 1n)) === 0n;

/** What each model has beside its size. */
const placed = ["cell", "nodes", "pageSize", "access", "discard"] as const;
const fields: Readonly<Record<MemoryModel, readonly (keyof Device)[]>> = {
  dimm: placed,
  "virtio-mem": [...placed, "requested", "block", "dynamicSlots"],
  nvdimm: ["cell", "access", "discard", "path", "labelSize", "alignSize", "persistent", "readonly"],
  "virtio-pmem": ["access", "path"],
  "sgx-epc": ["cell", "nodes"],
};
const models = Object.keys(fields) as MemoryModel[];
const every = [...new Set(Object.values(fields).flat())];

const fieldRule = eachDevice((device, at) => {
  const { model } = device;
  if (!models.includes(model)) return [];
  const strange = given(
    device,
    every.filter((name) => !fields[model].includes(name)),
  );
  const lacksFile = fields[model].includes("path") && device.path === undefined;
  return [
    ...strange.map((name) => fault(`${at}.${name}`, `is nothing of ${model}: leave it out`)),
    ...(lacksFile ? [fault(`${at}.path`, `is required for ${model}: the file on the host that holds it`)] : []),
  ];
});

const sizeRule = eachDevice(({ model, size, requested, block, pageSize }, at, { hugePages }) => {
  if (model === "sgx-epc") return [];
  const page = pageOf(pageSize, hugePages);
  const step = isSize(block) ? parseBytes(block) : page;
  if (!isPower(step) || step < page)
    return [fault(`${at}.block`, `${block} must be a power of two, and no less than a page: ${formatBytes(page)}`)];
  const odd = Object.entries({ size, requested }).filter(
    ([, value]) => isSize(value) && parseBytes(value) % step !== 0n,
  );
  return [
    ...odd.map(([name, value]) =>
      fault(`${at}.${name}`, `${value} is no whole number of blocks of ${formatBytes(step)}: make it a multiple`),
    ),
    ...(isSize(size) && parseBytes(size) === 0n ? [fault(`${at}.size`, `must be at least ${formatBytes(step)}`)] : []),
    ...(isSize(requested) && isSize(size) && parseBytes(requested) > parseBytes(size)
      ? [fault(`${at}.requested`, `${requested} is more than size (${size})`)]
      : []),
  ];
});

const leastLabel = 128n * 1024n;

const labelRule = eachDevice(({ model, size, labelSize }, at) => {
  if (model !== "nvdimm" || !isSize(labelSize) || !isSize(size)) return [];
  const [label, whole] = [parseBytes(labelSize), parseBytes(size)];
  return label < leastLabel || label >= whole
    ? [
        fault(
          `${at}.labelSize`,
          `${labelSize} must be at least ${formatBytes(leastLabel)}, and less than size (${size})`,
        ),
      ]
    : [];
});

const roomRule: MachineRule = {
  needs: ["memoryHotplug", "memoryDevices", "maxMemory"],
  check: ({ memoryHotplug, memoryDevices, maxMemory }) => {
    const devices = Object.keys(memoryDevices);
    if (!memoryHotplug) {
      const reason = 'is required for memoryDevices: give the most memory with all of them, as { limit: "64 GiB" }';
      return devices.length > 0 ? [fault("memoryHotplug", reason)] : [];
    }
    const { limit, slots } = memoryHotplug;
    const added = addedBy(memoryDevices);
    if (!isSize(limit) || added === undefined) return [];
    const [most, whole] = [parseBytes(limit), parseBytes(maxMemory) + added];
    const at = "memoryHotplug.limit";
    return [
      ...(most % 1048576n === 0n ? [] : [fault(at, `${limit} is not a whole number of MiB`)]),
      ...(most <= parseBytes(maxMemory)
        ? [fault(at, `${limit} leaves no room above maxMemory (${maxMemory}): raise it, or leave memoryHotplug out`)]
        : whole > most
          ? [fault(at, `${limit} is less than maxMemory and memoryDevices together (${formatBytes(whole)}): raise it`)]
          : []),
      ...(typeof slots === "number" && devices.length > slots
        ? [fault("memoryHotplug.slots", `${slots} are fewer than the ${devices.length} memoryDevices: raise it`)]
        : []),
    ];
  },
};

/** Bytes of all devices; undefined while one is not known yet. */
export function addedBy(devices: Inputs["memoryDevices"]): bigint | undefined {
  const sizes = Object.values(devices).map((device) => device?.size);
  return sizes.every(isSize) ? sizes.reduce((all, one) => all + parseBytes(one), 0n) : undefined;
}

const cellRule = eachDevice(({ cell }, at, { numa }) => {
  const count = numa === undefined ? 1 : Array.isArray(numa.cells) ? numa.cells.length : undefined;
  return typeof cell === "number" && count !== undefined && cell >= count
    ? [fault(`${at}.cell`, `the guest has no NUMA cell ${cell}: add it to numa.cells, or name one below ${count}`)]
    : [];
});

/** What is fixed at the start cannot grow: keys of encrypted memory, and memory that is locked as a whole. */
const companyRule: MachineRule = {
  needs: ["memoryHotplug", "launchSecurity", "memoryBacking", "memoryDevices"],
  check: ({ memoryHotplug, launchSecurity, memoryBacking, memoryDevices }) => {
    const encrypted = memoryHotplug && launchSecurity?.type !== undefined;
    const locked = entriesOf<Device>(memoryDevices).filter(
      ([, { model }]) => memoryBacking?.locked === true && model === "virtio-mem",
    );
    return [
      ...(encrypted
        ? [
            fault(
              "memoryHotplug",
              "encrypted memory is measured at the start and does not grow: leave it out, or launchSecurity",
            ),
          ]
        : []),
      ...locked.map(([key]) =>
        fault(
          `memoryDevices.${key}.model`,
          "virtio-mem cannot be locked: choose dimm, or leave out memoryBacking.locked",
        ),
      ),
    ];
  },
};

/** libvirt 9.0 cannot read back where QEMU has put it, and ends the start. */
const startsPmem = (libvirt: number) => Math.floor(libvirt / 1000) !== 9000;

const pmemRule = eachDevice(({ model }, at, { host }) => {
  const libvirt = libvirtOf(host);
  if (model !== "virtio-pmem" || libvirt === undefined || startsPmem(libvirt)) return [];
  const reason = `libvirt ${versionText(libvirt)} starts no guest with virtio-pmem. Choose nvdimm, or upgrade the host`;
  return [fault(`${at}.model`, reason)];
});

function eachDevice(check: (device: Device, at: string, inputs: Inputs) => readonly Fault[]): MachineRule {
  return {
    needs: ["memoryDevices"],
    check: (inputs) =>
      entriesOf<Device>(inputs.memoryDevices).flatMap(([key, device]) => check(device, `memoryDevices.${key}`, inputs)),
  };
}

export const memoryDeviceRules: readonly MachineRule[] = [
  fieldRule,
  sizeRule,
  labelRule,
  roomRule,
  cellRule,
  companyRule,
  pmemRule,
];
