import * as pulumi from "@pulumi/pulumi";
import * as kvm from "../../../sdk";

/** What the engine is asked to make, by name. */
const made = new Map<string, Record<string, unknown>>();

beforeAll(async () => {
  const mocks: pulumi.runtime.Mocks = {
    newResource({ name, inputs }) {
      made.set(name, inputs);
      return { id: `${name}-id`, state: { ...inputs, uuid: `uuid of ${name}`, name } };
    },
    call: ({ inputs }) => inputs,
  };
  await pulumi.runtime.setMocks(mocks, "shop", "dev", false, "organization");
});

class Site extends pulumi.ComponentResource {
  readonly address: pulumi.Output<string>;

  constructor(name: string) {
    super("test:index:Site", name);
    const options = { parent: this };
    const host = new kvm.Host(`${name}-host`, { uri: pulumi.output("qemu:///system") }, options);
    const network = new kvm.Network(`${name}-lan`, { host, subnets: ["10.0.0.0/24"] }, options);
    const nics = { lan: { network } };
    const machine = new kvm.VirtualMachine(`${name}-db`, { host, memory: "1 GiB", nics }, options);
    this.address = machine.uuid;
    this.registerOutputs({});
  }
}

test("resources of a component refer to each other without waiting for each other", async () => {
  const site = new Site("one");
  await new Promise<void>((resolve) => site.address.apply(() => resolve()));
  expect([...made.keys()]).toEqual(["one", "one-host", "one-lan", "one-db"]);
  const host = { uri: "qemu:///system", uuid: "uuid of one-host" };
  expect(made.get("one-db")).toMatchObject({
    nics: { lan: { network: { uuid: "uuid of one-lan", name: "one-lan", host } } },
    __meta: expect.stringMatching(/::test:index:Site\$pulumi-nodejs:dynamic\/kvm:VirtualMachine::one-db"/),
  });
}, 10_000);

test("the option import is refused with what to do instead", () => {
  const make = () => new kvm.Network("old", { host: { uri: "qemu:///system" } }, { import: "some-id" });
  expect(make).toThrow(/Network "old": the option import does not work.*adopt: true/);
});
