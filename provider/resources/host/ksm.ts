import { attribute, type Verdict, z } from "../../core/attribute";
import { KvmError } from "../../core/errors";
import { duration } from "../../core/quantities";
import { formatDuration, parseDuration } from "../../core/units";
import type { Libvirt, TypedParam } from "../../libvirt/api";
import { attempt } from "../failure";

const schema = z.strictObject({
  pagesToScan: z.int().min(0).max(4294967295).optional(),
  sleep: duration.optional(),
  acrossCells: z.boolean().optional(),
});

/** How the kernel looks for equal pages of guests. */
export type Ksm = z.infer<typeof schema>;

const atRunTime: Verdict = { class: "live", reason: "the kernel works so from then on" };

export const ksmRows = {
  ksm: attribute<Ksm | undefined>({
    doc: "How the kernel looks for equal pages of guests, KSM (virNodeSetMemoryParameters): `pagesToScan` pages in a turn, `sleep` between turns, and `acrossCells`, whether pages of different cells become one; false keeps each guest's memory in its cell, and is taken while nothing is merged. What was before comes back with the Host; declare it in one stack of the machine. Whether KSM runs at all is the machine's own (ksmtuned, /sys/kernel/mm/ksm/run), as is what a guest leaves out with `memoryBacking.mergePages: false`. Default: as the machine has it.",
    schema: schema.optional(),
    change: () => atRunTime,
  }),
};

/** libvirt's names, and its numbers, in the order in which it sets them: the one that the kernel may refuse comes first. */
const settings = {
  acrossCells: {
    field: "shm_merge_across_nodes",
    read: (value: number): Ksm => ({ acrossCells: value !== 0 }),
    write: ({ acrossCells }: Ksm) => (acrossCells === undefined ? undefined : Number(acrossCells)),
  },
  pagesToScan: {
    field: "shm_pages_to_scan",
    read: (value: number): Ksm => ({ pagesToScan: value }),
    write: ({ pagesToScan }: Ksm) => pagesToScan,
  },
  sleep: {
    field: "shm_sleep_millisecs",
    read: (value: number): Ksm => ({ sleep: formatDuration(value / 1000) }),
    write: ({ sleep }: Ksm) => (sleep === undefined ? undefined : Math.round(parseDuration(sleep) * 1000)),
  },
} as const;
type Setting = keyof typeof settings;
const names = Object.keys(settings) as Setting[];

/** Those of the values that are named by another: what a program says, as the machine has it. */
function named(values: Ksm, by: Ksm): Ksm {
  const known = names.filter((name) => by[name] !== undefined && values[name] !== undefined);
  return Object.fromEntries(known.map((name) => [name, values[name]]));
}

/** As the machine has it; what its kernel does not know is left out. */
async function presentKsm(libvirt: Libvirt, host: string): Promise<Ksm> {
  const params = await attempt({ step: "read how equal pages are merged (KSM)", host }, async () => {
    const { nparams } = await libvirt.call("NODE_GET_MEMORY_PARAMETERS", { nparams: 0, flags: 0 });
    return (await libvirt.call("NODE_GET_MEMORY_PARAMETERS", { nparams, flags: 0 })).params;
  });
  const found = names.map((name) => {
    const value = params.find(({ field }) => field === settings[name].field)?.value;
    return value === undefined ? {} : settings[name].read(Number(value));
  });
  return Object.assign({}, ...found);
}

/** What of the program's wish the machine shows now. */
export async function shownKsm(libvirt: Libvirt, host: string, wanted: Ksm | undefined): Promise<Ksm | undefined> {
  return wanted && named(await presentKsm(libvirt, host), wanted);
}

/** What has to be done for the wanted values, and what the machine had before each was first set. */
export interface KsmPlan {
  readonly params: readonly TypedParam[];
  /** Of all that is set now: what has to be known for as long as nobody can tell how far that came. */
  readonly atMost: Ksm;
  /** Of all that is wanted, once it is in force. */
  readonly before: Ksm;
}

/** To set what is wanted, and back what is wanted no more: `before` is what the machine had when each was first set. */
export async function planKsm(libvirt: Libvirt, host: string, wanted: Ksm, before: Ksm): Promise<KsmPlan> {
  const target: Ksm = { ...before, ...wanted };
  if (names.every((name) => target[name] === undefined)) return { params: [], atMost: {}, before: {} };
  const present = await presentKsm(libvirt, host);
  const missing = names.find((name) => wanted[name] !== undefined && present[name] === undefined);
  if (missing !== undefined) {
    throw new KvmError("unsupported", {
      step: "set how equal pages are merged (KSM)",
      host,
      reason: `ksm.${missing}: the machine's kernel has no such setting`,
      remedy: "leave it out",
    });
  }
  const params = names.flatMap((name): TypedParam[] => {
    const value = target[name] === present[name] ? undefined : settings[name].write(target);
    return value === undefined ? [] : [{ field: settings[name].field, type: "uint", value }];
  });
  const had = { ...present, ...before };
  return { params, atMost: named(had, target), before: named(had, wanted) };
}

/** libvirt sets one after the other: a failure may leave some of them set. */
export async function setKsm(libvirt: Libvirt, host: string, { params }: KsmPlan): Promise<void> {
  if (params.length === 0) return;
  await attempt({ step: "set how equal pages are merged (KSM)", host, remedy }, () =>
    libvirt.call("NODE_SET_MEMORY_PARAMETERS", { params, flags: 0 }),
  );
}

const remedy = (said: string) =>
  /merge_across_nodes/.test(said)
    ? 'the kernel changes it while no page is merged: "echo 2 >/sys/kernel/mm/ksm/run" on the machine takes all apart, "echo 1" starts again; or leave ksm.acrossCells out'
    : "give the user of the address the right to change the machine, or leave ksm out";
