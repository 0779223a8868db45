import { unknown } from "../../../provider/core/unknown";
import { virtualMachine } from "../../../provider/resources/virtual-machine";
import { volume } from "../../../provider/resources/volume";

const facts = JSON.stringify({ libvirt: 9_000_000, virtTypes: ["qemu"], machines: ["pc-q35-7.2"], deviceCells: [1] });
const host = { uri: "qemu:///system", uuid: "uuid", owner: "owner", facts };
const kept = { ...host, facts: JSON.stringify({ libvirt: 9_000_000, virtTypes: ["qemu"], deviceCells: [1] }) };
const meta = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::db" };

test("rules see all facts of a host, the state keeps those that later steps need", () => {
  const data = { path: "/srv/data.qcow2", host };
  const args = { host, memory: "1 GiB", machine: "pc-q35-9.2", virtType: "qemu", disks: { data: { volume: data } } };
  const { inputs, failures } = virtualMachine.check(args, undefined, meta);
  expect(failures.map(({ property }) => property)).toEqual(["machine"]);
  expect(inputs["host"]).toEqual(kept);
  expect(JSON.stringify(inputs["disks"])).not.toContain("facts");
});

test("what is plugged into a machine is on its host, which the state says once", () => {
  const plugged = (other: object) => ({
    host,
    memory: "1 GiB",
    virtType: "qemu",
    disks: { data: { volume: { path: "/srv/data.qcow2", format: "qcow2", host: other } } },
    nics: { lan: { network: { name: "lan", uuid: "uuid of lan", host: other } } },
  });
  const { inputs, failures } = virtualMachine.check(plugged(host), undefined, meta);
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject({
    disks: { data: { volume: { path: "/srv/data.qcow2", format: "qcow2" } } },
    nics: { lan: { network: { name: "lan", uuid: "uuid of lan" } } },
  });
  expect(JSON.stringify([inputs["disks"], inputs["nics"]])).not.toContain(host.uri);
  // A state of before says it at each, which is no change.
  const before = JSON.parse(JSON.stringify(inputs));
  for (const other of [before.disks.data.volume, before.nics.lan.network]) other.host = host;
  const { changes } = virtualMachine.diff("id", before, inputs);
  expect(changes).toEqual([]);
  const another = virtualMachine.check(plugged({ uri: "qemu+ssh://another/system" }), undefined, meta);
  expect(another.failures.map(({ property }) => property)).toEqual(["disks.data.volume", "nics.lan.network"]);
});

test("an object in a pool keeps as much of the host of its pool", () => {
  const pool = { uuid: "pool", name: "images", type: "dir", path: "/srv", host };
  const { inputs, failures } = volume.check({ pool, size: "1 GiB" }, undefined, meta);
  expect(failures).toEqual([]);
  expect(inputs["pool"]).toEqual({ ...pool, host: kept });
});

test("facts of which nothing is kept leave none", () => {
  const bare = { uri: host.uri, uuid: host.uuid };
  for (const some of [undefined, "{}", JSON.stringify({ secureBoot: true })]) {
    const { inputs } = virtualMachine.check({ host: { ...bare, facts: some }, memory: "1 GiB" }, undefined, meta);
    expect(inputs["host"]).toEqual(bare);
  }
});

test("facts that a preview does not know stay open, and nothing else is said of the host of a backing volume", () => {
  const coming = { uri: host.uri, uuid: unknown, owner: unknown, facts: unknown };
  const pool = { uuid: "pool", name: "images", type: "dir", path: "/srv", host: coming };
  const base = { pool: "pool", name: "base.qcow2", path: "/srv/base.qcow2", format: "qcow2" };
  const { inputs, failures } = volume.check({ pool, backing: { ...base, host: coming } }, undefined, meta);
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject({ pool });
  expect(inputs["backing"]).toEqual(base);
});
