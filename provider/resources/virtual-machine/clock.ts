import { attribute, block, z } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { valueAt } from "../../core/paths";
import { attributeAt, type ElementLens, number, oneOf, words } from "../../schema/lens";
import { child, children, type Element, element, ensure } from "../../schema/tree";
import { applyRows } from "../document";

/** An attribute of the timer of that name. */
function timerAt(timer: string, name: string): ElementLens<string> {
  const find = (document: Element) => {
    const clock = child(document, "clock");
    return clock && children(clock, "timer").find(({ attributes }) => attributes["name"] === timer);
  };
  return {
    get: (document) => find(document)?.attributes[name],
    set(document, value) {
      const found = find(document);
      if (value !== undefined) {
        const target = found ?? element("timer", { name: timer });
        if (!found) ensure(document, "clock").children.push(target);
        target.attributes[name] = value;
        return;
      }
      if (!found) return;
      delete found.attributes[name];
      const clock = ensure(document, "clock");
      const bare = Object.keys(found.attributes).length === 1;
      if (bare) clock.children = clock.children.filter((node) => node !== found);
    },
  };
}

function present(timer: string, doc: string) {
  return attribute({
    doc: `${doc} (\`<timer name='${timer}' present>\`).`,
    schema: z.boolean().optional(),
    change: "restart",
    lens: words(timerAt(timer, "present"), "yes", "no"),
  });
}

function word<T extends string>(timer: string, name: string, known: readonly T[], doc: string) {
  return attribute({
    doc: `${doc} (\`<timer name='${timer}' ${name}>\`).`,
    schema: z.enum(known).optional(),
    change: "restart",
    lens: oneOf(timerAt(timer, name), known),
  });
}

const offsets = ["utc", "localtime", "timezone"] as const;

const offsetLens: ElementLens<(typeof offsets)[number]> = {
  get: oneOf(attributeAt("clock", "offset"), offsets).get,
  set(document, value) {
    for (const name of ["adjustment", "basis", "start", "timezone"])
      attributeAt("clock", name).set(document, undefined);
    attributeAt("clock", "offset").set(document, value ?? "utc");
  },
};

/** The clock of the guest. A timer of which nothing is said stays as a new machine has it. */
export const clockRows = {
  clock: block({
    doc: "Clock and timers of the guest (`<clock>`). Default: UTC; rtc catches up, pit delays, no hpet.",
    rows: {
      offset: attribute({
        doc: "What the clock shows at start: `utc`, `localtime` (of the host, for Windows) or `timezone` (`<clock offset>`). Default utc.",
        schema: z.enum(offsets).optional(),
        change: "restart",
        lens: offsetLens,
      }),
      timezone: attribute({
        doc: 'Zone with offset timezone, as "Europe/Berlin" (`<clock timezone>`).',
        schema: z
          .string()
          .regex(/^[A-Za-z0-9_./+-]+$/, 'is not a time zone like "Europe/Berlin"')
          .optional(),
        change: "restart",
        lens: attributeAt("clock", "timezone"),
      }),
      timers: block({
        doc: "Timers, by libvirt's names (`<timer>`).",
        rows: {
          rtc: block({
            doc: "Real time clock.",
            rows: {
              present: present("rtc", "Whether it is there. Default true"),
              tickPolicy: word("rtc", "tickpolicy", ["delay", "catchup"], "Lost ticks. Default catchup"),
              track: word("rtc", "track", ["guest", "wall", "realtime"], "What it follows. Default: QEMU's own, wall"),
            },
          }),
          pit: block({
            doc: "Programmable interval timer.",
            rows: {
              present: present("pit", "Whether it is there. Default true"),
              tickPolicy: word("pit", "tickpolicy", ["delay", "catchup", "discard"], "Lost ticks. Default delay"),
            },
          }),
          hpet: block({
            doc: "High precision event timer.",
            rows: { present: present("hpet", "Whether it is there. Default false: it costs the host CPU time") },
          }),
          kvmclock: block({
            doc: "KVM's clock, for Linux guests.",
            rows: { present: present("kvmclock", "Whether it is there. Default: QEMU's own, true with kvm") },
          }),
          hypervclock: block({
            doc: "Hyper-V's reference counter, for Windows guests.",
            rows: { present: present("hypervclock", "Whether it is there. Default: false") },
          }),
          tsc: block({
            doc: "Time stamp counter.",
            rows: {
              present: present("tsc", "Whether it is there. Default true"),
              frequency: attribute({
                doc: "Frequency in Hz that the guest sees, also after a migration (`<timer name='tsc' frequency>`). Default: the host's.",
                schema: z.int().min(1).optional(),
                change: "restart",
                lens: number(timerAt("tsc", "frequency")),
              }),
            },
          }),
        },
      }),
    },
  }),
};

/** The timers of a new machine: lost ticks are made up for, and no HPET, which no guest needs, costs the host CPU time. */
export const newTimers = { rtc: { tickPolicy: "catchup" }, pit: { tickPolicy: "delay" }, hpet: { present: false } };

/**
 * Gives back to timers what a new machine has, where `news` says no more what `olds` said. The timers of a machine that
 * somebody else made are left as that machine had them.
 */
export function renewTimers(document: Element, news: Values, olds: Values): void {
  if (news["defaultsVersion"] === 0 || olds["adopted"] === true) return;
  const says = (values: Values, ...path: string[]) => valueAt(values, ["clock", "timers", ...path]) !== undefined;
  const isTakenOut = (timer: string, name: string) => says(olds, timer, name) && !says(news, timer, name);
  const timers = Object.entries(newTimers).map(([timer, values]) => {
    const takenOut = Object.entries(values).filter(([name]) => isTakenOut(timer, name));
    return [timer, Object.fromEntries(takenOut)];
  });
  applyRows(clockRows, { clock: { timers: Object.fromEntries(timers) } }, {}, document);
}
