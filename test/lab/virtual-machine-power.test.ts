import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { PartialFailure, type Values } from "../../provider/core/handler";
import { runWith } from "./fault";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, image, Machine } from "./machines";
import { waitFor } from "./processes";

/** Guests that are not as they were left: what a refresh says of them, and what an update makes of them. */
let lab: Lab;
let boot: Values;
const machines: Machine[] = [];

beforeAll(async () => {
  lab = await startLab();
  boot = { ...(await furnish(lab.host)).boot };
}, 60_000);

afterAll(async () => {
  await Promise.all(machines.map(({ context }) => context.close()));
  await lab.stop();
});

const logOf = (name: string) => join("/var/log/libvirt/qemu", `${name}.console`);

function machine(name: string, base: Values): Machine {
  const vm = new Machine(lab.host, name, { waitForAddress: false, ...base });
  machines.push(vm);
  return vm;
}

/** One with an operating system. */
async function booted(name: string, args: Values = {}): Promise<Machine> {
  const vm = machine(name, { memory: "128 MiB", boot, serialLog: logOf(name), stopTimeout: "20 s", ...args });
  await vm.create();
  await consoleLine(logOf(name), /(GUEST-READY)/, lab.host);
  return vm;
}

const becomes = (vm: Machine, state: string) =>
  waitFor(`${vm.name} to be ${state}`, 20, async () => (await vm.power()) === state);
const bootId = (vm: Machine) => vm.inGuest("cat /proc/sys/kernel/random/boot_id");
const domid = async (vm: Machine) => (await lab.host.virsh("domid", vm.name)).trim();

/** What the machine warned of since the last time. */
const warnings = (vm: Machine) => vm.context.lines.warn.splice(0).join();

test("a guest that suspended itself to RAM is seen, woken, and stopped", async () => {
  const vm = await booted("asleep", { stopTimeout: "2 s" });
  const first = await domid(vm);
  await vm.inGuest("(sleep 1; echo mem >/sys/power/state) >/dev/null 2>&1 &");
  await becomes(vm, "pmsuspended");
  expect(await vm.refresh()).toEqual(["state"]);
  expect(vm.state["state"]).toBe("paused");
  expect(warnings(vm)).toMatch(/suspended itself to RAM/);
  await vm.up({ state: "paused" });
  expect(await vm.power()).toBe("pmsuspended");
  await vm.up();
  expect(warnings(vm)).toMatch(/suspended itself to RAM: it is told to go on/);
  expect([await vm.power(), await domid(vm)]).toEqual(["running", first]);
  expect(await vm.refresh()).toEqual([]);
  await vm.up({ state: "stopped" });
  expect(await vm.power()).toBe("shut off");
  await vm.up();
  await consoleLine(logOf("asleep"), /GUEST-READY[\s\S]*(GUEST-READY)/, lab.host);
  await vm.inGuest("(sleep 1; echo mem >/sys/power/state) >/dev/null 2>&1 &");
  await becomes(vm, "pmsuspended");
  await vm.delete();
  expect(await lab.host.virsh("list", "--all", "--name")).not.toContain(vm.name);
}, 120_000);

test("a guest that starts anew when it shuts itself down is off when it is to be stopped", async () => {
  const vm = await booted("phoenix", { onPoweroff: "restart" });
  await vm.up({ title: "new", machine: "pc", changePolicy: "restart" });
  await consoleLine(logOf("phoenix"), /GUEST-READY[\s\S]*(GUEST-READY)/, lab.host);
  expect(await vm.xml()).toMatch(/pc-i440fx[\s\S]*<on_poweroff>restart</);
  await vm.up({ machine: "pc", state: "stopped" });
  expect([await vm.power(), warnings(vm)]).toEqual(["shut off", ""]);
  expect(await vm.xml("--inactive")).toContain("<on_poweroff>restart<");
  await vm.delete();
  const deaf = machine("deaf", { onPoweroff: "restart", stopTimeout: "1 s", onStopTimeout: "fail" });
  await deaf.create();
  const failure = await runWith(deaf, "update", { state: "stopped" }, deaf.context);
  expect(failure?.message).toMatch(/did not shut down within 1 s; it was left running/);
  expect(await deaf.xml()).toContain("<on_poweroff>restart<");
  await deaf.up({ state: "stopped", onStopTimeout: "destroy" });
  await deaf.delete();
}, 120_000);

test("a guest that crashed and is preserved is stopped, and started anew when it shall run", async () => {
  const vm = machine("crashed", { panic: "isa", onCrash: "preserve" });
  await vm.create();
  const crash = async () => {
    // What the driver of the panic device does in a guest.
    await lab.host.virsh("qemu-monitor-command", vm.name, "--hmp", "o /b 0x505 1");
    await becomes(vm, "crashed");
  };
  await crash();
  const first = await domid(vm);
  expect(await vm.refresh()).toEqual(["state"]);
  expect(vm.state["state"]).toBe("stopped");
  expect(warnings(vm)).toMatch(/has crashed, and is kept/);
  expect([await vm.power(), await domid(vm)]).toEqual(["crashed", first]);
  await lab.host.killLibvirtd();
  await lab.host.startLibvirtd();
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state["state"]).toBe("stopped");
  for (const state of ["running", "paused"]) {
    await vm.up({ state });
    expect(await vm.power()).toBe(state);
    expect(await domid(vm)).not.toBe(first);
    if (state === "running") await crash();
  }
  await vm.up();
  await crash();
  await vm.up({ state: "stopped", title: "after" });
  expect(await vm.power()).toBe("shut off");
  expect(await vm.refresh()).toEqual([]);
  await vm.up({ title: "after" });
  await crash();
  await vm.delete();
  expect(await lab.host.virsh("list", "--all", "--name")).not.toContain(vm.name);
}, 60_000);

test("a guest that a full disk paused goes on when there is room, and until then the error says what to do", async () => {
  const folder = join(lab.host.directory, "small");
  const path = join(folder, "data.raw");
  await lab.host.exec(`mkdir -p ${folder} && mount -t tmpfs -o size=4m,mode=0777 tmpfs ${folder}`);
  await lab.host.exec(["qemu-img", "create", "-q", "-f", "raw", path, "16M"]);
  const vm = await booted("full", { disks: { data: { path, format: "raw" } } });
  const id = await bootId(vm);
  const write = "dd if=/dev/urandom of=/dev/vda bs=64k count=200 oflag=direct && touch /written";
  // Later than the agent is asked whether it has begun: a paused guest answers nobody.
  await vm.inGuest(`(sleep 2; ${write}) >/dev/null 2>&1 &`);
  await becomes(vm, "paused");
  expect(await vm.refresh()).toEqual(["state"]);
  expect(warnings(vm)).toMatch(/paused by an error of a disk/);
  const failure = await runWith(vm, "update", { title: "new" }, vm.context);
  expect(failure?.message).toMatch(
    /Unable to resume VirtualMachine full-\w+ on .*: the same error of a disk paused the guest again[\s\S]*virsh domblkerror full-/,
  );
  expect(vm.state).toMatchObject({ state: "paused", title: "new" });
  await lab.host.exec(`mount -o remount,size=32m ${folder}`);
  await vm.up({ title: "new" });
  expect(await vm.power()).toBe("running");
  await waitFor("the guest to have written", 30, async () => (await vm.inGuest("ls /written")) === "/written");
  expect(await bootId(vm)).toBe(id);
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
}, 120_000);

test("a guest in a saved state goes on from it, paused or running, and stays saved while it is to be stopped", async () => {
  const vm = await booted("saved", { memory: "96 MiB" });
  const id = await bootId(vm);
  const save = () => lab.host.virsh("managedsave", vm.name);
  await save();
  expect(await vm.refresh()).toEqual(["state"]);
  await vm.up({ state: "stopped" });
  expect(await lab.host.virsh("dominfo", vm.name)).toMatch(/Managed save: +yes/);
  await vm.up({ state: "paused" });
  expect(await vm.power()).toBe("paused");
  await vm.up({});
  expect(await bootId(vm)).toBe(id);
  await save();
  await vm.up({});
  expect([await vm.power(), await bootId(vm)]).toEqual(["running", id]);
  await vm.delete();
}, 120_000);

test("what cannot change in a saved guest changes as soon as it goes on, or restarts it where the policy is to", async () => {
  const vm = await booted("kept", { memory: "96 MiB" });
  const id = await bootId(vm);
  const other = { title: "new", cpu: { mode: "custom", model: "Nehalem" } };
  await lab.host.virsh("managedsave", vm.name);
  await vm.up(other);
  expect(warnings(vm)).toMatch(/has a saved state .*: it resumes with the old configuration/);
  expect([await bootId(vm), await lab.host.virsh("desc", vm.name, "--title", "--live")]).toEqual([id, "new"]);
  expect(vm.state["pendingRestart"]).toEqual(["cpu.mode", "cpu.model"]);
  await lab.host.virsh("managedsave", vm.name);
  await vm.up({ ...other, changePolicy: "restart" });
  await consoleLine(logOf("kept"), /GUEST-READY[\s\S]*(GUEST-READY)/, lab.host);
  expect(await bootId(vm)).not.toBe(id);
  expect([vm.state["pendingRestart"], await vm.xml()]).toEqual([[], expect.stringContaining("Nehalem")]);
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
}, 120_000);

test("a guest that its watchdog has paused is seen by a refresh, and goes on with the next update", async () => {
  const vm = machine("barks", { machine: "pc", watchdog: { model: "ib700", action: "pause" } });
  await vm.create();
  const first = await domid(vm);
  const reason = async () => (await lab.host.virsh("domstate", vm.name, "--reason")).trim();
  // What the driver of a guest does that feeds it once, for two seconds.
  const bark = async () => {
    await lab.host.virsh("qemu-monitor-command", vm.name, "--hmp", "o /b 0x443 0xe");
    await waitFor("the watchdog", 20, async () => (await reason()) === "paused (watchdog)");
  };
  await bark();
  expect(await vm.refresh()).toEqual(["state"]);
  expect([vm.state["state"], warnings(vm)]).toEqual(["paused", "the guest was paused by its watchdog"]);
  await vm.up();
  expect(warnings(vm)).toBe("the guest was paused by its watchdog: it is told to go on");
  expect([await vm.power(), vm.state["state"], await domid(vm)]).toEqual(["running", "running", first]);
  expect(await vm.refresh()).toEqual([]);
  // Without a refresh the next change of anything finds it.
  await bark();
  await vm.up({ title: "new" });
  expect([await vm.power(), vm.state["state"], await domid(vm)]).toEqual(["running", "running", first]);
  await bark();
  await vm.up({ title: "new", state: "paused" });
  expect([await vm.power(), vm.state["state"]]).toEqual(["paused", "paused"]);
  await vm.delete();
}, 60_000);

test("a paused guest lets go of devices when it goes on, and is let go on first where it should", async () => {
  const volume = async (name: string) => ({ volume: await image(lab.host, `${name}.qcow2`) });
  const disks = { a: await volume("still-a"), b: await volume("still-b") };
  const vm = await booted("still", { disks });
  const id = await bootId(vm);
  await vm.up({ state: "paused" });
  const began = Date.now();
  await vm.up({ state: "paused", disks: { a: disks.a } });
  expect(Date.now() - began).toBeLessThan(10_000);
  expect(vm.state["pendingRestart"]).toEqual(["disks.b"]);
  expect(warnings(vm)).toMatch(/did not take disks\.b \(the guest is paused, and lets go of it when it goes on\)/);
  await vm.up({ disks: { a: disks.a } });
  expect([vm.state["pendingRestart"], await bootId(vm), warnings(vm)]).toEqual([[], id, ""]);
  expect(await vm.xml()).not.toContain("ua-disk-b");
  await vm.up({ state: "paused", disks: { a: disks.a } });
  await vm.up({ disks: {} });
  expect([vm.state["pendingRestart"], await bootId(vm), warnings(vm)]).toEqual([[], id, ""]);
  expect(await vm.xml()).not.toContain("ua-disk-a");
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
}, 120_000);

test("a guest whose state the program ignores stays as its operator left it", async () => {
  const vm = machine("operated", { autostart: false });
  await vm.create();
  vm.ignore("state", "autostart");
  await lab.host.virsh("suspend", vm.name);
  await vm.up({ title: "one" });
  expect(await vm.power()).toBe("paused");
  await lab.host.virsh("destroy", vm.name);
  await lab.host.virsh("autostart", vm.name);
  await vm.up({ title: "two" });
  expect(await vm.power()).toBe("shut off");
  expect(await vm.xml()).toContain("<title>two</title>");
  expect(await lab.host.virsh("dominfo", vm.name)).toMatch(/Autostart: +enable/);
  expect(vm.diff({ title: "two" }).changes).toEqual([]);
  vm.ignore();
  await vm.up({ title: "two" });
  expect(await vm.power()).toBe("running");
  expect(await lab.host.virsh("dominfo", vm.name)).toMatch(/Autostart: +disable/);
}, 60_000);

test("a guest whose state the program ignores is started when its creation did not get so far", async () => {
  const kernel = join(lab.host.directory, "late-kernel");
  const vm = machine("late", { boot: { kernel } });
  const failure = await vm.create().catch((error: unknown) => error);
  if (!(failure instanceof PartialFailure)) throw failure;
  Object.assign(vm, { id: failure.id, state: failure.state });
  vm.ignore("state", "autostart");
  expect([vm.state["state"], await vm.power()]).toEqual(["stopped", "shut off"]);
  copyFileSync(String(boot["kernel"]), kernel);
  await vm.up();
  expect(await vm.power()).toBe("running");
}, 60_000);
