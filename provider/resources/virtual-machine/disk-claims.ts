import { KvmError } from "../../core/errors";
import type { Libvirt } from "../../libvirt/api";
import { poolHandle } from "../../libvirt/procedures";
import { child, children, type Element, parse } from "../../schema/tree";
import { attempt, ifFound } from "../failure";
import { otherDomains } from "../other-domains";
import { devicesOf } from "./alias";
import { isBlockDevice, sourcePath } from "./disk-sources";
import type { Objection } from "./host-use";
import type { Inputs } from "./rows";
import { type Disk, entriesOf } from "./rule-entries";

/**
 * Refuses block devices that a running domain writes to, or that a storage pool of the host lies on. QEMU locks image
 * files by itself; of a device libvirt would tell nobody.
 */
export async function requireBlockDevices(libvirt: Libvirt, { disks, name, host }: Inputs, own: string): Promise<void> {
  const claims = entriesOf<Disk>(disks).flatMap(([key, disk]) => {
    const path = disk.volume?.path ?? disk.path;
    return path !== undefined && isBlockDevice(path) ? [{ key, path, disk }] : [];
  });
  if (claims.length === 0) return;
  const [others, pools] = await Promise.all([
    otherDomains(libvirt, host.uri, own, true),
    poolDevices(libvirt, host.uri),
  ]);
  for (const { key, path, disk } of claims) {
    const writer = others.find(({ documents }) =>
      documents.flatMap((document) => devicesOf(document, "disk")).some((other) => collides(disk, path, other)),
    );
    const pool = disk.volume ? undefined : pools.find(({ devices }) => devices.includes(path));
    const objection = writer ? writtenBy(path, writer.name) : pool && under(path, pool.name);
    if (!objection) continue;
    throw new KvmError("conflict", {
      step: `give disks.${key} to VirtualMachine ${name}`,
      host: host.uri,
      reason: `disks.${key}: ${objection.reason}; nothing was changed`,
      remedy: objection.remedy,
    });
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

function under(path: string, pool: string): Objection {
  return {
    reason: `${path} is in use by the host: its storage pool ${pool} lies on it`,
    remedy: "make a volume in the pool and give that (volume), or give another device",
  };
}

/** The devices that the active pools of the host lie on. */
async function poolDevices(libvirt: Libvirt, host: string) {
  // VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE
  const { pools } = await attempt({ step: "list the storage pools", host }, () =>
    libvirt.call("CONNECT_LIST_ALL_STORAGE_POOLS", { needResults: 1, flags: 2 }),
  );
  return Promise.all(
    pools.map(async ({ name, uuid }) => {
      const found = await ifFound({ step: `read the definition of the pool ${name}`, host }, () =>
        libvirt.call("STORAGE_POOL_GET_XML_DESC", { pool: poolHandle(uuid), flags: 0 }),
      );
      const source = found && child(parse(found.xml), "source");
      const devices = (source ? children(source, "device") : []).flatMap(({ attributes }) => attributes["path"] ?? []);
      return { name, devices };
    }),
  );
}
