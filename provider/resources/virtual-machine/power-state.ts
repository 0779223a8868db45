export type Power = "running" | "paused" | "stopped";

/** Why a guest is not as it was left: what else than a hand stops one. */
export type Plight = "asleep" | "crashed" | "io-error" | "watchdog";

export interface PowerState {
  readonly power: Power;
  readonly plight?: Plight;
}

/** virDomainState and its reason, by number. */
const [paused, shutOff, crashed, asleep] = [3, 5, 6, 7];
const pausedBy: Readonly<Record<number, Plight>> = { 5: "io-error", 6: "watchdog" };
/** By which libvirt calls QEMU's own state of one that panicked. */
const pausedByCrash = 10;

/** A guest that suspended itself to RAM runs as little as one that is paused. */
export function powerState({ state, reason }: { readonly state: number; readonly reason: number }): PowerState {
  if (state === asleep) return { power: "paused", plight: "asleep" };
  // Its process is still there, for a look at it.
  if (state === crashed || (state === paused && reason === pausedByCrash))
    return { power: "stopped", plight: "crashed" };
  if (state === shutOff) return { power: "stopped" };
  if (state !== paused) return { power: "running" };
  const plight = pausedBy[reason];
  return { power: "paused", ...(plight && { plight }) };
}

/** For the user, of a machine that is not what it should be. */
export const plights: Readonly<Record<Plight, string>> = {
  asleep: "the guest has suspended itself to RAM",
  crashed: "the guest has crashed, and is kept for a look at it as onCrash says",
  "io-error":
    "the guest was paused by an error of a disk (`virsh domblkerror` tells which; mostly its storage is full)",
  watchdog: "the guest was paused by its watchdog",
};
