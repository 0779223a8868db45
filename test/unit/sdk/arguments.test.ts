import * as pulumi from "@pulumi/pulumi";
import * as kvm from "../../../sdk";

const pool = { uuid: "u", name: "vms", type: "dir", path: "/srv/vms", host: {} };
const output = pulumi.output("db");
const seed = (userData: unknown) => new kvm.CloudInitDisk("seed", { pool, userData: userData as string });

beforeAll(() =>
  pulumi.runtime.setMocks({ newResource: ({ inputs }) => ({ id: "id", state: inputs }), call: () => ({}) }),
);

test.each([
  ["a template", { hosts: [`${output}.example`] }, "userData.hosts.0"],
  ["a sum", `#cloud-config\nhostname: ${String(output)}\n`, "userData"],
  ["JSON", JSON.stringify({ hostname: output }), "userData"],
])("an output in %s is refused, which holds Pulumi's advice and no value", (_what, userData, path) => {
  expect(() => seed(userData)).toThrow(`CloudInitDisk "seed": ${path} has an output in its text`);
});

test("an output in the name of a resource is refused", () => {
  expect(() => new kvm.CloudInitDisk(`seed-${output}`, { pool, userData: {} })).toThrow(/its name has an output in/);
});

test.each([
  ["function", () => "db"],
  ["symbol", Symbol("db")],
])("a %s is refused: Pulumi would leave it out, or fail without a place", (type, hostname) => {
  expect(() => seed({ hostname })).toThrow(`userData.hostname is a ${type}, which Pulumi cannot pass on`);
});

class Settings {
  self: unknown = undefined;
}

test.each([
  ["an object", {}],
  ["an instance of a class", new Settings()],
])("%s that contains itself is refused: Pulumi would not come to its end", (_what, settings) => {
  Object.assign(settings, { self: settings });
  expect(() => seed({ settings })).toThrow('CloudInitDisk "seed": userData.settings contains itself');
});

test("an instance of a class may hold resources", async () => {
  const network = new kvm.Network("lan", { host: { uri: "qemu:///system" }, name: "lan" });
  const nics = { lan: Object.assign(new (class Nic {})(), { network }) };
  const machine = new kvm.VirtualMachine("db", { host: { uri: "qemu:///system" }, memory: "1 GiB", nics });
  const given = await new Promise((resolve) => machine.nics.apply(resolve));
  expect(given).toMatchObject({ lan: { network: { name: "lan", host: { uri: "qemu:///system" } } } });
});
