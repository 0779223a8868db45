import { formatPath } from "../../core/faults";
import { isPlainObject } from "../../core/unknown";
import { versionText } from "../../schema/version";
import { libvirtOf } from "../facts";
import { isOlder } from "../version-rules";
import { ordersIn } from "./boot-order";
import { threadFaults } from "./disk-rules";
import type { Inputs } from "./rows";
import {
  type Disk,
  duplicates,
  eachEntry,
  entriesOf,
  type Filesystem,
  fault,
  given,
  isMore,
  type MachineRule,
  type Nic,
} from "./rule-entries";

/** Who reads the guest's memory must be let. */
function notShared(backing: Inputs["memoryBacking"], at: string, who: string) {
  return isPlainObject(backing) && backing.access === "private"
    ? [fault(at, `${who} reads the guest's memory: leave memoryBacking.access out, or set it to "shared"`)]
    : [];
}

/** Most bytes of the name that a guest mounts a share by. */
const longestTags = { virtiofs: 36, "9p": 31 } as const;

const filesystemRules: readonly MachineRule[] = [
  eachEntry<Filesystem>("filesystems", ({ driver, tag }, at) =>
    typeof tag === "string" && Buffer.byteLength(tag) > longestTags[driver]
      ? [fault(`${at}.tag`, `must have at most ${longestTags[driver]} bytes with driver ${driver}`)]
      : [],
  ),
  eachEntry<Filesystem>("filesystems", (share, at) => {
    const { driver, source, socket } = share;
    if (driver === "9p" && socket !== undefined) return [fault(`${at}.socket`, "goes only with driver virtiofs")];
    return (source === undefined) === (socket === undefined)
      ? [fault(at, "needs either source, a folder of the host, or socket, that of a running virtiofsd")]
      : [];
  }),
  eachEntry<Filesystem>("filesystems", ({ driver, readonly }, at, { host, memoryBacking }) => {
    if (driver !== "virtiofs") return [];
    const version = libvirtOf(host);
    return [
      ...(readonly && version !== undefined && isOlder(version, "11.0")
        ? [
            fault(
              `${at}.readonly`,
              `virtiofs has it from libvirt 11.0 on, and the host has ${versionText(version)}; use driver: "9p", or mount it so in the guest`,
            ),
          ]
        : []),
      ...notShared(memoryBacking, at, "virtiofsd"),
    ];
  }),
  eachEntry<Filesystem>("filesystems", (share, at) => {
    const { driver, accessMode } = share;
    const nines = ["fileMode", "folderMode", "multidevs"] as const;
    const virtiofs = ["queueSize", "cache", "xattr", "threads", "sandbox"] as const;
    const wrong = (driver === "virtiofs" ? nines : virtiofs).filter((name) => share[name] !== undefined);
    const other = driver === "virtiofs" ? "9p" : "virtiofs";
    return [
      ...wrong.map((name) => fault(`${at}.${name}`, `goes only with driver ${other}`)),
      ...(driver === "9p" && accessMode !== "mapped" ? given(share, ["fileMode", "folderMode"]) : []).map((name) =>
        fault(`${at}.${name}`, 'needs accessMode: "mapped"'),
      ),
      ...(driver === "virtiofs" && accessMode !== undefined && accessMode !== "passthrough"
        ? [fault(`${at}.accessMode`, "virtiofs knows only passthrough; use driver 9p for mapped files")]
        : []),
    ];
  }),
];

type ScsiController = Inputs["scsiControllers"][string];
const virtioScsiOnly = ["queues", "commandsPerLun", "maxSectors", "ioeventfd", "iothread", "iothreadMapping"];

/** Rules of more than one kind of device. */
export const deviceRules: readonly MachineRule[] = [
  {
    needs: ["iothreads", "maxVcpus"],
    check: ({ scsiControllers, iothreads = 0, maxVcpus }) =>
      entriesOf<ScsiController>(scsiControllers).flatMap(([key, controller]) =>
        threadFaults(controller, `scsiControllers.${key}`, iothreads, controller.queues ?? maxVcpus),
      ),
  },
  {
    needs: ["maxVcpus"],
    check: ({ scsiControllers, maxVcpus }) =>
      entriesOf<ScsiController>(scsiControllers).flatMap(([key, { model, queues, ...values }]) => [
        ...(isMore(queues, maxVcpus)
          ? [fault(`scsiControllers.${key}.queues`, `is ${queues}, more than vCPUs (maxVcpus is ${maxVcpus})`)]
          : []),
        ...(model === "virtio-scsi" ? [] : given({ queues, ...values }, virtioScsiOnly)).map((name) =>
          fault(`scsiControllers.${key}.${name}`, "only virtio-scsi has it"),
        ),
      ]),
  },
  ...filesystemRules,
  eachEntry<Nic>("nics", ({ vhostUser }, at, { memoryBacking }) =>
    vhostUser === undefined ? [] : notShared(memoryBacking, `${at}.vhostUser`, "the switch"),
  ),
  {
    needs: [],
    check: (inputs) => [
      ...duplicates(
        ordersIn(inputs).map(({ path, order }) => [formatPath(path), order]),
        "the place in the boot order",
      ),
      ...duplicates(
        entriesOf<Filesystem>(inputs.filesystems).map(([key, share]) => [`filesystems.${key}.tag`, share.tag]),
        "the tag",
      ),
    ],
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
