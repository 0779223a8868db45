import type { Readable } from "node:stream";
import { bareReason, isConnectionLost, KvmError, messageOf } from "../core/errors";
import type { Context } from "../core/handler";
import { plainPath } from "../core/quantities";
import { formatBytes } from "../core/units";
import { followChain } from "../images/chain";
import { ImageError } from "../images/image-error";
import type { Libvirt, VolumeHandle } from "../libvirt/api";
import { ConnectionLost, errorCode, LibvirtError } from "../libvirt/errors";
import { poolHandle } from "../libvirt/procedures";
import { parseAnswer } from "../schema/answer";
import { textAt } from "../schema/lens";
import type { Element } from "../schema/tree";
import { isBusy, onceIdle } from "./busy";
import { attempt, type Step, unlessRefused } from "./failure";
import { poolOwner } from "./ownership";
import { hasDevices, type PoolReference } from "./pool-reference";
import { poolRemedy } from "./pool-remedy";
import { nameUsers, refreshPoolsOf, usersOf, type VolumeUser, whenAllLeave } from "./volume-users";

/** From this size on, in bytes, an upload takes longer than a fresh look at the pool. */
const largeUpload = 64n * 1024n * 1024n;

/** What to do about a volume on which others are based: without it they are lost. */
const basedRemedy =
  'keep it as long as what is based on it is needed, and make a resource of its own for new overlays; overlays whose data may be lost go ahead of it once a pulumi up has given them onReplace: "destroyData", or delete them first';

/** A volume that exists, as libvirt shows it now. */
export interface FoundVolume {
  readonly handle: VolumeHandle;
  readonly document: Element;
}

/** What goes into a new volume. */
export interface Content {
  readonly data: Readable | AsyncIterable<Buffer>;
  /** In bytes. */
  readonly length: bigint;
  /** Bytes at the start that are sent even where they are zero, because the new volume holds something there. */
  readonly dense?: number;
}

/**
 * Thrown when a half-made volume could not be deleted again: it is still on the host, so that state must name it.
 */
export class LeftBehind extends Error {
  override readonly name = "LeftBehind";

  constructor(override readonly cause: KvmError) {
    super(cause.message, { cause });
  }
}

/** Volumes of one pool, as an operation of Volume or CloudInitDisk uses them. */
export class VolumeStore {
  private constructor(
    readonly libvirt: Libvirt,
    private readonly context: Context,
    private readonly pool: PoolReference,
    /** "Volume root.qcow2", for messages. */
    private readonly object: string,
  ) {}

  static async open(context: Context, pool: PoolReference, object: string): Promise<VolumeStore> {
    return new VolumeStore(await context.connect(pool.host), context, pool, object);
  }

  get host(): string {
    return this.pool.host.uri;
  }

  /** Whether volumes of this pool have the size for ever that they are made with. */
  get isFixed(): boolean {
    return hasDevices(this.pool.type);
  }

  /** Which deployment made the pool, undefined for one that somebody else made. */
  async poolOwner(): Promise<string | undefined> {
    return poolOwner(await this.poolDocument());
  }

  /** Where the pool is now, if not where the reference has it: volumes of before are still there, and not in the pool. */
  async elsewhere(): Promise<string | undefined> {
    const path = textAt("target/path").get(await this.poolDocument());
    return path === undefined || plainPath(path) === plainPath(this.pool.path) ? undefined : path;
  }

  /** As above, where what the pool has of that name is not at `path`: it is another file then. */
  async elsewhereWith({ document }: FoundVolume, path: string | undefined): Promise<string | undefined> {
    const found = textAt("target/path").get(document);
    const isThere = found === undefined || path === undefined || plainPath(found) === plainPath(path);
    return isThere ? undefined : this.elsewhere();
  }

  /**
   * The volume, or undefined when libvirt says that the pool has none of that name, or that its file is gone. A missing
   * or inactive pool is an error.
   */
  async look(name: string): Promise<FoundVolume | undefined> {
    const handle = await this.find(name);
    const document = handle && (await this.ifVolume("read", () => this.document(handle)));
    return handle && document && { handle, document };
  }

  /**
   * The volume, after libvirt has looked at what is there. A pool whose own place is gone is an error, whatever libvirt
   * knew of it: it may lie on something that is not mounted now.
   */
  async lookAgain(name: string): Promise<FoundVolume | undefined> {
    await this.refreshIfIdle();
    return this.look(name);
  }

  /** The volume at a path of the host, whatever its pool; undefined when no active pool has one there. */
  async lookAt(path: string): Promise<FoundVolume | undefined> {
    const work = () => this.libvirt.call("STORAGE_VOL_LOOKUP_BY_PATH", { path });
    const found = await this.ifVolume("find", work);
    const document = found && (await this.ifVolume("read", () => this.document(found.vol)));
    return found && document && { handle: found.vol, document };
  }

  /** Where libvirt finds the volume on the host. */
  async pathOf(volume: VolumeHandle): Promise<string> {
    const work = () => this.libvirt.call("STORAGE_VOL_GET_PATH", { vol: volume });
    return (await attempt(this.step("find"), work)).name;
  }

  /** Makes a volume and fills it. Whatever fails, what was made is deleted again; throws LeftBehind when that fails too. */
  async make(name: string, xml: string, fill: (volume: VolumeHandle) => Promise<void>): Promise<FoundVolume> {
    let made = false;
    try {
      const args = { pool: this.handle, xml, flags: 0 };
      const work = () => this.libvirt.call("STORAGE_VOL_CREATE_XML", args);
      const { vol } = await this.patiently("create", work, this.signal, this.poolRemedy);
      made = true;
      await fill(vol);
      return { handle: vol, document: await attempt(this.step("read"), () => this.document(vol)) };
    } catch (error) {
      // A call whose answer was lost may have been carried out.
      if (made || isConnectionLost(error)) await this.discard(name, error);
      throw error;
    }
  }

  /** Runs `work`; once more, after a fresh look at the pool, when libvirt's list of volumes was not what is there. */
  async knowingFiles<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const cause = error instanceof KvmError ? error.details.cause : undefined;
      if (!(cause instanceof LibvirtError) || !/already exists|exists already/.test(cause.message)) throw error;
      await this.refresh();
      return work();
    }
  }

  /**
   * Refuses an upload for which the pool has no space. libvirt 11.3 ends (with its own client too) when the disk becomes
   * full in the middle of an upload, so that it must not come to that.
   *
   * @param data bytes that really have to be written; asked for only where `length` is too much.
   */
  async requireSpace(length: bigint, data: () => Promise<bigint>): Promise<void> {
    if (this.isFixed) return;
    // What guests wrote since libvirt looked last is not in its numbers; for a large upload it is worth to look again.
    if (length >= largeUpload) await this.refreshIfIdle();
    const available = await this.available();
    if (length <= available) return;
    const needed = await data();
    if (needed <= available) return;
    throw new KvmError("conflict", {
      ...this.step("upload", `make room in pool ${this.pool.name}, or take another one; virsh pool-info shows it`),
      reason: `it needs ${formatBytes(needed)}, and the pool has no more than ${formatBytes(available)} left; nothing was written`,
    });
  }

  /** Writes into a volume that this operation made. */
  async fill(volume: VolumeHandle, { data, length, dense = 0 }: Content): Promise<void> {
    const remedy = () =>
      `where there is no space left, make room in pool ${this.pool.name} (virsh pool-info); what was written is deleted again`;
    await attempt(this.step("upload", remedy), async () => {
      try {
        await this.libvirt.upload(volume, data, {
          // A logical volume holds what was on its blocks before: there a hole would show old data.
          sparse: !this.isFixed,
          dense,
          signal: this.signal,
          onProgress: (done) => this.context.progress(`uploading ${percent(done, length)}`),
        });
      } catch (error) {
        if (this.signal.aborted) throw this.cancelled("upload", this.signal);
        throw error instanceof ConnectionLost ? this.lostInUpload(error) : error;
      }
    });
  }

  /** The daemon of libvirt 11.3, other than that of 9.0, dies when a disk becomes full in an upload, virsh's too. */
  private lostInUpload(error: ConnectionLost): ConnectionLost {
    if (this.libvirt.version <= 9_000_000) return error;
    const message = `${error.message} (a full disk ends the daemon of newer libvirts: see how much room pool ${this.pool.name} has, by virsh pool-info)`;
    return new ConnectionLost(message, error.sent, error, error.remedy);
  }

  /** Reads a small volume, or a part of one; fewer bytes where it ends. */
  async content(
    volume: VolumeHandle,
    part: { offset: bigint; length: bigint } | undefined = undefined,
  ): Promise<Buffer> {
    return attempt(this.step("read"), async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of await this.libvirt.download(volume, part)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    });
  }

  /** Reads a volume of any size; holes arrive as zeroes. */
  async stream(volume: VolumeHandle): Promise<Readable> {
    return attempt(this.step("read"), () => this.libvirt.download(volume, { sparse: true, signal: this.signal }));
  }

  private async remove(volume: VolumeHandle, signal?: AbortSignal): Promise<void> {
    const work = () => this.libvirt.call("STORAGE_VOL_DELETE", { vol: volume, flags: 0 });
    try {
      await this.patiently("delete", work, signal);
    } catch (error) {
      // Carried out before the connection was lost, or by somebody else: what counts is that it is gone.
      if ((await this.look(volume.name)) === undefined) return;
      if (!isConnectionLost(error)) throw error;
      await this.patiently("delete", work, signal);
    }
  }

  /** Deletes a volume that nobody needs, but for those of a `spared` role; throws a KvmError that names those who do. */
  async removeUnused(volume: VolumeHandle, remedy: string, spared?: VolumeUser["role"]): Promise<void> {
    const look = async () => (await this.users(volume)).filter(({ role }) => role !== spared);
    let users = await look();
    if (users.length > 0 && users.every(({ kind }) => kind === "volume")) {
      await refreshPoolsOf(this.libvirt, users);
      users = await look();
    }
    if (users.length === 0) return this.remove(volume, this.signal);
    const ifBased = users.some(({ kind }) => kind === "volume") ? basedRemedy : remedy;
    throw new KvmError("conflict", {
      ...this.step("delete", whenAllLeave(users) ?? ifBased),
      reason: `it is in use: ${nameUsers(users)}; it was left as it is`,
    });
  }

  /** Grows a volume that no running guest has open. */
  async resize(volume: VolumeHandle, capacity: bigint): Promise<void> {
    const args = { vol: volume, capacity, flags: 0 };
    const remedy = (said: string) =>
      /no secret provided/.test(said)
        ? "grow it while a guest that has it runs: libvirt forgets the secret of a volume when it looks at the pool anew"
        : undefined;
    const work = () => this.libvirt.call("STORAGE_VOL_RESIZE", args);
    await this.patiently("grow", work, this.signal, remedy);
  }

  /** Makes the pool look at its volumes again. */
  async refresh(): Promise<void> {
    const args = { pool: this.handle, flags: 0 };
    const work = () => this.libvirt.call("STORAGE_POOL_REFRESH", args);
    await this.patiently("refresh the pool of", work, this.signal, this.poolRemedy);
  }

  /** In bytes, as libvirt saw it last. */
  private async available(): Promise<bigint> {
    const work = () => this.libvirt.call("STORAGE_POOL_GET_INFO", { pool: this.handle });
    return (await attempt(this.step("measure the pool of", this.poolRemedy), work)).available;
  }

  private async refreshIfIdle(): Promise<void> {
    const work = () => this.libvirt.call("STORAGE_POOL_REFRESH", { pool: this.handle, flags: 0 });
    await unlessRefused(this.step("refresh the pool of", this.poolRemedy), work, (refusal) => {
      // While others transfer, the numbers of the last look have to do.
      if (!isBusy(refusal)) throw refusal;
    });
  }

  /** Everything on the host that needs the volume. */
  async users(volume: VolumeHandle): Promise<VolumeUser[]> {
    return usersOf(this.libvirt, this.host, volume, await this.pathOf(volume));
  }

  /** Everything that names the file at that path itself, whatever pool it is in; ways back of guests do not count. */
  async usersAt(path: string): Promise<VolumeUser[]> {
    const users = await usersOf(this.libvirt, this.host, undefined, path);
    return users.filter(({ role }) => role !== "snapshot" && role !== "saved");
  }

  /** Follows the files that a volume at `start` is to be based on, as far as pools know them; a cycle is an error. */
  async requireSoundChain(start: string, base: string, { document }: FoundVolume): Promise<void> {
    const backingOf = async (path: string) => {
      if (path === start) return base;
      const found = path === base ? document : (await this.lookAt(path))?.document;
      return found && textAt("backingStore/path").get(found);
    };
    try {
      await followChain(start, backingOf);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      throw new KvmError("invalid", { ...this.step("create", error.remedy), reason: error.message, cause: error });
    }
  }

  /** The message of a step of ours that failed. */
  step<R extends Step["remedy"]>(what: string, remedy?: R) {
    const step = `${what} ${this.object} in pool ${this.pool.name}`;
    return { step, host: this.host, ...(remedy !== undefined && { remedy }) };
  }

  private async poolDocument(): Promise<Element> {
    const args = { pool: this.handle, flags: 0 };
    const work = () => this.libvirt.call("STORAGE_POOL_GET_XML_DESC", args);
    return parseAnswer((await attempt(this.step("read the pool of", this.poolRemedy), work)).xml);
  }

  /** The volume by its name, from libvirt's list alone. */
  private async find(name: string): Promise<VolumeHandle | undefined> {
    const work = () => this.libvirt.call("STORAGE_VOL_LOOKUP_BY_NAME", { pool: this.handle, name });
    return (await this.ifVolume("find", work))?.vol;
  }

  private async document(volume: VolumeHandle): Promise<Element> {
    return parseAnswer((await this.libvirt.call("STORAGE_VOL_GET_XML_DESC", { vol: volume, flags: 0 })).xml);
  }

  /** Undefined only when libvirt says that there is no such volume; a pool that is missing is another matter. */
  private ifVolume<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return unlessRefused(this.step(what, this.poolRemedy), work, (refusal) => {
      if (refusal.code === errorCode.noStorageVolume) return undefined;
      throw refusal;
    });
  }

  private async discard(name: string, cause: unknown): Promise<void> {
    try {
      const left = await this.find(name);
      // Though the deployment is cancelled: the pool is busy for a moment with the very upload that was.
      if (left) await this.remove(left);
    } catch (error) {
      const remedy = "mend what failed, then run pulumi up again: it deletes the half-made volume and makes it anew";
      const reason = `${bareReason(cause)}; the half-made volume could not be deleted: ${bareReason(error)}`;
      const [code, step] =
        cause instanceof KvmError ? [cause.code, cause.details] : (["internal", this.step("create")] as const);
      throw new LeftBehind(new KvmError(code, { ...step, reason, remedy, cause }));
    }
  }

  private readonly poolRemedy = (said: string) => poolRemedy(this.pool, said);

  private get signal(): AbortSignal {
    return this.context.signal;
  }

  private cancelled(what: string, { reason }: AbortSignal): KvmError {
    const again = this.step(what, "run the same command again: it does this anew");
    return new KvmError("cancelled", { ...again, reason: messageOf(reason) });
  }

  private get handle() {
    return poolHandle(this.pool.uuid);
  }

  /** A step that waits while the pool or volume is busy, until `signal` fires. */
  private async patiently<T>(
    what: string,
    work: () => Promise<T>,
    signal: AbortSignal | undefined,
    remedy?: Step["remedy"],
  ): Promise<T> {
    const cancelled = (error: unknown) => {
      throw signal?.aborted && error === signal.reason ? this.cancelled(what, signal) : error;
    };
    return attempt(this.step(what, remedy), () => onceIdle(work, signal).catch(cancelled));
  }
}

export function percent(done: bigint, total: bigint): string {
  return total === 0n ? "" : `${(done * 100n) / total} %`;
}
