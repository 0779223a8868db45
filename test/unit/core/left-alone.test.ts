import type { Context, PartialFailure, Values } from "../../../provider/core/handler";
import { defineResource } from "../../../provider/core/resource";
import { Unfinished } from "../../../provider/core/unfinished";
import { machine, meta, rows } from "./machine";

const disk = (serial: string) => ({ path: "/a", serial });
const inputs = machine.check(
  { memory: "1 GiB", cpu: { model: "a" }, disks: { a: disk("ours") } },
  undefined,
  meta,
).inputs;
const made = { memory: "1 GiB", cpu: { model: "a" }, disks: { a: disk("ours") } };
const theirs = { memory: "2 GiB", cpu: { model: "b" }, disks: { a: disk("theirs") } };

function contextWith(ignoreChanges: string[]): Context {
  return {
    meta: { ...meta, ignoreChanges },
    signal: new AbortController().signal,
    connect: () => Promise.reject(new Error("no host here")),
    progress: () => undefined,
    warn: () => undefined,
    info: () => undefined,
  };
}

/** Updates an object that others have changed; answers what reached the host, and the state. */
async function update(ignored: string[], more: Values = {}, fails = false) {
  const wishes: Values[] = [];
  const looked = defineResource({
    ...machine.definition,
    rows,
    create: async () => ({ id: "id-1", outputs: {}, applied: made }),
    read: async (id, state) => ({
      id,
      outputs: {},
      applied: theirs,
      inputs: { ...state, ...theirs } as unknown as typeof state,
    }),
    async update(id, _olds, news) {
      wishes.push(news);
      const { memory, cpu, disks } = news;
      const now = { id, outputs: {}, applied: { memory, cpu: { model: cpu?.model }, disks } };
      if (fails) throw new Unfinished(now, new Error("cut off"), news);
      return now;
    },
  });
  const context = contextWith(ignored);
  const { state } = await looked.create(inputs, context);
  const updated = looked.update("id-1", state, { ...inputs, password: "new", ...more }, context);
  const kept = await updated.catch((error: unknown) => (error as PartialFailure).state);
  return { wish: wishes[0], kept };
}

test("what is ignored reaches the update as the host has it, the rest as the program does", async () => {
  const { wish } = await update(["memory", "disks.a.serial"]);
  expect(wish).toMatchObject({ password: "new", memory: "2 GiB", cpu: { model: "a" }, disks: { a: disk("theirs") } });
});

test.each([false, true])(
  "the state stays as it was, so that the next refresh sees the drift (fails: %s)",
  async (fails) => {
    const { kept } = await update(["memory", "disks"], {}, fails);
    expect(kept).toMatchObject({ memory: "1 GiB", disks: { a: disk("ours") } });
    const { same = "" } = (kept?.["__kvm"] ?? {}) as { readonly same?: string };
    expect(same.split(" ")).toEqual(expect.arrayContaining(["memory", "disks"]));
  },
);

test("what the program changes itself is not left alone, whatever it ignores", async () => {
  expect((await update(["*"], { memory: "4 GiB" })).wish).toMatchObject({ memory: "4 GiB", cpu: { model: "b" } });
});

test("without the option nobody looks", async () => {
  expect((await update([])).wish).toMatchObject({ memory: "1 GiB" });
});
