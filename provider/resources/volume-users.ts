import { dirname } from "node:path";
import type { Libvirt, VolumeHandle } from "../libvirt/api";
import { activeOnly, holding, xmlFlags } from "../libvirt/constants";
import { domainHandle, poolHandle } from "../libvirt/procedures";
import { parseAnswer } from "../schema/answer";
import { textAt } from "../schema/lens";
import { child, children, type Element, isElement, textOf } from "../schema/tree";
import { attempt, ifFound, type Step, unlessRefused } from "./failure";
import { readMark } from "./ownership";
import { SharedLook } from "./shared-look";

/** Who needs a volume. */
export interface VolumeUser {
  readonly kind: "domain" | "volume";
  readonly name: string;
  /** Of the domain, or of the pool that the volume is in. */
  readonly uuid: string;
  /**
   * What the domain does with it: its own disk, a file below such a disk, or something else (firmware, kernel); or what
   * it goes back to by a snapshot, and goes on with by its saved state, names it.
   */
  readonly role: "disk" | "chain" | "file" | Former;
  /** Device name of the disk in the guest, "vda"; empty for other files and for volumes. */
  readonly target: string;
  /** Whether it is a running domain that has it open now. */
  readonly active: boolean;
  /** It has it until it stops: its next start is without. */
  readonly leaves?: boolean;
  /** Which resource made the domain, where one of ours did: this state may not know it, or that of another stack has it. */
  readonly urn?: string;
}

/** What else holds a definition of a domain, beside its own ones. */
type Former = "snapshot" | "saved";

interface Definition {
  readonly uuid: string;
  readonly active: boolean;
  readonly document: Element;
  readonly former?: Former;
}

/** Everything on a host that may need a volume: definitions of domains, and what volumes of active pools are based on. */
interface Survey {
  readonly domains: readonly Definition[];
  readonly volumes: readonly PoolVolume[];
}

/**
 * Everything on the host that needs the volume: disks of all definitions, live and persistent, of snapshots and saved
 * states, with their backing chains, and volumes of all active pools that are based on it. What lies in a pool that is not
 * active cannot be seen. Without a `volume`, what names the path itself.
 */
export async function usersOf(libvirt: Libvirt, host: string, volume: VolumeHandle | undefined, path: string) {
  const { domains, volumes } = await survey.ask(libvirt, host);
  const users = domains.flatMap(({ uuid, active, document, former }): VolumeUser[] => {
    const found = useIn(document, volume, path);
    if (!found) return [];
    const name = textAt("name").get(document) ?? uuid;
    const urn = readMark(document)?.urn;
    return [{ kind: "domain", name, uuid, active, ...found, ...(former && { role: former }), ...(urn && { urn }) }];
  });
  // A running domain names it in both of its definitions; the live one comes first.
  const once = users
    .filter((user, index) => users.findIndex(({ uuid }) => uuid === user.uuid) === index)
    .map((user) => ({ ...user, leaves: isLeaving(user, users) }));
  const based = volumes.filter(({ backing }) => backing !== undefined && same(backing, path));
  return [
    ...once,
    ...based.map(({ name, pool }): VolumeUser => {
      return { kind: "volume", name, uuid: pool, role: "chain", target: "", active: false };
    }),
  ];
}

/** Whether only the live definition has it as a disk; what lies below a disk is never in the other one. */
function isLeaving({ uuid, active, role }: VolumeUser, users: readonly VolumeUser[]): boolean {
  return active && role === "disk" && users.filter((user) => user.uuid === uuid).length === 1;
}

/**
 * Makes the pools of these volumes look again at what they are based on, which a blockpull or a rebase changes. One that
 * cannot do so now keeps what it knew.
 */
export async function refreshPoolsOf(libvirt: Libvirt, volumes: readonly VolumeUser[]): Promise<void> {
  const step = { step: "look at the pools of volumes again", host: libvirt.uri };
  for (const uuid of new Set(volumes.map((volume) => volume.uuid))) {
    const work = () => libvirt.call("STORAGE_POOL_REFRESH", { pool: poolHandle(uuid), flags: 0 });
    await unlessRefused(step, work, () => undefined);
  }
}

/** What helps where all users have it until they stop. */
export function whenAllLeave(users: readonly VolumeUser[]): string | undefined {
  if (!users.every(({ leaves }) => leaves)) return undefined;
  const stops = users.map(({ name }) => `virsh shutdown ${name}`).join(", ");
  return `shut it down (${stops}) and run pulumi up --refresh, which starts it without the volume; or set changePolicy: "restart" of the machine, and pulumi up does both`;
}

/** Names the users for a message. */
export function nameUsers(users: readonly VolumeUser[]): string {
  return users.map((user) => `${spell(user)}${user.urn ? ` (made by ${user.urn})` : ""}`).join(", ");
}

function spell(user: VolumeUser): string {
  return user.leaves ? `${spellUse(user)} until it stops` : spellUse(user);
}

function spellUse({ kind, name, role, target, active }: VolumeUser): string {
  if (kind === "volume") return `volume ${name} is based on it`;
  const domain = `${active ? "running " : ""}domain ${name}`;
  if (role === "file") return `${domain} names it in its definition`;
  if (role === "snapshot") return `a snapshot of ${domain} needs it (virsh snapshot-list ${name})`;
  if (role === "saved") return `the saved state of ${domain} needs it (virsh managedsave-remove ${name} drops that)`;
  return role === "disk" ? `${domain} has it as ${target}` : `${domain} has it below ${target}`;
}

function useIn(
  domain: Element,
  volume: VolumeHandle | undefined,
  path: string,
): Pick<VolumeUser, "role" | "target"> | undefined {
  const disks = children(child(domain, "devices") ?? domain, "disk");
  const target = (disk: Element) => child(disk, "target")?.attributes["dev"] ?? "";
  const own = disks.find((disk) => names(child(disk, "source"), volume, path));
  if (own) return { role: "disk", target: target(own) };
  const above = disks.find((disk) => mentions(disk, volume, path));
  if (above) return { role: "chain", target: target(above) };
  // Firmware, variables, kernels and whatever else takes a path; notes of others in the metadata are no use of it.
  const rest = children(domain).filter((item) => item.name !== "metadata");
  return rest.some((item) => mentions(item, volume, path)) ? { role: "file", target: "" } : undefined;
}

function mentions(element: Element, volume: VolumeHandle | undefined, path: string): boolean {
  if (names(element, volume, path)) return true;
  if (element.children.some((node) => !isElement(node)) && same(textOf(element), path)) return true;
  return children(element).some((item) => mentions(item, volume, path));
}

function names(source: Element | undefined, volume: VolumeHandle | undefined, path: string): boolean {
  if (!source) return false;
  const { pool, volume: name } = source.attributes;
  if (volume && pool === volume.pool && name === volume.name) return true;
  return Object.values(source.attributes).some((value) => same(value, path));
}

function same(text: string, path: string): boolean {
  return text.startsWith("/") && plain(text) === plain(path);
}

/** A logical volume has two paths: /dev/vg/lv, and /dev/mapper/vg-lv, where hyphens of the names are doubled. */
function plain(path: string): string {
  const short = path.replace(/\/+/g, "/");
  const [, group, volume] = /^\/dev\/mapper\/((?:[^-]|--)+)-((?:[^-]|--)+)$/.exec(short) ?? [];
  return group && volume ? `/dev/${group}/${volume}`.replace(/--/g, "-") : short;
}

const survey = new SharedLook(lookAt);

function seeing(host: string): Step {
  return { step: "see who uses the volumes", host };
}

async function lookAt(libvirt: Libvirt, host: string): Promise<Survey> {
  const step = seeing(host);
  const everything = { needResults: 1, flags: 0 };
  const domainsWith = (flags: number) => libvirt.call("CONNECT_LIST_ALL_DOMAINS", { ...everything, flags });
  const [{ domains }, snapped, saved, { pools }] = await attempt(step, () =>
    Promise.all([
      domainsWith(0),
      domainsWith(holding.snapshots),
      domainsWith(holding.savedState),
      libvirt.call("CONNECT_LIST_ALL_STORAGE_POOLS", { ...everything, flags: activeOnly.pools }),
    ]),
  );
  const [documents, former, volumes] = await Promise.all([
    Promise.all(domains.map(({ uuid, id }) => definitions(libvirt, host, uuid, id >= 0))),
    Promise.all([
      ...snapped.domains.map(({ uuid }) => inSnapshots(libvirt, host, uuid)),
      ...saved.domains.map(({ uuid }) => inSavedState(libvirt, host, uuid)),
    ]),
    Promise.all(pools.map(({ uuid, name }) => volumesIn(libvirt, host, uuid, name))),
  ]);
  const images = documents.flat().flatMap(({ document }) => imagesOf(document));
  const all = await Promise.all(
    volumes.map(async (found, index) => {
      const pool = pools[index];
      return pool && lacks(found, images) ? lookAgain(libvirt, host, pool.uuid, pool.name) : found;
    }),
  );
  return { domains: [...documents, ...former].flat(), volumes: all.flat() };
}

function imagesOf(domain: Element): string[] {
  const disks = children(child(domain, "devices") ?? domain, "disk");
  return disks.flatMap((disk) => child(disk, "source")?.attributes["file"] ?? []);
}

/**
 * Whether a disk has an image beside volumes of the pool of which the pool does not know: libvirt adds none that a
 * snapshot makes, and says of a guest that is off nothing of what lies below its image.
 */
function lacks(volumes: readonly PoolVolume[], images: readonly string[]): boolean {
  const folders = new Set(volumes.map(({ key }) => dirname(key)));
  const keys = new Set(volumes.map(({ key }) => key));
  return images.some((image) => folders.has(dirname(image)) && !keys.has(image));
}

async function lookAgain(libvirt: Libvirt, host: string, uuid: string, pool: string): Promise<PoolVolume[]> {
  const remedy = "wait until no upload or download is under way there, then run pulumi again";
  const step = { step: `see what the volumes of pool ${pool} are based on`, host, remedy };
  await ifFound(step, () => libvirt.call("STORAGE_POOL_REFRESH", { pool: poolHandle(uuid), flags: 0 }));
  return volumesIn(libvirt, host, uuid, pool);
}

async function definitions(libvirt: Libvirt, host: string, uuid: string, running: boolean): Promise<Definition[]> {
  const step = seeing(host);
  const read = async (flags: number, active: boolean) => {
    const dom = domainHandle(uuid);
    const found = await ifFound(step, () => libvirt.call("DOMAIN_GET_XML_DESC", { dom, flags }));
    return found ? [{ uuid, active, document: parseAnswer(found.xml) }] : [];
  };
  return (await Promise.all([...(running ? [read(0, true)] : []), read(xmlFlags.inactive, false)])).flat();
}

/** Those that snapshots hold: of what lies below an image that is in no pool, they alone tell. */
async function inSnapshots(libvirt: Libvirt, host: string, uuid: string): Promise<Definition[]> {
  const step = seeing(host);
  const list = { dom: domainHandle(uuid), needResults: 1, flags: 0 };
  const { snapshots = [] } = (await ifFound(step, () => libvirt.call("DOMAIN_LIST_ALL_SNAPSHOTS", list))) ?? {};
  const found = await Promise.all(
    snapshots.map((snap) => ifFound(step, () => libvirt.call("DOMAIN_SNAPSHOT_GET_XML_DESC", { snap, flags: 0 }))),
  );
  return found.flatMap((answer): Definition[] => {
    const snapshot = answer && parseAnswer(answer.xml);
    const documents = ["domain", "inactiveDomain"].flatMap((name) => (snapshot && child(snapshot, name)) ?? []);
    return documents.map((document) => ({ uuid, active: false, document, former: "snapshot" }));
  });
}

/** That of the guest whose memory is saved, which it goes on with whatever its definition says by now. */
async function inSavedState(libvirt: Libvirt, host: string, uuid: string): Promise<Definition[]> {
  const step = seeing(host);
  const args = { dom: domainHandle(uuid), flags: 0 };
  // It is gone on with meanwhile; and one that libvirt cannot read is lost anyway.
  const found = await unlessRefused(
    step,
    () => libvirt.call("DOMAIN_MANAGED_SAVE_GET_XML_DESC", args),
    () => undefined,
  );
  return found ? [{ uuid, active: false, document: parseAnswer(found.xml), former: "saved" }] : [];
}

interface PoolVolume {
  readonly name: string;
  /** Uuid of its pool. */
  readonly pool: string;
  /** In pools of files, the path. */
  readonly key: string;
  readonly backing: string | undefined;
}

async function volumesIn(libvirt: Libvirt, host: string, uuid: string, pool: string): Promise<PoolVolume[]> {
  const step = { step: `see what the volumes of pool ${pool} are based on`, host };
  const list = { pool: poolHandle(uuid), needResults: 1, flags: 0 };
  const { vols = [] } = (await ifFound(step, () => libvirt.call("STORAGE_POOL_LIST_ALL_VOLUMES", list))) ?? {};
  return Promise.all(
    vols.map(async (vol) => {
      const found = await ifFound(toRead(vol, host), () => libvirt.call("STORAGE_VOL_GET_XML_DESC", { vol, flags: 0 }));
      const backing = found && textAt("backingStore/path").get(parseAnswer(found.xml));
      return { name: `${pool}/${vol.name}`, pool: uuid, key: vol.key, backing };
    }),
  );
}

/** One that cannot be read may be based on any other; whose it is does not matter. */
function toRead({ name, pool, key }: VolumeHandle, host: string): Step {
  const remedy = `see on the host what is wrong with ${key} (an image that ends within its header is one that libvirt gives no reason for): mend it, or move it out of there and run virsh pool-refresh ${pool}`;
  return { step: `see what volume ${name} of pool ${pool} is based on`, host, remedy };
}
