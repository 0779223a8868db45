import * as pulumi from "@pulumi/pulumi";
import * as kvm from "../../../sdk";

/** What the engine is asked to make, by name. */
const made = new Map<string, Record<string, unknown>>();

beforeAll(async () => {
  const newResource: pulumi.runtime.Mocks["newResource"] = ({ name, inputs }) => {
    made.set(name, inputs);
    return { id: `${name}-id`, state: { ...inputs, uuid: `uuid of ${name}`, name } };
  };
  await pulumi.runtime.setMocks({ newResource, call: ({ inputs }) => inputs });
});

/** The copy that another package brings, for the one Pulumi of the program. */
function anotherCopy(): typeof kvm {
  let copy: typeof kvm | undefined;
  jest.isolateModules(() => {
    jest.doMock("@pulumi/pulumi", () => pulumi);
    copy = require("../../../sdk") as typeof kvm;
  });
  if (!copy) throw new Error("nothing was loaded");
  return copy;
}

test("a resource that one copy of the package made is an argument of those of another", async () => {
  const copy = anotherCopy();
  expect(copy.Host).not.toBe(kvm.Host);
  const host = new kvm.Host("rack", { uri: "qemu:///system" });
  const pool = new copy.StoragePool("vms", { host, path: "/srv/vms" });
  const volume = new kvm.Volume("data", { pool, size: "1 GiB" });
  await new Promise<void>((resolve) => volume.urn.apply(() => resolve()));
  const reference = { uri: "qemu:///system", uuid: "uuid of rack" };
  expect(made.get("vms")).toMatchObject({ host: reference });
  expect(made.get("data")).toMatchObject({ pool: { uuid: "uuid of vms", host: reference } });
});

test("a resource of another kind is refused at once", () => {
  const host = new pulumi.ComponentResource("acme:Rack", "rack") as unknown as kvm.Host;
  const refused = 'Network "lan": host cannot be a acme:Rack: give one of its properties';
  expect(() => new kvm.Network("lan", { host })).toThrow(refused);
});
