import type { Libvirt } from "../../libvirt/api";
import { networkHandle, poolHandle } from "../../libvirt/procedures";
import { attempt } from "../../resources/failure";
import { Domain } from "../../resources/virtual-machine/domain";
import type { Power } from "../../resources/virtual-machine/power-state";
import { parseAnswer } from "../../schema/answer";
import type { Element } from "../../schema/tree";

interface Found {
  readonly uuid: string;
  readonly name: string;
  /** The persistent definition. */
  readonly document: Element;
  readonly autostart: boolean;
}

export interface FoundDomain extends Found {
  readonly power: Power;
  readonly persistent: boolean;
}

export interface FoundNetwork extends Found {
  readonly active: boolean;
}

export interface FoundVolume {
  readonly name: string;
  readonly path: string;
  readonly document: Element;
}

export interface FoundPool extends Found {
  readonly active: boolean;
  /** Empty while the pool is not active: libvirt does not look into it then. */
  readonly volumes: readonly FoundVolume[];
}

/** What is on a host, in the order of names. */
export interface Scan {
  readonly domains: readonly FoundDomain[];
  readonly networks: readonly FoundNetwork[];
  readonly pools: readonly FoundPool[];
}

const everything = { needResults: 1, flags: 0 };
/** VIR_NETWORK_XML_INACTIVE and VIR_STORAGE_XML_INACTIVE. */
const inactive = 1;

/** Reads all definitions of a host; nothing on it is changed. */
export async function scan(libvirt: Libvirt): Promise<Scan> {
  const host = libvirt.uri;
  return attempt({ step: "read what is on the host", host }, async () => {
    const [{ domains }, { nets }, { pools }] = await Promise.all([
      libvirt.call("CONNECT_LIST_ALL_DOMAINS", everything),
      libvirt.call("CONNECT_LIST_ALL_NETWORKS", everything),
      libvirt.call("CONNECT_LIST_ALL_STORAGE_POOLS", everything),
    ]);
    const found = await Promise.all([
      Promise.all(domains.map(({ uuid }) => domainOf(libvirt, uuid))),
      Promise.all(nets.map((net) => networkOf(libvirt, net))),
      Promise.all(pools.map((pool) => poolOf(libvirt, pool))),
    ]);
    return {
      domains: byName(found[0].filter((domain) => domain !== undefined)),
      networks: byName(found[1]),
      pools: byName(found[2]),
    };
  });
}

interface Handle {
  readonly uuid: string;
  readonly name: string;
}

/** Undefined for one that ended in the meantime. */
async function domainOf(libvirt: Libvirt, uuid: string): Promise<FoundDomain | undefined> {
  const domain = await Domain.byUuid(libvirt, libvirt.uri, uuid);
  if (!domain) return undefined;
  const [document, power, autostart, persistent] = await Promise.all([
    domain.inactive(),
    domain.power(),
    domain.autostart(),
    domain.isPersistent(),
  ]);
  return { uuid, name: domain.name, document, power, autostart, persistent };
}

async function networkOf(libvirt: Libvirt, { uuid, name }: Handle): Promise<FoundNetwork> {
  const net = networkHandle(uuid);
  const [{ xml }, { active }, { autostart }] = await Promise.all([
    libvirt.call("NETWORK_GET_XML_DESC", { net, flags: inactive }),
    libvirt.call("NETWORK_IS_ACTIVE", { net }),
    libvirt.call("NETWORK_GET_AUTOSTART", { net }),
  ]);
  return { uuid, name, document: parseAnswer(xml), active: active === 1, autostart: autostart === 1 };
}

async function poolOf(libvirt: Libvirt, { uuid, name }: Handle): Promise<FoundPool> {
  const pool = poolHandle(uuid);
  const [{ xml }, { active }, { autostart }] = await Promise.all([
    libvirt.call("STORAGE_POOL_GET_XML_DESC", { pool, flags: inactive }),
    libvirt.call("STORAGE_POOL_IS_ACTIVE", { pool }),
    libvirt.call("STORAGE_POOL_GET_AUTOSTART", { pool }),
  ]);
  const volumes = active === 1 ? await volumesOf(libvirt, uuid) : [];
  return { uuid, name, document: parseAnswer(xml), active: active === 1, autostart: autostart === 1, volumes };
}

async function volumesOf(libvirt: Libvirt, uuid: string): Promise<readonly FoundVolume[]> {
  const args = { pool: poolHandle(uuid), ...everything };
  const { vols } = await libvirt.call("STORAGE_POOL_LIST_ALL_VOLUMES", args);
  const found = vols.map(async (vol): Promise<FoundVolume> => {
    const [{ xml }, { name: path }] = await Promise.all([
      libvirt.call("STORAGE_VOL_GET_XML_DESC", { vol, flags: 0 }),
      libvirt.call("STORAGE_VOL_GET_PATH", { vol }),
    ]);
    return { name: vol.name, path, document: parseAnswer(xml) };
  });
  return byName(await Promise.all(found));
}

function byName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
}
