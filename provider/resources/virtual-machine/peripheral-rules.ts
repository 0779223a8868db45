import type { Fault } from "../../core/check";
import { isPlainObject } from "../../core/unknown";
import { chardevRules } from "./chardev-rules";
import { isPcie } from "./general";
import type { Inputs } from "./rows";
import { duplicates, entriesOf, fault, given, type MachineRule } from "./rule-entries";
import { usbRule } from "./usb";
import { videoRule } from "./video-rules";

type Graphics = Inputs["graphics"][string];
type Input = Inputs["inputs"][string];
type Shmem = Inputs["shmems"][string];

const vncOnly = ["websocket", "sharePolicy"];
const spiceOnly = ["tlsPort", "defaultMode", "openGl"];

const ports = ["port", "tlsPort", "websocket"] as const;

const ownSockets = "/var/lib/libvirt/qemu/";

const graphicsRule: MachineRule = {
  needs: [],
  check: ({ graphics }) => [
    ...duplicates(
      entriesOf<Graphics>(graphics).flatMap(([type, screen]) =>
        ports.map((name) => [`graphics.${type}.${name}`, screen[name]] as const),
      ),
      "the port",
    ),
    ...entriesOf<Graphics>(graphics).flatMap(([type, screen]) => {
      const at = `graphics.${type}`;
      const [wrong, other] = type === "vnc" ? [spiceOnly, "spice"] : [vncOnly, "vnc"];
      const { password, passwordValidTo, listen } = screen;
      const socket = isPlainObject(listen) && "socket" in listen ? listen.socket : undefined;
      const hasSocket = socket !== undefined;
      return [
        ...given(screen, wrong).map((name) => fault(`${at}.${name}`, `only graphics.${other} has it`)),
        ...(hasSocket ? given(screen, ports) : []).map((name) =>
          fault(`${at}.${name}`, "a socket has no port; leave out one of the two"),
        ),
        ...(typeof socket === "string" && socket.startsWith(ownSockets)
          ? [
              fault(
                `${at}.listen.socket`,
                `libvirt takes what is in ${ownSockets} for sockets that it named itself; use another folder, one that QEMU's user may write to`,
              ),
            ]
          : []),
        ...(type === "vnc" && typeof password === "string" && password.length > 8
          ? [fault(`${at}.password`, "VNC takes at most 8 characters; use graphics.spice, or a TLS tunnel, for more")]
          : []),
        ...(passwordValidTo !== undefined && password === undefined
          ? [fault(`${at}.passwordValidTo`, "needs password")]
          : []),
      ];
    }),
  ],
};

const spiceRule: MachineRule = {
  needs: ["graphics"],
  check: ({ graphics, channels, redirdevs, smartcard, audio }) => {
    if (Object.hasOwn(graphics, "spice")) return [];
    const sources = (map: string, entries: unknown) =>
      entriesOf<{ source?: { type?: string } }>(entries).flatMap(([key, { source }]) =>
        source?.type === "spicevmc" || source?.type === "spiceport" ? [`${map}.${key}.source`] : [],
      );
    const users = [
      ...sources("channels", channels),
      ...sources("redirdevs", redirdevs),
      ...(smartcard === "spice" ? ["smartcard"] : []),
      ...(audio === "spice" ? ["audio"] : []),
    ];
    return users.map((at) => fault(at, "goes through spice; add graphics.spice"));
  },
};

const emulatorOnly = ["encryptionSecret", "activePcrBanks", "persistentState"];
const tpmRule: MachineRule = {
  needs: ["tpm"],
  check: ({ tpm }) => {
    if (!isPlainObject(tpm)) return [];
    if (tpm.backend === "emulator") {
      return tpm.device === undefined ? [] : [fault("tpm.device", 'needs backend: "passthrough"')];
    }
    return given(tpm, emulatorOnly).map((name) => fault(`tpm.${name}`, 'needs backend: "emulator"'));
  },
};

const inputRule: MachineRule = {
  needs: [],
  check: ({ inputs }) =>
    entriesOf<Input>(inputs).flatMap(([key, input]) => {
      const { type, source, bus } = input;
      const at = `inputs.${key}`;
      const isHost = type === "passthrough" || type === "evdev";
      const evdevOnly = type === "evdev" ? [] : given(input, ["grabAll", "grabToggle", "repeat"]);
      return [
        ...(isHost && source === undefined ? [fault(`${at}.source`, `is required with type ${type}`)] : []),
        ...(!isHost && source !== undefined ? [fault(`${at}.source`, "goes only with type passthrough or evdev")] : []),
        ...(type === "passthrough" && bus !== "virtio" ? [fault(`${at}.bus`, "passthrough needs virtio")] : []),
        ...(type === "evdev" && bus !== undefined ? [fault(`${at}.bus`, "evdev has none; leave it out")] : []),
        ...(type === "tablet" && bus === "ps2" ? [fault(`${at}.bus`, "a tablet needs usb or virtio")] : []),
        ...evdevOnly.map((name) => fault(`${at}.${name}`, "goes only with type evdev")),
      ];
    }),
};

const shmemRule: MachineRule = {
  needs: [],
  check: ({ shmems }) =>
    entriesOf<Shmem>(shmems).flatMap(([key, shmem]) => {
      const at = `shmems.${key}`;
      if (shmem.model === "ivshmem-doorbell") {
        const size =
          shmem.size === undefined ? [] : [fault(`${at}.size`, "is that of the doorbell's server; leave it out")];
        return shmem.server === undefined
          ? [...size, fault(`${at}.server`, "is required with ivshmem-doorbell")]
          : size;
      }
      return given(shmem, ["server", "vectors", "ioeventfd"]).map((name) =>
        fault(`${at}.${name}`, 'needs model: "ivshmem-doorbell"'),
      );
    }),
};

/** Interrupts reach so many vCPUs without being remapped. */
const plainVcpus = 255;

const manyVcpusRule: MachineRule = {
  needs: ["maxVcpus", "machine", "virtType", "iommu"],
  check: ({ maxVcpus, machine, virtType, iommu }) => {
    if (maxVcpus <= plainVcpus || !isPcie(machine) || virtType !== "kvm") return [];
    return iommu?.model === "amd" || iommu?.eim === true
      ? []
      : [
          fault(
            "maxVcpus",
            `is ${maxVcpus}, and interrupts reach ${plainVcpus} vCPUs without an IOMMU that extends them: add iommu: { model: "intel", intremap: true, eim: true }`,
          ),
        ];
  },
};

const intelOnly = ["awBits", "cachingMode", "eim"];
const machineRule: MachineRule = {
  needs: ["machine", "maxVcpus"],
  check: ({ machine, iommu, watchdog, maxVcpus }) => {
    const q35 = isPcie(machine);
    const faults: Fault[] = [];
    if (isPlainObject(watchdog)) {
      if (watchdog.model === "itco" && !q35)
        faults.push(fault("watchdog.model", 'itco is part of q35; use machine: "q35" or model: "i6300esb"'));
      if (watchdog.model === "ib700" && q35)
        faults.push(
          fault("watchdog.model", 'ib700 is an ISA card of old machines; use machine: "pc" or model: "i6300esb"'),
        );
      if (watchdog.model === "itco" && watchdog.action === "inject-nmi")
        faults.push(fault("watchdog.action", "itco cannot inject an NMI; use i6300esb"));
    }
    if (isPlainObject(iommu)) {
      if (!q35) faults.push(fault("iommu.model", 'needs machine: "q35"'));
      if (iommu.model !== "intel") {
        faults.push(...given(iommu, intelOnly).map((name) => fault(`iommu.${name}`, 'needs model: "intel"')));
      }
      if (iommu.model === "virtio") {
        faults.push(
          ...given(iommu, ["intremap", "iotlb"]).map((name) =>
            fault(`iommu.${name}`, "a virtio IOMMU has no such option"),
          ),
        );
      }
      // Where interrupts need it, newer libvirts remap them by themselves.
      const remaps = iommu.intremap ?? maxVcpus > plainVcpus;
      if (iommu.eim === true && !remaps) faults.push(fault("iommu.eim", "needs intremap: true"));
    }
    return faults;
  },
};

export const peripheralRules: readonly MachineRule[] = [
  ...chardevRules,
  graphicsRule,
  spiceRule,
  videoRule,
  tpmRule,
  inputRule,
  shmemRule,
  usbRule,
  manyVcpusRule,
  machineRule,
];
