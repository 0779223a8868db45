import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { noLeases, waitForAddress } from "../../provider/resources/virtual-machine/addresses";
import { Domain } from "../../provider/resources/virtual-machine/domain";
import type { Inputs } from "../../provider/resources/virtual-machine/rows";
import { runWith } from "./fault";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, image, Machine, medium } from "./machines";
import { waitFor } from "./processes";

/** Guests with an operating system: where the guest itself must agree. */
let lab: Lab;
let network: Record<string, unknown>;
let boot: Record<string, unknown>;
const machines: Machine[] = [];

beforeAll(async () => {
  lab = await startLab();
  const furniture = await furnish(lab.host);
  network = { ...furniture.network };
  boot = { ...furniture.boot };
}, 60_000);

afterAll(async () => {
  await Promise.all(machines.map(({ context }) => context.close()));
  await lab.stop();
});

function machine(name: string, base: Record<string, unknown> = {}): Machine {
  const made = new Machine(lab.host, name, { memory: "128 MiB", boot, stopTimeout: "20 s", ...base });
  machines.push(made);
  return made;
}

function logOf(name: string): string {
  return join("/var/log/libvirt/qemu", `${name}.console`);
}

test("a guest tells its address, takes another medium and devices as it runs, and shuts down when asked", async () => {
  const vm = machine("guest", { serialLog: logOf("guest") });
  const root = await image(lab.host, "g-root.qcow2");
  const withMedium = (hostname: string) => ({
    disks: { root: { volume: root }, seed: { device: "cdrom", volume: medium(lab.host, hostname) } },
    nics: { lan: { network } },
  });
  await vm.create(withMedium("first"));
  const address = vm.state["ipAddress"];
  expect(address).toMatch(/^10\.31\.0\.\d+$/);
  expect(vm.state).toMatchObject({ ipAddresses: { lan: [address] }, pendingRestart: [] });
  expect(vm.context.lines.warn).toEqual([]);
  expect(await consoleLine(logOf("guest"), /GUEST-READY .*guest (\S+) is up/, lab.host)).toBe("first");
  const bootId = await consoleLine(logOf("guest"), /GUEST-BOOT (\S+)/, lab.host);
  expect(vm.diff(withMedium("first")).changes).toEqual([]);
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state["ipAddress"]).toBe(address);

  expect(vm.diff(withMedium("second")).changes).toMatchObject([{ property: "disks.seed.volume", class: "live" }]);
  await vm.up(withMedium("second"));
  expect(await consoleLine(logOf("guest"), /GUEST-MEDIUM .*hostname=second .*boot=(\S+)/, lab.host)).toBe(bootId);
  expect(vm.state["pendingRestart"]).toEqual([]);

  const more = withMedium("second");
  const data = { volume: await image(lab.host, "g-data.raw", "raw") };
  await vm.up({
    ...more,
    disks: { ...more.disks, data, scsi: { volume: await image(lab.host, "g-scsi.qcow2"), bus: "scsi" } },
  });
  expect(await vm.xml()).toMatch(/ua-disk-data[\s\S]*ua-disk-scsi|ua-disk-scsi[\s\S]*ua-disk-data/);
  await vm.up(more);
  expect(vm.state["pendingRestart"]).toEqual([]);
  expect(await vm.xml()).not.toMatch(/ua-disk-(data|scsi)/);

  const ejected = { ...more, disks: { ...more.disks, seed: { device: "cdrom" } } };
  await vm.up(ejected);
  expect(await vm.xml()).not.toContain(".iso");
  expect(vm.state["pendingRestart"]).toEqual([]);

  await vm.up({ ...ejected, state: "stopped" });
  expect(await vm.power()).toBe("shut off");
  expect(vm.context.lines.warn.join()).not.toContain("plug");
  expect(vm.state["ipAddress"]).toBeUndefined();
  await vm.delete();
  expect(await lab.host.virsh("list", "--all", "--name")).not.toContain(vm.name);
}, 120_000);

test("an old lease is no proof of a new start", async () => {
  const vm = machine("lease", { serialLog: logOf("lease"), agent: false });
  await vm.create({ nics: { lan: { network } } });
  const { ipAddress } = vm.state;
  await vm.up({ nics: { lan: { network } }, state: "stopped" });
  await vm.up({ nics: { lan: { network } } });
  expect(vm.state["ipAddress"]).toBe(ipAddress);
  await waitFor("the guest to have booted twice", 1, async () => {
    const text = (await lab.host.exec(["cat", logOf("lease")])).stdout;
    return (text.match(/GUEST-NIC/g) ?? []).length === 2;
  });
  await vm.delete();
}, 90_000);

test("a wait for an address that was cut off is gone on with by the next run, after a restart too", async () => {
  const vm = machine("waited", { serialLog: logOf("waited"), agent: false, nics: { lan: { network } } });
  const boots = async () => ((await lab.host.exec(["cat", logOf("waited")])).stdout.match(/GUEST-NIC/g) ?? []).length;
  /** Runs with Ctrl-C, or a lost provider, in the wait. */
  const cutOff = async (args: Values, isLost: boolean) => {
    const stop = new AbortController();
    const progress = (message: string) => void (message === "waiting for an address" && stop.abort());
    const failure = await runWith(vm, "update", args, { ...vm.context, signal: stop.signal, progress }, isLost);
    expect(failure?.message).toMatch(/see an address of VirtualMachine waited-\w+/);
  };
  await vm.create();
  const phase = async () => /phase=['"](\w+)/.exec(await vm.xml())?.[1];
  let booted = 1;
  expect(await boots()).toBe(booted);
  for (const isLost of [false, true]) {
    const args = {
      changePolicy: "restart",
      title: String(isLost),
      cpu: { mode: "custom", model: isLost ? "qemu64" : "Nehalem" },
    };
    await cutOff(args, isLost);
    expect([await boots(), await phase()]).toEqual([booted, "creating"]);
    vm.context.lines.progress.length = 0;
    await vm.up(args);
    expect(vm.context.lines.progress).toEqual(["waiting for an address"]);
    expect(vm.state).toMatchObject({ ipAddress: expect.stringMatching(/^10\.31\.0\./), pendingRestart: [] });
    expect(vm.state).not.toHaveProperty("__kvm.memo");
    expect(await phase()).toBe("ready");
    // Where the state was lost as well, the lease of the former boot counts.
    if (!isLost) expect(await boots()).toBe(booted + 1);
    await waitFor("the guest to have booted", 60, async () => (await boots()) === booted + 1);
    booted++;
  }
  await vm.delete();
}, 120_000);

test("a guest that does not hear is left running or unplugged after the deadline, as the program says", async () => {
  const deaf = { ...boot, cmdline: `${boot["cmdline"]} guest.ignore-acpi` };
  const vm = machine("deaf", {
    serialLog: logOf("deaf"),
    boot: deaf,
    agent: false,
    waitForAddress: false,
    stopTimeout: "2 s",
  });
  await vm.create({});
  await consoleLine(logOf("deaf"), /GUEST-READY (\S+)/, lab.host);
  const failure = await vm.up({ state: "stopped", onStopTimeout: "fail" }).catch((error) => error);
  expect(failure.message).toMatch(/did not shut down within 2 s; it was left running/);
  expect(await vm.power()).toBe("running");
  vm.state = failure.state;
  const began = Date.now();
  await vm.up({ state: "stopped" });
  expect(Date.now() - began).toBeLessThan(8000);
  expect(await vm.power()).toBe("shut off");
  await vm.delete();
}, 120_000);

test("waiting for an address ends in time, as a warning or as an error that leaves the guest running", async () => {
  const silent = { lan: { network, link: false } };
  const vm = machine("silent");
  const wait = { timeout: "2 s", source: "lease" };
  await vm.create({ nics: silent, waitForAddress: wait });
  expect(vm.context.lines.warn.join()).toMatch(/no address was seen within 2 s.*left running/);
  expect(await vm.power()).toBe("running");
  await vm.up({ nics: silent, waitForAddress: { ...wait, required: true }, state: "stopped", stopTimeout: "0 s" });
  const failure = await vm
    .up({ nics: silent, waitForAddress: { ...wait, required: true }, stopTimeout: "0 s" })
    .catch((error) => error);
  expect(failure).toMatchObject({ name: "PartialFailure", state: { state: "running" } });
  expect(await vm.power()).toBe("running");
  await vm.delete();
}, 60_000);

test("what waits for a new start outlasts a reboot inside the guest; a power cycle ends the wait, though the agent is mute", async () => {
  const vm = machine("cycle", { serialLog: logOf("cycle"), waitForAddress: false, nics: { lan: { network } } });
  // QEMU looks once a second whether anybody holds the terminal, and reads only then.
  const type = (words: string) =>
    lab.host.exec(`(printf '%s\\n' '${words}'; sleep 3) > $(virsh -q ttyconsole ${vm.name})`);
  const boots = async () => ((await lab.host.exec(["cat", logOf("cycle")])).stdout.match(/GUEST-READY/g) ?? []).length;
  await vm.create();
  await consoleLine(logOf("cycle"), /GUEST-READY (\S+)/, lab.host);
  const staged = { cpu: { mode: "custom", model: "Nehalem" } };
  await vm.up(staged);
  expect(vm.state["pendingRestart"]).toEqual(["cpu.mode", "cpu.model"]);

  await type("reboot -f");
  await waitFor("the guest to boot again", 90, async () => (await boots()) === 2);
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state["pendingRestart"]).toEqual(["cpu.mode", "cpu.model"]);

  // The limit of our own question is gone with it: what others ask of the agent, a backup's freeze, takes longer.
  expect(vm.state["ipAddress"]).toMatch(/^10\.31\.0\./);
  await type("kill -STOP $(cat /run/agent.pid) && echo AGENT-$((40 + 1)); sleep 9; kill -CONT $(cat /run/agent.pid)");
  await consoleLine(logOf("cycle"), /AGENT-(41)/, lab.host);
  expect(await lab.host.virsh("guestinfo", vm.name, "--hostname")).toContain("hostname");

  // The agent holds its channel open and answers nothing: the power button follows.
  await type("kill -STOP $(cat /run/agent.pid) && echo AGENT-$((40 + 2))");
  await consoleLine(logOf("cycle"), /AGENT-(42)/, lab.host);
  const domain = await Domain.byUuid(await vm.context.libvirt(lab.host.socketUri), lab.host.socketUri, vm.id);
  if (!domain) throw new Error("the guest is gone");
  const seen = async (source: string) => {
    const began = Date.now();
    const inputs = vm.inputs({ ...staged, waitForAddress: { source, timeout: "2 s" } }) as Inputs;
    await waitForAddress(domain, inputs, noLeases, vm.context);
    // libvirt gives up on a mute agent after five seconds.
    expect(Date.now() - began).toBeLessThan(12_000);
    return vm.context.lines.warn.splice(0).join();
  };
  vm.context.lines.warn.length = 0;
  expect(await seen("agent")).toMatch(/no address was seen within 2 s \(source agent\); the guest was left running/);
  expect(await seen("any")).toBe("");
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state["ipAddress"]).toMatch(/^10\.31\.0\./);
  await vm.up({ ...staged, state: "stopped", onStopTimeout: "fail" });
  expect(await vm.power()).toBe("shut off");
  await vm.up(staged);
  expect(vm.state["pendingRestart"]).toEqual([]);
  await vm.delete();
}, 180_000);
