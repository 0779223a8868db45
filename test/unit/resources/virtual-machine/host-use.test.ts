import type { Meta, Values } from "../../../../provider/core/handler";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { requireHardware } from "../../../../provider/resources/virtual-machine/hardware";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { HostDaemon, type HostDocuments } from "./host-daemon";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };

/** What the host or another guest would lose, as only the host can tell. */
function asking(args: Values, documents: HostDocuments): Promise<void> {
  const host = { uri: "qemu+ssh://rack1/system" };
  const { inputs, failures } = virtualMachine.check({ host, memory: "1 GiB", ...args }, undefined, meta);
  expect(failures).toEqual([]);
  return requireHardware(new HostDaemon(documents).libvirt, inputs as unknown as Inputs);
}

const virtualFunction = `<address domain='0' bus='0x65' slot='0x10' function='2'/>`;

test("a card of which another domain has a virtual function is refused", async () => {
  const inside = `<class>0x020000</class><iommuGroup number='7'><address domain='0' bus='0x65' slot='0' function='0'/></iommuGroup>
    <capability type='virt_functions' maxCount='63'>${virtualFunction}</capability>`;
  const card = `<device><driver><name>ixgbe</name></driver><capability type='pci'>${inside}</capability></device>`;
  const devices = { pci_0000_65_00_0: card };
  const nic = `<interface type='hostdev'><source>${virtualFunction}</source></interface>`;
  const domains = { other: `<domain><devices>${nic}</devices></domain>` };
  const args = { hostDevices: { card: { pci: "65:00.0" } } };
  await expect(asking(args, { devices, domains })).rejects.toThrow(
    /hostDevices.card.pci .*0000:65:10.2, a virtual function of 0000:65:00.0, is given to the domain vm-other[\s\S]*give this guest a virtual function too/,
  );
  await asking(args, { devices });
});

const disk = "/dev/disk/by-id/nvme-one";
const mounted = {
  devices: {
    block_nvme0n1: `<device><devnode type='link'>${disk}</devnode><capability type='storage'><block>/dev/nvme0n1</block></capability></device>`,
  },
  folders: ["/sys/class/block/nvme0n1", "/sys/class/block/nvme0n1p2", "/sys/fs/xfs/nvme0n1p2"],
};
const lun = (path: string) => ({ disks: { data: { path } } });

test.each([disk, `${disk}-part2`, "/dev/nvme0n1", "/dev/nvme0n1p2"])(
  "%s is refused, which is mounted",
  async (path) => {
    const folders = [...mounted.folders];
    await expect(asking(lun(path), { ...mounted, folders })).rejects.toThrow(
      `disks.data: ${path} is in use by the host: the file system that it has mounted from /dev/nvme0n1p2 lies on it`,
    );
  },
);

test.each([`${disk}-part1`, "/dev/nvme0n1p1", "/dev/sdb", "/dev/vg/data"])("%s is not refused", async (path) => {
  await asking(lun(path), mounted);
});
