import type { Libvirt } from "../../../../provider/libvirt/api";
import { LibvirtError } from "../../../../provider/libvirt/errors";
import { requireHostDevices } from "../../../../provider/resources/virtual-machine/hostdev-claims";
import { requireLaunchSecurity } from "../../../../provider/resources/virtual-machine/launch-check";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";

const base = { name: "db", uuid: "own", machine: "q35", virtType: "kvm", host: { uri: "qemu:///system" }, nics: {} };

interface Machine {
  readonly devices?: Readonly<Record<string, string>>;
  readonly domains?: Readonly<Record<string, string>>;
  readonly capabilities?: string;
}

/** A libvirt that knows these documents; what the calls answer is what real daemons answer. */
function daemon({ devices = {}, domains = {}, capabilities = "" }: Machine): Libvirt {
  const call = async (name: string, args: { name?: string; flags?: number; dom?: { uuid: string } }) => {
    switch (name) {
      case "CONNECT_LIST_ALL_DOMAINS":
        return { domains: Object.keys(domains).map((uuid) => ({ name: `vm-${uuid}`, uuid, id: -1 })) };
      case "DOMAIN_GET_XML_DESC":
        return { xml: domains[args.dom?.uuid ?? ""] };
      case "CONNECT_LIST_ALL_NODE_DEVICES":
        return { devices: Object.keys(devices).map((device) => ({ name: device })) };
      case "NODE_DEVICE_GET_XML_DESC": {
        const xml = devices[args.name ?? ""];
        if (xml === undefined) throw new LibvirtError(53, 0, "no node device with matching name", name);
        return { xml };
      }
      case "CONNECT_GET_DOMAIN_CAPABILITIES":
        return { capabilities };
      default:
        throw new Error(`unexpected call of ${name}`);
    }
  };
  return { call } as unknown as Libvirt;
}

const group = (...members: number[]) =>
  `<iommuGroup number='7'>${members.map((fn) => `<address domain='0x0000' bus='0x65' slot='0x00' function='0x${fn}'/>`).join("")}</iommuGroup>`;
const pci = (driver: string, inside: string, code = "0x030000") =>
  `<device><name>d</name><driver><name>${driver}</name></driver><capability type='pci'><class>${code}</class>${inside}</capability></device>`;
const gpu = { pci_0000_65_00_0: pci("nouveau", group(0, 1)), pci_0000_65_00_1: pci("snd_hda_intel", group(0, 1)) };

const want = (hostDevices: Readonly<Record<string, unknown>>) => ({ ...base, hostDevices }) as unknown as Inputs;
const one = want({ gpu: { pci: "0000:65:00.0" } });
const whole = want({ gpu: { pci: "0000:65:00.0" }, sound: { pci: "0000:65:00.1" } });

test("a whole IOMMU group is given, half of it is refused with the name of the rest", async () => {
  await requireHostDevices(daemon({ devices: gpu }), whole);
  await expect(requireHostDevices(daemon({ devices: gpu }), one)).rejects.toThrow(
    /hostDevices.gpu.pci .*IOMMU group 7 of 0000:65:00.0 also has 0000:65:00.1 \(snd_hda_intel\)[\s\S]*further hostDevices/,
  );
});

test("bridges of the group, and members that are set aside, may stay", async () => {
  const bridge = { ...gpu, pci_0000_65_00_1: pci("shpchp", group(0, 1), "0x060400") };
  await requireHostDevices(daemon({ devices: bridge }), one);
  const aside = { ...gpu, pci_0000_65_00_1: pci("vfio-pci", group(0, 1)) };
  await requireHostDevices(daemon({ devices: aside }), one);
});

test.each<[string, Machine, RegExp]>([
  ["is not there", {}, /has no PCI device 0000:65:00.0/],
  ["is in no group", { devices: { pci_0000_65_00_0: pci("nouveau", "") } }, /IOMMU is off[\s\S]*intel_iommu=on/],
  [
    "belongs to another domain",
    {
      devices: gpu,
      domains: {
        other: `<domain><devices><hostdev type='pci'><source><address domain='0x0000' bus='0x65' slot='0x00' function='0x0'/></source></hostdev></devices></domain>`,
      },
    },
    /0000:65:00.0 is given to the domain vm-other/,
  ],
  [
    "is the host's own interface",
    {
      devices: {
        ...gpu,
        net_eno1: `<device><name>net_eno1</name><parent>pci_0000_65_00_0</parent><capability type='net'><interface>eno1</interface><link state='up'/></capability></device>`,
      },
    },
    /in use by the host: its interface eno1 is up/,
  ],
])("a device that %s is refused", async (_name, machine, message) => {
  await expect(requireHostDevices(daemon(machine), whole)).rejects.toThrow(message);
});

test("its own definition does not stand in a guest's way", async () => {
  const own = `<domain><devices><hostdev type='pci'><source><address domain='0' bus='0x65' slot='0' function='0'/></source></hostdev></devices></domain>`;
  await requireHostDevices(daemon({ devices: gpu, domains: { own } }), whole);
});

test("a mediated device must be there", async () => {
  const id = "c2177883-f1bb-47f0-914d-32a22e3a8804";
  const vgpu = want({ vgpu: { mdev: id } });
  await requireHostDevices(
    daemon({ devices: { [`mdev_${id.replaceAll("-", "_")}_0000_65_00_0`]: "<device/>" } }),
    vgpu,
  );
  await expect(requireHostDevices(daemon({}), vgpu)).rejects.toThrow(/no mediated device c2177883/);
});

const amd = (guests: number, es: number) =>
  `<domainCapabilities><features><sev supported='yes'><maxGuests>${guests}</maxGuests><maxESGuests>${es}</maxESGuests></sev></features></domainCapabilities>`;
const encrypted = (policy: string) =>
  ({ ...base, hostDevices: {}, launchSecurity: { type: "sev", policy } }) as unknown as Inputs;
const sevGuest = (policy: string) =>
  `<domain><launchSecurity type='sev'><policy>${policy}</policy></launchSecurity></domain>`;

test("encryption that the host does not have is refused with the remedy", async () => {
  const none = daemon({
    capabilities: "<domainCapabilities><features><sev supported='no'/></features></domainCapabilities>",
  });
  await expect(requireLaunchSecurity(none, encrypted("0x3"))).rejects.toThrow(
    /encrypt VirtualMachine db by sev .*do not offer sev; nothing was changed[\s\S]*AMD EPYC/,
  );
});

test("places of encrypted guests are counted by their kind", async () => {
  const domains = { a: sevGuest("0x0003"), b: sevGuest("0x0007") };
  await requireLaunchSecurity(daemon({ capabilities: amd(2, 2), domains }), encrypted("0x3"));
  await expect(requireLaunchSecurity(daemon({ capabilities: amd(1, 2), domains }), encrypted("0x3"))).rejects.toThrow(
    /runs 1 such guests \(vm-a\) and has room for 1/,
  );
  await expect(requireLaunchSecurity(daemon({ capabilities: amd(2, 1), domains }), encrypted("0x7"))).rejects.toThrow(
    /\(vm-b\) and has room for 1/,
  );
});
