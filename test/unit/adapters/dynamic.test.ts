import { dynamicProvider } from "../../../provider/adapters/dynamic";
import { readMeta } from "../../../provider/adapters/meta";
import { KvmError } from "../../../provider/core/errors";
import { type Handler, PartialFailure } from "../../../provider/core/handler";
import { unknown } from "../../../provider/core/unknown";
import { cloudInitDisk } from "../../../provider/resources/cloud-init-disk";
import { network } from "../../../provider/resources/network";
import { virtualMachine } from "../../../provider/resources/virtual-machine";
import { volume } from "../../../provider/resources/volume";
import { machine } from "../core/machine";

const secret = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

test("what a resource notes for its next look is a secret in the state, and read again", async () => {
  const memo = { left: { password: { old: "theirs", next: "ours" } } };
  const given: unknown[] = [];
  const { create, diff } = dynamicProvider({
    ...machine,
    create: async () => ({ id: "id", state: { name: "a", __kvm: { stateVersion: 1, memo } } }),
    diff(id, olds, news) {
      given.push(olds);
      return machine.diff(id, olds, news);
    },
  });
  const { outs } = await create({ name: "a" });
  expect(outs).toEqual({ name: "a", __kvm: secret(JSON.stringify({ stateVersion: 1, memo })) });
  expect(await diff("id", outs, { name: "a" })).toEqual({ changes: false, replaces: [], deleteBeforeReplace: true });
  // A state of before has an object.
  await diff("id", { name: "a", __kvm: { stateVersion: 1, memo: secret(memo) } }, { name: "a" });
  const seen = { name: "a", __kvm: { stateVersion: 1, memo } };
  expect(given).toMatchObject([seen, seen]);
});

test("a map without entries is absent from the state unless the program gives it, and there for the resource", async () => {
  const given: unknown[] = [];
  const { check, create } = dynamicProvider({
    ...machine,
    async create(inputs) {
      given.push(inputs);
      return { id: "id", state: inputs };
    },
  });
  for (const args of [
    { name: "a", memory: "1 GiB" },
    { name: "a", memory: "1 GiB", disks: {} },
  ]) {
    const { inputs, failures } = await check({}, args);
    expect(failures).toEqual([]);
    const { outs } = await create(inputs);
    for (const state of [inputs, outs]) expect(Object.hasOwn(state, "disks")).toBe("disks" in args);
  }
  expect(given).toMatchObject([{ disks: {} }, { disks: {} }]);
});

test("what an update that failed leaves of an earlier program stays a secret, however often it fails", async () => {
  const metaWith = (...secretPaths: string[]) =>
    JSON.stringify({
      organization: "o",
      urn: "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:Machine::db",
      secretPaths,
    });
  const { update } = dynamicProvider({
    ...machine,
    async update(id, olds) {
      throw new PartialFailure(id, olds, new Error("cut off"));
    },
  });
  const news = { name: "a", __meta: metaWith("memory") };
  let state: object = { name: "a", label: "theirs", __meta: metaWith("label") };
  for (const _ of [1, 2]) {
    const failure = await update("id", state as typeof news, news).catch((error: unknown) => error);
    ({ properties: state } = failure as { properties: object });
    expect(state).toMatchObject({ name: "a", label: secret("theirs") });
  }
});

test("what the class passes along is text, or the object that it was", async () => {
  const urn = "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:Machine::db";
  const names = await Promise.all(
    [
      JSON.stringify({ organization: "o", urn }),
      { organization: "o", project: "shop", stack: "dev", urn },
      JSON.stringify({ organization: "another", urn }),
    ].map(async (__meta) => (await dynamicProvider(machine).check({}, { memory: "1 GiB", __meta })).inputs["name"]),
  );
  expect(names[0]).toMatch(/^db-[0-9a-f]{7}$/);
  expect(names[1]).toBe(names[0]);
  expect(names[2]).not.toBe(names[0]);
});

test("an object that says whose it is follows when its stack is renamed, its state when its resource is", async () => {
  const of = (stack: string, name = "db") =>
    JSON.stringify({ organization: "o", urn: `urn:pulumi:${stack}::shop::pulumi-nodejs:dynamic/kvm:Machine::${name}` });
  const args = { name: "a", memory: "1 GiB" };
  const changes = async (isMarked: boolean, before: string, now: string) => {
    const { diff } = dynamicProvider({ ...machine, isMarked });
    return (await diff("id", { ...args, __meta: before }, { ...args, __meta: now })).changes;
  };
  expect(await changes(true, of("dev"), of("blue"))).toBe(true);
  expect(await changes(true, of("dev"), of("dev", "main"))).toBe(false);
  expect(await changes(false, of("dev"), of("blue"))).toBe(false);
  const { check, diff } = dynamicProvider({ ...machine, isDerived: true });
  const renamed = () => diff("id", { ...args, __meta: of("dev") }, { ...args, __meta: of("dev", "renamed") });
  expect((await renamed()).changes).toBe(false);
  await check(args, { ...args, __meta: of("dev", "renamed") });
  expect((await renamed()).changes).toBe(true);
});

test("one that was renamed is not made anew under another identity, and a volume loses no data by that", async () => {
  const host = { uri: "qemu:///system", owner: "00", uuid: "00000000-0000-4000-8000-000000000001" };
  const pool = { name: "vms", uuid: "11111111-2222-4333-8444-555555555555", type: "dir", path: "/srv", host };
  const metaOf = (type: string, ...names: string[]) => {
    const [urn, ...aliases] = names.map((name) => `urn:pulumi:dev::anew::pulumi-nodejs:dynamic/kvm:${type}::${name}`);
    return JSON.stringify({ organization: "o", urn, aliases });
  };
  // The engine says nothing of what was before where `up --replace` names a resource.
  const anew = async (handler: Handler, args: object) => {
    const { check, delete: remove } = dynamicProvider({
      ...handler,
      async delete() {
        throw new Error("it was deleted");
      },
    });
    const meta = (name: string, ...aliases: string[]) => ({ __meta: metaOf(handler.type, name, ...aliases) });
    // Of an earlier deployment: this one knows nothing of it.
    const { inputs } = handler.check({ ...args }, undefined, readMeta(metaOf(handler.type, "former")));
    await check({}, { ...args, ...meta("present", "alias") });
    const stateOf = (name: string, more = {}) => remove("id", { ...inputs, ...more, ...meta(name) });
    return {
      one: () => stateOf("present"),
      renamedNow: () => stateOf("alias"),
      given: () => stateOf("present", { onReplace: "destroyData" }),
      gone: () => stateOf("gone"),
    };
  };
  const disk = await anew(volume, { pool, size: "1 GiB", format: "raw" });
  await expect(disk.one()).rejects.toThrow(
    /Unable to make Volume former-\w+\.raw .* anew .*the data in it would be lost/,
  );
  await expect(disk.renamedNow()).rejects.toThrow("the data in it would be lost");
  await expect(disk.given()).rejects.toThrow("it was deleted");
  const guest = await anew(virtualMachine, { host, memory: "1 GiB" });
  await expect(guest.one()).rejects.toThrow(
    /Unable to make VirtualMachine former-\w+ anew on qemu:.*: it was renamed[\s\S]*write name: "former-\w+", uuid: "[\w-]+"/,
  );
  // What the program has no more goes.
  for (const { gone } of [disk, guest]) await expect(gone()).rejects.toThrow("it was deleted");
});

test("what a failed resource would have told is no fault, and not known to the handler", async () => {
  const urn = "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:Machine::db";
  const seen: unknown[] = [];
  const { check, diff } = dynamicProvider({
    ...machine,
    diff(id, olds, news, meta) {
      seen.push(news["disks"]);
      return machine.diff(id, olds, news, meta);
    },
  });
  const args = { name: "a", memory: "1 GiB", disks: { root: { serial: "1" } } };
  const __meta = JSON.stringify({ organization: "o", urn, unknownPaths: ["disks.root.path"] });
  expect((await check({}, args)).failures).toMatchObject([{ reason: expect.stringMatching(/^disks\.root\.path: /) }]);
  const { inputs, failures } = await check({}, { ...args, __meta });
  expect([failures, inputs["disks"]]).toEqual([[], { root: { serial: "1" } }]);
  await diff("id", inputs, inputs);
  expect(seen).toEqual([{ root: { serial: "1", path: unknown } }]);
});

const unknownOnWire = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const host = { uri: "qemu:///system", uuid: "h" };
const pool = { uuid: "u", name: "vms", type: "dir", path: "/vms", host };
const uuid = "33333333-2222-4333-8444-555555555555";

test.each([
  [cloudInitDisk, { pool, userData: "a" }, { userData: "b" }, []],
  [virtualMachine, { host, memory: "1 GiB", uuid }, { uuid: uuid.replace("5", "6") }, []],
  [network, { host, uuid }, { uuid: uuid.replace("5", "6") }, []],
  // It could not be deleted any more without its pool.
  [volume, { pool, size: "1 MiB", name: "v", onReplace: "destroyData" }, { name: "w" }, ["name"]],
])(
  "what may be no change has nothing deleted ahead of what it comes from: %#",
  async (handler, given, other, ahead) => {
    const urn = `urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:${handler.type}::ahead`;
    const { check, diff } = dynamicProvider(handler);
    const args = { ...given, __meta: JSON.stringify({ organization: "o", urn }) };
    const { inputs } = await check({}, args);
    const name = Object.keys(other)[0] ?? "";
    const replaces = async (news: object) => (await diff("id", inputs, { ...inputs, ...news })).replaces;
    expect(await replaces({ [name]: unknownOnWire })).toEqual(ahead);
    expect(await replaces(other)).toContain(name);
    await check({}, { ...args, __preview: true });
    expect(await replaces({ [name]: unknownOnWire })).toEqual([name]);
    await check({}, args);
  },
);

test("what a refresh finds is never refused: the program has not asked for it yet", async () => {
  const refused = new KvmError("invalid", { step: "rename", host: "h", reason: "not as it runs" });
  const { check, diff } = dynamicProvider({
    ...machine,
    diff: () => {
      throw refused;
    },
  });
  const urn = "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:Machine::found";
  const args = { memory: "1 GiB", __meta: JSON.stringify({ organization: "o", urn }) };
  const asked = () => diff("id", { ...args, name: "theirs" }, { ...args, name: "ours" });
  expect(await asked()).toEqual({ changes: true, replaces: [], deleteBeforeReplace: false });
  await check({}, { ...args, name: "ours" });
  await expect(asked()).rejects.toBe(refused);
});

test("beside a fault nothing is unknown, for the engine would complain of that in its place", async () => {
  const { check } = dynamicProvider(virtualMachine);
  const urn = "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
  const __meta = JSON.stringify({ organization: "o", urn });
  const host = { uri: "qemu:///system", uuid: "00000000-0000-4000-8000-000000000001" };
  const { inputs, failures } = await check({}, { host, memory: "much", __meta });
  expect(failures).toMatchObject([{ reason: expect.stringMatching(/^memory: /) }]);
  expect(JSON.stringify(inputs)).not.toContain("04da6b54-80e4-46f7-96ec-b56ff0331ba9");
});

test.each([
  ["in this run", "create"],
  ["in an earlier one, which failed", "diff"],
  ["in an earlier one, ahead of a destroy that refreshes", "read"],
] as const)("what another resource has adopted %s is not deleted by the one that made it", async (_when, way) => {
  const remove = jest.fn(async () => undefined);
  const id = `adopted-${way}`;
  const resource = dynamicProvider({
    ...machine,
    create: async (inputs) => ({ id, state: { ...inputs, adopted: true } }),
    read: async (_id, { adopted }) => ({ id, state: { adopted }, inputs: {} }),
    delete: remove,
  });
  const args = (name: string) => {
    const urn = `urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:Machine::${name}`;
    return { name: "data", memory: "1 GiB", __meta: JSON.stringify({ organization: "o", urn }) };
  };
  const [maker, adopter] = [args(`maker-${way}`), args(`adopter-${way}`)];
  const taken = { ...adopter, adopted: true };
  if (way === "create") await resource.create(adopter);
  else if (way === "diff") await resource.diff(id, taken, adopter);
  else for (const props of [taken, maker]) await resource.read(id, props);
  await resource.delete(id, maker);
  expect(remove).not.toHaveBeenCalled();
  await resource.delete(id, taken);
  expect(remove).toHaveBeenCalledTimes(1);
});
