import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { eachPlace, runWith, withFault } from "./fault";
import { type Lab, startLab } from "./lab";
import { furnish, image, Machine, owner } from "./machines";
import { waitFor } from "./processes";

/** What goes wrong under the hands of the provider; after each fault nothing is lost and the next run finishes. */
let lab: Lab;
let network: Record<string, unknown>;
const machines: Machine[] = [];

beforeAll(async () => {
  lab = await startLab();
  network = { ...(await furnish(lab.host)).network };
}, 60_000);

afterAll(async () => {
  await Promise.all(machines.map(({ context }) => context.close()));
  await lab.stop();
});

function machine(name: string, base: Record<string, unknown> = {}): Machine {
  const made = new Machine(lab.host, name, { waitForAddress: false, ...base });
  machines.push(made);
  return made;
}

async function daemonDies(): Promise<void> {
  await lab.host.killLibvirtd();
  await lab.host.startLibvirtd();
}

const bare = () => lab.host.virsh("list", "--all", "--name");
const pidOf = async (vm: Machine) => (await lab.host.exec(["cat", `/run/libvirt/qemu/${vm.name}.pid`])).stdout.trim();

test("libvirtd killed at each step of a create: the next run finishes the same machine", async () => {
  const root = { disks: { root: { volume: await image(lab.host, "create.qcow2") } } };
  const places = await eachPlace(async (place) => {
    const vm = machine("create");
    const { context, struck } = withFault(vm, { ...place, strike: daemonDies });
    await runWith(vm, "create", root, context);
    // Without an id the engine knows of nothing and creates again; otherwise it refreshes and updates.
    if (vm.id === "") await vm.create(root);
    else {
      expect(await vm.refresh()).not.toBe("gone");
      expect(vm.state["state"]).toBe((await vm.power()) === "running" ? "running" : "stopped");
      await vm.up(root);
    }
    expect(await vm.power()).toBe("running");
    expect(await vm.refresh()).toEqual([]);
    expect(vm.state).toMatchObject({ pendingRestart: [], autostart: true });
    await vm.delete();
    expect((await bare()).trim()).toBe("");
    return struck();
  });
  expect(places).toEqual(
    expect.arrayContaining([
      "before DOMAIN_DEFINE_XML_FLAGS",
      "after DOMAIN_DEFINE_XML_FLAGS",
      "after DOMAIN_CREATE_WITH_FLAGS",
    ]),
  );
}, 120_000);

test("libvirtd killed at each step of an update: the guest keeps running and the next run finishes", async () => {
  const vm = machine("update");
  const root = { root: { volume: await image(lab.host, "update.qcow2") } };
  const data = { volume: await image(lab.host, "update-data.qcow2") };
  await vm.create({ disks: root, title: "0", nics: { lan: { network } } });
  const pid = await pidOf(vm);
  let turn = 0;
  const places = await eachPlace(async (place) => {
    const on = ++turn % 2 === 0;
    const nics = { lan: { network, link: on } };
    const state = on ? "running" : "paused";
    const wanted = { disks: { ...root, data }, nics, title: `turn ${turn}`, autostart: on, state };
    const { context, struck } = withFault(vm, { ...place, strike: daemonDies });
    await runWith(vm, "update", wanted, context);
    expect(await vm.refresh()).not.toBe("gone");
    await vm.up(wanted);
    expect(await vm.refresh()).toEqual([]);
    expect(vm.state).toMatchObject({ title: wanted.title, autostart: on, pendingRestart: [], state });
    expect(await vm.xml()).toContain("ua-disk-data");
    return struck();
  });
  expect(places).toEqual(
    expect.arrayContaining([
      "before DOMAIN_DEFINE_XML_FLAGS",
      "after DOMAIN_DEFINE_XML_FLAGS",
      "after DOMAIN_UPDATE_DEVICE_FLAGS",
      "after DOMAIN_SET_AUTOSTART",
      "before DOMAIN_SUSPEND",
      "after DOMAIN_RESUME",
    ]),
  );
  expect(await pidOf(vm)).toBe(pid);
  await vm.delete();
}, 120_000);

test("libvirtd killed at each step of a stop and of a start: the next run gets what it wants", async () => {
  const vm = machine("power");
  await vm.create();
  for (const state of ["stopped", "running"]) {
    const places = await eachPlace(async (place) => {
      await vm.up({ state: state === "running" ? "stopped" : "running" });
      const { context, struck } = withFault(vm, { ...place, strike: daemonDies });
      await runWith(vm, "update", { state }, context);
      expect(await vm.refresh()).not.toBe("gone");
      await vm.up({ state });
      expect(await vm.power()).toBe(state === "running" ? "running" : "shut off");
      expect(vm.state).toMatchObject({ state });
      return struck();
    });
    expect(places).toContain(state === "running" ? "after DOMAIN_CREATE_WITH_FLAGS" : "after DOMAIN_DESTROY_FLAGS");
  }
  await vm.delete();
}, 120_000);

test("a guest whose power changes between our look and our call ends as it is wanted", async () => {
  const vm = machine("race");
  await vm.create();
  const races = [
    ["DOMAIN_SHUTDOWN_FLAGS", "destroy", "stopped"],
    ["DOMAIN_CREATE_WITH_FLAGS", "start", "running"],
    ["DOMAIN_SUSPEND", "destroy", "paused"],
    ["DOMAIN_RESUME", "destroy", "running"],
    ["DOMAIN_DESTROY_FLAGS", "destroy", "stopped"],
    ["DOMAIN_CREATE_WITH_FLAGS", "start", "paused"],
    ["DOMAIN_RESUME", "destroy", "stopped"],
  ] as const;
  for (const [at, words, state] of races) {
    const strike = async () => void (await lab.host.virsh(words, vm.name));
    const { context, struck } = withFault(vm, { at, moment: "before", strike });
    expect(await runWith(vm, "update", { state }, context)).toBeUndefined();
    expect([struck(), await vm.power()]).toEqual([at, state === "stopped" ? "shut off" : state]);
    expect(vm.state).toMatchObject({ state });
  }
  await vm.up();
  const strike = async () => void (await lab.host.exec(`virsh -q destroy ${vm.name}; virsh -q undefine ${vm.name}`));
  const { context } = withFault(vm, { at: "DOMAIN_SHUTDOWN_FLAGS", moment: "before", strike });
  expect(await runWith(vm, "delete", {}, context)).toBeUndefined();
}, 60_000);

test("libvirtd killed at each step of a delete: the next run deletes, and disks stay", async () => {
  const volume = await image(lab.host, "delete.qcow2");
  const places = await eachPlace(async (place) => {
    const vm = machine("delete");
    await vm.create({ disks: { root: { volume } } });
    const { context, struck } = withFault(vm, { ...place, strike: daemonDies });
    await runWith(vm, "delete", {}, context);
    await vm.delete();
    expect((await bare()).trim()).toBe("");
    expect(await vm.refresh()).toBe("gone");
    await lab.host.exec(["test", "-f", String(volume["path"])]);
    return struck();
  });
  expect(places).toEqual(expect.arrayContaining(["before DOMAIN_UNDEFINE_FLAGS", "after DOMAIN_UNDEFINE_FLAGS"]));
}, 120_000);

test("ssh dropped in the middle of a create and of an update: the next run goes on", async () => {
  const host = { uri: lab.host.uri, uuid: lab.host.uuid, owner };
  const vm = machine("ssh", { host });
  const strike = () => lab.host.dropSsh();
  const cut = withFault(vm, { at: 3, moment: "before", strike });
  const failure = await runWith(vm, "create", {}, cut.context);
  expect(cut.struck()).toBe("DOMAIN_CREATE_WITH_FLAGS");
  if (failure) expect(failure).toMatchObject({ name: "PartialFailure" });
  await vm.up();
  const again = withFault(vm, { at: 2, moment: "before", strike });
  await runWith(vm, "update", { title: "new" }, again.context);
  expect(again.struck()).not.toBe("");
  await vm.up({ title: "new" });
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state).toMatchObject({ title: "new", state: "running", pendingRestart: [] });
  await vm.delete();
}, 60_000);

test("a full disk: what could not be written is not done, and is done when there is room", async () => {
  const [vm, other] = [machine("full"), machine("other")];
  await vm.create({ title: "old" });
  const pid = await pidOf(vm);
  const before = await vm.xml("--inactive");
  const folder = "/etc/libvirt/qemu";
  await lab.host.exec(
    `mount -t tmpfs -o size=4k tmpfs ${folder} && head -c 4096 /dev/zero > ${folder}/filler && mkdir -p ${folder}/autostart`,
    { check: false },
  );
  try {
    await expect(vm.up({ title: "new" })).rejects.toThrow(/define VirtualMachine full-[\s\S]*No space left/);
    expect(await vm.xml("--inactive")).toBe(before);
    await expect(other.create()).rejects.toThrow(/No space left/);
    expect(other.id).toBe("");
  } finally {
    await lab.host.exec(["umount", folder]);
  }
  await vm.up({ title: "new" });
  expect(await pidOf(vm)).toBe(pid);
  expect(await vm.refresh()).toEqual([]);
  await other.create();
  expect(await other.power()).toBe("running");
  await vm.delete();
});

test("QEMU killed under an update: state says so or the guest runs again, and nothing of it is lost", async () => {
  const vm = machine("crash");
  const args = { disks: { root: { volume: await image(lab.host, "crash.qcow2") } } };
  await vm.create(args);
  const strike = async () => {
    await lab.host.exec(`kill -KILL ${await pidOf(vm)}`);
    await waitFor("libvirt to see it", 10, async () => (await vm.power()) === "shut off");
  };
  for (const at of [1, 2]) {
    const wanted = { ...args, title: `t${at}` };
    const { context, struck } = withFault(vm, { at, moment: "before", strike });
    const failure = await runWith(vm, "update", wanted, context);
    expect(struck()).not.toBe("");
    expect(vm.state["state"]).toBe((await vm.power()) === "running" ? "running" : "stopped");
    if (failure) await vm.up(wanted);
    expect(await vm.power()).toBe("running");
    expect(await vm.refresh()).toEqual([]);
    expect(vm.state).toMatchObject({ title: wanted.title, pendingRestart: [] });
  }
  await vm.delete();
}, 60_000);

test("QEMU killed ahead of a change of the running guest: the guest has refused nothing and starts with all of it", async () => {
  const vm = machine("quit");
  await vm.create();
  const strike = async () => {
    await lab.host.exec(`kill -KILL ${await pidOf(vm)}`);
    await waitFor("libvirt to see it", 10, async () => (await vm.power()) === "shut off");
  };
  const wanted = { title: "new", onCrash: "preserve", cpuTune: { shares: 2048 }, changePolicy: "refuse" };
  const { context, struck } = withFault(vm, { at: "DOMAIN_SET_METADATA", moment: "before", strike });
  expect(await runWith(vm, "update", wanted, context)).toBeUndefined();
  expect([struck(), await vm.power()]).toEqual(["DOMAIN_SET_METADATA", "running"]);
  const went = vm.context.lines.warn.filter((line) => /did not take|went off/.test(line));
  expect(went).toEqual([expect.stringMatching(/^the guest went off while title was changed/)]);
  expect(vm.state).toMatchObject({ title: "new", onCrash: "preserve", state: "running", pendingRestart: [] });
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
}, 60_000);

test("a change under a block job is refused by its name before anything is written", async () => {
  const vm = machine("busy");
  const args = { disks: { root: { volume: await image(lab.host, "busy.qcow2") } } };
  await vm.create(args);
  const before = await vm.xml("--inactive");
  await lab.host.virsh("blockcopy", vm.name, "vda", `${lab.host.directory}/busy-copy.qcow2`, "--transient-job");
  await expect(vm.up({ ...args, title: "new", vcpus: 2, maxVcpus: 2 })).rejects.toThrow(
    /a copy of the disk vda[\s\S]*nothing was changed[\s\S]*blockjob/,
  );
  expect(await vm.xml("--inactive")).toBe(before);
  await lab.host.virsh("blockjob", vm.name, "vda", "--abort");
  await vm.up({ ...args, title: "new" });
  expect(vm.state).toMatchObject({ title: "new" });
  await vm.delete();
});

test("a device that the guest does not give back waits for the next start, with the reason", async () => {
  const vm = machine("hold");
  const root = { root: { volume: await image(lab.host, "hold.qcow2") } };
  await vm.create({ disks: { ...root, data: { volume: await image(lab.host, "hold-data.qcow2") } } });
  // A guest without an operating system never answers to an unplug.
  await vm.up({ disks: root });
  expect(vm.state["pendingRestart"]).toEqual(["disks.data"]);
  expect(vm.context.lines.warn.join()).toMatch(/did not take disks\.data \(the guest .* let go/);
  // What is about something else does not wait for it as long again.
  const since = performance.now();
  await vm.up({ disks: root, title: "other" });
  expect(performance.now() - since).toBeLessThan(10_000);
  expect(vm.state["pendingRestart"]).toEqual(["disks.data"]);
  await vm.up({ disks: root, title: "other", changePolicy: "restart" });
  expect(vm.state["pendingRestart"]).toEqual([]);
  expect(await vm.xml()).not.toContain("ua-disk-data");
  await vm.delete();
}, 90_000);

test("a cancel while a device goes leaves what is written; the next run goes on, or takes it back", async () => {
  const vm = machine("cancel");
  const root = { root: { volume: await image(lab.host, "cancel.qcow2") } };
  const both = { ...root, data: { volume: await image(lab.host, "cancel-data.qcow2") } };
  await vm.create({ disks: both, cpuTune: { quota: 90_000 }, rootPorts: 4 });
  const cancel = new AbortController();
  setTimeout(() => cancel.abort("the deployment was cancelled"), 1000);
  const wanted = { disks: root, rootPorts: 8 };
  const failure = await runWith(vm, "update", wanted, { ...vm.context, signal: cancel.signal });
  expect(failure?.message).toMatch(/^Unable to unplug ua-disk-data .*: the deployment was cancelled/);
  expect(failure?.message).not.toMatch(/former/);
  expect(Object.keys(vm.state["disks"] as Values)).toEqual(["root"]);
  expect(vm.state["pendingRestart"]).toEqual(["cpuTune.quota", "disks.data", "rootPorts"]);
  expect(vm.diff(wanted).lines).toEqual(["cpuTune.quota: live", "disks.data: live, only the running guest has it"]);
  await vm.up({ ...wanted, disks: both });
  expect(await lab.host.virsh("schedinfo", vm.name, "--live")).not.toMatch(/vcpu_quota\s*: 90000/);
  expect(await vm.xml("--inactive")).toContain("ua-disk-data");
  expect([vm.state["pendingRestart"], await vm.refresh()]).toEqual([["rootPorts"], []]);
  await vm.delete();
}, 60_000);

test("a restart into what does not start ends with the guest running as it did", async () => {
  const vm = machine("return");
  await vm.create({ title: "old" });
  const before = await vm.xml("--inactive");
  const wrong = { title: "new", boot: { kernel: "/missing/vmlinuz" }, changePolicy: "restart" };
  await expect(vm.up(wrong)).rejects.toThrow(
    /\/missing\/vmlinuz[\s\S]*The former definition is in force again, and the guest was started with it/,
  );
  expect(await vm.power()).toBe("running");
  expect(await vm.xml("--inactive")).toBe(before);
  expect(vm.state).toMatchObject({ title: "old", state: "running", pendingRestart: [] });
  expect(await vm.refresh()).toEqual([]);
  await vm.up({ title: "new" });
  expect(vm.state).toMatchObject({ title: "new" });
  await vm.delete();
}, 60_000);

test("a guest whose secret is gone from the host is not stopped for a new start", async () => {
  const uuid = "66666666-2222-4333-8444-555555555555";
  const file = join(lab.host.directory, "sealed.xml");
  writeFileSync(file, `<secret><uuid>${uuid}</uuid><usage type='volume'><volume>sealed</volume></usage></secret>`);
  await lab.host.virsh("secret-define", file);
  const volume = await image(lab.host, "sealed.raw", "raw");
  const args = { disks: { sealed: { volume, bus: "sata", encryption: { secret: { uuid } } } } };
  const vm = machine("sealed");
  await vm.create();
  await vm.up(args);
  expect(vm.state["pendingRestart"]).toEqual(["disks.sealed"]);
  await lab.host.virsh("secret-undefine", uuid);
  const pid = await pidOf(vm);
  await expect(vm.up({ ...args, changePolicy: "restart" })).rejects.toThrow(
    /sealed\.encryption\.secret: .*nothing was changed/,
  );
  expect(await pidOf(vm)).toBe(pid);
  const plain = { volume: await image(lab.host, "plain.raw", "raw") };
  await vm.up({ disks: { ...args.disks, plain }, title: "what needs no new start" });
  await vm.delete();
});

test("a new name under which the guest does not start ends with the old one running", async () => {
  const vm = machine("known");
  await vm.create({ title: "old" });
  const [name, before] = [vm.name, await vm.xml("--inactive")];
  const wrong = [
    [{ name: "next", overlay: { launchSecurity: { type: "s390-pv" } } }, /define VirtualMachine next /],
    [{ name: "next", iothreadPolling: { "1": { max: 1000 } }, iothreads: 1 }, /left out iothreadPolling/],
    [{ name: "next", boot: { kernel: "/missing/vmlinuz" } }, /start VirtualMachine next .*[\s\S]*\/missing\/vmlinuz/],
  ] as const;
  for (const [change, words] of wrong) {
    const failure = await runWith(vm, "update", { title: "new", changePolicy: "restart", ...change }, vm.context);
    expect(failure?.message).toMatch(words);
    expect(failure?.message).toMatch(/The former definition is in force again, and the guest was started with it\.$/);
    expect([vm.state["name"], await vm.xml("--inactive"), await vm.power()]).toEqual([name, before, "running"]);
    expect(vm.state).toMatchObject({ title: "old", state: "running", pendingRestart: [] });
    expect(await vm.refresh()).toEqual([]);
  }
  const first = await lab.host.virsh("domid", name);
  await expect(vm.up({ name: "next" })).rejects.toThrow(/renames only a domain that is off; nothing was changed/);
  const stubborn = { name: "next", changePolicy: "restart", stopTimeout: "1 s", onStopTimeout: "fail" };
  await expect(vm.up(stubborn)).rejects.toThrow(/it was left running[\s\S]*in force again and the guest keeps running/);
  expect([await vm.xml("--inactive"), await lab.host.virsh("domid", name)]).toEqual([before, first]);
  await vm.up({ name: "next", changePolicy: "restart" });
  expect([vm.name, await vm.power()]).toEqual(["next", "running"]);
  await vm.delete();
}, 90_000);

test("onCrash, onReboot and onPoweroff reach the running guest", async () => {
  const vm = machine("after");
  await vm.create({});
  await vm.up({ onCrash: "preserve", onReboot: "restart" });
  expect(vm.state["pendingRestart"]).toEqual([]);
  expect(await vm.xml()).toContain("<on_crash>preserve</on_crash>");
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
});
