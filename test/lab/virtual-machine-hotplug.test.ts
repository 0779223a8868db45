import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, image, Machine, medium } from "./machines";
import { waitFor } from "./processes";

/** What else comes, goes and changes as a guest runs, and what waits for its next start with the reason. */
let lab: Lab;
let vm: Machine;
let args: Values & { readonly disks: Values; readonly shmems: Values; readonly nics: Record<string, Values> };
let bootId: string;
let spare: Machine | undefined;

const log = join("/var/log/libvirt/qemu", "hotplug.console");

beforeAll(async () => {
  lab = await startLab();
  const { boot, network } = await furnish(lab.host);
  vm = new Machine(lab.host, "hotplug", { memory: "160 MiB", boot, serialLog: log, waitForAddress: false });
  args = {
    memoryBacking: { access: "shared", source: "memfd" },
    graphics: { spice: { password: "first" } },
    // With it the guest has slots for more of its kind.
    shmems: { first: {} },
    disks: { media: { device: "cdrom", volume: medium(lab.host, "first") } },
    nics: { lan: { network } },
  };
  await vm.create(args);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
  bootId = await vm.inGuest("cat /proc/sys/kernel/random/boot_id");
}, 120_000);

afterAll(async () => {
  await Promise.all([vm, spare].map((each) => each?.context.close()));
  await lab?.stop();
});

afterEach(async () => {
  expect(await vm.inGuest("cat /proc/sys/kernel/random/boot_id")).toBe(bootId);
  expect(vm.state["pendingRestart"]).toEqual([]);
  expect(vm.diff(args).changes).toEqual([]);
  expect(await vm.refresh()).toEqual([]);
});

/** Updates; every change of it is said to be live. */
async function up(change: Values): Promise<void> {
  const wanted = { ...args, ...change };
  expect(new Set(vm.diff(wanted).changes.map(({ class: kind }) => kind))).toEqual(new Set(["live"]));
  await vm.up(wanted);
  expect([vm.state["pendingRestart"], vm.context.lines.warn.join()]).toEqual([
    [],
    expect.not.stringContaining("did not take"),
  ]);
  args = wanted;
}

test("channels, shared memory, file shares, USB places and USB disks come and go", async () => {
  await lab.host.exec("mkdir -p /srv/share && echo shared > /srv/share/file && chmod -R a+rX /srv/share");
  const aliases = ["ua-channel-app", "ua-shmem-ring", "ua-fs-share", "ua-redirdev-stick", "ua-disk-usb"];
  const before = { channels: {}, shmems: args.shmems, filesystems: {}, redirdevs: {}, disks: args.disks };
  await up({
    channels: { app: { name: "org.example.app.0" } },
    shmems: { ...args.shmems, ring: { size: "4 MiB" } },
    filesystems: { share: { source: "/srv/share" } },
    redirdevs: { stick: {} },
    disks: { ...args.disks, usb: { volume: await image(lab.host, "usb.raw", "raw"), bus: "usb" } },
  });
  const plugged = await vm.xml();
  for (const alias of aliases) expect(plugged).toContain(alias);
  expect(await vm.inGuest("cat /sys/class/virtio-ports/*/name")).toContain("org.example.app.0");
  expect(await vm.inGuest("cat /sys/bus/pci/devices/*/device | grep -c 0x1110")).toBe("2");
  await up(before);
  const left = await vm.xml();
  for (const alias of aliases) expect(left).not.toContain(alias);
}, 120_000);

test("consoles and USB serial ports come and go", async () => {
  const aliases = ["ua-console-hvc", "ua-serials-usb"];
  await up({ consoles: { hvc: {} }, serials: { usb: { model: "usb-serial" } } });
  for (const alias of aliases) expect(await vm.xml()).toContain(alias);
  expect(await vm.inGuest("ls /sys/class/virtio-ports | wc -l")).toBe("2");
  await up({ consoles: {}, serials: {} });
  for (const alias of aliases) expect(await vm.xml()).not.toContain(alias);
}, 60_000);

test("a disk joins limits that others share, leaves them and keeps its own, and says what snapshots do", async () => {
  const { disks } = args;
  const [a, b] = [
    { volume: await image(lab.host, "ga.raw", "raw") },
    { volume: await image(lab.host, "gb.raw", "raw") },
  ];
  const shared = { totalIopsSec: 100, group: "both" };
  const limits = async () => {
    const drives = (await lab.host.virsh("qemu-monitor-command", vm.name, "--hmp", "info block")).split(/\r?\n\r?\n/);
    const drive = (key: string) => drives.find((part) => part.includes(`ua-disk-${key}/`)) ?? "";
    return ["ga", "gb"].map((key) => /iops=(\d+) .*group=(\S+)/.exec(drive(key))?.slice(1).join(" "));
  };
  await up({ disks: { ...disks, ga: { ...a, iotune: shared }, gb: b } });
  await up({ disks: { ...disks, ga: { ...a, iotune: shared }, gb: { ...b, iotune: shared, snapshot: "no" } } });
  expect([await limits(), await vm.xml()]).toEqual([
    ["100 both", "100 both"],
    expect.stringContaining("snapshot='no'"),
  ]);
  await up({ disks: { ...disks, ga: { ...a, iotune: { totalIopsSec: 40 } }, gb: { ...b, iotune: shared } } });
  expect([await limits(), await vm.xml()]).toEqual([
    [expect.stringMatching(/^40 .*ua-disk-ga/), "100 both"],
    expect.not.stringContaining("snapshot='no'"),
  ]);
  await up({ disks: { ...disks, ga: a, gb: { ...b, iotune: { ...shared, group: "other" } } } });
  expect(await limits()).toEqual([undefined, "100 other"]);
  await up({ disks: { ...disks, ga: a, gb: b } });
  expect(await limits()).toEqual([undefined, undefined]);
  await up({ disks });
}, 60_000);

test("a drive is told what a start does without its medium, and that no snapshot takes it", async () => {
  const { media, ...others } = args.disks as Record<string, Values>;
  const policy = async () => /startupPolicy='(\w+)'/.exec(await vm.xml())?.[1];
  await up({ disks: { ...others, media: { ...media, startupPolicy: "optional", snapshot: "no" } } });
  expect(await policy()).toBe("optional");
  await up({ disks: { ...others, media } });
  expect(await policy()).toBeUndefined();
}, 60_000);

test("isolation, gathering of packets and limits of memory change", async () => {
  const { lan } = args.nics;
  await up({ nics: { lan: { ...lan, portIsolated: true, coalesce: 7 } }, memoryLimits: { hardLimit: "2 GiB" } });
  const tap = /target dev='(vnet\d+)'/.exec(await vm.xml())?.[1] ?? "";
  const isolated = () => lab.host.exec(["cat", `/sys/class/net/${tap}/brport/isolated`]);
  expect((await isolated()).stdout.trim()).toBe("1");
  expect(await lab.host.virsh("memtune", vm.name)).toMatch(/hard_limit\s*: 2097152/);
  expect(await vm.xml()).toMatch(/<frames max='7'\/>/);
  await up({ nics: { lan }, memoryLimits: {} });
  expect((await isolated()).stdout.trim()).toBe("0");
  expect(await lab.host.virsh("memtune", vm.name)).toMatch(/hard_limit\s*: unlimited/);
}, 60_000);

test("trust in a guest's MAC filters comes with its interface, and waits for a new start where libvirt 9.0 does nothing", async () => {
  const { nics } = args;
  await lab.host.exec("ip link set eth1 up");
  const direct = (trust: boolean) => ({
    ...args,
    nics: { ...nics, tap: { direct: { dev: "eth1" }, trustGuestRxFilters: trust } },
  });
  const tap = async () => /<interface type='direct'[^>]*>/.exec(await vm.xml())?.[0];
  await up(direct(true));
  expect(await tap()).toMatch(/trustGuestRxFilters='yes'/);
  await vm.up(direct(false));
  expect([vm.state["pendingRestart"], await tap()]).toEqual([
    ["nics.tap.trustGuestRxFilters"],
    expect.stringContaining("trustGuestRxFilters='yes'"),
  ]);
  expect(await vm.refresh()).toEqual([]);
  await vm.up(direct(true));
  await up({ nics });
}, 60_000);

test("a port group that waits stays out of the running guest, and holds up no other change of its interface", async () => {
  const groups = ["slow", "fast"].map(
    (name, index) =>
      `<portgroup name='${name}'><bandwidth><inbound average='${128 << index}'/></bandwidth></portgroup>`,
  );
  const xml = `<network><name>groups</name><bridge name='virbr-groups'/>${groups.join("")}</network>`;
  await lab.host.exec(["sh", "-c", `echo "$1" >/tmp/net.xml && virsh -q net-create /tmp/net.xml`, "sh", xml]);
  const { nics } = args;
  const network = { name: "groups", host: { uri: lab.host.socketUri } };
  const grouped = (portGroup: string, more: Values = {}) => ({
    ...args,
    nics: { ...nics, second: { network, portGroup, ...more } },
  });
  await up(grouped("slow"));
  await vm.up(grouped("fast"));
  await vm.up(grouped("fast", { link: false }));
  expect(vm.state["pendingRestart"]).toEqual(["nics.second.portGroup"]);
  expect(await vm.xml()).toMatch(/portgroup='slow'[\s\S]*<inbound average='128'\/>[\s\S]*<link state='down'\/>/);
  expect(await vm.refresh()).toEqual([]);
  await vm.up(grouped("slow"));
  await up({ nics });
  await lab.host.virsh("net-destroy", "groups");
}, 60_000);

test("a screen's password and its end change as the guest runs", async () => {
  const { graphics } = args;
  const screen = async () => /<graphics [^>]*>/.exec(await vm.xml("--security-info"))?.[0];
  for (const [password, passwordValidTo] of [
    ["first", "2031-04-09T15:51:00"],
    ["first", "2032-04-09T15:51:00"],
    ["second", undefined],
  ]) {
    await up({ graphics: { spice: { password, ...(passwordValidTo && { passwordValidTo }) } } });
    const shown = await screen();
    expect(shown).toContain(`passwd='${password}'`);
    if (passwordValidTo) expect(shown).toContain(`passwdValidTo='${passwordValidTo}'`);
    else expect(shown).not.toContain("passwdValidTo");
  }
  await up({ graphics });
  expect(await screen()).toMatch(/passwd='first'(?!.*passwdValidTo)/);
}, 60_000);

test("a socket that the host cannot give is refused, and the former definition stays", async () => {
  const before = await vm.xml("--inactive");
  const wanted = { ...args, vsock: { cid: 7 } };
  expect(vm.diff(wanted).changes).toMatchObject([{ property: "vsock.cid", class: "live" }]);
  await expect(vm.up(wanted)).rejects.toThrow(
    /plug ua-vsock-\w+ into VirtualMachine [\s\S]*unable to open vhost-vsock device[\s\S]*former definition is in force again and the guest keeps running/,
  );
  expect(await vm.xml("--inactive")).toBe(before);
});

test("a medium that the guest has locked is taken out by force, and that is said", async () => {
  await vm.inGuest("mkdir -p /held && mount -t iso9660 -o ro /dev/sr0 /held");
  await up({ disks: { media: { device: "cdrom", volume: medium(lab.host, "second") } } });
  expect(vm.context.lines.warn.join()).toMatch(/the guest held the medium of media: it was taken out by force/);
  expect(await vm.xml()).toContain("second.iso");
  await vm.inGuest("umount /held");
}, 60_000);

test("a tray that the guest has closed unheard, by a reset of the controller, keeps its medium until it opens again", async () => {
  const driver = "/sys/bus/virtio/drivers/virtio_scsi";
  // The drive is reset once more as the guest looks for what is on the bus.
  const found = "until [ -e /sys/block/sr0 ]; do sleep 1; done; sleep 1";
  // A guest that holds the drive keeps it shut, and one that closes it by a command is heard: then it is tried again.
  await waitFor("the tray to be closed unheard", 30, async () => {
    await vm.openTray("media");
    await vm.inGuest(`cd ${driver}; d=$(echo virtio*); echo $d > unbind; echo $d > bind; ${found}`);
    const { isOpen, libvirtSays } = await vm.tray("media");
    return !isOpen && libvirtSays;
  });
  const other = { disks: { media: { device: "cdrom", volume: medium(lab.host, "third") } } };
  await vm.up({ ...args, ...other });
  expect(vm.context.lines.warn.splice(0).join()).toMatch(
    /did not take disks.media.volume \(libvirt takes the tray for open/,
  );
  expect(vm.state["pendingRestart"]).toEqual(["disks.media.volume"]);
  expect(await vm.xml()).not.toContain("third.iso");

  await vm.openTray("media");
  await up({ ...other, title: "next" });
  expect(await vm.xml()).toContain("third.iso");
}, 60_000);

test("what needs a new start waits for it, device by device, and no longer when it is taken back", async () => {
  const { lan } = args.nics;
  const other = await image(lab.host, "other.qcow2");
  const [data, quick] = [await image(lab.host, "data.qcow2"), await image(lab.host, "quick.qcow2")];
  const disks = { ...args.disks, data: { volume: data }, quick: { volume: quick, iothread: 1 } };
  await up({ iothreads: 1, disks });
  const staged: readonly (readonly [Values, readonly string[]])[] = [
    [{ disks: { ...args.disks, old: { volume: other, bus: "sata" } } }, ["disks.old"]],
    [{ disks: { ...args.disks, data: { volume: other } } }, ["disks.data.volume"]],
    [{ disks: { ...args.disks, cd: { device: "cdrom" } } }, ["disks.cd"]],
    [{ iothreads: 0, disks: { ...disks, quick: { volume: quick } } }, ["disks.quick.iothread", "iothreads"]],
    [{ nics: { lan, old: { ...lan, model: "e1000" } } }, ["nics.old"]],
    [{ memory: "170 MiB" }, ["maxMemory", "memory"]],
    [{ nics: { lan: { ...lan, model: "e1000e" } } }, ["nics.lan.model", "nics.lan.queues"]],
    [{ nics: { lan: { ...lan, mtu: 1400 } } }, ["nics.lan.mtu"]],
    [{ graphics: { spice: {} } }, ["graphics.spice.password"]],
    [{ video: { model: "bochs" } }, ["video.model"]],
    [{ tpm: { model: "tpm-tis" } }, ["tpm.backend", "tpm.model"]],
    [{ watchdog: { action: "pause" } }, ["watchdog.action", "watchdog.model"]],
    [{ filesystems: { p: { driver: "9p", source: "/srv" } } }, ["filesystems.p"]],
    [{ vcpus: 1, maxVcpus: 4 }, ["maxVcpus"]],
  ];
  for (const [change, pending] of staged) {
    const wanted = { ...args, ...change };
    expect(vm.diff(wanted).changes.map(({ class: kind }) => kind)).toContain("restart");
    expect(() => vm.diff({ ...wanted, changePolicy: "refuse" })).toThrow(/changePolicy is "refuse"/);
    await vm.up(wanted);
    expect([change, vm.state["pendingRestart"]]).toEqual([change, pending]);
    expect(await vm.refresh()).toEqual([]);
    expect([change, vm.state["pendingRestart"]]).toEqual([change, pending]);
    await vm.up(args);
    expect([change, vm.state["pendingRestart"]]).toEqual([change, []]);
  }
}, 120_000);

test("a SCSI controller goes from below another, and none but of virtio comes in its place", async () => {
  const { disks } = args;
  const on = async (name: string) => ({ volume: await image(lab.host, name), bus: "scsi", controller: "two" });
  const [first, second] = [await on("first.qcow2"), await on("second.qcow2")];
  const models = async (...flags: string[]) =>
    [...(await vm.xml(...flags)).matchAll(/<controller type='scsi' index='(\d)' model='(.*?)'/g)].map(
      ([, index, model]) => `${index} ${model}`,
    );
  await up({ scsiControllers: { one: {}, two: {} }, disks: { ...disks, first } });
  await up({ scsiControllers: { two: {} } });
  await up({ disks: { ...disks, first, second } });
  const all = ["0 virtio-scsi", "1 virtio-scsi", "2 virtio-scsi"];
  expect([await models(), await models("--inactive")]).toEqual([all, all]);
  await up({ scsiControllers: {}, disks });
}, 60_000);

test("what a preview says of changes to a guest without an agent is what an update finds", async () => {
  const pending = async (before: Values, after: Values) => {
    spare = new Machine(lab.host, "told", { waitForAddress: false, ...before });
    await spare.create();
    const id = await lab.host.virsh("domid", spare.name);
    const told = spare.diff(after).changes.filter(({ class: kind }) => kind === "restart");
    await spare.up(after);
    const found = spare.state["pendingRestart"];
    expect(await lab.host.virsh("domid", spare.name)).toBe(id);
    expect([await spare.refresh(), spare.diff(after).changes]).toEqual([[], []]);
    await spare.delete();
    return [told.map(({ property }) => property), found];
  };
  const [drive, other] = [medium(lab.host, "drive"), medium(lab.host, "other")];
  const cd = { device: "cdrom", volume: drive };
  const same = {
    ...{ audio: "none", crypto: false, hugePages: "none", usbController: "qemu-xhci", rootPorts: 2 },
    clock: { offset: "utc", timers: { hpet: { present: false }, rtc: { tickPolicy: "catchup" } } },
    memoryBacking: { locked: false, discard: false, mergePages: true },
    disks: { cd: { ...cd, readonly: true, shareable: false } },
  };
  expect(await pending({ disks: { cd } }, same)).toEqual([[], []]);
  // Paused: firmware that boots resets its controllers, which may close a tray unheard.
  const exchanged = { disks: { cd: { ...cd, volume: other, startupPolicy: "optional" } } };
  expect(await pending({ disks: { cd }, state: "paused" }, exchanged)).toEqual([[], []]);
  const nics = { pxe: { user: {}, bootOrder: 2 } };
  expect(await pending({}, { nics })).toEqual([["nics.pxe.bootOrder"], ["nics.pxe.bootOrder"]]);
  expect(await pending({ disks: { cd: { ...cd, bootOrder: 1 } } }, { nics })).toEqual([[], []]);
  const controllers = { a: {}, b: {} };
  const onBus = (controller?: string) => ({
    scsiControllers: controllers,
    disks: { cd: { ...cd, bus: "scsi", ...(controller && { controller }) } },
  });
  const elsewhere = ["disks.cd.controller"];
  expect(await pending(onBus("a"), onBus("b"))).toEqual([elsewhere, elsewhere]);
  expect(await pending(onBus("b"), onBus())).toEqual([[], []]);
  const more = { rootPorts: 4, nics: { late: { user: {} } } };
  expect(await pending({ rootPorts: 2 }, more)).toEqual([["rootPorts"], ["rootPorts"]]);
  const consoles = { hvc: {} };
  expect(await pending({ agent: false }, { agent: true })).toEqual([["agent"], ["agent"]]);
  expect(await pending({ agent: false, consoles }, { agent: true, consoles })).toEqual([[], []]);
  expect(await pending({ agent: true }, { agent: false })).toEqual([[], []]);
  const serials = { usb: { model: "usb-serial" }, pci: { model: "pci-serial" } };
  expect(await pending({}, { serials })).toEqual([["serials.pci"], ["serials.pci"]]);
  expect(await pending({ machine: "pc" }, { machine: "pc", serials })).toEqual([[], []]);
  expect(await pending({ console: false }, { console: false, serials: { usb: serials.usb } })).toEqual([[], []]);
  // No rule can tell whether an earlier channel has left its controller.
  const channels = { app: { name: "org.example.app.0" } };
  expect(await pending({ agent: false }, { channels })).toEqual([[], ["channels.app"]]);
}, 120_000);

test("a disk goes from one running guest to another as both are updated", async () => {
  const wandering = { wandering: { volume: await image(lab.host, "wandering.qcow2") } };
  spare = new Machine(lab.host, "taker", { waitForAddress: false });
  await spare.create();
  const before = args.disks;
  await up({ disks: { ...before, wandering: wandering.wandering } });
  const held = await spare.up({ disks: wandering, changePolicy: "refuse" }).catch((error: unknown) => String(error));
  expect(held).toMatch(
    /Unable to plug ua-disk-\w+ into VirtualMachine taker.*"write" lock.*another guest or program has that.*come from the resource "\w+"/s,
  );
  await Promise.all([spare.up({ disks: wandering }), up({ disks: before })]);
  expect(await spare.xml()).toContain("wandering.qcow2");
  expect(await vm.xml()).not.toContain("wandering.qcow2");
  await spare.delete();
}, 90_000);

test("a floppy is changed in its drive", async () => {
  spare = new Machine(lab.host, "floppy", { machine: "pc", waitForAddress: false, stopTimeout: "0 s" });
  const disks = (name: string) => ({ a: { device: "floppy", path: join(lab.host.directory, name) } });
  for (const name of ["a.img", "b.img"]) await lab.host.exec(`head -c 1440k /dev/zero > ${disks(name).a.path}`);
  await spare.create({ disks: disks("a.img") });
  const id = await lab.host.virsh("domid", spare.name);
  expect(spare.diff({ disks: disks("b.img") }).changes).toMatchObject([{ property: "disks.a.path", class: "live" }]);
  await spare.up({ disks: disks("b.img") });
  expect(spare.state["pendingRestart"]).toEqual([]);
  expect(await spare.xml()).toContain("b.img");
  expect(await lab.host.virsh("domid", spare.name)).toBe(id);
  await spare.delete();
});
