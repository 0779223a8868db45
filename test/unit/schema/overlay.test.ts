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
