import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineLab } from "./machine-lab";
import { furnish, image, type Machine } from "./machines";
import { waitFor } from "./processes";

/** What operators and other tools do to the same machines. */
const lab = machineLab({ waitForAddress: false }, { alone: true });

let network: object;
beforeAll(async () => {
  ({ network } = await furnish(lab.host));
}, 60_000);

/** Writes the definition as somebody who edits it. */
async function edit(vm: Machine, change: (xml: string) => string): Promise<void> {
  const file = join(lab.host.directory, "edited.xml");
  writeFileSync(file, change(await vm.xml("--inactive", "--security-info")));
  await lab.host.virsh("define", file);
}

const count = (xml: string, part: RegExp) => xml.match(part)?.length ?? 0;

/** Each device is there once, and under our name. */
async function isWhole(vm: Machine, ...flags: string[]): Promise<void> {
  const xml = await vm.xml(...flags);
  const devices = [/<disk /g, /<interface /g, /<serial /g, /<channel /g, /<rng /g];
  expect(devices.map((device) => count(xml, device))).toEqual([1, 1, 1, 1, 1]);
  expect(xml).toMatch(/ua-disk-root[\s\S]*ua-nic-lan/);
}

test.each(["running", "stopped"])(
  "a definition that lost its aliases is still that of a %s machine",
  async (state) => {
    const args = {
      disks: { root: { volume: await image(lab.host, "root.qcow2") } },
      nics: { lan: { network } },
      state,
    };
    const vm = lab.machine("edited");
    await vm.create(args);
    await edit(vm, (xml) => xml.replace(/\s*<alias name='ua-[^']*'\/>/g, ""));
    expect(await vm.refresh()).toEqual([]);
    await vm.up({ ...args, title: "new" });
    await isWhole(vm, "--inactive");
    // A guest that was started from it has libvirt's own names.
    await edit(vm, (xml) => xml.replace(/\s*<alias name='ua-[^']*'\/>/g, ""));
    if (state === "running") await lab.host.virsh("destroy", vm.name);
    await lab.host.virsh("start", vm.name);
    expect(await vm.refresh()).toEqual(state === "running" ? [] : ["state"]);
    const next = { ...args, state: "running", nics: { lan: { network, link: false } } };
    await vm.up(next);
    expect([vm.state["pendingRestart"], await vm.xml()]).toEqual([[], expect.stringContaining("<link state='down'/>")]);
    await isWhole(vm, "--inactive");
  },
  60_000,
);

test.each(["running", "stopped"])(
  "a device of a %s machine that lost its alias alone is not added a second time",
  async (state) => {
    const volume = await image(lab.host, "one.qcow2");
    const stick = { usb: { vendor: "1d6b", product: "fff0" } };
    const args = {
      disks: { root: { volume } },
      nics: { lan: { network } },
      panic: "isa",
      watchdog: { model: "i6300esb" },
      machine: "pc",
      channels: { port: { name: "org.example.0" } },
      consoles: { hvc: { source: { type: "pty" } } },
      filesystems: { share: { driver: "9p", source: "/tmp" } },
      // The host of the tests has none to start with.
      ...(state === "stopped" && { hostDevices: { stick: { ...stick, startupPolicy: "optional" } } }),
      state,
    };
    const vm = lab.machine("single");
    await vm.create(args);
    const kinds = ["serial", "channel", "console", "rng", "panic", "watchdog", "filesystem", "hostdev"];
    const counts = async () => {
      const xml = await vm.xml("--inactive");
      return kinds.map((kind) => count(xml, new RegExp(`<${kind} `, "g")));
    };
    const before = await counts();
    const lost =
      "serial-console|channel-agent|channel-port|console-hvc|rng-host|panic-main|watchdog-main|fs-share|hostdev-stick";
    await edit(vm, (xml) =>
      xml
        .replace(new RegExp(`\\s*<alias name='ua-(${lost})'/>`, "g"), "")
        // What a hand puts back in its place is of another kind, or says less.
        .replace("<serial type='pty'>", "<serial type='null'>")
        .replace(" startupPolicy='optional'", ""),
    );
    if (state === "running") {
      // A guest that was started from it has libvirt's own names.
      await lab.host.virsh("destroy", vm.name);
      await lab.host.virsh("start", vm.name);
    }
    expect(await vm.refresh()).toEqual(state === "running" ? [] : ["hostDevices.stick.startupPolicy"]);
    await vm.up({ ...args, title: "new" });
    expect(await counts()).toEqual(before);
    expect([await vm.refresh(), vm.state["pendingRestart"]]).toEqual([[], []]);
  },
  60_000,
);

test("a disk and an interface that a hand took out and put back are not added a second time", async () => {
  const { path, ...volume } = await image(lab.host, "back.qcow2");
  const args = { disks: { root: { volume: { path, ...volume } } }, nics: { lan: { network } }, state: "stopped" };
  const vm = lab.machine("back");
  await vm.create(args);
  const mac = /<mac address='([^']*)'/.exec(await vm.xml())?.[1] ?? "";
  await lab.host.virsh("detach-disk", vm.name, "vda", "--config");
  await lab.host.virsh("attach-disk", vm.name, String(path), "vda", "--config", "--subdriver", "qcow2");
  await lab.host.virsh("detach-interface", vm.name, "network", "--config");
  await lab.host.virsh("attach-interface", vm.name, "network", "lan", "--mac", mac, "--config");
  const drift = await vm.refresh();
  expect(drift).toContain("disks.root.serial");
  expect(drift).not.toContain("disks.root");
  await vm.up({ ...args, state: "running" });
  await isWhole(vm);
  // What a hand adds beside them stays a thing of its own.
  await lab.host.virsh("detach-interface", vm.name, "network", "--config", "--mac", mac);
  await lab.host.virsh("attach-interface", vm.name, "network", "lan", "--config");
  expect(await vm.refresh()).toEqual(["nics.lan"]);
}, 60_000);

test("a network that somebody started anew is drift of its running guests, and they are plugged in again", async () => {
  const args = { nics: { lan: { network } } };
  const vm = lab.machine("cable");
  await vm.create(args);
  const onBridge = async () => (await lab.host.exec(["ls", "/sys/class/net/virbr-lan/brif"])).stdout.trim();
  const tap = await onBridge();
  await lab.host.virsh("net-destroy", "lan");
  await lab.host.virsh("net-start", "lan");
  expect([tap === "", await onBridge()]).toEqual([false, ""]);
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state["pendingRestart"]).toEqual(["nics.lan.network"]);
  expect(vm.diff(args).lines).toEqual([
    expect.stringMatching(/^nics\.lan\.network: live, the running guest has it otherwise/),
  ]);
  await vm.up(args);
  const warnings = vm.context.lines.warn.splice(0);
  if (/libvirt 9\./.test(await lab.host.virsh("version"))) {
    expect([await onBridge(), vm.state["pendingRestart"], warnings]).toEqual([tap, [], []]);
  } else {
    expect([await onBridge(), vm.state["pendingRestart"]]).toEqual(["", ["nics.lan.network"]]);
    expect(warnings.join()).toMatch(
      /nics\.lan\.network \(its network was started anew.* when libvirtd or virtqemud starts/,
    );
    expect([await vm.refresh(), vm.diff(args).lines]).toEqual([[], []]);
    await lab.host.restartLibvirtd();
    await waitFor("the NIC to be on its bridge again", 20, async () => (await onBridge()) === tap);
  }
  expect(await lab.host.virsh("net-port-list", "lan")).toMatch(/[0-9a-f]{8}-/);
  expect([await vm.refresh(), vm.diff(args).lines, vm.state["pendingRestart"]]).toEqual([[], [], []]);
}, 60_000);

test("a guest that somebody undefined as it runs is defined again by the next update", async () => {
  const vm = lab.machine("transient");
  await vm.create({ autostart: false });
  await lab.host.virsh("undefine", vm.name);
  expect(await vm.refresh()).toEqual([]);
  expect(vm.diff({ autostart: false }).lines).toEqual([
    "name: live, somebody undefined the guest as it runs, and it would be gone when it stops",
  ]);
  await vm.up({ autostart: false });
  expect(await lab.host.virsh("dominfo", vm.name)).toMatch(/Persistent:\s+yes/);
  expect([await vm.refresh(), vm.diff({ autostart: false }).lines]).toEqual([[], []]);
}, 60_000);

test("what was taken out waits no longer than the run of the guest, whoever ends it", async () => {
  const vm = lab.machine("cycled");
  await vm.create({ smbios: { system: { serial: "s-1" } } });
  await vm.up();
  expect([vm.state["pendingRestart"], await vm.refresh(), vm.state["pendingRestart"]]).toEqual([
    ["smbios"],
    [],
    ["smbios"],
  ]);
  // A saved guest goes on with what it had, under another number of libvirt's.
  await lab.host.virsh("managedsave", vm.name);
  await lab.host.virsh("start", vm.name);
  expect([await vm.refresh(), vm.state["pendingRestart"]]).toEqual([[], ["smbios"]]);
  await lab.host.virsh("destroy", vm.name);
  await lab.host.virsh("start", vm.name);
  const id = await lab.host.virsh("domid", vm.name);
  expect([await vm.refresh(), vm.state["pendingRestart"]]).toEqual([[], []]);
  // There is nothing left to restart it for.
  await vm.up({ changePolicy: "restart", title: "new" });
  expect(await lab.host.virsh("domid", vm.name)).toBe(id);
}, 60_000);
