import { differenceOverlay } from "../../../provider/schema/difference";
import type { DocumentObject } from "../../../provider/schema/object";
import { applyOverlay, readOverlay, withdrawOverlay } from "../../../provider/schema/overlay";
import { equal, parse, render } from "../../../provider/schema/tree";

const document = parse(`<domain type='kvm'><name>db</name><vcpu placement='static'>4</vcpu>
  <features><acpi/><apic/></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><source file='/b'/><target dev='vdb' bus='virtio'/></disk>
    <interface type='network'><source network='lan'/><alias name='ua-nic-lan'/></interface>
  </devices></domain>`);

const overlays: readonly (readonly [string, DocumentObject, string])[] = [
  [
    "an attribute and a new element",
    { vcpu: { cpuset: "0-3" }, iothreads: 2 },
    "<vcpu placement='static' cpuset='0-3'>4",
  ],
  ["an item by its target", { devices: { disk: { target: { dev: "vdb" }, driver: { queues: 4 } } } }, "queues='4'"],
  [
    "an item by its alias",
    { devices: { interface: [{ alias: { name: "ua-nic-lan" }, mtu: { size: 9000 } }] } },
    "<mtu size='9000'/>",
  ],
  ["a new item", { devices: { watchdog: { model: "itco", action: "reset" } } }, "<watchdog model='itco'"],
  ["a truth", { features: { pae: true, acpi: null } }, "<pae/>"],
  ["a namespace", { "qemu:commandline": { arg: [{ value: "-s" }] } }, "<qemu:arg value='-s'/>"],
  ["pins", { cputune: { vcpupin: [{ vcpu: 0, cpuset: "1" }] } }, "<vcpupin vcpu='0' cpuset='1'/>"],
];

test.each(overlays)("%s is merged once, however often, and can be taken out again", (_what, overlay, text) => {
  const once = applyOverlay(document, overlay);
  expect(render(once)).toContain(text);
  expect(equal(applyOverlay(once, overlay), once)).toBe(true);
  expect(equal(withdrawOverlay(once, overlay, document), document)).toBe(true);
});

test("what others put beside it stays, what it had made goes with all that libvirt added", () => {
  const overlay = {
    devices: { watchdog: { model: "itco" }, disk: { target: { dev: "vda" }, driver: { io: "native" } } },
  };
  const grown = render(applyOverlay(document, overlay))
    .replace("<watchdog model='itco'/>", "<watchdog model='itco' action='reset'><alias name='watchdog0'/></watchdog>")
    .replace("<source file='/a'/>", "<source file='/a'/><iotune><read_iops_sec>5</read_iops_sec></iotune>");
  const after = render(withdrawOverlay(parse(grown), overlay, document));
  expect(after).not.toMatch(/watchdog|native/);
  expect(after).toContain("<read_iops_sec>5</read_iops_sec>");
});

test("only what the overlay names is read back", () => {
  const overlay = { vcpu: { cpuset: "0-3" }, devices: { disk: { target: { dev: "vda" }, driver: { io: "native" } } } };
  expect(readOverlay(document, overlay)).toEqual({
    vcpu: { cpuset: null },
    devices: { disk: [{ target: { dev: "vda" }, driver: { io: null } }] },
  });
  expect(readOverlay(applyOverlay(document, overlay), overlay)).toEqual({
    vcpu: { cpuset: "0-3" },
    devices: { disk: [{ target: { dev: "vda" }, driver: { io: "native" } }] },
  });
});

test("controllers are told apart by type and number together", () => {
  const guest = parse(
    "<domain type='kvm'><devices><controller type='pci' index='0'/><controller type='scsi' index='0'/></devices></domain>",
  );
  const queues = { devices: { controller: { type: "scsi", index: 0, driver: { queues: 4 } } } } as const;
  expect(render(applyOverlay(guest, queues))).toMatch(
    /<controller index='0' type='pci'\/>\s*<controller index='0' type='scsi'>\s*<driver queues='4'\/>/,
  );
});

test("a subnet of a network is known by its address, a route by where it leads and by whom", () => {
  const lan =
    parse(`<network><ip address='10.20.0.1' prefix='24'><dhcp><range start='10.20.0.2' end='10.20.0.9'/></dhcp></ip>
    <route address='10.0.0.0' prefix='8' gateway='10.20.0.7'/></network>`);
  const route = { address: "10.0.0.0", prefix: 16, gateway: "10.20.0.7" };
  const overlay = {
    ip: [{ address: "10.20.0.1", tftp: { root: "/srv/tftp" }, dhcp: { bootp: { file: "pxe.0" } } }],
    route: [route, { ...route, gateway: "10.20.0.8" }],
  };
  const once = applyOverlay(lan, overlay);
  expect(render(once)).toMatch(/<tftp root='\/srv\/tftp'\/>\s*<dhcp>\s*<range .*\/>\s*<bootp/);
  expect(render(once).match(/<(ip|route) /g)).toEqual(["<ip ", "<route ", "<route ", "<route "]);
  expect(equal(applyOverlay(once, overlay), once)).toBe(true);
  expect(equal(withdrawOverlay(once, overlay, lan), lan)).toBe(true);
  expect(equal(applyOverlay(lan, differenceOverlay(once, lan) ?? {}), once)).toBe(true);
});

test("taken out is what it wrote, and nothing that others did in the same place", () => {
  const overlay = {
    cputune: { shares: 2048 },
    devices: { hostdev: { mode: "subsystem", alias: { name: "ua-mine" } } },
  };
  const others = render(applyOverlay(document, overlay))
    .replace("<shares>2048</shares>", "<shares>2048</shares><period>1000</period>")
    .replace("</devices>", "<hostdev mode='subsystem'><alias name='ua-theirs'/></hostdev></devices>");
  const after = render(withdrawOverlay(parse(others), overlay, document));
  expect(after).toContain("<period>1000</period>");
  expect(after).toContain("ua-theirs");
  expect(after).not.toMatch(/shares|ua-mine/);
  // What it took away, and nobody of us would write, is left to others.
  const without = { title: null, features: { acpi: null } };
  const theirs = parse(render(applyOverlay(document, without)).replace("</name>", "</name><title>theirs</title>"));
  const back = render(withdrawOverlay(theirs, without, document));
  expect(back).toContain("<title>theirs</title>");
  expect(back).toContain("<acpi/>");
});

test("what no schema has is written as well, read back, and taken out again", () => {
  const overlay = {
    future: { mode: "x", deep: [{ on: true }, { value: "text" }] },
    vcpu: { later: 3 },
  } as DocumentObject;
  const once = applyOverlay(document, overlay);
  expect(render(once)).toContain(`<future mode='x'>
    <deep on='yes'/>
    <deep>text</deep>
  </future>`);
  expect(render(once)).toContain("<vcpu placement='static' later='3'>4</vcpu>");
  expect(equal(applyOverlay(once, overlay), once)).toBe(true);
  expect(readOverlay(once, overlay)).not.toEqual(readOverlay(document, overlay));
  expect(equal(withdrawOverlay(once, overlay, document), document)).toBe(true);
});

test("what a document says beyond another one is an overlay that makes the one of the other", () => {
  const own = parse(`<domain type='kvm'><name>db</name><vcpu>4</vcpu><features><acpi/></features><devices>
    <disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/></disk>
    <controller type='usb' index='0'/><controller type='sata' index='0'/></devices></domain>`);
  const other =
    parse(`<domain type='kvm'><name>db</name><vcpu placement='static'>4</vcpu><features><acpi/><pae/></features><devices>
    <disk type='file' device='disk'><driver name='qemu'/><source file='/a'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><source file='/b'/><target dev='vdb' bus='virtio'/></disk>
    <controller type='usb' index='0'/><controller type='sata' index='0'><driver iothread='2'/></controller></devices></domain>`);
  const part = differenceOverlay(other, own);
  expect(part).toEqual({
    vcpu: { placement: "static" },
    features: { pae: {} },
    devices: {
      disk: [
        { target: { dev: "vda" }, driver: { name: "qemu" } },
        { type: "file", device: "disk", source: { file: "/b" }, target: { dev: "vdb", bus: "virtio" } },
      ],
      controller: [{ type: "sata", index: 0, driver: { iothread: 2 } }],
    },
  });
  expect(equal(applyOverlay(own, part ?? {}), other)).toBe(true);
  expect(differenceOverlay(other, other)).toBeUndefined();
});

test("of two elements that one thing tells apart from others, each is found in the other document", () => {
  const document = parse(`<domain><devices><input type='keyboard' bus='virtio'/><input type='keyboard' bus='ps2'/>
    <interface type='network'><filterref filter='clean-traffic'><parameter name='IP' value='10.0.0.5'/>
    <parameter name='IP' value='10.0.0.6'/></filterref></interface></devices></domain>`);
  expect(differenceOverlay(document, document)).toBeUndefined();
});
