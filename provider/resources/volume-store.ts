import type { Readable } from "node:stream";
import { KvmError, messageOf } from "../core/errors";
import type { Context } from "../core/handler";
import type { Libvirt, VolumeHandle } from "../libvirt/api";
import { errorCode, LibvirtError } from "../libvirt/errors";
import { domainHandle, poolHandle } from "../libvirt/procedures";
import { textAt } from "../schema/lens";
import { child, children, type Element, parse } from "../schema/tree";
import { attempt, ifFound } from "./failure";
import type { PoolReference } from "./pool-reference";

/** libvirt refuses work on a pool while a job of another client runs in it. */
const busyRetries = { count: 40, milliseconds: 250 };

/** Volumes of one pool, as Volume and CloudInitDisk use them. */
export class VolumeStore {
  private constructor(
    readonly libvirt: Libvirt,
    private readonly pool: PoolReference,
    /** "Volume root.qcow2", for messages. */
    private readonly object: string,
  ) {}

  static async open(context: Context, pool: PoolReference, object: string): Promise<VolumeStore> {
    return new VolumeStore(await context.connect(pool.host), pool, object);
  }

  get host(): string {
    return this.pool.host.uri;
  }

  /** The volume, or undefined when the pool says that it has none of that name. A missing or inactive pool is an error. */
  async find(name: string): Promise<VolumeHandle | undefined> {
    const step = { step: `find ${this.object} in pool ${this.pool.name}`, host: this.host };
    await attempt({ ...step, remedy: "see whether the pool exists and is active: virsh pool-list --all" }, async () => {
      const { active } = await this.libvirt.call("STORAGE_POOL_IS_ACTIVE", { pool: poolHandle(this.pool.uuid) });
      if (active === 0) throw new Error(`pool ${this.pool.name} is not active`);
    });
    const found = await ifFound(step, () =>
      this.libvirt.call("STORAGE_VOL_LOOKUP_BY_NAME", { pool: this.handle, name }),
    );
    return found?.vol;
  }

  /** The volume's document. */
  async document(volume: VolumeHandle): Promise<Element> {
    const step = { step: `read ${this.object}`, host: this.host };
    return parse(
      (await attempt(step, () => this.libvirt.call("STORAGE_VOL_GET_XML_DESC", { vol: volume, flags: 0 }))).xml,
    );
  }

  async create(xml: string): Promise<VolumeHandle> {
    const step = { step: `create ${this.object} in pool ${this.pool.name}`, host: this.host };
    return this.patiently(async () => {
      const { vol } = await attempt(step, () =>
        this.libvirt.call("STORAGE_VOL_CREATE_XML", { pool: this.handle, xml, flags: 0 }),
      );
      return vol;
    });
  }

  /** Fills a volume that this operation created; whatever fails, the half-written volume is deleted again. */
  async fill(
    volume: VolumeHandle,
    source: Readable | AsyncIterable<Buffer>,
    context: Context,
    total: bigint,
  ): Promise<void> {
    try {
      await attempt({ step: `upload ${this.object}`, host: this.host }, () =>
        this.libvirt.upload(volume, source, {
          sparse: true,
          signal: context.signal,
          onProgress: (done) => context.progress(`uploading ${percent(done, total)}`),
        }),
      );
    } catch (error) {
      await this.discard(volume, error);
      throw error;
    }
  }

  /** Deletes what a failed operation left. When that fails too, the message says what is left where. */
  async discard(volume: VolumeHandle, cause: unknown): Promise<void> {
    try {
      await this.remove(volume);
    } catch (error) {
      throw new KvmError("internal", {
        step: `create ${this.object}`,
        host: this.host,
        reason: `${messageOf(cause)}; and the half-made volume could not be deleted: ${messageOf(error)}`,
        remedy: `delete it by hand: virsh vol-delete --pool ${this.pool.name} ${volume.name}`,
        cause,
      });
    }
  }

  async remove(volume: VolumeHandle): Promise<void> {
    const step = { step: `delete ${this.object}`, host: this.host };
    await this.patiently(() => ifFound(step, () => this.libvirt.call("STORAGE_VOL_DELETE", { vol: volume, flags: 0 })));
  }

  /** Grows a volume that no running guest has open. */
  async resize(volume: VolumeHandle, capacity: bigint): Promise<void> {
    const step = { step: `resize ${this.object}`, host: this.host };
    await this.patiently(() =>
      attempt(step, () => this.libvirt.call("STORAGE_VOL_RESIZE", { vol: volume, capacity, flags: 0 })),
    );
  }

  /** Makes the pool look at its volumes again. */
  async refresh(): Promise<void> {
    const step = { step: `refresh pool ${this.pool.name}`, host: this.host };
    await this.patiently(() =>
      attempt(step, () => this.libvirt.call("STORAGE_POOL_REFRESH", { pool: this.handle, flags: 0 })),
    );
  }

  /** Everything on the host that names the file: disks of definitions, and volumes of the pool that it backs. */
  async users(path: string): Promise<VolumeUser[]> {
    const step = { step: `see who uses ${this.object}`, host: this.host };
    const { domains } = await attempt(step, () =>
      this.libvirt.call("CONNECT_LIST_ALL_DOMAINS", { needResults: 1, flags: 0 }),
    );
    const found = await Promise.all(domains.map(({ uuid, id }) => this.diskOf(uuid, id >= 0, path)));
    return [...found.flat(), ...(await this.overlays(path))];
  }

  private async diskOf(uuid: string, running: boolean, path: string): Promise<VolumeUser[]> {
    const step = { step: `see who uses ${this.object}`, host: this.host };
    const read = (flags: number) =>
      ifFound(step, () => this.libvirt.call("DOMAIN_GET_XML_DESC", { dom: domainHandle(uuid), flags }));
    const inactive = 2;
    const documents = await Promise.all(running ? [read(0), read(inactive)] : [read(0)]);
    const users = documents.flatMap((found, index) => {
      if (!found) return [];
      const domain = parse(found.xml);
      const disk = children(child(domain, "devices") ?? domain, "disk").find((item) => sources(item).includes(path));
      if (!disk) return [];
      const name = textAt("name").get(domain) ?? uuid;
      const target = child(disk, "target")?.attributes["dev"] ?? "";
      return [{ kind: "domain" as const, name, uuid, target, active: running && index === 0 }];
    });
    return users.slice(0, 1);
  }

  private async overlays(path: string): Promise<VolumeUser[]> {
    const step = { step: `see which volumes are based on ${this.object}`, host: this.host };
    const { vols } = await attempt(step, () =>
      this.libvirt.call("STORAGE_POOL_LIST_ALL_VOLUMES", { pool: this.handle, needResults: 1, flags: 0 }),
    );
    const found = await Promise.all(
      vols.map(async (vol) => {
        const answer = await ifFound(step, () => this.libvirt.call("STORAGE_VOL_GET_XML_DESC", { vol, flags: 0 }));
        const backing = answer && textAt("backingStore/path").get(parse(answer.xml));
        return backing === path
          ? [{ kind: "volume" as const, name: vol.name, uuid: "", target: "", active: false }]
          : [];
      }),
    );
    return found.flat();
  }

  private get handle() {
    return poolHandle(this.pool.uuid);
  }

  /** "pool has asynchronous jobs running" and the like pass by themselves. */
  private async patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let left = busyRetries.count; ; left--) {
      try {
        return await work();
      } catch (error) {
        if (left === 0 || !isBusy(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, busyRetries.milliseconds));
      }
    }
  }
}

/** Who has a volume as a disk, or is based on it. */
export interface VolumeUser {
  readonly kind: "domain" | "volume";
  readonly name: string;
  readonly uuid: string;
  /** Device name in the guest. */
  readonly target: string;
  readonly active: boolean;
}

/** Names the users for a message. */
export function nameUsers(users: readonly VolumeUser[]): string {
  const spell = ({ kind, name, target, active }: VolumeUser) =>
    kind === "volume"
      ? `volume ${name} is based on it`
      : `${active ? "running " : ""}domain ${name} has it as ${target}`;
  return users.map(spell).join(", ");
}

function isBusy(error: unknown): boolean {
  const cause = error instanceof KvmError ? error.details.cause : error;
  if (!(cause instanceof LibvirtError)) return false;
  return cause.code === errorCode.resourceBusy || /asynchronous jobs running/.test(cause.message);
}

/** Files that a disk and its backing chain name. */
function sources(disk: Element): string[] {
  const source = child(disk, "source");
  const own = [source?.attributes["file"], source?.attributes["dev"]].filter((path) => path !== undefined);
  const backing = child(disk, "backingStore");
  return backing ? [...own, ...sources(backing)] : own;
}

function percent(done: bigint, total: bigint): string {
  return total === 0n ? "" : `${(done * 100n) / total} %`;
}
