import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { ConnectionLost } from "../../provider/libvirt/errors";
import { eachPlace, runWith, withFault } from "./fault";
import type { TestContext } from "./handler-context";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, image, Machine, owner } from "./machines";
import { waitFor } from "./processes";

/** What goes wrong while devices come to and go from a guest that runs, and while one is started and deleted. */
let lab: Lab;
let boot: Values;
let network: Values;
const machines: Machine[] = [];

beforeAll(async () => {
  lab = await startLab();
  ({ boot, network } = await furnish(lab.host));
}, 60_000);

afterAll(async () => {
  await Promise.all(machines.map(({ context }) => context.close()));
  await lab.stop();
});

function machine(name: string, base: Values = {}): Machine {
  const made = new Machine(lab.host, name, { waitForAddress: false, ...base });
  machines.push(made);
  return made;
}

/** One with an operating system, which lets go of devices. */
async function booted(name: string, base: Values, args: Values): Promise<Machine> {
  const log = join("/var/log/libvirt/qemu", `${name}.console`);
  const vm = machine(name, { memory: "128 MiB", boot, serialLog: log, ...base });
  await vm.create(args);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
  return vm;
}

async function daemonDies(): Promise<void> {
  await lab.host.killLibvirtd();
  await lab.host.startLibvirtd();
}

const sshDrops = () => lab.host.dropSsh();
const all = () => lab.host.virsh("list", "--all", "--name");
const bootId = (vm: Machine) => vm.inGuest("cat /proc/sys/kernel/random/boot_id");

test("libvirtd killed at each step of a hot-plug and of an unplug: the guest keeps running and the next run finishes", async () => {
  const data = { volume: await image(lab.host, "hot.qcow2") };
  const limited = { ...data, iotune: { totalIopsSec: 500 } };
  const full = { vcpus: 2, disks: { data: limited }, nics: { lan: { network } }, iothreads: 1 };
  const none = { vcpus: 2, disks: {}, nics: {}, iothreads: 0 };
  const vm = await booted("hot", { maxVcpus: 2 }, { ...none, vcpus: 1 });
  const id = await bootId(vm);
  const places: string[] = [];
  for (const [wanted, other] of [
    [full, none],
    [none, full],
  ] as const) {
    const struckAt = await eachPlace(async (place) => {
      await vm.up(other);
      const { context, struck } = withFault(vm, { ...place, strike: daemonDies });
      await runWith(vm, "update", wanted, context);
      expect(await vm.refresh()).not.toBe("gone");
      await vm.up(wanted);
      expect(await vm.refresh()).toEqual([]);
      expect(vm.state).toMatchObject({ iothreads: wanted.iothreads, pendingRestart: [] });
      const live = await vm.xml();
      for (const part of ["ua-disk-data", "ua-nic-lan", "<iothreads>1"]) {
        expect([part, live.includes(part)]).toEqual([part, wanted === full]);
      }
      return struck();
    });
    places.push(...struckAt);
  }
  expect(places).toEqual(
    expect.arrayContaining(
      ["ATTACH_DEVICE_FLAGS", "DETACH_DEVICE_ALIAS", "ADD_IOTHREAD", "DEL_IOTHREAD"].flatMap((name) => [
        `before DOMAIN_${name}`,
        `after DOMAIN_${name}`,
      ]),
    ),
  );
  expect(await bootId(vm)).toBe(id);
  await vm.delete();
}, 240_000);

test("ssh dropped in a hot-plug, in an unplug and in a delete: the next run finishes", async () => {
  const host = { uri: lab.host.uri, uuid: lab.host.uuid, owner };
  const vm = await booted("wire", { host }, {});
  const id = await bootId(vm);
  const disks = { data: { volume: { ...(await image(lab.host, "wire.qcow2")), host } } };
  for (const [at, args] of [
    ["DOMAIN_ATTACH_DEVICE_FLAGS", { disks }],
    ["DOMAIN_DETACH_DEVICE_ALIAS", {}],
  ] as const) {
    const { context, struck } = withFault(vm, { at, moment: "before", strike: sshDrops });
    await runWith(vm, "update", args, context);
    expect(struck()).toBe(at);
    await vm.up(args);
    expect(await vm.refresh()).toEqual([]);
    expect((await vm.xml()).includes("ua-disk-data")).toBe("disks" in args);
  }
  expect(await bootId(vm)).toBe(id);
  const { context, struck } = withFault(vm, { at: "DOMAIN_UNDEFINE_FLAGS", moment: "before", strike: sshDrops });
  await runWith(vm, "delete", {}, context);
  expect(struck()).toBe("DOMAIN_UNDEFINE_FLAGS");
  await vm.delete();
  expect(await all()).not.toContain("wire-");
}, 120_000);

test("a connection that is lost before an unplug is listened for leaves the wish on the host, and says where", async () => {
  const vm = machine("deaf", { state: "paused" });
  await vm.create({ disks: { data: { volume: await image(lab.host, "deaf.qcow2") } } });
  const { connect } = vm.context;
  const onDomainEvent = () => Promise.reject(new ConnectionLost("the other side closed it", true));
  const deaf: TestContext["connect"] = async (host) =>
    new Proxy(await connect(host), {
      get: (target, key) => (key === "onDomainEvent" ? onDomainEvent : Reflect.get(target, key, target)),
    });
  const failure = await runWith(vm, "update", {}, { ...vm.context, connect: deaf });
  expect(failure?.message).toMatch(
    /^Unable to listen to the events of VirtualMachine deaf-\w+ on qemu\S+: [\s\S]*the other side closed it[\s\S]*What to do: run pulumi up again[^\n]*$/,
  );
  expect(await vm.xml("--inactive")).not.toContain("ua-disk-data");
  await vm.up();
  expect(vm.state).toMatchObject({ pendingRestart: ["disks.data"] });
  await vm.delete();
}, 60_000);

test("QEMU killed in a start, in a hot-plug and in a delete: state says so, nothing is waited for, the next run finishes", async () => {
  const vm = machine("killed", { nics: { lan: { network } }, waitForAddress: { timeout: "5 min" } });
  const strike = async () => {
    await lab.host.exec(`kill -KILL $(cat /run/libvirt/qemu/killed-*.pid)`);
    await waitFor("libvirt to see it", 10, async () => /shut off/.test(await lab.host.virsh("list", "--all")));
  };
  const began = Date.now();
  const start = withFault(vm, { at: "DOMAIN_CREATE_WITH_FLAGS", moment: "after", strike });
  const failure = await runWith(vm, "create", {}, start.context);
  expect(failure?.message).toMatch(
    /address of VirtualMachine killed-\w+ .*the guest went off while[\s\S]*run pulumi up/,
  );
  expect(Date.now() - began).toBeLessThan(30_000);
  expect(vm.state).toMatchObject({ state: "stopped" });
  const disks = { data: { volume: await image(lab.host, "killed.qcow2") } };
  const quiet = { disks, waitForAddress: false };
  await vm.up({ waitForAddress: false });
  const plug = withFault(vm, { at: "DOMAIN_ATTACH_DEVICE_FLAGS", moment: "before", strike });
  await runWith(vm, "update", quiet, plug.context);
  expect(plug.struck()).toBe("DOMAIN_ATTACH_DEVICE_FLAGS");
  expect(vm.state["state"]).toBe((await vm.power()) === "running" ? "running" : "stopped");
  await vm.up(quiet);
  expect(await vm.power()).toBe("running");
  expect(await vm.refresh()).toEqual([]);
  expect(await vm.xml()).toContain("ua-disk-data");
  const stop = withFault(vm, { at: "DOMAIN_SHUTDOWN_FLAGS", moment: "before", strike });
  expect(await runWith(vm, "delete", {}, stop.context)).toBeUndefined();
  expect([stop.struck(), await all()]).toEqual(["DOMAIN_SHUTDOWN_FLAGS", expect.not.stringContaining("killed")]);
}, 120_000);

test("a full disk of definitions does not keep a machine from being deleted", async () => {
  const vm = machine("room");
  await vm.create();
  const folder = "/etc/libvirt/qemu";
  const before = await lab.host.exec(`ls ${folder}/${vm.name}.xml`);
  expect(before.code).toBe(0);
  await lab.host.exec(
    `mkdir /tmp/kept && cp -a ${folder}/. /tmp/kept && mount -t tmpfs -o size=256k tmpfs ${folder} && cp -a /tmp/kept/. ${folder} && head -c 1m /dev/zero > ${folder}/filler`,
    { check: false },
  );
  try {
    await expect(vm.up({ title: "new" })).rejects.toThrow(/No space left/);
    await vm.delete();
    expect(await all()).not.toContain(vm.name);
  } finally {
    await lab.host.exec(["umount", folder]);
  }
});

test("a guest that ignores the power button keeps running under a restart and a delete that shall fail, and goes when they may pull its plug", async () => {
  // One without an operating system hears nothing.
  const vm = machine("deaf", { stopTimeout: "1 s", onStopTimeout: "fail" });
  await vm.create();
  const domid = () => lab.host.virsh("domid", vm.name);
  const first = await domid();
  const staged = { cpu: { mode: "custom", model: "Nehalem" }, changePolicy: "restart" };
  const failure = await runWith(vm, "update", staged, vm.context);
  expect(failure?.message).toMatch(/did not shut down within 1 s; it was left running[\s\S]*onStopTimeout: "destroy"/);
  expect(await domid()).toBe(first);
  expect(vm.state).toMatchObject({ state: "running", pendingRestart: ["cpu.mode", "cpu.model"] });
  await expect(vm.delete()).rejects.toThrow(/did not shut down within 1 s; it was left running/);
  expect([await domid(), await vm.xml("--inactive")]).toEqual([first, expect.stringContaining("Nehalem")]);
  await vm.up({ ...staged, onStopTimeout: "destroy" });
  expect(await domid()).not.toBe(first);
  expect(vm.state).toMatchObject({ state: "running", pendingRestart: [] });
  await vm.delete();
  expect(await all()).not.toContain(vm.name);
}, 60_000);
