import type { Fault } from "../../core/check";
import { parseBytes } from "../../core/units";
import { hasUnknown, isPlainObject } from "../../core/unknown";
import type { MappedThread } from "./disk-driver";
import { diskLimitRules } from "./disk-limit-rules";
import { driverType, imagePath, isBlockDevice } from "./disk-sources";
import { isRemovable } from "./disk-targets";
import { isPcie } from "./general";
import {
  type Disk,
  duplicates,
  type EntryCheck,
  eachEntry,
  entriesOf,
  fault,
  given,
  isMore,
  type MachineRule,
} from "./rule-entries";

const sources = ["volume", "path", "network"];

/** Format of the image behind a disk. */
const imageFormat = ({ volume, format }: Disk) => volume?.format ?? format ?? "raw";

/** What is asked of a disk that only qcow2 has. */
const qcow2Only = ({ metadataCache, discardNoUnref }: Disk) =>
  given({ metadataCache, discardNoUnref: discardNoUnref || undefined }, ["metadataCache", "discardNoUnref"]);

const source: EntryCheck<Disk> = (disk, at) => {
  const { device, format, volume, path, network, encryption, startupPolicy } = disk;
  const named = given(disk, sources);
  const image = imageFormat(disk);
  return [
    ...(named.length > 1 ? [fault(at, `has both ${named.join(" and ")}; give one`)] : []),
    ...(named.length === 0 && !isRemovable(device)
      ? [fault(at, "needs a volume, a path or a network; only a drive may be empty")]
      : []),
    ...(format !== undefined && path === undefined && network === undefined
      ? [fault(`${at}.format`, "goes only with path or network; a volume knows its own")]
      : []),
    ...(encryption !== undefined && named.length === 0
      ? [fault(`${at}.encryption`, "an empty drive has nothing to decrypt")]
      : []),
    ...(encryption !== undefined && image !== "raw" && volume === undefined
      ? [fault(`${at}.encryption`, 'a LUKS container is a raw image; set format: "raw"')]
      : []),
    // Of what a guest made in its image a volume says nothing: this one was made so.
    ...(encryption === undefined && volume?.encrypted === true
      ? [
          fault(
            `${at}.encryption`,
            'is required: the volume is encrypted, and without its passphrase the guest would write over the LUKS container; give encryption: { secret: { uuid: "..." } }, or where the guest itself opens the container its path and format in place of volume',
          ),
        ]
      : []),
    ...(startupPolicy !== undefined && network !== undefined
      ? [fault(`${at}.startupPolicy`, "libvirt looks for no image on the network; leave it out")]
      : []),
    ...(startupPolicy === "requisite" && !isRemovable(device)
      ? [fault(`${at}.startupPolicy`, 'only a drive can be requisite; use "mandatory" or "optional"')]
      : []),
    ...(image === "qcow2" ? [] : qcow2Only(disk)).map((name) =>
      fault(`${at}.${name}`, "only a qcow2 image has it; leave it out"),
    ),
  ];
};

const lun: EntryCheck<Disk> = (disk, at) => {
  const { device, bus, volume, network, reservations, encryption } = disk;
  if (device !== "lun") {
    const message = 'goes only with device: "lun"; other disks have no SCSI commands to reserve with';
    return reservations === undefined ? [] : [fault(`${at}.reservations`, message)];
  }
  const image = imagePath(disk);
  const isBacked =
    typeof image === "string" ? isBlockDevice(image) : network === undefined || network.protocol === "iscsi";
  const meaningless = given(disk, ["serial", "vendor", "product", "wwn", "discard", "detectZeroes", "copyOnRead"]);
  return [
    ...(isBacked
      ? []
      : [
          fault(
            at,
            'a lun needs a block device (/dev/...) or a network source of protocol "iscsi"; else use device "disk"',
          ),
        ]),
    ...(bus === "scsi" ? [] : [fault(`${at}.bus`, "a lun needs scsi")]),
    ...meaningless.map((name) => fault(`${at}.${name}`, "a lun shows the guest its own; leave it out")),
    ...(encryption === undefined ? [] : [fault(`${at}.encryption`, 'a lun is not decrypted; use device: "disk"')]),
    ...(driverType(imageFormat(disk)) !== "raw"
      ? [fault(volume === undefined ? `${at}.format` : at, 'a lun is a raw device; use device: "disk" for an image')]
      : []),
  ];
};

const place: EntryCheck<Disk> = (
  { bus, device, controller, serial, wwn, vendor, product, rotationRate, removable },
  at,
  inputs,
) => {
  const scsi = { vendor, product };
  const { machine, scsiControllers } = inputs;
  return [
    ...(device === "cdrom" && (bus === "virtio" || bus === "fdc")
      ? [fault(`${at}.bus`, `an optical drive cannot be ${bus}; use sata or scsi`)]
      : []),
    ...((device === "floppy") !== (bus === "fdc") && device !== "cdrom"
      ? [fault(`${at}.bus`, "floppies and no others are on the bus fdc")]
      : []),
    ...(bus === "ide" && isPcie(machine) ? [fault(`${at}.bus`, "q35 has no IDE controller; use sata")] : []),
    ...(controller !== undefined && bus !== "scsi" ? [fault(`${at}.controller`, "goes only with bus scsi")] : []),
    ...(typeof controller === "string" && isPlainObject(scsiControllers) && !Object.hasOwn(scsiControllers, controller)
      ? [fault(`${at}.controller`, `there is no "${controller}" in scsiControllers`)]
      : []),
    ...given(scsi, ["vendor", "product"])
      .filter(() => bus !== "scsi")
      .map((name) => fault(`${at}.${name}`, "only a scsi disk shows it")),
    ...(wwn !== undefined && !["scsi", "ide"].includes(bus)
      ? [fault(`${at}.wwn`, "only scsi and ide disks show it")]
      : []),
    ...(rotationRate !== undefined && device !== "disk"
      ? [fault(`${at}.rotationRate`, `goes only with device: "disk"; a ${device} shows none`)]
      : []),
    ...(rotationRate !== undefined && !["scsi", "sata", "ide"].includes(bus)
      ? [fault(`${at}.rotationRate`, "only scsi, sata and ide disks show it")]
      : []),
    ...(device === "floppy" && serial !== undefined
      ? [fault(`${at}.serial`, "a floppy shows none; leave it out")]
      : []),
    ...(removable !== undefined && bus !== "usb" ? [fault(`${at}.removable`, "only a usb disk says it")] : []),
  ];
};

/** QEMU starts no guest whose ATA disk has other sectors, no floppy that says so, and none whose sectors are too small. */
const sectors: EntryCheck<Disk> = ({ bus, logicalBlockSize, physicalBlockSize, volume, path }, at) => {
  const fixed = {
    ...(["sata", "ide", "fdc"].includes(bus) && { logicalBlockSize }),
    ...(bus === "fdc" && { physicalBlockSize }),
  };
  const odd = Object.entries(fixed).filter(([, size]) => typeof size === "string" && parseBytes(size) !== 512n);
  if (odd.length > 0) {
    return odd.map(([name, size]) =>
      fault(`${at}.${name}`, `is ${size}, and a ${bus} disk has 512 B; use bus scsi or virtio`),
    );
  }
  const image = imagePath({ volume, path });
  // QEMU asks a block device for its own.
  const physical = physicalBlockSize ?? (typeof image === "string" && !isBlockDevice(image) ? "512 B" : undefined);
  if (typeof logicalBlockSize !== "string" || typeof physical !== "string") return [];
  return parseBytes(logicalBlockSize) > parseBytes(physical)
    ? [fault(`${at}.logicalBlockSize`, `is more than physicalBlockSize (${physical}); raise that as well`)]
    : [];
};

const virtioOnly = ["queues", "queueSize", "ioeventfd", "eventIdx", "packed", "iothread", "iothreadMapping"];

const driver: EntryCheck<Disk> = (disk, at, { maxVcpus }) => {
  const { bus, device, cache, io, queues, copyOnRead, shareable, readonly, snapshot } = disk;
  const isDirect = cache === "none" || cache === "directsync";
  const remedy = bus === "scsi" ? "; set it at an entry of scsiControllers" : '; use bus: "virtio"';
  const drive = isRemovable(device) ? given(disk, ["discard", "detectZeroes", "copyOnRead"]) : [];
  return [
    ...(io === "native" && !isDirect ? [fault(`${at}.io`, "native needs cache none or directsync")] : []),
    ...(bus === "virtio" ? [] : given(disk, virtioOnly)).map((name) =>
      fault(`${at}.${name}`, `only a virtio disk has it${remedy}`),
    ),
    ...drive.map((name) => fault(`${at}.${name}`, "a drive that is only read has no use for it; leave it out")),
    ...(isMore(queues, maxVcpus)
      ? [fault(`${at}.queues`, `is ${queues}, more than vCPUs that could use them (maxVcpus is ${maxVcpus})`)]
      : []),
    ...(copyOnRead && readonly ? [fault(`${at}.copyOnRead`, "a disk that is only read cannot be copied into")] : []),
    ...(copyOnRead && shareable
      ? [fault(`${at}.copyOnRead`, "another guest may write to the shared disk meanwhile")]
      : []),
    ...(shareable && snapshot === "internal"
      ? [fault(`${at}.snapshot`, "a shared disk has no snapshots; use no")]
      : []),
  ];
};

/** What is thrown away goes into a file that libvirt makes beside the image. */
const transience: EntryCheck<Disk> = (disk, at) => {
  const { transient, bus, device, network, shareable, readonly } = disk;
  if (!transient) return [];
  return [
    ...(shareable || readonly
      ? [fault(`${at}.transient`, "excludes shareable and readonly: what is written must go somewhere of its own")]
      : []),
    ...(device !== "disk" || network !== undefined || isBlockDevice(imagePath(disk))
      ? [fault(`${at}.transient`, 'needs device: "disk" and an image that is a file')]
      : []),
    ...(transient === "shared" && !["virtio", "scsi", "usb"].includes(bus)
      ? [fault(`${at}.transient`, `shared is not for the bus ${bus}; use bus: "virtio"`)]
      : []),
  ];
};

/** Two guests that cache by themselves would each see the other's old data. */
const shared: EntryCheck<Disk> = ({ shareable, cache, volume, path, format }, at) => {
  if (!shareable) return [];
  // Block devices are not cached by default.
  const isOpen = cache === undefined && hasUnknown(imagePath({ volume, path }));
  const kind = volume === undefined ? format : volume.format;
  return [
    ...(isOpen || cache === "none" || cache === "directsync"
      ? []
      : [
          fault(
            `${at}.cache`,
            "a shared disk needs none or directsync: other guests would not see what is cached here",
          ),
        ]),
    ...(kind === undefined || kind === "raw" || typeof kind !== "string"
      ? []
      : [fault(`${at}.shareable`, `needs a raw image; ${kind} is written by one QEMU only`)]),
  ];
};

const iothreads: EntryCheck<Disk> = (disk, at, { iothreads: count = 0, maxVcpus }) =>
  threadFaults(disk, at, count, disk.queues ?? maxVcpus);

interface Threaded {
  readonly iothread?: unknown;
  readonly iothreadMapping?: unknown;
}

/** What is wrong with the IOThreads of a disk or controller. */
export function threadFaults(
  { iothread, iothreadMapping }: Threaded,
  at: string,
  count: number,
  queues: number | undefined,
): Fault[] {
  const mapped: readonly MappedThread[] = Array.isArray(iothreadMapping) ? iothreadMapping : [];
  const withQueues = mapped.filter(({ queues }) => queues !== undefined).length;
  const all = mapped.flatMap(({ queues = [] }) => queues);
  const beyond = (thread: unknown) => isMore(thread, count);
  const message = (thread: unknown) => `there is no IOThread ${thread}; iothreads is ${count}`;
  return [
    ...(iothread !== undefined && iothreadMapping !== undefined
      ? [fault(at, "has both iothread and iothreadMapping; give one")]
      : []),
    ...(iothread !== undefined && beyond(iothread) ? [fault(`${at}.iothread`, message(iothread))] : []),
    ...mapped
      .map(({ iothread: thread }, index) => ({ thread, index }))
      .filter(({ thread }) => beyond(thread))
      .map(({ thread, index }) => fault(`${at}.iothreadMapping[${index}].iothread`, message(thread))),
    ...(new Set(mapped.map(({ iothread: thread }) => thread)).size < mapped.length
      ? [fault(`${at}.iothreadMapping`, "names one IOThread twice")]
      : []),
    ...all
      .filter((queue) => typeof queues === "number" && queue >= queues)
      .map((queue) =>
        fault(
          `${at}.iothreadMapping`,
          `names queue ${queue}, and there are ${queues} from 0 on; set queues, or name less`,
        ),
      ),
    ...((withQueues > 0 && withQueues < mapped.length) || new Set(all).size < all.length
      ? [fault(`${at}.iothreadMapping`, "either none or every IOThread names its queues, and each queue once")]
      : []),
  ];
}

/** Images that one of the disks may write: QEMU opens such a one once, not even a CD-ROM reads it beside. */
function written(disks: readonly (readonly [key: string, disk: Disk])[]): (readonly [at: string, image: unknown])[] {
  const writes = (disk: Disk) => disk.device !== "cdrom" && disk.readonly !== true;
  const images = new Set(disks.flatMap(([, disk]) => (writes(disk) ? [imagePath(disk)] : [])));
  const entries = disks.map(([key, disk]) => [`disks.${key}`, imagePath(disk)] as const);
  return entries.filter(([, image]) => images.has(image));
}

/** There is one controller of these, with so many places. */
const places = { ide: 4, fdc: 2 } as const;

/** Rules of disks. */
export const diskRules: readonly MachineRule[] = [
  ...[source, lun, place, sectors, driver, transience, shared, iothreads].map((check) => eachEntry("disks", check)),
  ...diskLimitRules,
  {
    needs: ["disks"],
    check: ({ disks }) =>
      Object.entries(places).flatMap(([bus, count]) =>
        entriesOf<Disk>(disks)
          .filter(([, disk]) => disk.bus === bus)
          .slice(count)
          .map(([key]) => fault(`disks.${key}.bus`, `${bus} has room for ${count} disks; use another bus`)),
      ),
  },
  {
    needs: [],
    check: ({ disks }) => [
      ...duplicates(written(entriesOf<Disk>(disks)), "the image"),
      ...duplicates(
        entriesOf<Disk>(disks).map(([key, disk]) => [`disks.${key}.serial`, disk.serial]),
        "the serial number",
      ),
      ...duplicates(
        entriesOf<Disk>(disks).map(([key, disk]) => [`disks.${key}.wwn`, disk.wwn]),
        "the world wide name",
      ),
    ],
  },
];
