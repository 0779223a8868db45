import * as pulumi from "@pulumi/pulumi";
import * as kvm from "../../../sdk";

test("a program is tested with Pulumi's mocks as its manual says, without an organization", async () => {
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: `${name}-id`, state: { ...inputs, uuid: `uuid of ${name}` } }),
    call: ({ inputs }) => inputs,
  });
  const host = new kvm.Host("host", { uri: "qemu:///system" });
  const machine = new kvm.VirtualMachine("db", { host, memory: "1 GiB", title: "Data" });
  const both = pulumi.all([machine.uuid, machine.title, machine.host]);
  const values = await new Promise((resolve) => both.apply(resolve));
  expect(values).toEqual(["uuid of db", "Data", { uri: "qemu:///system", uuid: "uuid of host" }]);
});

test("a program in JavaScript that gives no arguments is told by the check, as of any that is missing", () => {
  const Machine = kvm.VirtualMachine as unknown as new (name: string) => kvm.VirtualMachine;
  expect(() => new Machine("bare")).not.toThrow();
});

describe("an argument that the program leaves out", () => {
  const host = { uri: "qemu:///system" };
  const settled = (output: pulumi.Output<unknown>) => new Promise((resolve) => output.apply(resolve));

  beforeAll(() =>
    pulumi.runtime.setMocks({
      newResource: ({ name, inputs }) => ({ id: `${name}-id`, state: { ...inputs, hugePages: "preferred", vcpus: 1 } }),
      call: ({ inputs }) => inputs,
    }),
  );

  it("is absent, unless it has a default", async () => {
    const machine = new kvm.VirtualMachine("plain", { host, memory: "1 GiB" });
    expect(await settled(machine.vcpus)).toBe(1);
    for (const absent of [machine.description, machine.disks, machine.hugePages]) {
      expect(await settled(absent)).toBeUndefined();
    }
  });

  it.each([
    ["a profile", () => new kvm.VirtualMachine("placed", { host, memory: "1 GiB", profile: "dedicated" })],
    ["what is taken over", () => new kvm.VirtualMachine("taken", { host, memory: "1 GiB", adopt: true })],
    ["what is looked up", () => kvm.getVirtualMachine("found", { host })],
  ])("may be given by %s", async (_what, make) => {
    const machine = make();
    expect(await settled(machine.hugePages)).toBe("preferred");
    expect(await settled(machine.description)).toBeUndefined();
  });
});
