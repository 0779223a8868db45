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
