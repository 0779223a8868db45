import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { network } from "../../provider/resources/network";
import { machineLab } from "./machine-lab";
import { image, type Machine, referenceOf } from "./machines";
import { Managed } from "./managed";

// What goes from one resource to another in one run of the program, which changes both at a time.

const lab = machineLab({ waitForAddress: false, changePolicy: "restart" }, { alone: true });

/** The second is a little later, and its guest slower. */
async function both(first: Promise<unknown>, second: () => Promise<unknown>): Promise<void> {
  const later = new Promise((resolve) => setTimeout(resolve, 300)).then(second);
  await Promise.all([first, later]);
}

const runOf = async (vm: Machine) => (await lab.host.virsh("domid", vm.name)).trim();

test("two guests swap their disks and the ports of their screens in one restart of each", async () => {
  const [one, two] = [await image(lab.host, "one.qcow2"), await image(lab.host, "two.qcow2")];
  const has = (volume: Values, port: number) => ({ disks: { data: { volume } }, graphics: { vnc: { port } } });
  const [a, b] = [lab.machine("a"), lab.machine("b")];
  await Promise.all([a.create(has(one, 5951)), b.create(has(two, 5952))]);
  await both(a.up(has(two, 5952)), () => b.up({ ...has(one, 5951), stopTimeout: "2 s" }));
  for (const [vm, name, port] of [
    [a, "two", 5952],
    [b, "one", 5951],
  ] as const) {
    const xml = await vm.xml();
    expect(xml).toContain(`${name}.qcow2'`);
    expect(xml).toContain(`port='${port}'`);
    expect([await vm.power(), vm.state["pendingRestart"]]).toEqual(["running", []]);
  }
}, 60_000);

test("a name that another domain has is refused before the guest is stopped; one that becomes free is waited for", async () => {
  const file = join(lab.host.directory, "foreign.xml");
  writeFileSync(
    file,
    "<domain type='qemu'><name>foreign</name><memory>65536</memory><os><type>hvm</type></os></domain>",
  );
  await lab.host.virsh("define", file);
  const [a, b] = [lab.machine("a"), lab.machine("b", { state: "stopped" })];
  await Promise.all([a.create({ name: "first" }), b.create({ name: "second" })]);
  const before = await runOf(a);
  await expect(a.up({ name: "foreign" })).rejects.toThrow(/has a domain of that name already; nothing was changed/);
  expect(await runOf(a)).toBe(before);
  await both(a.up({ name: "second" }), () => b.up({ name: "third" }));
  expect([a.name, b.name, await a.power()]).toEqual(["second", "third", "running"]);
  await lab.host.virsh("undefine", "foreign");
}, 60_000);

test("an address goes from one machine to another", async () => {
  const mac = "52:54:00:00:00:01";
  const [a, b] = [lab.machine("a", { state: "stopped" }), lab.machine("b", { state: "stopped" })];
  await a.create({ nics: { lan: { bridge: "br0", mac } } });
  await both(b.create({ nics: { lan: { bridge: "br0", mac } } }), () => a.up());
  expect([await a.xml(), await b.xml()]).toEqual([expect.not.stringContaining(mac), expect.stringContaining(mac)]);
}, 30_000);

test("CPUs go from one machine to another; one that is renamed goes on until it has them", async () => {
  const dedicated = { cpu: { policy: "dedicated" } };
  const [a, b] = [lab.machine("a", dedicated), lab.machine("b", { ...dedicated, state: "stopped" })];
  await Promise.all([a.create(), b.create()]);
  const before = await runOf(a);
  const renamed = a.up({ vcpus: 2, maxVcpus: 2, name: "larger" });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(await runOf(a)).toBe(before);
  await Promise.all([renamed, b.up({ cpu: {} })]);
  expect((a.state["placement"] as Values)["owned"]).toBe("0-1");
}, 60_000);

test("a disk that a guest lets go of only with a restart is waited for as long as that takes", async () => {
  const data = { disks: { data: { volume: await image(lab.host, "slow.qcow2") } } };
  const [a, b] = [lab.machine("a"), lab.machine("b", { changePolicy: "stage" })];
  await Promise.all([a.create(data), b.create()]);
  await both(a.up({ stopTimeout: "4 s" }), () => b.up(data));
  expect(await b.xml()).toContain("slow.qcow2'");
}, 60_000);

test("a subnet and a bridge go from one network to another", async () => {
  const net = (name: string) => new Managed(network, name, { host: referenceOf(lab.host), name });
  const [a, b] = [net("a"), net("b")];
  await a.create({ subnets: ["10.61.0.0/24"], bridge: "kvma" });
  await b.create({ subnets: ["10.62.0.0/24"], bridge: "kvmb" });
  await both(a.up({ subnets: ["10.62.0.0/24"], bridge: "kvmb" }), () =>
    b.up({ subnets: ["10.63.0.0/24"], bridge: "kvmc" }),
  );
  expect(await lab.host.virsh("net-dumpxml", "a")).toMatch(/bridge name='kvmb'[\s\S]*10\.62\.0\.1/);
  for (const one of [a, b]) {
    await one.delete();
    await one.context.close();
  }
}, 30_000);
