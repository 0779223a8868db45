import type { Context } from "../../../provider/core/handler";
import { PartialFailure } from "../../../provider/core/handler";
import { defineResource } from "../../../provider/core/resource";
import { Unfinished } from "../../../provider/core/unfinished";
import { machine, meta, rows } from "./machine";

const context: Context = {
  meta,
  signal: new AbortController().signal,
  connect: () => Promise.reject(new Error("no host here")),
  progress: () => undefined,
  warn: () => undefined,
  info: () => undefined,
};

const inputs = machine.check({ memory: "1 GiB" }, undefined, meta).inputs;

test("state is the inputs, the outputs and the bookkeeping", async () => {
  const { id, state } = await machine.create(inputs, context);
  expect(id).toBe("id-1");
  expect(state).toEqual({
    ...inputs,
    address: "10.0.0.1",
    __kvm: { stateVersion: 1, defaultsVersion: 1, same: "memory" },
  });
});

test("what a refresh finds is shown as inputs, and the next diff sees it", async () => {
  const { state } = await machine.create(inputs, context);
  const seen = await machine.read("id-1", state, context);
  expect(seen?.inputs).toMatchObject({ memory: "2 GiB", defaultsVersion: 1 });
  expect(machine.diff("id-1", seen?.state ?? {}, inputs).changes.map(({ property }) => property)).toEqual(["memory"]);
  expect(await machine.read("gone", state, context)).toBeUndefined();
});

test("a resource sees maps that state leaves out, and none of an object that was never looked at", async () => {
  const applied: unknown[] = [];
  const looking = defineResource({
    ...machine.definition,
    rows,
    async read(id, state) {
      applied.push(state.__kvm.applied);
      return { id, inputs: state, outputs: {}, applied: { memory: "1 GiB", disks: {} } };
    },
  });
  const state = await looking.takeOver("theirs", inputs, context);
  expect(state?.["__kvm"]).toEqual({ stateVersion: 1, defaultsVersion: 1, same: "memory" });
  await looking.read("theirs", state ?? {}, context);
  expect(applied).toEqual([{}, { memory: "1 GiB", disks: {} }]);
});

test("secret places are those of the rows and the outputs", () => {
  expect(machine.secretPaths).toEqual(["password", "disks.*.key", "token"]);
});

test("what create leaves unfinished is kept with all of its state", async () => {
  const cause = new Error("the guest did not start");
  const broken = defineResource({
    ...machine.definition,
    rows,
    create: () => Promise.reject(new Unfinished({ id: "half", outputs: { address: "none" } }, cause)),
  });
  const error = await broken.create(inputs, context).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PartialFailure);
  expect(error).toMatchObject({
    id: "half",
    message: "the guest did not start",
    state: { ...inputs, address: "none", __kvm: { stateVersion: 1, defaultsVersion: 1 } },
  });
});

test("a plain failure stays what it is: nothing was made", async () => {
  const refused = defineResource({ ...machine.definition, rows, create: () => Promise.reject(new Error("refused")) });
  await expect(refused.create(inputs, context)).rejects.not.toBeInstanceOf(PartialFailure);
});
