import { randomUUID } from "node:crypto";
import { KvmError } from "../core/errors";
import type { Context } from "../core/handler";
import type { Libvirt } from "../libvirt/api";
import { errorCode, type LibvirtError } from "../libvirt/errors";
import { unlessRefused } from "./failure";
import { dropNote, type HostNote, readNote, writeNote } from "./host-note";
import { poll } from "./poll";

/** Name of the lock. */
const usage = "pulumi-kvm.lock.placement";

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
 * Runs `work` while no other deployment places anything on the host. The lock is a note on the host, of which
 * there is one of a usage. A daemon without secrets gives none: then whoever defines a domain looks again afterwards and
 * backs off.
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
    let seen: (HostNote & { readonly since: number }) | undefined;
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
        if (seen?.uuid !== holder.uuid || seen.text !== holder.text) {
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
      reason: `another deployment has held the lock of placement for ${times.wait} s: ${seen?.text ?? "unknown"}`,
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
    const text = `until ${until} (sign ${++this.signs}) ${this.urn}`;
    const work = () => writeNote(this.libvirt, { uuid: this.uuid, usage, text }).then(() => undefined);
    return unlessRefused(this.step, work, (refusal) => refusal);
  }

  private holder(): Promise<HostNote | "unsupported" | undefined> {
    const work = () => readNote(this.libvirt, usage);
    return unlessRefused(this.step, work, (refusal) => (isUnsupported(refusal) ? "unsupported" : undefined));
  }

  private async drop(uuid: string): Promise<void> {
    await unlessRefused(
      this.step,
      () => dropNote(this.libvirt, { uuid, usage }),
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
function isOver({ text }: HostNote, unchanged: number): boolean {
  const until = Date.parse(/^until (\S+)/.exec(text)?.[1] ?? "");
  const isPast = Number.isNaN(until) || until < Date.now();
  return unchanged > times.life || (isPast && unchanged > times.watch);
}
