import { type Around, attribute, type Verdict, z } from "../../core/attribute";
import { equal } from "../../core/equal";
import { isPlainObject, unknown } from "../../core/unknown";
import type { TypedParam } from "../../libvirt/api";
import { mapped, number, textAt } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove } from "../../schema/tree";
import { heldControllers } from "./disk-controllers";
import type { LiveOperation, LiveOperations } from "./live";

const countLens = number(
  mapped(
    textAt("iothreads"),
    // libvirt writes none and 0 for the same.
    (value) => (value.trim() === "0" ? undefined : value),
    (value) => value,
  ),
);

/** Numbers above the count would raise it again. */
function dropNumbersAbove(document: Element, count: number): void {
  const ids = child(document, "iothreadids");
  if (!ids) return;
  ids.children = children(ids, "iothread").filter(({ attributes }) => Number(attributes["id"]) <= count);
  if (ids.children.length === 0) remove(document, "iothreadids");
}

/** A part of what `<iothread>` says of each thread, by its number. */
function perThread<T>(
  read: (thread: Element) => T | undefined,
  write: (thread: Element, value: T | undefined) => void,
) {
  const listed = (document: Element) => {
    const ids = child(document, "iothreadids");
    return ids ? children(ids, "iothread") : [];
  };
  return {
    get(document: Element): Readonly<Record<string, T>> | undefined {
      const found = listed(document).flatMap((thread) => {
        const value = read(thread);
        return value === undefined ? [] : [[thread.attributes["id"] ?? "", value] as const];
      });
      return found.length > 0 ? Object.fromEntries(found) : undefined;
    },
    set(document: Element, values: Readonly<Record<string, T>> = {}): void {
      for (const thread of listed(document)) write(thread, values[thread.attributes["id"] ?? ""]);
      for (const [id, value] of Object.entries(values)) {
        if (listed(document).some(({ attributes }) => attributes["id"] === id)) continue;
        const thread = element("iothread", { id });
        ensure(document, "iothreadids").children.push(thread);
        write(thread, value);
      }
    },
  };
}

const byThread = <T>(schema: z.ZodType<T>) =>
  z.record(z.string().regex(/^[1-9]\d{0,2}$/, "must be the number of an IOThread"), schema).optional();
const nanoseconds = z.int().min(0).max(4294967295);
const pollSchema = z.strictObject({ max: nanoseconds, grow: nanoseconds.optional(), shrink: nanoseconds.optional() });
const workers = z.int().min(0).max(1024);
const poolSchema = z
  .strictObject({ min: workers, max: workers })
  .refine(({ min, max }) => min <= max && max > 0, "max must be at least 1, and no less than min");
type Poll = z.infer<typeof pollSchema>;
type Pool = z.infer<typeof poolSchema>;

const numbers = (attributes: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, Number(value)]));

/** A thread goes when nothing uses it any more; what stays plugged in has its own until a restart. */
export function iothreadsChange(_old: unknown, next: unknown, around: Around): Verdict {
  const { whole, wanted } = around;
  const most = typeof next === "number" ? next : 0;
  const held = heldControllers(around);
  const isHeld = (["disks", "scsiControllers"] as const).some((map) => {
    const [before, later] = [whole[map], wanted[map]];
    if (!isPlainObject(before) || !isPlainObject(later)) return false;
    return Object.entries(before).some(([key, device]) => {
      const thread = isPlainObject(device) ? device["iothread"] : undefined;
      const stays = later[key] !== undefined || (map === "scsiControllers" && held.includes(key));
      return typeof thread === "number" && thread > most && stays;
    });
  });
  return isHeld
    ? { class: "restart", reason: "a disk or SCSI controller that stays uses one that goes" }
    : { class: "live" };
}

/** libvirt can set these, and has no call that takes one back from a thread that stays. */
function tuneChange(old: unknown, next: unknown, { next: after }: Around): Verdict {
  const { iothreads = 0 } = after;
  const count = iothreads === unknown ? Number.POSITIVE_INFINITY : Number(iothreads);
  const valuesOf = (value: unknown) => (isPlainObject(value) ? value : {});
  const isTakenBack = Object.entries(valuesOf(old)).some(([id, tuned]) => {
    const kept = valuesOf(valuesOf(next)[id]);
    return Number(id) <= count && Object.keys(valuesOf(tuned)).some((name) => !(name in kept));
  });
  return isTakenBack
    ? { class: "restart", reason: "libvirt gives a running IOThread no default back; name the values instead" }
    : { class: "live" };
}

export const iothreadRows = {
  iothreads: attribute({
    doc: "Threads of QEMU, numbered from 1, that serve disks beside its main loop: disks and SCSI controllers name theirs (`<iothreads>`). Default: none.",
    schema: z.int().min(0).max(256).optional(),
    change: iothreadsChange,
    lens: {
      get: countLens.get,
      set(document: Element, value: number | undefined) {
        dropNumbersAbove(document, value ?? 0);
        countLens.set(document, value === 0 ? undefined : value);
      },
    },
  }),
  iothreadPolling: attribute({
    doc: 'For how long an IOThread looks for work before it sleeps, by its number, as `{ "1": { max: 32768 } }`: at most `max` nanoseconds, 0 for never, growing and shrinking by the factors `grow` and `shrink` (`<poll>`, libvirt 9.4). Default: QEMU\'s own.',
    schema: byThread(pollSchema),
    since: "9.4",
    change: tuneChange,
    lens: perThread<Poll>(
      (thread) => {
        const found = child(thread, "poll");
        return found && (numbers(found.attributes) as Poll);
      },
      (thread, value) => {
        remove(thread, "poll");
        if (value === undefined) return;
        const { max, grow, shrink } = value;
        const text = (given: number | undefined) => (given === undefined ? undefined : String(given));
        thread.children.push(element("poll", { max: String(max), grow: text(grow), shrink: text(shrink) }));
      },
    ),
  }),
  iothreadPools: attribute({
    doc: "Threads that an IOThread has do its work, by its number: from `min` to `max` (`thread_pool_min`, libvirt 8.5). Default: 0 to 64.",
    schema: byThread(poolSchema),
    since: "8.5",
    change: tuneChange,
    lens: perThread<Pool>(
      ({ attributes: { thread_pool_min: min, thread_pool_max: max } }) =>
        max === undefined ? undefined : { min: Number(min ?? 0), max: Number(max) },
      ({ attributes }, value) => {
        for (const name of ["thread_pool_min", "thread_pool_max"]) delete attributes[name];
        if (value)
          Object.assign(attributes, { thread_pool_min: String(value.min), thread_pool_max: String(value.max) });
      },
    ),
  }),
};

/** libvirt keeps a thread that a disk or controller still uses, and says so. */
export const iothreadOperations: LiveOperations = {
  iothreads: async ({ domain, change }) => {
    const [old, next] = [Number(change.old ?? 0), Number(change.next ?? 0)];
    for (let id = old + 1; id <= next; id++) await domain.addIothread(id);
    for (let id = old; id > next; id--) await domain.deleteIothread(id);
  },
  iothreadPolling: tune<Poll>(({ max, grow, shrink }) => [
    { field: "poll_max_ns", type: "ullong", value: BigInt(max) },
    ...(grow === undefined ? [] : [{ field: "poll_grow", type: "uint", value: grow } as const]),
    ...(shrink === undefined ? [] : [{ field: "poll_shrink", type: "uint", value: shrink } as const]),
  ]),
  iothreadPools: tune<Pool>(({ min, max }) => [
    { field: "thread_pool_min", type: "int", value: min },
    { field: "thread_pool_max", type: "int", value: max },
  ]),
};

/** Sets what is new for each thread. */
function tune<T>(params: (value: T) => readonly TypedParam[]): LiveOperation {
  return async ({ domain, change }) => {
    const [old, next] = [change.old ?? {}, change.next ?? {}] as Readonly<Record<string, T>>[];
    for (const [id, value] of Object.entries(next ?? {})) {
      if (!equal(value, old?.[id])) await domain.setIothreadParams(Number(id), params(value));
    }
  };
}
