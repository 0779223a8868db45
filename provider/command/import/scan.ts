import type { Libvirt, VolumeHandle } from "../../libvirt/api";
import { networkHandle, poolHandle } from "../../libvirt/procedures";
import { attempt, ifFound } from "../../resources/failure";
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
  /** False for one that has no definition and goes with its end. */
  readonly persistent: boolean;
}

export interface FoundDomain extends Found {
  readonly power: Power;
}

export interface FoundNetwork extends Found {
  readonly active: boolean;
}

export interface FoundVolume {
  readonly name: string;
  readonly path: string;
  /** Undefined where libvirt lists it and has it no more: somebody deleted the file behind its back. */
  readonly document: Element | undefined;
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
      networks: byName(found[1].filter((network) => network !== undefined)),
      pools: byName(found[2].filter((pool) => pool !== undefined)),
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

/** Undefined for one that went in the meantime, like the others below. */
async function networkOf(libvirt: Libvirt, { uuid, name }: Handle): Promise<FoundNetwork | undefined> {
  const net = networkHandle(uuid);
  const found = await ifFound({ step: `read Network ${name}`, host: libvirt.uri }, () =>
    Promise.all([
      libvirt.call("NETWORK_GET_XML_DESC", { net, flags: inactive }),
      libvirt.call("NETWORK_IS_ACTIVE", { net }),
      libvirt.call("NETWORK_GET_AUTOSTART", { net }),
      libvirt.call("NETWORK_IS_PERSISTENT", { net }),
    ]),
  );
  if (!found) return undefined;
  const [{ xml }, { active }, { autostart }, { persistent }] = found;
  const state = { active: active === 1, autostart: autostart === 1, persistent: persistent === 1 };
  return { uuid, name, document: parseAnswer(xml), ...state };
}

async function poolOf(libvirt: Libvirt, { uuid, name }: Handle): Promise<FoundPool | undefined> {
  const pool = poolHandle(uuid);
  const found = await ifFound({ step: `read StoragePool ${name}`, host: libvirt.uri }, async () => {
    const [{ xml }, { active }, { autostart }, { persistent }] = await Promise.all([
      libvirt.call("STORAGE_POOL_GET_XML_DESC", { pool, flags: inactive }),
      libvirt.call("STORAGE_POOL_IS_ACTIVE", { pool }),
      libvirt.call("STORAGE_POOL_GET_AUTOSTART", { pool }),
      libvirt.call("STORAGE_POOL_IS_PERSISTENT", { pool }),
    ]);
    const { vols } =
      active === 1 ? await libvirt.call("STORAGE_POOL_LIST_ALL_VOLUMES", { pool, ...everything }) : { vols: [] };
    const state = { active: active === 1, autostart: autostart === 1, persistent: persistent === 1 };
    return { document: parseAnswer(xml), ...state, vols };
  });
  if (!found) return undefined;
  const { vols, ...rest } = found;
  const volumes = await Promise.all(vols.map((vol) => volumeOf(libvirt, vol)));
  return { uuid, name, ...rest, volumes: byName(volumes.filter((volume) => volume !== undefined)) };
}

async function volumeOf(libvirt: Libvirt, vol: VolumeHandle): Promise<FoundVolume | undefined> {
  const step = { step: `read Volume ${vol.pool}/${vol.name}`, host: libvirt.uri };
  const [text, path] = await Promise.all([
    ifFound(step, () => libvirt.call("STORAGE_VOL_GET_XML_DESC", { vol, flags: 0 })),
    ifFound(step, () => libvirt.call("STORAGE_VOL_GET_PATH", { vol })),
  ]);
  return path && { name: vol.name, path: path.name, document: text && parseAnswer(text.xml) };
}

function byName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
}
