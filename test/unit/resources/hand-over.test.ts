import type { Context } from "../../../provider/core/handler";
import { noteAsked, whileUnderWay } from "../../../provider/core/under-way";
import { onceFree, Taken } from "../../../provider/resources/hand-over";

const urnOf = (name: string, stack = "dev") =>
  `urn:pulumi:${stack}::shop::pulumi-nodejs:dynamic/kvm:VirtualMachine::${name}`;
const lines: string[] = [];
const context = {
  meta: { organization: "organization", project: "shop", stack: "dev", urn: urnOf("db") },
  signal: new AbortController().signal,
  progress: (line: string) => lines.push(line),
} as unknown as Context;

const taken = (holder: string | undefined) =>
  new Taken({ step: "start VirtualMachine db", reason: "port 5901 is in use", remedy: "give another" }, holder);

afterEach(() => jest.restoreAllMocks());

test("what another resource of the stack still has is waited for", async () => {
  let left = 2;
  const work = async () => {
    if (left-- > 0) throw taken(urnOf("web"));
    return "started";
  };
  expect(await onceFree("start VirtualMachine db", context, work)).toBe("started");
  expect(lines).toEqual(['waiting for the resource "web" to let go: port 5901 is in use']);
});

test.each([
  ["nobody of ours", taken(undefined)],
  ["another stack", taken(urnOf("web", "prod"))],
  ["the resource itself", taken(urnOf("db"))],
  ["a failure of another kind", new Error("out of memory")],
])("%s is not waited for", async (_who, refusal) => {
  const work = jest.fn().mockRejectedValue(refusal);
  await expect(onceFree("start VirtualMachine db", context, work)).rejects.toBe(refusal);
  expect(work).toHaveBeenCalledTimes(1);
});

test("one that does not let go is named, with the way on", async () => {
  let now = 0;
  jest.spyOn(performance, "now").mockImplementation(() => (now += 60_000));
  const work = jest.fn().mockRejectedValue(taken(urnOf("web")));
  await expect(onceFree("start VirtualMachine db", context, work)).rejects.toThrow(
    /port 5901 is in use\n.*: give another; or, where it is to come from the resource "web", let that one give it up first, by a pulumi up of/,
  );
});

test("one that the program has no more is named with how it goes: no second run deletes it", async () => {
  let now = 0;
  jest.spyOn(performance, "now").mockImplementation(() => (now += 60_000));
  const next = { ...context, meta: { ...context.meta, urn: urnOf("next") } } as Context;
  const told = () => onceFree("start VirtualMachine next", next, () => Promise.reject(taken(urnOf("old"))));
  noteAsked(urnOf("next"));
  await expect(told()).rejects.toThrow(
    `What to do: the resource "old" was not asked for in this run. If the program has it no more, delete it first, for Pulumi does so only when all else is made, and then run pulumi up again: pulumi destroy --target '${urnOf("old")}'; else give another`,
  );
  noteAsked(urnOf("old"));
  await expect(told()).rejects.toThrow(/let that one give it up first/);
});

test("a wait whose time is over says what it was for", async () => {
  const deadline = new AbortController();
  const over = new Error("the 4 s that customTimeouts gives it are over");
  const limited = { ...context, signal: deadline.signal } as Context;
  const work = async () => {
    setTimeout(() => deadline.abort(over), 1);
    throw taken(urnOf("web"));
  };
  await expect(onceFree("start VirtualMachine db", limited, work)).rejects.toThrow(
    /the 4 s that customTimeouts gives it are over, while it waited for the resource "web" to let go: port 5901 is in use/,
  );
});

test("one that is changed at the moment is waited for as long as that takes, unless it waits itself", async () => {
  let now = 0;
  jest.spyOn(performance, "now").mockImplementation(() => (now += 60_000));
  let left = 3;
  const work = async () => {
    if (left-- > 0) throw taken(urnOf("web"));
    return "started";
  };
  const web = { ...context, meta: { ...context.meta, urn: urnOf("web") } } as Context;
  const start = () => onceFree("start VirtualMachine db", context, work);
  expect(await whileUnderWay(urnOf("web"), start)).toBe("started");
  const swaps = () => onceFree("start VirtualMachine web", web, () => Promise.reject(taken(urnOf("db"))));
  left = 9;
  const both = [whileUnderWay(urnOf("db"), start), whileUnderWay(urnOf("web"), swaps)];
  const told = (await Promise.allSettled(both)).map((one) => one.status === "rejected" && String(one.reason));
  expect(told).toEqual([
    expect.stringContaining('from the resource "web"'),
    expect.stringContaining('the resource "db"'),
  ]);
});
