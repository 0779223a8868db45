import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, LibvirtError } from "../libvirt/errors";

/** How long a transfer or another client's job is waited for. */
const retries = { count: 40, milliseconds: 250 };

/** Does `work` once the pool or volume is not busy, which passes by itself. Throws the reason of a signal that fires meanwhile. */
export async function onceIdle<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let left = retries.count; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (left === 0 || !isBusy(error)) throw error;
      await sleep(retries.milliseconds, undefined, { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}

/** libvirt refuses work on a volume or pool while a transfer or a job ("asynchronous jobs") runs there. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof LibvirtError)) return false;
  return (
    error.code === errorCode.resourceBusy ||
    /asynchronous jobs running|still being allocated|still in use/.test(error.message)
  );
}
