import { KvmError } from "../../core/errors";
import type { Context, HostReference } from "../../core/handler";
import { formatBytes } from "../../core/units";
import type { Libvirt } from "../../libvirt/api";
import { poolHandle } from "../../libvirt/procedures";
import { parseAnswer } from "../../schema/answer";
import { type Element, render } from "../../schema/tree";
import { attempt, ifFound, type Step, unlessDone } from "../failure";
import { forgotten, undefineRemedy } from "../forgotten";
import { type Holder, poolOwner } from "../ownership";
import { unwritableRemedy } from "../unwritable";

const inactive = 1;
/** libvirt's virStoragePoolBuildFlags: make what is missing; format only what holds nothing. */
export const buildFlags = { missing: 0, noOverwrite: 4 } as const;

function defineRemedy(said: string): string {
  const room = unwritableRemedy(said);
  if (room !== undefined) return room;
  const [, type] = /missing backend for pool type \d+ \((.+)\)/.exec(said) ?? [];
  return type === undefined
    ? "where libvirt names another pool, it covers the same place: use that one (adopt: true), or choose another path or source"
    : `install libvirt's backend for such pools on the host (package libvirt-daemon-driver-storage-${type} with Debian, Ubuntu and Fedora), and restart libvirtd or virtstoraged`;
}

/** The calls that a pool needs, each with its name in error messages. */
export class PoolCalls {
  private constructor(
    private readonly libvirt: Libvirt,
    private readonly host: string,
    /** How messages call the pool. */
    private readonly label: string,
  ) {}

  static async open(context: Context, host: HostReference, name: string): Promise<PoolCalls> {
    return new PoolCalls(await context.connect(host), host.uri, `StoragePool ${name}`);
  }

  async byName(name: string): Promise<string | undefined> {
    const found = await ifFound(this.step("look up"), () => this.libvirt.call("STORAGE_POOL_LOOKUP_BY_NAME", { name }));
    return found?.pool.uuid;
  }

  /** The persistent definition, undefined when there is no such pool. */
  async definition(uuid: string): Promise<Element | undefined> {
    return this.document(uuid, inactive);
  }

  /** Which deployment made the pool. */
  async holder(uuid: string): Promise<Holder | undefined> {
    const found = await this.definition(uuid);
    const owner = found && poolOwner(found);
    return owner === undefined ? undefined : { owner };
  }

  /** The pool as it is, with mode and owner of its directory while it is active. */
  async actual(uuid: string): Promise<Element | undefined> {
    return this.document(uuid, 0);
  }

  /** False for a pool that is not there as well. */
  async isActive(uuid: string): Promise<boolean> {
    const pool = poolHandle(uuid);
    const work = () => this.libvirt.call("STORAGE_POOL_IS_ACTIVE", { pool });
    return (await ifFound(this.step("ask for the state of"), work))?.active === 1;
  }

  async autostart(uuid: string): Promise<boolean> {
    const pool = poolHandle(uuid);
    const work = () => this.libvirt.call("STORAGE_POOL_GET_AUTOSTART", { pool });
    return (await attempt(this.step("ask for autostart of"), work)).autostart === 1;
  }

  async setAutostart(uuid: string, autostart: boolean): Promise<void> {
    const args = { pool: poolHandle(uuid), autostart: autostart ? 1 : 0 };
    await attempt(this.step("set autostart of"), () => this.libvirt.call("STORAGE_POOL_SET_AUTOSTART", args));
  }

  async define(document: Element): Promise<void> {
    const args = { xml: render(document), flags: 0 };
    const step = { ...this.step("define"), remedy: defineRemedy };
    await attempt(step, () => this.libvirt.call("STORAGE_POOL_DEFINE_XML", args));
  }

  /** Writes another definition of a pool that is there. */
  async redefine(uuid: string, document: Element): Promise<void> {
    try {
      await this.define(document);
    } catch (error) {
      if (!(error instanceof KvmError) || error.code === "connection-lost") throw error;
      throw (await this.definition(uuid)) ? error : forgotten(error, "pool", "virtstoraged");
    }
  }

  async build(uuid: string, flags: number): Promise<void> {
    const remedy =
      "see that path and devices are right and writable; a device that holds something is never formatted: wipe it by hand (wipefs) if nothing on it is needed, or leave format out to use what is there";
    const args = { pool: poolHandle(uuid), flags };
    await attempt(this.step("build", remedy), () => this.libvirt.call("STORAGE_POOL_BUILD", args));
  }

  async start(uuid: string, remedy: Step["remedy"]): Promise<void> {
    const args = { pool: poolHandle(uuid), flags: 0 };
    await attempt(this.step("start", remedy), () => this.libvirt.call("STORAGE_POOL_CREATE", args));
  }

  async stop(uuid: string): Promise<void> {
    const remedy = "a mounted or busy source cannot be let go: stop the guests that use its volumes, then try again";
    const pool = poolHandle(uuid);
    const work = () => this.libvirt.call("STORAGE_POOL_DESTROY", { pool });
    // Of a pool that was to be made anew the state may have two, which are deleted side by side.
    await unlessDone(attempt(this.step("stop", remedy), work), () => this.isActive(uuid));
  }

  async undefine(uuid: string): Promise<void> {
    const pool = poolHandle(uuid);
    const remedy = undefineRemedy("/etc/libvirt/storage", "virtstoraged");
    await ifFound(this.step("undefine", remedy), () => this.libvirt.call("STORAGE_POOL_UNDEFINE", { pool }));
  }

  /** Looks again at directory or volume group: free space and volumes. */
  async refresh(uuid: string): Promise<void> {
    const args = { pool: poolHandle(uuid), flags: 0 };
    const remedy = "see that the pool's path or devices are still there on the host";
    await attempt(this.step("refresh", remedy), () => this.libvirt.call("STORAGE_POOL_REFRESH", args));
  }

  /** Sizes as libvirt saw them last; zero while the pool is not active. */
  async sizes(uuid: string): Promise<{ capacity: string; allocation: string; available: string }> {
    const pool = poolHandle(uuid);
    const info = await attempt(this.step("measure"), () => this.libvirt.call("STORAGE_POOL_GET_INFO", { pool }));
    return {
      capacity: formatBytes(info.capacity),
      allocation: formatBytes(info.allocation),
      available: formatBytes(info.available),
    };
  }

  private async document(uuid: string, flags: number): Promise<Element | undefined> {
    const args = { pool: poolHandle(uuid), flags };
    const found = await ifFound(this.step("read the definition of"), () =>
      this.libvirt.call("STORAGE_POOL_GET_XML_DESC", args),
    );
    return found && parseAnswer(found.xml);
  }

  gone(step: string): KvmError {
    return new KvmError("not-found", {
      step: `${step} ${this.label}`,
      host: this.host,
      reason: "it is not there any more",
      remedy: "run pulumi refresh, then pulumi up makes it anew; the volumes of its directory are found again",
    });
  }

  private step(what: string, remedy?: Step["remedy"]) {
    return { step: `${what} ${this.label}`, host: this.host, ...(remedy !== undefined && { remedy }) };
  }
}
