import type { Libvirt } from "../../libvirt/api";
import { activeOnly, xmlFlags } from "../../libvirt/constants";
import { errorCode, LibvirtError } from "../../libvirt/errors";
import { domainHandle, poolHandle } from "../../libvirt/procedures";
import { parseAnswer } from "../../schema/answer";
import { child, children, type Element, textOf } from "../../schema/tree";
import { attempt, ifFound } from "../failure";
import { Taken } from "../hand-over";
import { hasFolder } from "../host-path";
import { makerOf, otherDomains } from "../other-domains";
import { devicesOf } from "./alias";
import { imagePath, isBlockDevice, sourcePath } from "./disk-sources";
import type { Objection } from "./host-use";
import { NodeDevices } from "./node-devices";
import type { Inputs } from "./rows";
import { type Disk, entriesOf } from "./rule-entries";

/**
 * Refuses block devices that a running domain writes to, or that a storage pool, a volume group or a mounted file system
 * of the host lies on. QEMU locks image files by itself; of a device libvirt would tell nobody.
 */
export async function requireBlockDevices(libvirt: Libvirt, { disks, name, host }: Inputs, own: string): Promise<void> {
  const claims = entriesOf<Disk>(disks).flatMap(([key, disk]) => {
    const path = imagePath(disk);
    return path !== undefined && isBlockDevice(path) ? [{ key, path, disk }] : [];
  });
  if (claims.length === 0) return;
  const [others, pools, groups] = await Promise.all([
    otherDomains(libvirt, host.uri, own, true),
    poolDevices(libvirt, host.uri),
    volumeGroups(libvirt, host.uri),
  ]);
  for (const { key, path, disk } of claims) {
    const writer = others.find(({ documents }) =>
      documents.flatMap((document) => devicesOf(document, "disk")).some((other) => collides(disk, path, other)),
    );
    // What lies on a volume is its owner's to know.
    const lying = (found: readonly OnDevices[]) =>
      disk.volume ? undefined : found.find(({ devices }) => devices.some((device) => isOn(device, path)));
    const [pool, group] = [lying(pools), lying(groups)];
    const mounted =
      writer || pool || group || disk.readonly === true ? undefined : await mountedOn(libvirt, host.uri, path);
    const objection = writer
      ? writtenBy(path, writer.name)
      : pool
        ? under(path, `its storage pool ${pool.name}`, "make a volume in the pool and give that (volume)")
        : group
          ? under(
              path,
              `its volume group ${group.name}`,
              "give a logical volume of the group, keep the host's LVM off what a guest made there (global_filter in /etc/lvm/lvm.conf)",
            )
          : mounted && under(path, `the file system that it has mounted from ${mounted}`, "unmount that on the host");
    // A guest may have a volume group on its own disk, which the host sees too.
    if (!objection || (!writer && !pool && (await hasDisk(libvirt, host.uri, own, path)))) continue;
    const step = `give disks.${key} to VirtualMachine ${name}`;
    const reason = `disks.${key}: ${objection.reason}; nothing was changed`;
    throw new Taken({ step, host: host.uri, reason, remedy: objection.remedy }, writer && makerOf(writer));
  }
}

/** Two may read one device; two may write when both say that they share it. */
function collides(disk: Disk, path: string, other: Element): boolean {
  if (sourcePath(other) !== path) return false;
  const both = (mine: boolean | undefined, name: string) => mine === true && child(other, name) !== undefined;
  return !both(disk.readonly, "readonly") && !both(disk.shareable, "shareable");
}

function writtenBy(path: string, domain: string): Objection {
  return {
    reason: `${path} is in use by the running domain ${domain}`,
    remedy: "give another device, stop that domain, or set shareable: true and cache: none in both",
  };
}

function under(path: string, what: string, remedy: string): Objection {
  return { reason: `${path} is in use by the host: ${what} lies on it`, remedy: `${remedy}, or give another device` };
}

/** Kernels tell what they have mounted by a folder for each; those of others tell nothing. */
const fileSystems = ["ext4", "xfs", "f2fs"] as const;
const mostPartitions = 16;

const partitionOf = (disk: string, number: number | string) => `${disk}${/\d$/.test(disk) ? "p" : ""}${number}`;

/** What the host has mounted of the device, itself or a partition, as a path in /dev. */
async function mountedOn(libvirt: Libvirt, host: string, path: string): Promise<string | undefined> {
  const name = await kernelName(libvirt, host, path);
  if (name === undefined || !(await hasFolder(libvirt, `/sys/class/block/${name}`))) return undefined;
  const parts = Array.from({ length: mostPartitions }, (_, index) => partitionOf(name, index + 1));
  for (const part of [name, ...parts]) {
    if (part !== name && !(await hasFolder(libvirt, `/sys/class/block/${part}`))) continue;
    const found = await Promise.all(fileSystems.map((system) => hasFolder(libvirt, `/sys/fs/${system}/${part}`)));
    if (found.includes(true)) return `/dev/${part}`;
  }
  return undefined;
}

/** The kernel's name of a disk or partition; of logical volumes and what else has one of its own libvirt tells none. */
async function kernelName(libvirt: Libvirt, host: string, path: string): Promise<string | undefined> {
  const [, plain] = /^\/dev\/([a-z]+[a-z\d]*)$/.exec(path) ?? [];
  if (plain !== undefined || !path.startsWith("/dev/disk/")) return plain;
  const [, link = path, number] = /^(.+)-part(\d+)$/.exec(path) ?? [];
  const disks = await new NodeDevices(libvirt, host).disks().catch(() => []);
  const disk = disks.find(({ links }) => links.includes(link))?.block.replace("/dev/", "");
  return disk === undefined || number === undefined ? disk : partitionOf(disk, number);
}

/** Whether the domain has that disk already. */
async function hasDisk(libvirt: Libvirt, host: string, uuid: string, path: string): Promise<boolean> {
  const found = await ifFound({ step: `read the definition of the domain ${uuid}`, host }, () =>
    libvirt.call("DOMAIN_GET_XML_DESC", { dom: domainHandle(uuid), flags: xmlFlags.inactive }),
  );
  return found !== undefined && devicesOf(parseAnswer(found.xml), "disk").some((disk) => sourcePath(disk) === path);
}

/** Something of the host that lies on block devices. */
interface OnDevices {
  readonly name: string;
  readonly devices: readonly string[];
}

/** Whether the device is the one at `path`, or a partition of it. */
function isOn(device: string, path: string): boolean {
  return device === path || (device.startsWith(path) && /^p?\d+$/.test(device.slice(path.length)));
}

const pathsIn = (source: Element) => children(source, "device").flatMap(({ attributes }) => attributes["path"] ?? []);

/** The volume groups of the host, by its own LVM tools; none where libvirt has no driver for them. */
async function volumeGroups(libvirt: Libvirt, host: string): Promise<readonly OnDevices[]> {
  const asked = { type: "logical", srcSpec: undefined, flags: 0 };
  const { xml } = await attempt({ step: "look for volume groups", host }, () =>
    libvirt.call("CONNECT_FIND_STORAGE_POOL_SOURCES", asked).catch((error: unknown) => {
      if (error instanceof LibvirtError && noDriver.includes(error.code)) return { xml: "<sources/>" };
      throw error;
    }),
  );
  return children(parseAnswer(xml), "source").map((source) => ({
    name: textOf(child(source, "name") ?? source),
    devices: pathsIn(source),
  }));
}

/** An internal error tells of a missing driver, a system error of missing tools. */
const noDriver: readonly number[] = [errorCode.internal, errorCode.systemError, errorCode.noSupport];

/** The devices that the active pools of the host lie on. */
async function poolDevices(libvirt: Libvirt, host: string): Promise<readonly OnDevices[]> {
  const { pools } = await attempt({ step: "list the storage pools", host }, () =>
    libvirt.call("CONNECT_LIST_ALL_STORAGE_POOLS", { needResults: 1, flags: activeOnly.pools }),
  );
  return Promise.all(
    pools.map(async ({ name, uuid }) => {
      const found = await ifFound({ step: `read the definition of the pool ${name}`, host }, () =>
        libvirt.call("STORAGE_POOL_GET_XML_DESC", { pool: poolHandle(uuid), flags: 0 }),
      );
      const source = found && child(parseAnswer(found.xml), "source");
      return { name, devices: source ? pathsIn(source) : [] };
    }),
  );
}
