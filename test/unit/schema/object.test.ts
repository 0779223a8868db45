import { toElement, toObject, UnknownRoot } from "../../../provider/schema/object";
import { parse, render } from "../../../provider/schema/tree";
import { validate } from "../../../provider/schema/validate";

const domain = (inside: string, attributes = "type='kvm'") => parse(`<domain ${attributes}>${inside}</domain>`);

test("names stay libvirt's; lists are arrays, numbers are numbers where nothing is lost", () => {
  const object = toObject(
    domain(`<name>db</name><vcpu placement='static'>4</vcpu><features><acpi/></features>
      <cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='3'/></cputune>
      <devices><disk type='file'><source file='/a'/><target dev='vda'/></disk></devices>`),
  );
  expect(object).toEqual({
    type: "kvm",
    name: "db",
    vcpu: { placement: "static", value: 4 },
    features: { acpi: {} },
    cputune: {
      vcpupin: [
        { vcpu: 0, cpuset: "2" },
        { vcpu: 1, cpuset: "3" },
      ],
    },
    devices: { disk: [{ type: "file", source: { file: "/a" }, target: { dev: "vda" } }] },
  });
});

test("an attribute keeps the name that a child element has too", () => {
  const object = toObject(
    domain("<os firmware='efi'><firmware><feature enabled='yes' name='secure-boot'/></firmware></os>"),
  );
  expect(object).toMatchObject({
    os: { firmware: "efi", $firmware: { feature: [{ enabled: "yes", name: "secure-boot" }] } },
  });
});

test("whatever prefix a document uses, ours is libvirt's", () => {
  const object = toObject(
    domain(
      "<q:commandline><q:arg value='-s'/></q:commandline>",
      "xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'",
    ),
  );
  expect(object).toEqual({ "qemu:commandline": { arg: [{ value: "-s" }] } });
  expect(render(toElement("domain", object))).toBe(`<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <qemu:commandline>
    <qemu:arg value='-s'/>
  </qemu:commandline>
</domain>
`);
});

test("what the schemas do not know stays as it was, metadata with the prefixes that it uses", () => {
  const text = `<domain type='kvm' xmlns:a='urn:a'><name>db</name><metadata><a:b c='1'><a:d/></a:b></metadata>
    <future mode='x'><deep/></future><vcpu later='y'>2</vcpu></domain>`;
  const object = toObject(parse(text));
  expect(object).toMatchObject({
    $xml: [expect.stringContaining("<future")],
    vcpu: { $attrs: { later: "y" }, value: 2 },
  });
  const again = toElement("domain", object);
  expect(toObject(again)).toEqual(object);
  expect(render(again)).toContain("xmlns:a='urn:a'");
});

test("short forms: truths, one item for a list, a bare value beside attributes", () => {
  const written = toElement("domain", {
    vcpu: 4,
    features: { acpi: true, apic: false, pae: null },
    devices: { disk: { driver: { name: "qemu", copy_on_read: true }, target: { dev: "vda" } } },
  });
  expect(toObject(written)).toEqual({
    vcpu: { value: 4 },
    features: { acpi: {} },
    devices: { disk: [{ driver: { name: "qemu", copy_on_read: "on" }, target: { dev: "vda" } }] },
  });
});

test("members come out in the schema's order", () => {
  const { children } = toElement("network", { ip: [{ address: "10.0.0.1" }], name: "lan", forward: { mode: "nat" } });
  expect(children.map((node) => ("name" in node ? node.name : ""))).toEqual(["name", "forward", "ip"]);
});

test("the order of rules and references of a network filter counts, and is kept", () => {
  const rule = (action: string) => `<rule action='${action}' direction='in'/>`;
  const inside = `${rule("drop")}<filterref filter='a'/>${rule("accept")}<filterref filter='b'/>`;
  const filter = parse(`<filter name='f'><uuid>01a992d2-f8c8-7c27-f69b-ab0a9d377379</uuid>${inside}</filter>`);
  const object = toObject(filter);
  expect(object["$order"]).toEqual(["uuid", "rule", "filterref", "rule", "filterref"]);
  expect(validate("filter", object)).toEqual([]);
  expect(render(toElement("filter", object))).toBe(render(filter));
  const grouped = parse(`<filter name='f'><filterref filter='a'/>${rule("drop")}</filter>`);
  expect(toObject(grouped)).not.toHaveProperty("$order");
});

test("a part of a document is read and made by its path", () => {
  const disk = parse("<disk type='file'><target dev='vda' bus='virtio'/></disk>");
  const object = toObject(disk, "domain/devices/disk");
  expect(object).toEqual({ type: "file", target: { dev: "vda", bus: "virtio" } });
  expect(render(toElement("domain/devices/disk", object))).toBe(render(disk));
});

test("a root that nobody knows is said", () => {
  expect(() => toObject(parse("<cpudata/>"))).toThrow(UnknownRoot);
});

describe("validate", () => {
  const faults = (object: Parameters<typeof validate>[1], options = {}) =>
    validate("domain", object, { partial: true, ...options }).map(({ path, reason }) => `${path}: ${reason}`);

  test("all faults at once, each with its path and what would be right", () => {
    const disk = [{ driver: { cahce: "none" } }, { target: { bus: "virtoi" } }];
    expect(faults({ vcpu: "many", devices: { disk } })).toEqual([
      'vcpu: "many" is not text like [0-9]+',
      "devices.disk[0].driver.cahce: is not known; did you mean cache?",
      expect.stringMatching(/^devices\.disk\[1\]\.target\.bus: "virtoi" is not one of ide, fdc, scsi, virtio/),
    ]);
  });

  test("items of lists are called by what tells them apart", () => {
    const devices = {
      interface: [{ alias: { name: "ua-lan" }, model: { typ: "virtio" } }],
      disk: { target: { dev: "vda" }, driver: { queues: "many" } },
      controller: [{ type: "scsi", index: 0, ports: -1 }],
    };
    expect(faults({ devices }).map((fault) => fault.replace(/(is not).*/, "$1"))).toEqual([
      "devices.interface[ua-lan].model.typ: is not",
      'devices.disk[vda].driver.queues: "many" is not',
      "devices.controller[scsi 0].ports: -1 is not",
    ]);
  });

  test("what is newer than the host's libvirt is told so", () => {
    const overlay = { launchSecurity: { type: "sev-snp", policy: "0x30000", vcek: false } };
    expect(faults(overlay)).toEqual([]);
    expect(faults(overlay, { libvirt: 11_003_000 })).toEqual([]);
    expect(faults(overlay, { libvirt: 9_000_000 })).toEqual([
      "launchSecurity.type: needs a libvirt newer than 9.0.0; the host has 9.0.0",
      "launchSecurity.vcek: needs a libvirt newer than 9.0.0; the host has 9.0.0",
    ]);
    // When it came between the two is not known: that libvirt judges itself.
    expect(faults(overlay, { libvirt: 10_000_000 })).toEqual([]);
  });

  test("what came after the newest schema is known with its version", () => {
    const overlay = {
      launchSecurity: { type: "tdx", policy: "0x0", quoteGenerationService: { path: "/run/qgs.sock" } },
      features: { hyperv: { mode: "host-model" } },
      iommufd: { enabled: true },
    };
    expect(faults(overlay, { libvirt: 12_002_000 })).toEqual([]);
    expect(faults(overlay, { libvirt: 11_008_000 })).toEqual([
      "features.hyperv.mode: needs libvirt 11.9.0; the host has 11.8.0",
      "iommufd: needs libvirt 12.2.0; the host has 11.8.0",
    ]);
    expect(faults(overlay, { libvirt: 9_000_000 })).toContain(
      "launchSecurity.type: needs libvirt 11.6.0; the host has 9.0.0",
    );
  });

  test("a whole document misses what it must have, a part of one nothing", () => {
    expect(faults({ devices: {} })).toEqual([]);
    expect(faults({ devices: {} }, { partial: false })).toContain("type: is missing");
  });

  test("null takes away in a part only", () => {
    expect(faults({ vcpu: null })).toEqual([]);
    expect(faults({ vcpu: null }, { partial: false })).toContain("vcpu: is null");
  });
});
