import { dynamicProvider } from "../../../provider/adapters/dynamic";
import { virtualMachine } from "../../../provider/resources/virtual-machine";

const urn = "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const host = { uri: "qemu:///system", uuid: "00000000-0000-4000-8000-000000000001" };

async function reasons(args: Readonly<Record<string, unknown>>, secretPaths: readonly string[] = []) {
  const __meta = JSON.stringify({ organization: "o", urn, secretPaths });
  const { failures } = await dynamicProvider(virtualMachine).check({}, { host, memory: "1 GiB", ...args, __meta });
  // Beside a property the engine prints what the argument holds, secrets too, or <nil> for one within it.
  for (const { property } of failures) expect(property).toBe("");
  return failures.map(({ reason }) => reason);
}

test("a fault is told with its path", async () => {
  expect(await reasons({ disks: { root: { path: "/a", cahce: "none" } } })).toEqual([
    'disks.root.cahce: unknown attribute; did you mean "cache"?',
  ]);
});

test("what is secret is not in a message", async () => {
  expect(await reasons({ memory: "hunter2" })).toEqual([expect.stringContaining('memory: "hunter2" is not a size')]);
  expect(await reasons({ memory: "hunter2" }, ["memory"])).toEqual([
    expect.stringContaining('memory: "[secret]" is not a size'),
  ]);
  const password = "hunter2-and-more";
  expect((await reasons({ graphics: { vnc: { password } } })).join()).not.toContain(password);
});
