import { dynamicProvider } from "../../../provider/adapters/dynamic";
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
  expect(outs).toEqual({ name: "a", __kvm: { stateVersion: 1, memo: secret(memo) } });
  expect(await diff("id", outs, { name: "a" })).toEqual({ changes: false, replaces: [], deleteBeforeReplace: true });
  expect(given).toEqual([{ name: "a", __kvm: { stateVersion: 1, memo } }]);
});
