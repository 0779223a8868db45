import { parseBytes } from "../../core/units";
import { overlayRule } from "../overlay";
import { versionRule } from "../version-rules";
import { cpuTuneRules } from "./cpu-rules";
import { deviceRules } from "./device-rules";
import { diskRules } from "./disk-rules";
import { firmwareRules, launchRules } from "./firmware-rules";
import { knownTypes, newestBelow, otherArchitecture } from "./host-facts";
import { hostdevRules } from "./hostdev-rules";
import { lifecycleActionRule } from "./lifecycle-actions";
import { memoryDeviceRules } from "./memory-device-rules";
import { memoryPlaceRules } from "./memory-rules";
import { nicRules } from "./nic-rules";
import { peripheralRules } from "./peripheral-rules";
import { placementFactRules } from "./placement-facts";
import { placementRules } from "./placement-rules";
import { profileRules } from "./profiles";
import { rows } from "./rows";
import { duplicates, fault, type MachineRule } from "./rule-entries";

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
    check: ({ virtType, host }) => {
      if (virtType !== "kvm") return [];
      const other = otherArchitecture(host);
      if (other !== undefined) {
        return [
          fault(
            "virtType",
            `the host is ${other}, whose KVM runs no guests of x86_64, and VirtualMachine makes no others: choose a host of x86_64, or set virtType: "qemu" to emulate, which is slow`,
          ),
        ];
      }
      return knownTypes(host).length > 0 && !knownTypes(host).includes("kvm")
        ? [fault("virtType", 'the host has no KVM: enable virtualization in its firmware, or set virtType: "qemu"')]
        : [];
    },
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
      // Equal, the one is the other's default.
      const sizes = { memory, ...(maxMemory !== memory && { maxMemory }) };
      const odd = Object.entries(sizes).filter(([, value]) => parseBytes(value) % 1048576n !== 0n);
      const small = parseBytes(maxMemory) < parseBytes(memory);
      return [
        ...odd.map(([name, value]) =>
          fault(name, `${value} is not a whole number of MiB; a plain number means bytes, write for example "4 GiB"`),
        ),
        ...(parseBytes(memory) === 0n ? [fault("memory", "must be at least 1 MiB")] : []),
        ...(small ? [fault("maxMemory", `is ${maxMemory}, less than memory (${memory})`)] : []),
      ];
    },
  },
];

const blkioRule: MachineRule = {
  needs: ["blkio"],
  check: ({ blkio }) =>
    duplicates(
      (blkio?.devices ?? []).map(({ path }, index) => [`blkio.devices[${index}].path`, path]),
      "the device",
    ),
};

/** Faults that no single attribute can see, found without the host. */
export const rules: readonly MachineRule[] = [
  ...cpuRules,
  ...cpuTuneRules,
  ...memoryRules,
  ...memoryPlaceRules,
  ...memoryDeviceRules,
  ...placementRules,
  ...placementFactRules,
  ...profileRules,
  ...firmwareRules,
  ...diskRules,
  ...nicRules,
  ...deviceRules,
  ...hostdevRules,
  ...peripheralRules,
  blkioRule,
  ...launchRules,
  lifecycleActionRule,
  versionRule(rows),
  overlayRule("domain"),
];
