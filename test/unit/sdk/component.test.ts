import * as pulumi from "@pulumi/pulumi";
import { namesIn } from "../../../provider/core/paths";
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
});

describe("an output among the arguments, as those of components are", () => {
  const settled = (output: pulumi.Output<unknown>) => new Promise((resolve) => output.apply(resolve));
  const host = () => new kvm.Host("rack", { uri: "qemu:///system" });

  it("refers to the resources in it like one that is given itself", async () => {
    const [rack, uri] = [host(), "qemu:///system"];
    const pool = new kvm.StoragePool("vms", { host: pulumi.output(rack), path: "/srv/vms" });
    const data = new kvm.Volume("data", { pool: Promise.resolve(pool), size: "1 GiB" });
    const disks = pulumi.output(rack.uuid).apply(() => ({ data: { volume: data } }));
    const machine = new kvm.VirtualMachine("in-apply", { host: rack, memory: "1 GiB", disks });
    await settled(machine.uuid);
    const reference = { uri, uuid: "uuid of rack" };
    expect(made.get("vms")).toMatchObject({ host: reference });
    expect(made.get("data")).toMatchObject({ pool: { uuid: "uuid of vms", name: "vms", host: reference } });
    const volume = { name: "data", pool: "uuid of vms", host: reference };
    expect(made.get("in-apply")).toMatchObject({ disks: { data: { volume } } });
  });

  it("refers to what another stack has exported whole", async () => {
    const urnOf = (type: string) => `urn:pulumi:dev::net::my:c:C$pulumi-nodejs:dynamic/kvm:${type}::name`;
    const reference = { uri: "qemu:///system", uuid: "u-1", owner: "o-1" };
    const facts = { virtTypes: ["kvm"] };
    const rack = { ...reference, facts, cpus: 8, guestPages: true, urn: urnOf("Host"), id: "u-1" };
    const pool = { uuid: "p-1", name: "vms", type: "dir", path: "/srv", host: reference };
    const data = { name: "data", path: "/srv/data", format: "raw", size: "1 GiB", pool, urn: urnOf("Volume") };
    const net = { uuid: "n-1", name: "net", mode: "nat", host: reference, urn: urnOf("Network") };
    const arguments_ = { memory: "1 GiB", disks: { data: { volume: data } }, nics: { lan: { network: net } } };
    const machine = new kvm.VirtualMachine("far", { host: pulumi.output(rack), ...arguments_ } as never);
    await settled(machine.uuid);
    expect(made.get("far")).toMatchObject({
      host: { ...reference, facts: '{"virtTypes":["kvm"]}', limits: '{"guestPages":true}' },
      disks: { data: { volume: { name: "data", path: "/srv/data", format: "raw", pool: "p-1", host: reference } } },
      nics: { lan: { network: { uuid: "n-1", name: "net", kind: "bridge", host: reference } } },
    });
  });

  const direct = { mode: "passthrough", interface: [{ dev: "eth1" }] };
  it.each([
    ["nat", { subnets: ["10.0.0.0/24"], mode: "nat" }, "bridge"],
    ["bridge", { mode: "bridge", bridge: "br0" }, "bridge"],
    ["functions", { mode: "hostdev", physicalFunction: "eth1" }, "hostdev"],
    ["passthrough", { mode: "isolated", overlay: { bridge: null, forward: direct } }, "macvtap"],
    ["shared", { mode: "bridge", bridge: "br0", overlay: { bridge: null, forward: { dev: "eth1" } } }, "macvtap"],
    ["cut off", { mode: "bridge", bridge: "br0", overlay: { forward: null } }, "bridge"],
    // As it is found.
    ["looked up", { mode: "vepa" }, "macvtap"],
    ["looked up too", { mode: "bridge" }, "macvtap"],
  ])("says how a network plugs guests in: %s", async (name, network, kind) => {
    const rack = host();
    const nics = { lan: { network: new kvm.Network(name, { host: rack, ...network } as never) } };
    const machine = new kvm.VirtualMachine(`on ${name}`, { host: rack, memory: "1 GiB", nics } as never);
    await settled(machine.uuid);
    expect(made.get(`on ${name}`)).toMatchObject({ nics: { lan: { network: { kind } } } });
  });

  const luks = { target: { encryption: { format: "luks", secret: { type: "passphrase", uuid: "u" } } } };
  it.each([
    ["plain", {}, undefined],
    ["lazy", { overlay: { target: { features: {} } } }, false],
    ["closed", { overlay: luks }, true],
    ["closed in secret", { overlay: pulumi.secret(luks) }, true],
  ])("says whether a volume is made encrypted: %s", async (name, more, encrypted) => {
    const rack = host();
    const pool = new kvm.StoragePool(`of ${name}`, { host: rack, path: "/srv/vms" });
    const volume = new kvm.Volume(name, { pool, size: "1 GiB", ...more } as never);
    const machine = new kvm.VirtualMachine(`on ${name}`, { host: rack, memory: "1 GiB", disks: { d: { volume } } });
    await settled(machine.uuid);
    const { disks } = made.get(`on ${name}`) as { disks: { d: { volume: { encrypted?: unknown } } } };
    expect(disks.d.volume.encrypted).toBe(encrypted);
  });

  it("tells the provider of secrets in it, which come back sealed", async () => {
    const rack = host();
    const nics = rack.uuid.apply(() => ({ lan: { mac: pulumi.secret("52:54:00:00:00:01") } }));
    const machine = new kvm.VirtualMachine("quiet", { host: rack, memory: "1 GiB", nics: nics as never });
    await settled(machine.uuid);
    expect(JSON.parse(String(made.get("quiet")?.["__meta"])).secretPaths).toEqual(["nics.lan.mac"]);
    const fwCfg = { 'opt/a.b/"c"': { value: pulumi.secret("s") } };
    const dotted = new kvm.VirtualMachine("dotted", { host: rack, memory: "1 GiB", fwCfg });
    await settled(dotted.uuid);
    const { secretPaths } = JSON.parse(String(made.get("dotted")?.["__meta"]));
    expect(secretPaths.map(namesIn)).toEqual([["fwCfg", 'opt/a.b/"c"', "value"]]);
  });
});

test("the option import is refused with what to do instead", () => {
  const make = () => new kvm.Network("old", { host: { uri: "qemu:///system" } }, { import: "some-id" });
  expect(make).toThrow(/Network "old": the option import does not work.*adopt: true/);
});

test("the option deletedWith is refused with another object of a host, which takes nothing along, and no other", () => {
  const host = new kvm.Host("rack-to-go", { uri: "qemu:///system" });
  const network = (name: string, deletedWith: pulumi.Resource) => new kvm.Network(name, { host }, { deletedWith });
  expect(() => network("with-host", host)).toThrow(/Network "with-host": the option deletedWith would leave it on/);
  network("with-server", new pulumi.ComponentResource("test:index:Server", "server"));
});

test.each([
  ["a file that was not read as text", Buffer.from("#cloud-config"), "Buffer"],
  ["a date, which loaders of YAML make", new Date(0), "Date"],
  ["a set", new Set(["a"]), "Set"],
  ["a bigint", 1n, "bigint"],
])("%s is refused: Pulumi would pass on another object", (_what, content, type) => {
  const pool = { uuid: "u", name: "vms", type: "dir", path: "/srv/vms", host: {} };
  const make = () => new kvm.CloudInitDisk("seed", { pool, userData: { write_files: [{ path: "/a", content }] } });
  expect(make).toThrow(
    `CloudInitDisk "seed": userData.write_files.0.content is a ${type}, which Pulumi cannot pass on`,
  );
});
