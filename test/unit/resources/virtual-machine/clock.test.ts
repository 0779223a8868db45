import type { Values } from "../../../../provider/core/handler";
import { applyInputs } from "../../../../provider/resources/virtual-machine/apply";
import { compose } from "../../../../provider/resources/virtual-machine/render";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { child, children, type Element } from "../../../../provider/schema/tree";
import { checked } from "./checked";

const inputsOf = (timers: Values, more: Values = {}) =>
  checked({ host: { uri: "x" }, memory: "1 GiB", clock: { timers }, ...more }) as unknown as Inputs & Values;

/** The timers of a document, in the order of their names. */
function timersOf(document: Element): Values[] {
  const clock = child(document, "clock") as Element;
  const timers = children(clock, "timer").map(({ attributes }) => attributes);
  return timers.sort((a, b) => String(a["name"]).localeCompare(String(b["name"])));
}

const changed = {
  rtc: { present: false, tickPolicy: "delay", track: "guest" },
  pit: { present: false, tickPolicy: "discard" },
  hpet: { present: true },
  kvmclock: { present: false },
  hypervclock: { present: true },
  tsc: { present: false, frequency: 2400000000 },
} as const;

const single = Object.entries(changed).flatMap(([timer, values]) =>
  Object.entries(values).map(([name, value]) => [`${timer}.${name}`, { [timer]: { [name]: value } }] as const),
);

test.each<readonly [string, Values]>([...single, ["all of them", changed]])(
  "%s taken out is what a new machine has",
  (_name, timers) => {
    const [before, after] = [inputsOf(timers), inputsOf({})];
    const document = compose(before);
    expect(timersOf(document)).not.toEqual(timersOf(compose(after)));
    expect(timersOf(applyInputs(document, after, before))).toEqual(timersOf(compose(after)));
  },
);

test.each<[string, Values, Values]>([
  ["adopted", { adopt: true }, { adopted: true }],
  ["of defaults version 0", { defaultsVersion: 0 }, {}],
])("a machine %s gets no timers of ours", (_name, args, outputs) => {
  const [before, after] = [inputsOf(changed, args), inputsOf({}, args)];
  expect(timersOf(applyInputs(compose(before), after, { ...before, ...outputs }))).toEqual([]);
});
