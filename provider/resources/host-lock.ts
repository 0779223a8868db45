import { randomUUID } from "node:crypto";
import { KvmError } from "../core/errors";
import type { Context } from "../core/handler";
import type { Libvirt } from "../libvirt/api";
import { errorCode, type LibvirtError } from "../libvirt/errors";
import { parseAnswer } from "../schema/answer";
import { child, element, render, textOf } from "../schema/tree";
import { unlessRefused } from "./failure";
import { poll } from "./poll";

/** Name of the lock; libvirt knows one secret of a usage, and refuses a second one. */
const usage = "pulumi-kvm.lock.placement";
/** virSecretUsageType: tls, whose usage is nothing but a name. */
const usageType = 4;

/** Seconds. A lock whose holder shows no sign of life any more is taken over. */
const times = {
  /** Between two signs of life. */
  renew: 15,
  /** From a sign of life to the end of the lock. */
  life: 60,
  /** A lock that is over by our clock, which may be wrong, is watched for longer than one sign takes. */
  watch: 20,
  wait: 600,
  look: 0.15,
} as const;

/** The lock while it is held. */
export interface HostLock {
  /** Makes sure that it is held still, before something is written that depends on it. */
  renew(): Promise<void>;
}

/** What waits for the lock in this process, by host: only one of them asks libvirt. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while no other deployment places anything on the host. The lock is an ephemeral private secret: it is in
 * the memory of the daemon alone, and gone when that starts anew. A daemon without secrets gives none: then whoever
 * defines a domain looks again afterwards and backs off.
 */
export async function withHostLock<T>(
  libvirt: Libvirt,
  host: string,
  context: Context,
  work: (lock: HostLock) => Promise<T>,
): Promise<T> {
  const before = queues.get(libvirt.hostUuid) ?? Promise.resolve();
  const mine = before.then(() => locked(libvirt, host, context, work));
  const settled = mine.catch(() => undefined);
  queues.set(libvirt.hostUuid, settled);
  try {
    return await mine;
  } finally {
    if (queues.get(libvirt.hostUuid) === settled) queues.delete(libvirt.hostUuid);
  }
}

async function locked<T>(
  libvirt: Libvirt,
  host: string,
  context: Context,
  work: (lock: HostLock) => Promise<T>,
): Promise<T> {
  const lock = new SecretLock(libvirt, host, context.meta?.urn ?? "");
  if (!(await lock.take(context))) return work({ renew: () => Promise.resolve() });
  const timer = setInterval(() => void lock.renew().catch(() => undefined), times.renew * 1000);
  timer.unref();
  try {
    return await work(lock);
  } finally {
    clearInterval(timer);
    await lock.release();
  }
}

interface Holder {
  readonly uuid: string;
  readonly description: string;
}

class SecretLock implements HostLock {
  private readonly uuid = randomUUID();
  private signs = 0;

  constructor(
    private readonly libvirt: Libvirt,
    private readonly host: string,
    private readonly urn: string,
  ) {}

  /** False where the daemon has no secrets. */
  async take(context: Context): Promise<boolean> {
    const step = "place a guest";
    let seen: (Holder & { readonly since: number }) | undefined;
    const taken = await poll(
      { step, seconds: times.wait, signal: context.signal, interval: times.look * (1 + Math.random()) },
      async () => {
        const refusal = await this.define();
        if (refusal === undefined) return true;
        const holder = await this.holder();
        if (holder === "unsupported") return false;
        if (holder === undefined) {
          // Given back just now, or refused for another reason than a holder.
          if (isUnsupported(refusal)) return false;
          return undefined;
        }
        if (seen?.uuid !== holder.uuid || seen.description !== holder.description) {
          if (seen === undefined) context.progress("waiting for another deployment to place its guests");
          seen = { ...holder, since: performance.now() };
        }
        if (isOver(holder, (performance.now() - seen.since) / 1000)) await this.drop(holder.uuid);
        return undefined;
      },
    );
    if (taken !== undefined) return taken;
    throw new KvmError("busy", {
      step,
      host: this.host,
      reason: `another deployment has held the lock of placement for ${times.wait} s: ${seen?.description ?? "unknown"}`,
      remedy: `wait for it to end, or drop its lock on the host: virsh secret-undefine ${seen?.uuid ?? ""}`,
    });
  }

  async renew(): Promise<void> {
    const refusal = await this.define();
    if (refusal === undefined) return;
    throw new KvmError("conflict", {
      step: "keep the lock of placement",
      host: this.host,
      reason: `another deployment took it over, since this one stood still for more than ${times.life} s (libvirt said: ${refusal.message})`,
      remedy: "run pulumi up again; nothing was placed",
      cause: refusal,
    });
  }

  /** A lock that cannot be given back ends by itself. */
  async release(): Promise<void> {
    await this.drop(this.uuid).catch(() => undefined);
  }

  /** Defines our secret, or defines it anew with a later end; answers what libvirt has against it. */
  private async define(): Promise<LibvirtError | undefined> {
    const until = new Date(Date.now() + times.life * 1000).toISOString();
    const xml = render(
      element(
        "secret",
        { ephemeral: "yes", private: "yes" },
        element("uuid", {}, this.uuid),
        element("description", {}, `until ${until} (sign ${++this.signs}) ${this.urn}`),
        element("usage", { type: "tls" }, element("name", {}, usage)),
      ),
    );
    const work = () => this.libvirt.call("SECRET_DEFINE_XML", { xml, flags: 0 }).then(() => undefined);
    return unlessRefused(this.step, work, (refusal) => refusal);
  }

  private holder(): Promise<Holder | "unsupported" | undefined> {
    const work = async () => {
      const { secret } = await this.libvirt.call("SECRET_LOOKUP_BY_USAGE", { usageType, usageID: usage });
      const { xml } = await this.libvirt.call("SECRET_GET_XML_DESC", { secret, flags: 0 });
      const description = child(parseAnswer(xml), "description");
      return { uuid: secret.uuid, description: description ? textOf(description) : "" };
    };
    return unlessRefused(this.step, work, (refusal) => (isUnsupported(refusal) ? "unsupported" : undefined));
  }

  /** By its uuid: a lock that somebody else took meanwhile has another. */
  private async drop(uuid: string): Promise<void> {
    const secret = { uuid, usageType, usageId: usage };
    await unlessRefused(
      this.step,
      () => this.libvirt.call("SECRET_UNDEFINE", { secret }),
      () => undefined,
    );
  }

  private get step() {
    return { step: "lock placement", host: this.host };
  }
}

/** No driver, no daemon for secrets, or no right to use it. */
function isUnsupported(error: LibvirtError): boolean {
  const codes: readonly number[] = [
    errorCode.noSupport,
    errorCode.systemError,
    errorCode.operationDenied,
    errorCode.accessDenied,
  ];
  return codes.includes(error.code);
}

/** Whether the holder is gone, after it has said the same for that many seconds. */
function isOver({ description }: Holder, unchanged: number): boolean {
  const until = Date.parse(/^until (\S+)/.exec(description)?.[1] ?? "");
  const isPast = Number.isNaN(until) || until < Date.now();
  return unchanged > times.life || (isPast && unchanged > times.watch);
}
