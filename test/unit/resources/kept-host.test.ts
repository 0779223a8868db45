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
  expect(inputs["disks"]).toMatchObject({ data: { volume: { host: { uri: host.uri, uuid: host.uuid } } } });
  expect(JSON.stringify(inputs["disks"])).not.toContain("facts");
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
