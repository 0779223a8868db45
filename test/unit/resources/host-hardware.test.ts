import { encryptedGuestsIn, launchSecurityIn, nestedIn } from "../../../provider/resources/domain-capabilities";
import { cpuOf, offersOf } from "../../../provider/resources/host/hardware";
import { lasting } from "../../../provider/resources/host/momentary";
import { describeTopology } from "../../../provider/resources/host/topology";
import { devicesIn, portsOf } from "../../../provider/resources/host-devices";
import { parse } from "../../../provider/schema/tree";
import * as hosts from "../tuning/hosts";

const offers = (content: string, more = "", domain = "kvm", arch = "x86_64") =>
  parse(`<domainCapabilities><domain>${domain}</domain><arch>${arch}</arch>${more}
    <cpu><mode name='host-model' supported='yes'>${content}</mode></cpu></domainCapabilities>`);
const feature = (name: string, policy = "require") => `<feature policy='${policy}' name='${name}'/>`;

test.each([
  ["Intel with it", offers(`<model>Skylake-Server</model>${feature("vmx")}`), true],
  ["Intel without", offers(`<model>Skylake-Server</model>${feature("ss")}`), false],
  ["AMD, whose models have it", offers("<model>EPYC-Rome</model>"), true],
  ["AMD that is told off", offers(`<model>EPYC-Rome</model>${feature("svm", "disable")}`), false],
  ["emulation", offers(`<model>EPYC</model>${feature("svm")}`, "", "qemu"), undefined],
  ["another architecture", offers("<model>z14</model>", "", "kvm", "s390x"), undefined],
])("nested guests: %s", (_name, document, expected) => {
  expect(nestedIn(document)).toBe(expected);
});

test("ways of encrypting memory, those that older libvirt does not list too", () => {
  const sev = (more: string) => offers("", `<features><sev supported='yes'>${more}</sev></features>`);
  expect(launchSecurityIn(sev("<maxGuests>59</maxGuests><maxESGuests>0</maxESGuests>"))).toEqual(["sev"]);
  expect(launchSecurityIn(sev("<maxGuests>59</maxGuests><maxESGuests>450</maxESGuests>"))).toEqual(["sev", "sev-es"]);
  const listed = `<features><sev supported='no'/><launchSecurity supported='yes'><enum name='sectype'>
    <value>tdx</value></enum></launchSecurity></features>`;
  expect(launchSecurityIn(offers("", listed))).toEqual(["tdx"]);
});

test("encrypted guests are counted by the keys that they take", () => {
  const counted = (types: readonly string[], counts: string) =>
    encryptedGuestsIn(
      offers(
        "",
        `<features><sev supported='yes'>${counts}</sev><launchSecurity supported='yes'><enum name='sectype'>
        ${types.map((type) => `<value>${type}</value>`).join("")}</enum></launchSecurity></features>`,
      ),
    );
  const both = "<maxGuests>410</maxGuests><maxESGuests>99</maxESGuests>";
  expect(counted(["sev", "sev-snp"], both)).toBe(99);
  expect(counted(["sev"], both)).toBe(410);
  expect(counted(["sev"], "")).toBeUndefined();
  expect(encryptedGuestsIn(offers("", "<features><sev supported='no'/></features>"))).toBe(0);
});

test("what guests can have of TPM, SEV and SGX is absent where they cannot", () => {
  expect(offersOf(offers("", "<devices><tpm supported='no'/></devices>"))).toEqual({
    firmware: { types: ["bios"], loaders: [], secureBoot: false },
  });
  const full = `<os><enum name='firmware'><value>efi</value></enum><loader><value>/ovmf.fd</value>
      <enum name='secure'><value>yes</value><value>no</value></enum></loader></os>
    <devices><tpm supported='yes'><enum name='model'><value>tpm-crb</value></enum></tpm></devices>
    <features><sev supported='yes'><maxGuests>59</maxGuests></sev>
      <sgx supported='yes'><flc>yes</flc><section_size unit='KiB'>524288</section_size></sgx></features>`;
  expect(offersOf(offers("", full))).toEqual({
    firmware: { types: ["bios", "efi"], loaders: ["/ovmf.fd"], secureBoot: true },
    tpm: { models: ["tpm-crb"], backends: [], versions: [] },
    sev: { guests: 59, esGuests: 0 },
    sgx: { size: "512 MiB", launchControl: true },
  });
});

test("the CPU of the host, and that of its guests", () => {
  const capabilities = parse(`<capabilities><host><cpu><model>EPYC</model><vendor>AMD</vendor>
    <feature name='ht'/><feature name='acpi'/></cpu></host></capabilities>`);
  expect(cpuOf(capabilities, undefined)).toEqual({ model: "EPYC", vendor: "AMD", features: ["acpi", "ht"] });
  const guest = offers(`<model>EPYC-IBPB</model>${feature("x2apic")}${feature("invtsc")}${feature("svm", "disable")}`);
  expect(cpuOf(capabilities, guest)).toMatchObject({
    guestModel: "EPYC-IBPB",
    guestFeatures: ["invtsc", "x2apic"],
    guestLacks: ["svm"],
  });
});

test("a topology in sets of CPUs, small enough for the state of a host with 512 of them", () => {
  const described = describeTopology({ ...hosts.host(2, 2, 2, { cacheCores: 1 }), offline: [8, 9] });
  expect(described.cells[1]).toMatchObject({ id: 1, memory: "64 GiB", cpus: "4-7", cores: ["4,6", "5,7"] });
  expect(described.cells[0]).toMatchObject({ distances: { "0": 10, "1": 20 }, pages: [{ size: "4 KiB" }] });
  expect(described.sockets[0]).toEqual({ id: 0, cpus: "0-3", dies: [{ id: 0, cpus: "0-3", clusters: [] }] });
  expect(described).toMatchObject({ cacheGroups: ["0,2", "1,3", "4,6", "5,7"], offline: "8-9" });
  expect(JSON.stringify(describeTopology(hosts.host(16, 16, 2))).length).toBeLessThan(16_384);
});

test("clusters are told where a die has several", () => {
  const host = hosts.host(1, 4, 1);
  const cells = host.cells.map((cell) => ({
    ...cell,
    cpus: cell.cpus.map((cpu) => ({ ...cpu, cluster: cpu.id < 2 ? 36 : 48 })),
  }));
  expect(describeTopology({ ...host, cells }).sockets[0]?.dies[0]?.clusters).toEqual(["0-1", "2-3"]);
});

const pci = (slot: number, more: string) =>
  parse(`<device><name>pci_0000_3b_0${slot}_0</name><driver><name>ice</name></driver><capability type='pci'>
    <class>0x020000</class><domain>0</domain><bus>59</bus><slot>${slot}</slot><function>0</function>
    <product id='0x1592'>E810</product><vendor id='0x8086'>Intel Corporation</vendor>${more}</capability></device>`);
const net = (name: string, parent: string) =>
  parse(`<device><name>net_${name}</name><parent>${parent}</parent><capability type='net'>
    <interface>${name}</interface></capability></device>`);

test("a bond takes its interfaces whole, a VLAN leaves its own to others", () => {
  const documents = [
    parse(`<interface type='bridge' name='br0'><bridge><interface type='bond' name='bond0'><bond>
      <interface type='ethernet' name='ens1'/></bond></interface></bridge></interface>`),
    parse(`<interface type='bridge' name='br1'><bridge><interface type='vlan' name='ens2.7'><vlan tag='7'>
      <interface name='ens2'/></vlan></interface></bridge></interface>`),
  ];
  expect(Object.fromEntries(portsOf(documents))).toEqual({
    ...{ bond0: "br0", ens1: "br0" },
    ...{ "ens2.7": "br1", ens2: "br1" },
  });
  expect([...portsOf(documents, ["bond"]).keys()]).toEqual(["bond0", "ens1", "ens2.7"]);
});

test("devices with their place, functions, interface and bridge", () => {
  const bridges = portsOf([
    parse(`<interface type='bridge' name='br0'><bridge><interface type='bond' name='bond0'><bond>
      <interface type='ethernet' name='ens1'/></bond></interface></bridge></interface>`),
    parse("<interface type='ethernet' name='ens2'/>"),
  ]);
  const documents = [
    net("ens1", "pci_0000_3b_00_0"),
    net("ens1v0", "pci_0000_3b_01_0"),
    net("lo", "computer"),
    pci(
      1,
      `<capability type='phys_function'><address domain='0x0000' bus='0x3b' slot='0x00' function='0x0'/></capability>
       <capability type='mdev_types'><type id='nvidia-35'/></capability>`,
    ),
    pci(
      0,
      `<numa node='1'/><iommuGroup number='7'/><capability type='virt_functions' maxCount='64'>
       <address domain='0x0000' bus='0x3b' slot='0x01' function='0x0'/></capability>`,
    ),
    parse("<device><name>x</name><capability type='pci'><class>0x060400</class></capability></device>"),
  ];
  const devices = devicesIn(documents, bridges);
  const common = { class: "0x020000", vendor: "Intel Corporation", product: "E810" };
  const physical = {
    ...common,
    address: "0000:3b:00.0",
    cell: 1,
    iommuGroup: 7,
    virtualFunctions: { addresses: ["0000:3b:01.0"], max: 64 },
    interface: "ens1",
    bridge: "br0",
  };
  const virtual = {
    ...common,
    address: "0000:3b:01.0",
    physicalFunction: "0000:3b:00.0",
    mediatedTypes: ["nvidia-35"],
  };
  expect(devices).toEqual([
    { ...physical, driver: "ice" },
    { ...virtual, driver: "ice", interface: "ens1v0" },
  ]);
  expect(lasting(devices)).toEqual([physical, virtual]);
});
