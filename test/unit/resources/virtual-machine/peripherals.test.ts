import type { Meta, Values } from "../../../../provider/core/handler";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };
const host = { uri: "qemu+ssh://rack1/system" };
const libvirt9 = { ...host, facts: JSON.stringify({ libvirt: 9_000_000 }) };

function check(args: Values) {
  return virtualMachine.check({ host, memory: "1 GiB", waitForAddress: false, ...args }, undefined, meta);
}

function faultsOf(args: Values): string {
  return check(args)
    .failures.map(({ property, reason }) => `${property}: ${reason}`)
    .join("\n");
}

const screen = (type: string, values: Values = {}): Values => ({ graphics: { [type]: values } });
const given = (values: Values): Values => ({ hostDevices: { d: values } });
const sev = (values: Values = {}, more: Values = {}): Values => ({
  firmware: "uefi",
  launchSecurity: { type: "sev", ...values },
  ...more,
});

const mdev = "c2177883-f1bb-47f0-914d-32a22e3a8804";
const scsi = { adapter: "scsi_host0", bus: 0, target: 0, unit: 0 };

test.each<[string, Values, RegExp]>([
  ["a screen unheard of", screen("rdp"), /^graphics.rdp: the name must match/],
  ["a long VNC password", screen("vnc", { password: "123456789" }), /^graphics.vnc.password: VNC takes at most 8/],
  ["TLS of VNC", screen("vnc", { tlsPort: 5901 }), /^graphics.vnc.tlsPort: only graphics.spice has it/],
  [
    "a port of a socket",
    screen("vnc", { listen: { socket: "/s" }, port: 5900 }),
    /^graphics.vnc.port: a socket has no/,
  ],
  [
    "an end of no password",
    screen("vnc", { passwordValidTo: "2030-01-01T00:00:00" }),
    /passwordValidTo: needs password/,
  ],
  [
    "spice devices without spice",
    { redirdevs: { r: {} } },
    /^redirdevs.r.source: goes through spice; add graphics.spice/,
  ],
  ["heads of a vga card", { video: { model: "vga", heads: 2 } }, /^video.heads: only virtio and qxl/],
  ["3D without OpenGL", { video: { accel3d: true } }, /^video.accel3d: needs graphics that draw by OpenGL/],
  ["a path of an emulated TPM", { tpm: { device: "/dev/tpm0" } }, /^tpm.device: needs backend: "passthrough"/],
  [
    "a secret of the host's TPM",
    { tpm: { backend: "passthrough", activePcrBanks: ["sha1"] } },
    /needs backend: "emulator"/,
  ],
  ["an itco on pc", { machine: "pc", watchdog: { model: "itco" } }, /^watchdog.model: itco is part of q35/],
  [
    "an itco on libvirt 9.0",
    { host: libvirt9, watchdog: { model: "itco" } },
    /^watchdog.model: .*needs libvirt 9.1; the host has 9.0.0/,
  ],
  ["an AMD IOMMU on libvirt 9.0", { host: libvirt9, iommu: { model: "amd" } }, /^iommu.model: .*needs libvirt 11.5/],
  ["an IOMMU on pc", { machine: "pc", iommu: { model: "intel" } }, /^iommu.model: needs machine: "q35"/],
  ["eim without intremap", { iommu: { model: "intel", eim: true, intremap: false } }, /^iommu.eim: needs intremap/],
  ["an evdev of nothing", { inputs: { i: { type: "evdev" } } }, /^inputs.i.source: is required/],
  ["a doorbell without a server", { shmems: { s: { model: "ivshmem-doorbell" } } }, /^shmems.s.server: is required/],
  ["an odd size", { shmems: { s: { size: "3 MiB" } } }, /^shmems.s.size: must be a power of two/],
  [
    "a fifth ISA port",
    { serials: { a: {}, b: {}, c: {}, p: { model: "pci-serial" }, d: {} } },
    /^serials.d.model: ISA has room for 3 ports/,
  ],
  [
    "a socket of a port that nobody names",
    { serials: { a: { source: { type: "unix" } } } },
    /^serials.a.source.path: is required: libvirt names sockets of channels only/,
  ],
  [
    "spice's own channel as a console",
    { ...screen("spice"), consoles: { a: { source: { type: "spicevmc" } } } },
    /^consoles.a.source.type: spicevmc is for channels/,
  ],
  ["BIOS without a port", { console: false, biosSerial: true }, /^biosSerial: needs a serial port/],
  [
    "a web socket of a socket",
    screen("vnc", { listen: { socket: "/s" }, websocket: 5700 }),
    /^graphics.vnc.websocket: a/,
  ],
  ["heads of no card", { video: { model: "none", heads: 1 } }, /^video.heads: a card of model "none" has none/],
  ["a size of a ramfb", { video: { model: "ramfb", resolution: { x: 800, y: 600 } } }, /^video.resolution: a card of/],
  ["half a MiB of VGA", { video: { model: "vga", vram: "512 KiB" } }, /^video.vram: is 512 KiB, less than 1 MiB/],
  ["an odd frame buffer", { video: { model: "qxl", vgamem: "15 MiB" } }, /^video.vgamem: must be a power of two/],
  ["a GPU that draws for QEMU", { video: { renderNode: "/dev/dri/renderD128" } }, /^video.renderNode: libvirt has it/],
  ["eim alone", { iommu: { model: "intel", eim: true } }, /^iommu.eim: needs intremap: true/],
  [
    "a guest that ends for a reboot and reboots for an end",
    { onPoweroff: "restart", onReboot: "destroy" },
    /^onReboot: must be "restart" where onPoweroff is/,
  ],
  [
    "limits of a disk of the host twice",
    {
      blkio: {
        devices: [
          { path: "/dev/sda", weight: 200 },
          { path: "/dev/sda", readIopsSec: 9 },
        ],
      },
    },
    /^blkio.devices\[1\].path: the device is taken by blkio.devices\[0\].path/,
  ],
  [
    "more requests of a disk of the host than libvirt counts",
    { blkio: { devices: [{ path: "/dev/sda", readIopsSec: 2 ** 32 }] } },
    /^blkio.devices\[0\].readIopsSec: /,
  ],
  ["a name that is a folder's", { name: ".." }, /^name: is the name of no folder/],
  ["a menu that is off and waits", { bootMenu: { enabled: false, timeout: 5 } }, /^bootMenu.timeout: goes only with/],
  [
    "a date of another order",
    { smbios: { bios: { date: "2014-04-01" } } },
    /^smbios.bios.date: must be month\/day\/year/,
  ],
  ["a month too many", { smbios: { bios: { date: "13/01/2014" } } }, /^smbios.bios.date: must be/],
  ["a year of three digits", { smbios: { bios: { date: "04/01/114" } } }, /^smbios.bios.date: must be/],
  [
    "a template beside an image that libvirt 9.0 finds",
    { host: libvirt9, firmware: "uefi", nvram: { template: "/t" } },
    /^nvram.template: libvirt 9.0 takes none/,
  ],
  [
    "variables in qcow2 on libvirt 9.0",
    { host: libvirt9, firmware: "uefi", nvram: { path: "/n", format: "qcow2" } },
    /^nvram.format: "qcow2" needs libvirt 9.2; the host has 9.0.0/,
  ],
  [
    "a SCSI device twice",
    { hostDevices: { a: { scsi }, b: { scsi } } },
    /^hostDevices.b.scsi: the device is taken by hostDevices.a.scsi/,
  ],
  ["a display that nobody sees", given({ mdev, display: true }), /^hostDevices.d.display: needs graphics/],
  [
    "a frame buffer of two devices",
    {
      ...screen("vnc"),
      hostDevices: {
        a: { mdev, display: true, ramfb: true },
        b: { mdev: mdev.replace("c2", "c3"), display: true, ramfb: true },
      },
    },
    /^hostDevices.b.ramfb: the frame buffer of the firmware is taken by hostDevices.a.ramfb/,
  ],
  [
    "a USB device of no vendor",
    given({ usb: { vendor: "0000", product: "0407" } }),
    /^hostDevices.d.usb.vendor: is no/,
  ],
  ["the agent's channel again", { channels: { agent: { name: "a" } } }, /^channels.agent: the name must match/],
  ["nothing of the host", given({}), /^hostDevices.d: needs one of pci, usb, scsi, mdev/],
  [
    "two kinds at once",
    given({ pci: "65:00.0", mdev: "c2177883-f1bb-47f0-914d-32a22e3a8804" }),
    /^hostDevices.d: is both pci and mdev/,
  ],
  [
    "a ROM of a USB device",
    given({ usb: { vendor: "1050", product: "0407" }, rom: { bar: true } }),
    /rom: only a pci device/,
  ],
  ["half a USB id", given({ usb: { vendor: "1050" } }), /^hostDevices.d.usb: needs vendor and product/],
  [
    "one device as interface and as itself",
    { nics: { n: { hostdev: { address: "65:00.1" } } }, hostDevices: { d: { pci: "0000:65:00.1" } } },
    /^nics.n.hostdev.address: the device is taken by hostDevices.d.pci/,
  ],
  [
    "one place in the boot order twice",
    { disks: { a: { path: "/a", bootOrder: 1 } }, hostDevices: { d: { pci: "65:00.0", bootOrder: 1 } } },
    /^hostDevices.d.bootOrder: the place in the boot order is taken by disks.a.bootOrder/,
  ],
  ["Secure Boot on BIOS", { secureBoot: true }, /^secureBoot: needs firmware: "uefi"/],
  [
    "Secure Boot on pc",
    { firmware: "uefi", machine: "pc", secureBoot: true },
    /^secureBoot: needs machine: "q35".*SMM/,
  ],
  ["keys that nobody looks at", { firmware: "uefi", enrolledKeys: true }, /^enrolledKeys: needs secureBoot/],
  ["an image found and named", { firmware: "uefi", secureBoot: true, loader: { path: "/l" } }, /^secureBoot: says how/],
  [
    "variables of stateless firmware",
    { firmware: "uefi", statelessFirmware: true, nvram: { path: "/n" } },
    /^nvram: stateless/,
  ],
  ["firmware values of a wrong name", { fwCfg: { "etc/x": { value: "1" } } }, /^fwCfg/],
  ["JSON as a firmware value", { fwCfg: { "opt/x": { value: '{"a":1}' } } }, /^fwCfg.*garbles them; give a file/],
  ["a comma in a firmware value", { fwCfg: { "opt/x": { value: "a,b" } } }, /^fwCfg.*garbles them; give a file/],
  ["a comma in a firmware file", { fwCfg: { "opt/x": { file: "/srv/a,b" } } }, /^fwCfg.*garbles them; rename/],
  [
    "strings that the host hides",
    { smbios: { mode: "host", bios: { vendor: "A" } } },
    /^smbios.bios: mode host shows none/,
  ],
  [
    "a label taken away",
    { securityLabels: { apparmor: { type: "none" } } },
    /^securityLabels.apparmor.type: none .*acceptLessIsolation/,
  ],
  [
    "a static label of nothing",
    { securityLabels: { dac: { type: "static", acceptLessIsolation: true } } },
    /dac.label: is required/,
  ],
  ["SEV on BIOS", sev({}, { firmware: "bios" }), /^firmware: launchSecurity sev needs "uefi"/],
  ["SEV under emulation", sev({}, { virtType: "qemu" }), /^virtType: .*emulation encrypts nothing/],
  ["SNP with variables", sev({ type: "sev-snp" }), /^statelessFirmware: sev-snp needs true/],
  ["SNP's ID of a SEV guest", sev({ idBlock: "A".repeat(128) }), /^launchSecurity.idBlock: only sev-snp has it/],
  ["a TDX owner of a SEV guest", sev({ mrOwner: "A".repeat(64) }), /^launchSecurity.mrOwner: only tdx has it/],
  ["a TDX owner of another length", sev({ type: "tdx", mrOwner: "AA" }), /^launchSecurity.mrOwner: is not 48 bytes/],
  ["hashes of no kernel", sev({ kernelHashes: true }), /^launchSecurity.kernelHashes: needs boot/],
  ["half a secret", sev({ secret: "AA" }), /^launchSecurity.secret: secret and secretHeader go together/],
  ["vCPUs for later beside SEV", sev({}, { maxVcpus: 4 }), /^maxVcpus: .*encrypted memory/],
  [
    "SNP's data of another length",
    sev({ type: "sev-snp", hostData: "AA" }),
    /^launchSecurity.hostData: is not 32 bytes/,
  ],
  ["TDX on libvirt 9.0", sev({ type: "tdx" }, { host: libvirt9 }), /^launchSecurity.type: .*needs libvirt 11.10/],
])("%s is refused", (_name, args, message) => {
  expect(faultsOf(args)).toMatch(message);
});

test("words that stand in maps and in parts of values, and are newer than these", () => {
  const faults = faultsOf({
    host: { ...host, facts: JSON.stringify({ libvirt: 6_000_000 }) },
    inputs: { pad: { type: "evdev", source: "/dev/input/event1" } },
    disks: {
      ring: { path: "/a", io: "io_uring" },
      old: { path: "/b", io: "threads" },
      far: { network: { protocol: "nfs", host: "store", path: "/c", user: "u", group: "g" } },
    },
  });
  expect(faults.split("\n").filter((line) => line.includes("needs libvirt"))).toEqual([
    'disks.ring.io: "io_uring" needs libvirt 6.3; the host has 6.0.0. Choose another, or upgrade the host',
    'disks.far.network.protocol: "nfs" needs libvirt 7.0; the host has 6.0.0. Choose another, or upgrade the host',
    'inputs.pad.type: "evdev" needs libvirt 7.4; the host has 6.0.0. Choose another, or upgrade the host',
  ]);
});

test.each<[string, Values]>([
  ["dates as libvirt reads them", { smbios: { bios: { date: " 4/01/99" } } }],
  ["a port of an overlay", { console: false, biosSerial: true, overlay: { devices: {} } }],
  ["a port that an adopted domain has", { console: false, biosSerial: true, adopt: true }],
  ["a port beside the console's", { console: false, biosSerial: true, serials: { a: {} } }],
  ["a template beside an image that newer ones find", { firmware: "uefi", nvram: { template: "/t" } }],
  ["a device of the host beside SEV", sev({}, given({ pci: "65:00.0" }))],
  [
    "SNP's firmware as a ROM",
    sev({ type: "sev-snp" }, { firmware: "bios", loader: { path: "/usr/share/OVMF.amdsev.fd", type: "rom" } }),
  ],
  ["eim that newer ones remap for", { vcpus: 300, iommu: { model: "intel", eim: true } }],
])("%s may be", (_name, args) => {
  expect(faultsOf(args)).toBe("");
});

test("passwords, ignition and secrets are encrypted in state", () => {
  expect(virtualMachine.secretPaths).toEqual(
    expect.arrayContaining(["graphics.*.password", "fwCfg", "launchSecurity.secret", "launchSecurity.secretHeader"]),
  );
});

test("a policy that forbids debugging is the default, by the kind of encryption", () => {
  const policy = (type: string) => (check(sev({ type })).inputs["launchSecurity"] as Values)["policy"];
  expect(["sev", "sev-snp", "tdx"].map(policy)).toEqual(["0x0003", "0x30000", "0x10000000"]);
});

test("a password that goes away waits for a restart, so that no screen is open to all until then", () => {
  const state = check(screen("vnc", { password: "secret" })).inputs;
  const change = (next: Values) =>
    virtualMachine.diff("id", state, check(next).inputs).changes.map(({ property, class: kind }) => [property, kind]);
  expect(change(screen("vnc", { password: "other" }))).toEqual([["graphics.vnc.password", "live"]]);
  expect(change(screen("vnc"))).toEqual([["graphics.vnc.password", "restart"]]);
});

test("a TPM that is encrypted comes and goes like any; one that is there cannot become one", () => {
  const secret = { tpm: { encryptionSecret: "11111111-2222-4333-8444-555555555555" } };
  const replaced = (before: Values, after: Values) =>
    virtualMachine.diff("id", check(before).inputs, check(after).inputs).replaces;
  expect([replaced({}, secret), replaced(secret, {})]).toEqual([[], []]);
  expect(replaced(secret, { tpm: { backend: "passthrough" } })).toEqual([]);
  expect(replaced({ tpm: {} }, secret)).toEqual(["tpm"]);
});
