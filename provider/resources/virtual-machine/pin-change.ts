import type { ChangeRule, Verdict } from "../../core/attribute";
import { isPlainObject, unknown } from "../../core/unknown";
import { iothreadsChange } from "./iothreads";

/** CPUs of the host for threads of the guest, by their number. */
export type Pins = Readonly<Record<string, string>>;

/** libvirt has no call that takes a pin away. */
export const noUnpinning = "libvirt unpins no running thread; name all CPUs instead";

const pinsOf = (value: unknown): Readonly<Record<string, unknown>> => (isPlainObject(value) ? value : {});

/** Threads whose pin is another, and of them those that have none any more. */
function changedIn(old: unknown, next: unknown): { readonly changed: number[]; readonly unpinned: number[] } {
  const [before, after] = [pinsOf(old), pinsOf(next)];
  const ids = Object.keys({ ...before, ...after }).filter((id) => before[id] !== after[id]);
  return { changed: ids.map(Number), unpinned: ids.filter((id) => after[id] === undefined).map(Number) };
}

/** vCPUs come and go with a new start alone, where `maxVcpus` is another. */
export const vcpuPinChange: ChangeRule = (old, next, { whole, wanted }): Verdict => {
  if (next === unknown) return { class: "live" };
  const most = Math.min(...[whole, wanted].map(({ maxVcpus }) => numberOr(maxVcpus, Number.POSITIVE_INFINITY)));
  const stays = (vcpu: number) => vcpu < most;
  const { changed, unpinned } = changedIn(old, next);
  if (unpinned.some(stays)) return { class: "restart", reason: noUnpinning };
  if (changed.every(stays)) return { class: "live" };
  return changed.some(stays)
    ? { class: "live", reason: "but for vCPUs that come or go with maxVcpus" }
    : { class: "restart", reason: "the vCPUs come or go with maxVcpus" };
};

/** An IOThread takes its pin with it when it goes. */
export const iothreadPinChange: ChangeRule = (old, next, around): Verdict => {
  if (next === unknown) return { class: "live" };
  const { whole, wanted } = around;
  const { unpinned } = changedIn(old, next);
  const count = numberOr(wanted["iothreads"] ?? 0, Number.POSITIVE_INFINITY);
  if (unpinned.some((id) => id <= count)) return { class: "restart", reason: noUnpinning };
  return unpinned.length > 0 ? iothreadsChange(whole["iothreads"], wanted["iothreads"], around) : { class: "live" };
};

function numberOr(value: unknown, other: number): number {
  return typeof value === "number" ? value : other;
}
