import type { Context } from "../../../../provider/core/handler";
import type { Libvirt } from "../../../../provider/libvirt/api";
import { ConnectionLost } from "../../../../provider/libvirt/errors";
import { requireHostDevices } from "../../../../provider/resources/virtual-machine/hostdev-claims";
import { groupsOf } from "../../../../provider/resources/virtual-machine/iommu-groups";
import { requireLaunchSecurity } from "../../../../provider/resources/virtual-machine/launch-check";
import { makeMediated, removeMediated } from "../../../../provider/resources/virtual-machine/mediated-devices";
import { warnOfMitigations } from "../../../../provider/resources/virtual-machine/mitigations";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { HostDaemon, type HostDocuments } from "./host-daemon";

const base = { name: "db", uuid: "own", machine: "q35", virtType: "kvm", host: { uri: "qemu:///system" }, nics: {} };

const daemon = (documents: HostDocuments) => new HostDaemon(documents).libvirt;

const group = (...members: number[]) =>
  `<iommuGroup number='7'>${members.map((fn) => `<address domain='0x0000' bus='0x65' slot='0x00' function='0x${fn}'/>`).join("")}</iommuGroup>`;
const pci = (driver: string, inside: string, code = "0x030000") =>
  `<device><name>d</name><driver><name>${driver}</name></driver><capability type='pci'><class>${code}</class>${inside}</capability></device>`;
const bmc = { pci_0000_03_00_0: pci("ast", "") };
const gpu = {
  ...bmc,
  pci_0000_65_00_0: pci("nouveau", group(0, 1)),
  pci_0000_65_00_1: pci("snd_hda_intel", group(0, 1), "0x040300"),
};

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
  for (const driver of ["vfio-pci", "mlx5_vfio_pci", "nvgrace-gpu-vfio-pci", "pci-stub"]) {
    const aside = { ...gpu, pci_0000_65_00_1: pci(driver, group(0, 1)) };
    await requireHostDevices(daemon({ devices: aside }), one);
  }
});

test.each<[string, HostDocuments, RegExp]>([
  ["is not there", {}, /has no PCI device 0000:65:00.0/],
  [
    "is in no group",
    { devices: { ...bmc, pci_0000_65_00_0: pci("nouveau", "") } },
    /IOMMU is off[\s\S]*intel_iommu=on/,
  ],
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
    /in use by the host: its interface eno1 is up[\s\S]*ip link set eno1 down/,
  ],
  [
    "carries a bridge",
    {
      devices: {
        ...gpu,
        net_eno1: `<device><name>net_eno1</name><parent>pci_0000_65_00_0</parent><capability type='net'><interface>eno1</interface><link state='down'/></capability></device>`,
      },
      interfaces: {
        br0: `<interface type='bridge' name='br0'><bridge><interface type='ethernet' name='eno1'/></bridge></interface>`,
      },
    },
    /its interface eno1 is the uplink of the bridge br0[\s\S]*nomaster/,
  ],
  [
    "has the host's disks",
    {
      devices: {
        ...gpu,
        pci_0000_65_00_0: pci("nvme", group(0, 1), "0x010802"),
        scsi_0: `<device><parent>pci_0000_65_00_0</parent></device>`,
        block_sda: `<device><parent>scsi_0</parent><capability type='storage'><block>/dev/sda</block></capability></device>`,
        block_sdb: `<device><parent>computer</parent><capability type='storage'><block>/dev/sdb</block></capability></device>`,
      },
    },
    /in use by the host: \/dev\/sda hangs on it; nothing was changed[\s\S]*virsh nodedev-detach pci_0000_65_00_0/,
  ],
  [
    "is the host's only screen",
    { devices: { pci_0000_65_00_0: gpu.pci_0000_65_00_0, pci_0000_65_00_1: gpu.pci_0000_65_00_1 } },
    /it is its only screen \(driver nouveau\)[\s\S]*reached without it/,
  ],
])("a device that %s is refused", async (_name, machine, message) => {
  await expect(requireHostDevices(daemon(machine), whole)).rejects.toThrow(message);
});

test("its own definition does not stand in a guest's way", async () => {
  const own = `<domain><devices><hostdev type='pci'><source><address domain='0' bus='0x65' slot='0' function='0'/></source></hostdev></devices></domain>`;
  await requireHostDevices(daemon({ devices: gpu, domains: { own } }), whole);
});

test("the group of what is given shows among the outputs", async () => {
  const members = ["0000:65:00.0", "0000:65:00.1"];
  expect(await groupsOf(daemon({ devices: gpu }), whole)).toEqual({
    "hostDevices.gpu.pci": { group: "7", members },
    "hostDevices.sound.pci": { group: "7", members },
  });
  expect(await groupsOf(daemon({}), want({}))).toBeUndefined();
});

const tesla = (room: number) =>
  `<capability type='mdev_types'><type id='nvidia-35'><availableInstances>${room}</availableInstances></type></capability>`;
const card = (room: number) => ({ pci_0000_65_00_0: pci("nvidia", tesla(room), "0x030200") });
const made = "c435f52c-4aec-58a1-a1a0-8397162ac42f";
const vgpu = (type: string) => want({ vgpu: { mdev: made, mdevFrom: { type, parent: "0000:65:00.0" } } });
const said: string[] = [];
const context = { progress: () => {}, warn: (line: string) => said.push(line) } as unknown as Context;

test("a mediated device is made of a card that has room for it, and goes with its guest", async () => {
  const host = new HostDaemon({ devices: card(1) });
  await requireHostDevices(host.libvirt, vgpu("nvidia-35"));
  await makeMediated(host.libvirt, vgpu("nvidia-35"), context);
  expect(host.changes).toEqual(["NODE_DEVICE_DEFINE_XML", "NODE_DEVICE_SET_AUTOSTART", "NODE_DEVICE_CREATE"]);
  expect([...host.mediated.values()]).toEqual([true]);
  // The second time it is there, and the card has no more room: its own device does not stand in its way.
  await requireHostDevices(host.libvirt, vgpu("nvidia-35"));
  await makeMediated(host.libvirt, vgpu("nvidia-35"), context);
  expect(host.changes).toHaveLength(3);
  await removeMediated(host.libvirt, vgpu("nvidia-35"), vgpu("nvidia-35"));
  expect(host.changes).toHaveLength(3);
  await removeMediated(host.libvirt, vgpu("nvidia-35"), want({}));
  expect(host.changes.slice(3)).toEqual(["NODE_DEVICE_DESTROY", "NODE_DEVICE_UNDEFINE"]);
  expect(host.mediated.size).toBe(0);
  await removeMediated(host.libvirt, vgpu("nvidia-35"), undefined);
});

test("a mediated device that cannot be started leaves nothing", async () => {
  const host = new HostDaemon({ devices: card(1), failing: { NODE_DEVICE_CREATE: "no space left" } });
  await expect(makeMediated(host.libvirt, vgpu("nvidia-35"), context)).rejects.toThrow(
    /make hostDevices.vgpu.mdevFrom \(nvidia-35 of 0000:65:00.0\).*no space left[\s\S]*mdevctl/,
  );
  expect(host.changes.filter((call) => !call.endsWith("AUTOSTART"))).toEqual([
    "NODE_DEVICE_DEFINE_XML",
    "NODE_DEVICE_UNDEFINE",
  ]);
});

test("a run that is cut off once a mediated device is started leaves one that starts with the host", async () => {
  const host = new HostDaemon({ devices: card(1) });
  const lost = () => Promise.reject(new ConnectionLost("the other side closed it", false));
  const cut = async (procedure: string, args: never) =>
    [...host.mediated.values()].includes(true) ? lost() : host.libvirt.call(procedure as never, args);
  await makeMediated({ call: cut } as unknown as Libvirt, vgpu("nvidia-35"), context).catch(() => undefined);
  await makeMediated(host.libvirt, vgpu("nvidia-35"), context);
  expect([...host.mediated.values()]).toEqual([true]);
  expect(host.changes).toContain("NODE_DEVICE_SET_AUTOSTART");
});

test.each<[string, HostDocuments, string, RegExp]>([
  ["no card", {}, "nvidia-35", /no PCI device 0000:65:00.0/],
  ["another type", { devices: card(1) }, "i915-GVTg", /has no type i915-GVTg \(it offers nvidia-35\)/],
  ["a full card", { devices: card(0) }, "nvidia-35", /no room for one more nvidia-35[\s\S]*another card/],
])("a mediated device of %s is refused", async (_name, documents, type, reason) => {
  await expect(requireHostDevices(daemon(documents), vgpu(type))).rejects.toThrow(reason);
});

test("a named CPU model says what it lacks against side channels, and a complete one nothing", async () => {
  const host = daemon({
    capabilities: `<domainCapabilities><cpu><mode name='host-model' supported='yes'><model>Icelake-Server</model><feature policy='require' name='md-clear'/></mode></cpu></domainCapabilities>`,
    cpus: { "Icelake-Server": ["spec-ctrl", "ssbd", "avx512f"], Haswell: ["pcid"], "Haswell-IBRS": ["spec-ctrl"] },
  });
  const warned = async (cpu: object) => {
    said.length = 0;
    await warnOfMitigations(host, { ...base, cpu: { mode: "custom", ...cpu } } as unknown as Inputs, context);
    return said.join();
  };
  expect(await warned({ model: "Haswell" })).toMatch(
    /cpu.model: Haswell lacks spec-ctrl, ssbd, md-clear, .*cpu.features: { "spec-ctrl": "require", .*host-model/,
  );
  const features = { ssbd: "require", "md-clear": "require" };
  expect(await warned({ model: "Haswell-IBRS", features })).toBe("");
  expect(await warned({ mode: "host-model" })).toBe("");
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
