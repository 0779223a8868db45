import { claimLost, claimPlaces, claimRows } from "../../../provider/resources/claim";
import { liveAlias } from "../../../provider/resources/virtual-machine/alias";
import { describe as describeMachine } from "../../../provider/resources/virtual-machine/describe";
import { rows } from "../../../provider/resources/virtual-machine/rows";
import { children, clone, type Element, parse } from "../../../provider/schema/tree";
import { foreignDomain, styles } from "../../foreign/host";

function devices(xml: string): Element {
  return parse(`<domain><devices>${xml}</devices></domain>`);
}

function claimed(document: Element, values: object, claim = claimRows): string[] {
  claim(rows, values as never, document);
  const all = children(document).flatMap((found) => children(found));
  return all.map((device) => children(device, "alias")[0]?.attributes["name"] ?? "-");
}

const nic = (mac: string, network: string) =>
  `<interface type='network'><mac address='${mac}'/><source network='${network}'/></interface>`;

test("interfaces are known by their address first, then by what they are plugged into", () => {
  const [one, two] = ["52:54:00:00:00:01", "52:54:00:00:00:02"];
  const document = devices(nic(one, "lan") + nic(two, "lan"));
  const nics = { a: { network: { name: "lan" }, mac: two }, b: { network: { name: "lan" }, mac: "52:00:00:00:00:09" } };
  expect(claimed(document, { nics })).toEqual(["ua-nic-b", "ua-nic-a"]);
  expect(claimed(devices(nic(one, "lan")), { nics: { c: { network: { name: "dmz" }, mac: two } } })).toEqual(["-"]);
});

test("disks are known by target, image or serial; an empty drive by agreeing in all", () => {
  const disk = (target: string, more: string, device = "disk") =>
    `<disk type='file' device='${device}'><target dev='${target}' bus='sata'/>${more}</disk>`;
  const document = devices(
    disk("sda", "<source file='/a'/>") + disk("sdb", "<source file='/b'/>") + disk("sdc", "", "cdrom"),
  );
  const disks = {
    sda: { path: "/moved", bus: "sata" },
    data: { volume: { path: "/b", format: "raw" }, bus: "sata" },
    dvd: { device: "cdrom", bus: "sata" },
    more: { path: "/more", bus: "sata" },
  };
  expect(claimed(document, { disks })).toEqual(["ua-disk-sda", "ua-disk-data", "ua-disk-dvd"]);
  expect(claimed(devices(disk("sda", "<source file='/a'/>")), { disks: { dvd: disks.dvd } })).toEqual(["-"]);
});

test("of a machine of ours a device of the host is known by its source, others by being the same", () => {
  const hostdev = (type: string, address: string) =>
    `<hostdev mode='subsystem' type='${type}'><source><address ${address}/></source></hostdev>`;
  const pci = hostdev("pci", "domain='0x0000' bus='0x65' slot='0x00' function='0x0'");
  const mdev = hostdev("mdev", "uuid='11111111-2222-4333-8444-555555555555'");
  const hostDevices = {
    gpu: { pci: "0000:65:00.0", managed: true },
    vgpu: { mdev: "11111111-2222-4333-8444-555555555555", display: true },
    nic: { pci: "0000:66:00.0" },
  };
  expect(claimed(devices(pci + mdev), { hostDevices }, claimLost)).toEqual(["ua-hostdev-gpu", "ua-hostdev-vgpu"]);
  const tablet = "<input type='tablet' bus='usb'/>";
  const pointer = (bus: string) => ({ inputs: { pointer: { type: "tablet", bus } } });
  expect(claimed(devices(tablet), pointer("usb"), claimLost)).toEqual(["ua-input-pointer"]);
  expect(claimed(devices(tablet), pointer("virtio"), claimLost)).toEqual(["-"]);
  // Any controller is like one of which nothing is said.
  const controller = "<controller type='scsi' index='0' model='virtio-scsi'/>";
  const scsiControllers = { big: { model: "virtio-scsi" } };
  expect(claimed(devices(controller), { scsiControllers }, claimLost)).toEqual(["-"]);
});

test("the first serial port is the console's whatever is behind it, and its console no virtio one", () => {
  const port = "<serial type='file'><source path='/x'/><target type='isa-serial' port='0'/></serial>";
  const mirror = "<console type='pty'><target type='serial' port='0'/></console>";
  const consoles = { hvc: { source: { type: "pty" } } };
  expect(claimed(devices(port + mirror), { console: true, consoles })).toEqual(["-", "-"]);
  expect(claimed(devices(port + mirror), { console: true, consoles }, claimPlaces)).toEqual(["ua-serial-console", "-"]);
});

test("libvirt's own name of a device in a running guest is what libvirt is told", () => {
  const document = devices(
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend><alias name='rng0'/></rng>",
  );
  expect(claimed(document, { rng: true })).toEqual(["ua-rng-host"]);
  const [rng] = children(children(document)[0] as Element);
  expect(rng && liveAlias(rng)).toBe("rng0");
});

test("devices that have a name of any program are nobody else's", () => {
  expect(claimed(devices("<rng model='virtio'><alias name='ua-rng-other'/></rng>"), { rng: true })).toEqual([
    "ua-rng-other",
  ]);
});

test.each(styles)("what is described of %s is claimed again under the same names", (style) => {
  const original = parse(foreignDomain(style, "/srv"));
  const { values, document } = describeMachine(original);
  const again = clone(original);
  claimRows(rows, values, again);
  expect(again).toEqual(document);
});

test("a name that no program of today uses is another's, who had the object before", () => {
  const mac = "52:54:00:00:00:01";
  const document = () =>
    devices(nic(mac, "lan").replace("</interface>", "<alias name='ua-nic-eth'/></interface>") + nic(mac, "dmz"));
  const nics = { lan: { network: { name: "lan" }, mac } };
  expect(claimed(document(), { nics })).toEqual(["ua-nic-lan", "-"]);
  const renamed = (target: Element, values: object) =>
    claimRows(rows, values as never, target, [values as never, { nics: { eth: {} } }]);
  expect(claimed(document(), { nics: { eth: nics.lan } })).toEqual(["ua-nic-eth", "-"]);
  const both = document();
  renamed(both, { nics });
  expect(claimed(both, {})).toEqual(["ua-nic-eth", "ua-nic-lan"]);
});
