import type { Libvirt } from "../../../../provider/libvirt/api";
import { LibvirtError } from "../../../../provider/libvirt/errors";
import { attempt } from "../../../../provider/resources/failure";
import { Domain } from "../../../../provider/resources/virtual-machine/domain";
import { refuseWhileBusy } from "../../../../provider/resources/virtual-machine/jobs";
import { isGuestRefusal } from "../../../../provider/resources/virtual-machine/refusal";
import { parse } from "../../../../provider/schema/tree";

const live = parse(
  "<domain><devices><disk><source file='/a'/><target dev='vda'/></disk><disk><target dev='sda'/></disk></devices></domain>",
);

/** A daemon that is at work on the guest, or not. */
async function busy(job: object, blockJob: object): Promise<Error | undefined> {
  const answers: Record<string, object> = {
    DOMAIN_LOOKUP_BY_UUID: { dom: { name: "db", uuid: "u", id: 1 } },
    DOMAIN_GET_JOB_STATS: job,
    DOMAIN_GET_BLOCK_JOB_INFO: blockJob,
  };
  const answer = async (name: string) => {
    if (answers[name] instanceof Error) throw answers[name];
    return answers[name];
  };
  const libvirt = { call: answer } as unknown as Libvirt;
  const domain = await Domain.byUuid(libvirt, "qemu:///system", "u");
  return refuseWhileBusy(domain as Domain, { live, operation: await domain?.jobOperation() }).catch((error) => error);
}

const operation = (value: number) => ({ type: 2, params: [{ field: "operation", type: "int", value }] });
const noBlockJob = { found: 0, type: 0, bandwidth: 0n, cur: 0n, end: 0n };

test.each([
  [
    operation(5),
    noBlockJob,
    /^Unable to update VirtualMachine db.*: a migration to another host is under way; nothing/,
  ],
  [operation(9), noBlockJob, /a backup is under way/],
  [
    { type: 0, params: [] },
    { ...noBlockJob, found: 1, type: 2, cur: 1n, end: 4n },
    /a copy of the disk vda \(25 % done\)/,
  ],
  [
    { type: 0, params: [] },
    { ...noBlockJob, found: 1, type: 4, cur: 4n, end: 4n },
    /: an active commit of the disk vda \(100 % done\)[\s\S]*blockjob db DISK --pivot\), or stay on this one \(--abort\)/,
  ],
  [operation(2), { ...noBlockJob, found: 1, type: 1 }, /a save and a pull of the disk vda is under way/],
  [
    new LibvirtError(1, 10, "internal error: invalid job statistics type", "DOMAIN_GET_JOB_STATS"),
    { ...noBlockJob, found: 1, type: 4, cur: 1n, end: 4n },
    /: a job and an active commit of the disk vda \(25 % done\) is under way; nothing was changed/,
  ],
])("work of libvirt on the guest is refused by its name: %j %#", async (job, blockJob, message) => {
  expect((await busy(job, blockJob))?.message).toMatch(message);
});

test("work that is over is none", async () => {
  expect(await busy({ ...operation(5), type: 3 }, noBlockJob)).toBeUndefined();
});

test.each([
  [9, "vCPU unplug request was refused", true],
  [68, "vcpu unplug request timed out", true],
  [68, "Timed out during operation: cannot acquire state change lock", false],
  [1, "internal error: No more available PCI slots", true],
  [1, "unable to execute QEMU command 'device_add': Bus 'pci.0' does not support hotplugging", true],
  [1, "internal error: unable to execute QEMU command 'blockdev-add'", false],
  [9, "operation failed: bridge absent0 doesn't exist", false],
  [9, "operation failed: cannot add domain db device vnet0 to nonexistent bridge absent0", false],
  [9, "operation failed: failed to add new filter rules to 'vnet0' - attempting to restore old rules", false],
  [67, "unsupported configuration: failed to find appropriate hotpluggable vcpus to reach the desired count", true],
  [1, "unable to execute QEMU command 'device_add': virtio-serial-bus: A port already exists at id 2", true],
  [38, "Cannot access storage file '/x': No such file or directory", false],
  [67, "unsupported configuration: interface vlan not supported", false],
  [1, "An error occurred, but the cause is unknown", false],
  [1, "An error occurred, but the cause is unknown", true, "DOMAIN_SET_VCPUS_FLAGS"],
])(
  "what the guest refuses is told from what can never be: %d %s",
  async (code, message, expected, call = "DOMAIN_X") => {
    const failing = () => Promise.reject(new LibvirtError(code, 10, message, call));
    const error = await attempt({ step: "s", host: "h" }, failing).catch((failure) => failure);
    expect(isGuestRefusal(error)).toBe(expected);
  },
);
