import { claimRows } from "../../../provider/resources/claim";
import { liveAlias } from "../../../provider/resources/virtual-machine/alias";
import { describe as describeMachine } from "../../../provider/resources/virtual-machine/describe";
import { rows } from "../../../provider/resources/virtual-machine/rows";
import { children, clone, type Element, parse } from "../../../provider/schema/tree";
import { foreignDomain, styles } from "../../foreign/host";

function devices(xml: string): Element {
  return parse(`<domain><devices>${xml}</devices></domain>`);
}

function claimed(document: Element, values: object): string[] {
  claimRows(rows, values as never, document);
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
