import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { furnish, image, Machine } from "./machines";

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
  await furnish(lab.host);
  for (const name of ["root", "data", "medium"]) await image(lab.host, `${name}.img`, "raw");
  await define(document());
}, 60_000);

afterAll(() => lab.stop());

const at = (name: string) => join(lab.host.directory, name);

/** As a tool writes it that knows nothing of us: no aliases, nothing that libvirt adds by itself. */
function document(): string {
  const disk = (name: string, target: string, bus: string, more = "") =>
    `<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='${at(name)}'/>
      <target dev='${target}' bus='${bus}'/>${more}</disk>`;
  return `<domain type='qemu'><name>legacy</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><devices>
    ${disk("data.img", "sdb", "scsi")}${disk("root.img", "vda", "virtio", "<boot order='1'/>")}
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <controller type='scsi' index='0' model='virtio-scsi'/>
    <interface type='network'><mac address='52:54:00:aa:00:01'/><source network='lan'/><model type='virtio'/></interface>
    <interface type='network'><mac address='52:54:00:aa:00:02'/><source network='lan'/><model type='e1000e'/></interface>
    <serial type='pty'/><serial type='file'><source path='/tmp/legacy.log'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='unix'><target type='virtio' name='com.example.0'/></channel>
    <input type='tablet' bus='usb'/><graphics type='vnc' autoport='yes'/><video><model type='vga' vram='16384'/></video>
    <watchdog model='i6300esb' action='reset'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    </devices></domain>`;
}

async function define(xml: string): Promise<void> {
  writeFileSync(at("legacy.xml"), xml);
  await lab.host.virsh("define", at("legacy.xml"));
}

/** The program that says what is there, in names of its own. */
function program(): Values {
  const disk = (name: string, bus: string) => ({ path: at(name), format: "raw", bus, cache: "none" });
  return {
    name: "legacy",
    adopt: true,
    defaultsVersion: 0,
    maxMemory: "64 MiB",
    state: "running",
    autostart: false,
    waitForAddress: false,
    cpu: { mode: "custom", model: "qemu64" },
    disks: {
      root: { ...disk("root.img", "virtio"), bootOrder: 1 },
      data: disk("data.img", "scsi"),
      dvd: { device: "cdrom", bus: "sata", readonly: true },
    },
    nics: {
      lan: { network: { name: "lan" }, mac: "52:54:00:aa:00:01" },
      old: { network: { name: "lan" }, mac: "52:54:00:aa:00:02", model: "e1000e" },
    },
    serials: { log: { source: { type: "file", path: "/tmp/legacy.log" } } },
    channels: { example: { name: "com.example.0" } },
    inputs: { pointer: { type: "tablet" } },
    graphics: { vnc: {} },
    video: { model: "vga" },
    watchdog: {},
  };
}

const withoutMark = (xml: string) => xml.replace(/\s*<metadata>[\s\S]*?<\/metadata>/, "");

test("devices of every kind are known again, through restarts, and each change by hand is seen", async () => {
  await lab.host.virsh("start", "legacy");
  const before = await lab.host.virsh("dumpxml", "--inactive", "legacy");
  const vm = new Machine(lab.host, "legacy");
  await vm.create(program());
  expect(withoutMark(await vm.xml("--inactive"))).toBe(before);
  expect(vm.diff(program()).changes).toEqual([]);
  expect(await vm.refresh()).toEqual([]);

  await lab.host.virsh("destroy", "legacy");
  await lab.host.virsh("start", "legacy");
  await lab.host.restartLibvirtd();
  expect(await vm.refresh()).toEqual([]);
  expect(vm.diff(program()).changes).toEqual([]);

  const settled = vm.state;
  for (const [from, to, seen] of [
    ["<boot order='1'/>", "<boot order='2'/>", "disks.root.bootOrder"],
    ["data.img", "medium.img", "disks.data"],
    ["<model type='e1000e'/>", "<model type='rtl8139'/>", "nics.old.model"],
    ["/tmp/legacy.log", "/tmp/other.log", "serials.log"],
    ["com.example.0", "com.example.1", "channels.example"],
    ["type='tablet'", "type='mouse'", "inputs.pointer"],
    ["<model type='vga'", "<model type='cirrus'", "video.model"],
    ["action='reset'", "action='none'", "watchdog.action"],
    ["/dev/urandom", "/dev/random", "rng"],
    ["name='org.qemu.guest_agent.0'", "name='org.qemu.other.0'", "agent"],
    ["<memory unit='MiB'>64", "<memory unit='MiB'>80", "maxMemory"],
  ] as const) {
    await define(
      document().replace("<domain type='qemu'>", `<domain type='qemu'><uuid>${vm.id}</uuid>`).replace(from, to),
    );
    vm.state = settled;
    expect(await vm.refresh()).toContain(seen);
  }
  await define(document().replace("<domain type='qemu'>", `<domain type='qemu'><uuid>${vm.id}</uuid>`));
  vm.state = settled;
  expect(await vm.refresh()).toEqual([]);

  // The first change writes our names, and reaches the running guest, which does not know them.
  const news = program();
  const unplugged = {
    ...news,
    nics: { ...(news["nics"] as Values), lan: { network: { name: "lan" }, mac: "52:54:00:aa:00:01", link: false } },
  };
  await vm.up(unplugged);
  expect(await vm.xml("--inactive")).toContain("ua-nic-lan");
  expect(await vm.xml()).not.toContain("ua-nic-lan");
  expect(await lab.host.virsh("domif-getlink", "legacy", "52:54:00:aa:00:01")).toContain("down");
  expect(vm.state).toMatchObject({ pendingRestart: [] });
  expect(await vm.refresh()).toEqual([]);
  expect((await vm.xml("--inactive")).match(/<(disk|interface|serial|channel|video|watchdog|rng) /g)).toHaveLength(11);
  await vm.delete();
  expect(await lab.host.virsh("domstate", "legacy")).toContain("running");
}, 120_000);

test("a machine without a definition is not adopted: how it gets one is said", async () => {
  const name = "passing";
  writeFileSync(
    at("passing.xml"),
    `<domain type='qemu'><name>${name}</name><memory unit='MiB'>64</memory>
    <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>`,
  );
  await lab.host.virsh("create", at("passing.xml"));
  const vm = new Machine(lab.host, name);
  const args = { name, adopt: true, defaultsVersion: 0, waitForAddress: false };
  await expect(vm.create(args)).rejects.toThrow(
    /it is transient[\s\S]*What to do: define it as it runs: virsh dumpxml/,
  );
  await lab.host.exec([
    "sh",
    "-c",
    `virsh -c "$0" dumpxml --security-info ${name} > "$1"`,
    lab.host.socketUri,
    at("passing.xml"),
  ]);
  await lab.host.virsh("define", at("passing.xml"));
  await vm.create(args);
  await vm.delete();
  await lab.host.virsh("destroy", name);
  await lab.host.virsh("undefine", name);
  await vm.context.close();
});
