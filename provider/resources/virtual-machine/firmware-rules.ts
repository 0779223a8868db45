import { isPlainObject } from "../../core/unknown";
import { libvirtOf } from "../facts";
import { isPcie } from "./general";
import { knownEncryption } from "./host-facts";
import { encryptionHardware } from "./launch-security";
import type { Inputs } from "./rows";
import { entriesOf, fault, given, type MachineRule } from "./rule-entries";

type SecurityLabel = Inputs["securityLabels"][string];

const uefiOnly = ["enrolledKeys", "statelessFirmware", "nvram"] as const;
const chosen = ["secureBoot", "enrolledKeys", "statelessFirmware"] as const;

/** Whether the overlay takes SMM away, which is on by itself with Secure Boot. */
function takesSmm(overlay: unknown): boolean {
  const features = isPlainObject(overlay) ? overlay["features"] : undefined;
  if (!isPlainObject(features) || !Object.hasOwn(features, "smm")) return false;
  const { smm } = features;
  return smm === null || (isPlainObject(smm) && smm["state"] === "off");
}

/** Rules of firmware and of what confines and encrypts the guest. */
export const firmwareRules: readonly MachineRule[] = [
  {
    needs: ["firmware", "secureBoot", "machine"],
    check: ({ firmware, secureBoot, machine }) => {
      if (secureBoot === undefined) return [];
      if (firmware !== "uefi") return [fault("secureBoot", 'needs firmware: "uefi"')];
      return secureBoot && !isPcie(machine)
        ? [fault("secureBoot", 'needs machine: "q35": only there can SMM keep the guest from writing its own keys')]
        : [];
    },
  },
  {
    needs: ["secureBoot", "loader"],
    check: ({ secureBoot, loader, overlay }) =>
      (secureBoot === true || loader?.secure === true) && takesSmm(overlay)
        ? [fault("overlay.features.smm", "Secure Boot needs SMM: leave it out, or set secureBoot: false")]
        : [],
  },
  {
    needs: ["firmware"],
    check: (inputs) => {
      const { firmware, loader, nvram, statelessFirmware, enrolledKeys, secureBoot } = inputs;
      const stateless = statelessFirmware === true || loader?.stateless === true;
      return [
        ...(firmware === "uefi" ? [] : given(inputs, uefiOnly)).map((name) => fault(name, 'needs firmware: "uefi"')),
        ...(loader === undefined ? [] : given(inputs, chosen)).map((name) =>
          fault(name, "says how libvirt is to find an image, and loader names one; leave out one of the two"),
        ),
        ...(loader?.type === "pflash" && firmware !== "uefi"
          ? [fault("loader", 'a pflash image is UEFI: set firmware: "uefi", or type: "rom"')]
          : []),
        ...(loader?.type === "rom" && firmware === "uefi" ? [fault("loader.type", 'UEFI needs type: "pflash"')] : []),
        ...(loader?.secure === true && !isPcie(inputs.machine) ? [fault("loader.secure", 'needs machine: "q35"')] : []),
        ...(stateless && nvram !== undefined
          ? [fault("nvram", "stateless firmware keeps no variables; leave out one of the two")]
          : []),
        ...(enrolledKeys === true && secureBoot !== true
          ? [fault("enrolledKeys", "needs secureBoot: true: without it nobody looks at the keys")]
          : []),
      ];
    },
  },
  {
    needs: ["nvram", "loader", "host"],
    check: ({ nvram, loader, host }) =>
      nvram?.template !== undefined && loader === undefined && Math.floor((libvirtOf(host) ?? 0) / 1000) === 9000
        ? [fault("nvram.template", "libvirt 9.0 takes none beside an image that it finds; name the loader too")]
        : [],
  },
  {
    needs: ["smbios", "uuid"],
    check: ({ smbios }) =>
      smbios === undefined || smbios.mode === "sysinfo"
        ? []
        : given(smbios, ["bios", "system", "baseBoard", "chassis", "oemStrings"]).map((name) =>
            fault(`smbios.${name}`, `mode ${smbios.mode} shows none of it; use mode: "sysinfo"`),
          ),
  },
  {
    needs: ["firmware"],
    check: (inputs) =>
      inputs.firmware === "uefi"
        ? given(inputs, ["biosSerial", "rebootTimeout"]).map((name) => fault(name, 'needs firmware: "bios"'))
        : [],
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
  {
    needs: ["securityLabels"],
    check: ({ securityLabels }) =>
      entriesOf<SecurityLabel>(securityLabels).flatMap(([model, label]) => {
        const at = `securityLabels.${model}`;
        const { type, acceptLessIsolation, baseLabel, relabel } = label;
        return [
          ...(type !== "dynamic" && acceptLessIsolation !== true
            ? [
                fault(
                  `${at}.type`,
                  `${type} takes the guest's own label away: a guest that breaks out may then reach what others have. Leave it out, or say acceptLessIsolation: true`,
                ),
              ]
            : []),
          ...(type === "static" && label.label === undefined
            ? [fault(`${at}.label`, "is required with type static")]
            : []),
          ...(type !== "static" ? given(label, ["label"]) : []).map((name) =>
            fault(`${at}.${name}`, "goes only with type static"),
          ),
          ...(type !== "dynamic" && baseLabel !== undefined
            ? [fault(`${at}.baseLabel`, "goes only with type dynamic")]
            : []),
          ...(type === "dynamic" && relabel === false ? [fault(`${at}.relabel`, "a dynamic label needs it")] : []),
          ...(type === "none" && relabel === true ? [fault(`${at}.relabel`, "there is no label to give")] : []),
        ];
      }),
  },
];

const snpOnly = ["idBlock", "idAuth", "hostData", "guestVisibleWorkarounds", "authorKey", "vcek"];
const sevOnly = ["dhCert", "session", "secret", "secretHeader", "secretAddress"];
const tdxOnly = ["mrConfigId", "mrOwner", "mrOwnerConfig", "quoteGenerationService"];
const amdOnly = ["cbitpos", "reducedPhysBits", "kernelHashes"];

/** What encrypted memory allows and asks for. */
export const launchRules: readonly MachineRule[] = [
  {
    needs: ["launchSecurity", "host"],
    check: ({ launchSecurity: launch, host }) => {
      const offered = knownEncryption(host);
      if (!isPlainObject(launch) || offered === undefined || offered.includes(launch.type)) return [];
      return [
        fault(
          "launchSecurity.type",
          `the host has no ${launch.type}: it takes ${encryptionHardware[launch.type]}; leave launchSecurity out, or choose a host that has it (after a change of the host run pulumi refresh)`,
        ),
      ];
    },
  },
  {
    needs: ["launchSecurity", "firmware", "machine", "virtType"],
    check: (inputs) => {
      const { launchSecurity: launch, firmware, machine, virtType, statelessFirmware, loader, boot } = inputs;
      if (!isPlainObject(launch)) return [];
      const { type, kernelHashes, secret, secretHeader } = launch;
      const wrong = [
        ...(type === "sev-snp" ? [] : given(launch, snpOnly)).map((name) => [name, "sev-snp"]),
        ...(type === "sev" ? [] : given(launch, sevOnly)).map((name) => [name, "sev"]),
        ...(type === "tdx" ? [] : given(launch, tdxOnly)).map((name) => [name, "tdx"]),
        ...(type === "tdx" ? given(launch, amdOnly) : []).map((name) => [name, "sev and sev-snp"]),
      ];
      return [
        ...wrong.map(([name, known]) => fault(`launchSecurity.${name}`, `only ${known} has it`)),
        // An image that keeps no variables may be a ROM, as those for sev-snp and tdx are on many hosts.
        ...(firmware === "uefi" || loader?.type === "rom"
          ? []
          : [fault("firmware", `launchSecurity ${type} needs "uefi", or a loader with type: "rom"`)]),
        ...(isPcie(machine) ? [] : [fault("machine", `launchSecurity ${type} needs "q35"`)]),
        ...(virtType === "kvm"
          ? []
          : [fault("virtType", `launchSecurity ${type} needs "kvm": emulation encrypts nothing`)]),
        ...(type === "sev-snp" && statelessFirmware !== true && loader?.stateless !== true && loader?.type !== "rom"
          ? [fault("statelessFirmware", "sev-snp needs true: variables of the host would not be measured")]
          : []),
        ...(kernelHashes === true && boot === undefined
          ? [fault("launchSecurity.kernelHashes", "needs boot: there is no kernel to measure")]
          : []),
        ...((secret === undefined) !== (secretHeader === undefined)
          ? [fault("launchSecurity.secret", "secret and secretHeader go together")]
          : []),
      ];
    },
  },
  {
    needs: ["launchSecurity", "vcpus", "maxVcpus", "memory", "maxMemory"],
    check: ({ launchSecurity, vcpus, maxVcpus, memory, maxMemory }) =>
      isPlainObject(launchSecurity)
        ? [
            ...(maxVcpus > vcpus
              ? [fault("maxVcpus", "a guest with encrypted memory gets no vCPUs as it runs; leave it out")]
              : []),
            ...(maxMemory !== memory
              ? [fault("maxMemory", "a guest with encrypted memory gives none back; leave it out")]
              : []),
          ]
        : [],
  },
];
