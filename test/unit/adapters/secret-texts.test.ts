import { dynamicProvider } from "../../../provider/adapters/dynamic";
import { engineLog } from "../../../provider/adapters/engine-log";
import { KvmError } from "../../../provider/core/errors";
import { type Context, type Handler, PartialFailure } from "../../../provider/core/handler";
import { machine } from "../core/machine";

const former = "theirs-before";
const secret = "hunter2";
const metaWith = (...secretPaths: string[]) => {
  const urn = "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:Machine::db";
  return JSON.stringify({ organization: "o", urn, secretPaths });
};
const state = { name: "a", label: former, __meta: metaWith("label") };
const inputs = { name: "a", label: secret, __meta: metaWith("label") };

const refusal = (text: string) => new KvmError("invalid", { step: "start a", reason: `libvirt said: no ${text}` });
const refuse = (text: string) => () => Promise.reject(refusal(text));

const messageOf = (work: Promise<unknown>) =>
  work.then(
    () => "nothing failed",
    ({ message }: Error) => message,
  );

async function told(handler: Partial<Handler>, operation: "create" | "read" | "diff" | "update" | "delete") {
  const provider = dynamicProvider({ ...machine, ...handler });
  if (operation === "create") return messageOf(provider.create(inputs));
  if (operation === "read" || operation === "delete") return messageOf(provider[operation]("id", inputs));
  return messageOf(provider[operation]("id", state, inputs));
}

it.each(["create", "read", "update", "delete"] as const)("is not in the error of %s", async (operation) => {
  expect(await told({ [operation]: refuse(secret) }, operation)).toBe("Unable to start a: libvirt said: no [secret]");
});

it.each([former, secret])(
  "is not in the error of diff and update, be it that of before or of now: %s",
  async (text) => {
    const diff = () => {
      throw refusal(text);
    };
    // A diff that fails is told where the program has asked for it.
    await dynamicProvider(machine).check({}, inputs);
    expect(await told({ diff }, "diff")).toBe("Unable to start a: libvirt said: no [secret]");
    expect(await told({ update: refuse(text) }, "update")).toBe("Unable to start a: libvirt said: no [secret]");
  },
);

test("is not in an error where it stands under a name with a dot", async () => {
  const words = { ...inputs, label: { "opt/com.example/key": { value: secret } } };
  const __meta = metaWith('label["opt/com.example/key"].value');
  const failed = messageOf(dynamicProvider({ ...machine, create: refuse(secret) }).create({ ...words, __meta }));
  expect(await failed).toBe("Unable to start a: libvirt said: no [secret]");
});

test("which object and which host it is stays in the message, though a secret has such words too", async () => {
  const host = { uri: "qemu+ssh://root@rack1/system" };
  const words = { ...inputs, host, label: { users: ["root"], hosts: ["rack1", "a"], passwd: secret } };
  const create = refuse(`user root of rack1 with ${secret}`);
  const failed = messageOf(dynamicProvider({ ...machine, create }).create(words));
  expect(await failed).toBe("Unable to start a: libvirt said: no user root of rack1 with [secret]");
});

test("is not in the reasons that the engine keeps in the state of what is half made", async () => {
  const { create } = dynamicProvider({
    ...machine,
    create: () => Promise.reject(new PartialFailure("id", { name: "a" }, refusal(secret))),
  });
  const failure = await create(inputs).catch((error: unknown) => error);
  expect(failure).toMatchObject({ id: "id", reasons: ["Unable to start a: libvirt said: no [secret]"] });
});

test("is not in what goes on in a resource's row", async () => {
  const line = jest.spyOn(engineLog, "line").mockImplementation();
  const status = jest.spyOn(engineLog, "status").mockImplementation();
  const update = async (_id: string, olds: object, _news: object, { warn, info, progress }: Context) => {
    for (const tell of [warn, info, progress]) tell(`from ${former} to ${secret}`);
    return { ...olds };
  };
  await told({ update }, "update");
  const texts = [...line.mock.calls.map(([, , text]) => text), ...status.mock.calls.map(([, text]) => text)];
  expect(texts).toEqual(Array(3).fill("from [secret] to [secret]"));
  jest.restoreAllMocks();
});

describe("a value that stays and becomes a secret", () => {
  const disk = { path: "/a", serial: "S1", key: "K1" };
  const values = { name: "a", memory: "1 GiB", disks: { root: disk } };
  const becomes = async (before: string[], now: string[], news: object = values) => {
    const line = jest.spyOn(engineLog, "line").mockImplementation();
    const note = jest.spyOn(engineLog, "note").mockImplementation();
    const olds = { ...values, __meta: metaWith(...before) };
    const { changes } = await dynamicProvider(machine).diff("id", olds, { ...news, __meta: metaWith(...now) });
    const told = [...line.mock.calls.map(([, , text]) => text), ...note.mock.calls.map(([, text]) => text)];
    jest.restoreAllMocks();
    return { changes, told };
  };

  test("is an update, for the state has it in clear", async () => {
    expect(await becomes([], ["disks.root.serial"])).toEqual({
      changes: true,
      told: ["disks.root.serial: live, a secret in the state from now on"],
    });
  });

  it.each([
    ["what was one", ["disks.root.serial"], ["disks.root.serial"]],
    ["what stood in one", ["disks"], ["disks.root.serial"]],
    ["what always is one", [], ["disks.root.key"]],
    ["what is absent", [], ["password"]],
    ["what is one no more", ["disks.root.serial"], []],
  ])("is none for %s", async (_what, before, now) => {
    expect(await becomes(before, now)).toEqual({ changes: false, told: [] });
  });

  test("needs no word of its own where it changes too", async () => {
    const { told } = await becomes([], ["memory"], { ...values, memory: "2 GiB" });
    expect(told).toEqual(["memory: live"]);
  });
});
