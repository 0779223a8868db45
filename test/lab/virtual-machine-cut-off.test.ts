import { PartialFailure, type Values } from "../../provider/core/handler";
import type { Libvirt } from "../../provider/libvirt/api";
import { HostDaemon } from "../unit/resources/virtual-machine/host-daemon";
import { cutOff as cutOffAt } from "./fault";
import { type Lab, startLab } from "./lab";
import { image, Machine } from "./machines";

/** A host that is gone in the midst of an update of an adopted machine, and what the next program does. */
let lab: Lab;
let vm: Machine;
let args: Values;
let added: Values;

const definition = () => vm.xml("--inactive");

beforeAll(async () => {
  lab = await startLab();
  vm = new Machine(lab.host, "cut", { waitForAddress: false, state: "stopped" });
  await vm.create();
  const others = (await definition()).replace(/<uuid>.*|<metadata>[\s\S]*<\/metadata>/g, "");
  args = { adopt: true, name: vm.name };
  const disks = { data: { volume: await image(lab.host, "data.qcow2") } };
  added = { ...args, title: "new", cpuTune: { shares: 2048 }, disks };
  await vm.delete();
  await lab.host.exec(["sh", "-c", 'printf %s "$1" > /tmp/cut.xml && virsh -q define /tmp/cut.xml', "sh", others]);
  await vm.create(args);
}, 60_000);

afterAll(async () => {
  await vm.context.close();
  await lab.stop();
});

const cutOff = (at: string, wanted: Values, moment: "before" | "within" | "after") => cutOffAt(vm, at, wanted, moment);

test("once the definition is written: the program without the change takes it back", async () => {
  const failure = await cutOff("DOMAIN_DEFINE_XML_FLAGS", added, "after");
  expect(failure?.message).toMatch(/VirtualMachine cut-\w+ on qemu[\s\S]*closed it[\s\S]*run pulumi up again/);
  expect(vm.state).toMatchObject({ adopted: true, title: "new", resolved: { machine: expect.stringMatching(/q35/) } });
  const cut = vm.state;

  await vm.up(args);
  expect(await definition()).not.toMatch(/<title>|<shares>|<disk/);
  // The definition might as well not have been written: a refresh finds that out.
  vm.state = cut;
  expect(await vm.refresh()).toEqual(["title", "cpuTune.shares", "disks.data"]);
  await vm.up(added);
  expect(await definition()).toMatch(/<title>new<[\s\S]*<shares>2048</);
  await vm.up(args);
});

test.each([
  ["before it is there", "before"],
  ["with the answer", "within"],
] as const)("in the very call that writes it, %s: the next run finishes, or takes it back", async (_name, moment) => {
  const failure = await cutOff("DOMAIN_DEFINE_XML_FLAGS", added, moment);
  expect(failure?.message).toMatch(/closed it[\s\S]*run pulumi up again/);
  expect(/<shares>/.test(await definition())).toBe(moment === "within");
  const cut = vm.state;
  // A refresh finds out which one it is: the engine forgets with it that the update has failed.
  await vm.refresh();
  const properties = ["title", "cpuTune.shares", "disks.data"];
  expect(vm.diff(added).changes.map(({ property }) => property)).toEqual(moment === "before" ? properties : []);
  expect(vm.diff(args).changes.map(({ property }) => property)).toEqual(moment === "before" ? [] : properties);
  await vm.up(added);
  expect(await definition()).toMatch(/<title>new<[\s\S]*<shares>2048</);
  vm.state = cut;
  expect(vm.diff(args).changes.map(({ property }) => property)).toEqual(properties);
  await vm.up(args);
  expect(await definition()).not.toMatch(/<title>|<shares>|<disk/);
});

test.each([
  ["once the definition is written", "DOMAIN_DEFINE_XML_FLAGS", "after"],
  ["later on", "DOMAIN_SET_AUTOSTART", "before"],
  ["as a mediated device is taken away", "NODE_DEVICE_DESTROY", "before"],
] as const)("%s: a mediated device that left the program is taken away by the next run", async (_name, at, moment) => {
  const address = "<address domain='0' bus='0x65' slot='0' function='0'/>";
  const types =
    "<capability type='mdev_types'><type id='t'><availableInstances>1</availableInstances></type></capability>";
  const card = `<device><capability type='pci'>${types}<iommuGroup number='7'>${address}</iommuGroup></capability></device>`;
  const devices = new HostDaemon({ devices: { pci_0000_65_00_0: card } });
  const gpu = new Machine(lab.host, "gpu", { waitForAddress: false, state: "stopped" });
  const { connect } = gpu.context;
  // This machine has no such card; all else is the host's own libvirt.
  const call = (libvirt: Libvirt) => (name: string, args: never) =>
    Reflect.apply(name.includes("NODE_DEVICE") ? devices.libvirt.call : libvirt.call, libvirt, [name, args]);
  gpu.context.connect = async (host) => {
    const libvirt = await connect(host);
    return new Proxy(libvirt, {
      get: (target, key) => (key === "call" ? call(target) : Reflect.get(target, key, target)),
    });
  };
  const hostDevices = { vgpu: { mdevFrom: { type: "t", parent: "0000:65:00.0" } } };
  try {
    await gpu.create({ hostDevices });
    expect([...devices.mediated.values()]).toEqual([true]);
    const failure = await cutOffAt(gpu, at, { autostart: false }, moment);
    expect(failure?.message).toMatch(/closed it/);
    expect([await gpu.xml("--inactive"), devices.mediated.size]).toEqual([expect.not.stringContaining("hostdev"), 1]);
    await gpu.refresh();
    expect(gpu.diff({ autostart: false }).lines).toContainEqual(expect.stringMatching(/^hostDevices.*mdev.*removed$/));
    expect(gpu.diff({ hostDevices }).lines).toContain("hostDevices.vgpu: live, added");
    await gpu.up({ autostart: false });
    expect(devices.mediated.size).toBe(0);
    expect(await gpu.refresh()).toEqual([]);
    expect(gpu.diff({ autostart: false }).changes).toEqual([]);
  } finally {
    await gpu.delete();
    await gpu.context.close();
  }
});

test("later on, the machine stays adopted, and is not deleted", async () => {
  const failure = await cutOff("DOMAIN_SET_AUTOSTART", { ...added, autostart: false }, "after");
  expect(failure?.message).toMatch(/closed it/);
  expect(vm.state).toMatchObject({ adopted: true, resolved: { machine: expect.stringMatching(/q35/) } });
  await vm.delete();
  expect(await lab.host.virsh("list", "--all", "--name")).toContain(args["name"]);
});

test("once it is renamed: the next run starts it with the UEFI variables that it had", async () => {
  const uefi = new Machine(lab.host, "uefi", { waitForAddress: false, firmware: "uefi", memory: "128 MiB" });
  try {
    await uefi.create();
    const wanted = { name: "renamed", changePolicy: "restart" };
    const { nvram } = uefi.state["resolved"] as { nvram: string };
    expect((await cutOffAt(uefi, "DOMAIN_RENAME", wanted, "after"))?.message).toMatch(/closed it/);
    await uefi.up(wanted);
    expect(await uefi.xml()).toContain(`>${nvram}</nvram>`);
    expect(uefi.diff(wanted).changes).toEqual([]);
  } finally {
    await uefi.delete();
    await uefi.context.close();
  }
});

test("as it is renamed: the next run goes on, whatever the program says by then", async () => {
  const named = new Machine(lab.host, "named", { waitForAddress: false, state: "stopped", name: "former" });
  try {
    await named.create();
    const failure = await cutOffAt(named, "DOMAIN_RENAME", { name: "latter" }, "within");
    // With one of these the engine updates it though nothing differs.
    expect(failure).toBeInstanceOf(PartialFailure);
    await named.up();
    expect(named.diff().changes).toEqual([]);
    expect((await lab.host.virsh("list", "--all", "--name")).split("\n")).toContain("former");
  } finally {
    await named.delete();
    await named.context.close();
  }
});

test.each(["create", "update"] as const)(
  "as %s starts it: a refresh shows that it is off, and nothing else",
  async (operation) => {
    const disks = { root: { volume: await image(lab.host, `${operation}.qcow2`) } };
    const late = new Machine(lab.host, operation, { waitForAddress: false, disks });
    try {
      if (operation === "update") await late.create({ state: "stopped" });
      const wanted = { title: "new" };
      expect(await cutOffAt(late, "DOMAIN_CREATE_WITH_FLAGS", wanted, "before", operation)).toBeInstanceOf(
        PartialFailure,
      );
      expect(await late.refresh()).toEqual(["state"]);
      await lab.host.virsh("start", late.name);
      await lab.host.virsh("desc", late.name, "--title", "--live", "other");
      await late.refresh();
      expect(late.diff(wanted).lines).toEqual(["title: live, the running guest has it otherwise"]);
    } finally {
      await late.delete();
      await late.context.close();
    }
  },
);

test.each(["stage", "restart"])(
  "once values are out of the definition alone, and refreshes took note of it: the next run has the guest follow (%s)",
  async (changePolicy) => {
    const spare = new Machine(lab.host, "spare", { waitForAddress: false, changePolicy });
    try {
      await spare.create({ title: "old", cpuTune: { shares: 512 } });
      const before = spare.state;
      await cutOffAt(spare, "DOMAIN_DEFINE_XML_FLAGS", {}, "after");
      // The provider was killed too: the engine knows of nothing.
      spare.state = before;
      await spare.refresh();
      await spare.refresh();
      expect(spare.diff().lines[0]).toBe("title: live, the running guest has it otherwise");
      await spare.up();
      const isStaged = changePolicy === "stage";
      expect(await spare.xml()).not.toContain("<title>");
      expect(/<shares>/.test(await spare.xml())).toBe(isStaged);
      expect([await spare.refresh(), spare.diff().changes]).toEqual([[], []]);
      expect(spare.state["pendingRestart"]).toEqual(isStaged ? ["cpuTune.shares"] : []);
    } finally {
      await spare.delete();
      await spare.context.close();
    }
  },
);

test("ahead of the restart that is the policy: the next run restarts the guest, though a refresh came between", async () => {
  const disks = { data: { volume: await image(lab.host, "owed.qcow2") } };
  const owed = new Machine(lab.host, "owed", { waitForAddress: false, changePolicy: "restart", disks });
  const number = () => lab.host.virsh("domid", owed.name);
  try {
    const custom = { cpu: { mode: "custom", model: "EPYC" } };
    await owed.create(custom);
    // For the next start, by somebody else.
    const theirs = (await owed.xml("--inactive")).replace("type='qcow2'", "type='qcow2' cache='none'");
    await lab.host.exec(["sh", "-c", 'printf %s "$1" > /tmp/cut.xml && virsh -q define /tmp/cut.xml', "sh", theirs]);
    expect([await owed.refresh(), owed.diff(custom).changes]).toEqual([[], []]);
    // libvirt shows of the running guest what it works out of this.
    const wanted = { title: "new", cpu: { mode: "host-model", features: { avx: "optional" } } };
    const before = await number();
    expect(await cutOffAt(owed, "DOMAIN_SHUTDOWN_FLAGS", wanted, "before")).toBeInstanceOf(PartialFailure);
    await owed.refresh();
    const line = "cpu.mode: restart, the running guest has it otherwise; policy restart";
    expect(owed.diff(wanted).lines).toEqual([line]);
    await owed.up(wanted);
    expect(await number()).not.toBe(before);
    expect([await owed.refresh(), owed.state["pendingRestart"]]).toEqual([[], []]);
  } finally {
    await owed.delete();
    await owed.context.close();
  }
});

test("as a create starts it, unknown to the state: the next run makes it of what the program says by then", async () => {
  const disks = { root: { volume: await image(lab.host, "begun.qcow2") } };
  const begun = new Machine(lab.host, "begun", { waitForAddress: false, disks });
  // That much locked memory may well be why it did not start.
  const locked = { memoryBacking: { locked: true }, memoryLimits: { hardLimit: "4 GiB" } };
  const former = {
    title: "old",
    cpuTune: { shares: 512 },
    ...locked,
    overlay: { devices: { hub: [{ type: "usb" }] } },
  };
  try {
    await cutOffAt(begun, "DOMAIN_CREATE_WITH_FLAGS", former, "before", "create");
    Object.assign(begun, { id: "", state: {} });
    await begun.create({ description: "new" });
    expect(await begun.xml("--inactive")).not.toMatch(/<title>|<shares>|<locked|<hard_limit|<hub/);
    expect(await begun.xml()).toContain("<description>new<");
    expect([await begun.refresh(), begun.state["pendingRestart"]]).toEqual([[], []]);
  } finally {
    await begun.delete();
    await begun.context.close();
  }
});
