import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PartialFailure, type Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, image, Machine } from "./machines";
import { waitFor } from "./processes";

/** What others change in the running guest alone, and its definition does not say. */
let lab: Lab;
let vm: Machine;
let args: Values;

const log = join("/var/log/libvirt/qemu", "drift.console");
const virsh = async (command: string, ...rest: string[]) => (await lab.host.virsh(command, vm.name, ...rest)).trim();
const bootId = () => vm.inGuest("cat /proc/sys/kernel/random/boot_id");
/** QEMU tells libvirt of the balloon once a second. */
const balloonIs = (mebibytes: number) =>
  waitFor("the balloon", 20, async () => (await vm.xml()).includes(`<currentMemory unit='KiB'>${mebibytes * 1024}<`));

beforeAll(async () => {
  lab = await startLab();
  const { boot, network } = await furnish(lab.host);
  vm = new Machine(lab.host, "drift", { boot, serialLog: log, waitForAddress: false });
  args = {
    title: "ours",
    memory: "128 MiB",
    maxMemory: "128 MiB",
    vcpus: 1,
    maxVcpus: 2,
    iothreads: 1,
    cpuTune: { shares: 512, quota: 90000 },
    disks: {
      data: { volume: await image(lab.host, "data.qcow2"), iotune: { totalIopsSec: 500 } },
      more: { volume: await image(lab.host, "more.qcow2") },
    },
    nics: { lan: { network } },
  };
  await vm.create(args);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
}, 120_000);

afterAll(async () => {
  await vm?.context.close();
  await lab?.stop();
});

/** The changes that a preview shows, after a refresh that finds none in the definition. */
async function mends(): Promise<string[]> {
  const seen = await vm.handler.read(vm.id, vm.state, vm.context);
  expect(vm.handler.diff(vm.id, vm.state, seen?.inputs ?? {}).replaces).toEqual([]);
  expect(seen?.inputs).toMatchObject({ title: vm.state["title"], disks: vm.state["disks"], nics: vm.state["nics"] });
  vm.state = seen?.state ?? {};
  return [...vm.diff(args).lines].sort();
}

/** Takes a disk out of the guest, and its image away until `bringBack`; `lacks` is what a preview says of it. */
async function withoutMore(work: (lacks: string[], bringBack: () => void) => Promise<void>): Promise<void> {
  const image = join(lab.host.directory, "more.qcow2");
  await virsh("detach-device-alias", "ua-disk-more", "--live");
  await waitFor("the disk to go", 20, async () => !(await vm.xml()).includes("ua-disk-more"));
  renameSync(image, `${image}.away`);
  await work(["disks.more: live, the running guest lacks it"], () => renameSync(`${image}.away`, image));
}

/** An update that fails in the middle; the state has what was done. */
async function upInPart(said: RegExp): Promise<void> {
  const failure = await vm.up(args).catch((error: unknown) => error);
  if (!(failure instanceof PartialFailure)) throw failure;
  expect(failure.message).toMatch(said);
  vm.state = failure.state;
}

test("a refresh finds it, a preview names it, and an update mends it in the running guest", async () => {
  const before = await bootId();
  const tap = /target dev='(vnet\d+)'/.exec(await vm.xml())?.[1] ?? "";
  const [, target = ""] = /<target dev='(vd\w)'[^>]*>[\s\S]{0,700}ua-disk-data/.exec(await vm.xml()) ?? [];
  const theirs = join(lab.host.directory, "theirs.xml");
  const { path } = await image(lab.host, "theirs.qcow2");
  writeFileSync(
    theirs,
    `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${path}'/><target dev='vdx' bus='virtio'/><alias name='ua-disk-theirs'/></disk>`,
  );
  // A count of vCPUs that the definition has, and the guest was not given: the program takes it over.
  await virsh("setvcpus", "2", "--config");
  args = { ...args, vcpus: 2 };
  expect(await vm.refresh()).toEqual(["vcpus"]);

  await virsh("desc", "--live", "--title", "theirs");
  await virsh("setmem", "112M", "--live");
  await virsh("schedinfo", "--live", "cpu_shares=2048", "vcpu_quota=50000");
  await virsh("domif-setlink", tap, "down");
  await virsh("blkdeviotune", target, "--total-iops-sec", "77", "--live");
  await virsh("detach-device-alias", "ua-disk-more", "--live");
  await virsh("attach-device", theirs, "--live");
  await virsh("iothreadadd", "2", "--live");
  await waitFor("the disk to go", 20, async () => !(await vm.xml()).includes("ua-disk-more"));
  await balloonIs(112);
  const drift = [
    "cpuTune.quota: live, the running guest has it otherwise",
    "cpuTune.shares: live, the running guest has it otherwise",
    "disks.data.iotune.totalIopsSec: live, the running guest has it otherwise",
    "disks.more: live, the running guest lacks it",
    "disks.theirs: live, only the running guest has it",
    "iothreads: live, the running guest has it otherwise",
    "memory: live, the running guest has it otherwise",
    "nics.lan.link: live, the running guest has it otherwise",
    "title: live, the running guest has it otherwise",
    "vcpus: live, the running guest has it otherwise",
  ];
  expect(await mends()).toEqual(drift);
  // Looked at again, it is no less.
  expect(await mends()).toEqual(drift);

  await vm.up(args);
  expect([vm.state["pendingRestart"], vm.diff(args).changes]).toEqual([[], []]);
  expect(vm.context.lines.warn.join()).not.toContain("did not take");
  await balloonIs(128);
  expect(await bootId()).toBe(before);
  const seen = "cd /sys; ls -d devices/system/cpu/cpu1 block/vd?; cat class/net/eth0/carrier";
  expect(await vm.inGuest(seen)).toBe("block/vda\nblock/vdb\ndevices/system/cpu/cpu1\n1");
  const live = await vm.xml();
  for (const part of ["<title>ours</title>", "ua-disk-more", "<shares>512<", "<quota>90000<", "total_iops_sec>500<"])
    expect(live).toContain(part);
  expect(live).not.toMatch(/theirs|<iothread id='2'/);
  expect(await mends()).toEqual([]);
  expect(vm.state).not.toHaveProperty("__kvm.memo");
}, 120_000);

test("an update mends what nobody has looked for along with what the program changes, and then all again", async () => {
  for (const title of ["one", "two"]) {
    await virsh("desc", "--live", "--title", "theirs");
    await virsh("setmem", "112M", "--live");
    await balloonIs(112);
    args = { ...args, memory: "120 MiB", description: title };
    expect(vm.diff(args).lines).toEqual(
      expect.not.arrayContaining(["title: live, the running guest has it otherwise"]),
    );
    await vm.up(args);
    expect(await virsh("desc", "--live", "--title")).toBe("ours");
    await balloonIs(120);
    await virsh("setmem", "112M", "--live");
    await balloonIs(112);
    expect(await mends()).toEqual(["memory: live, the running guest has it otherwise"]);
    await vm.up(args);
    expect(await mends()).toEqual([]);
  }
}, 120_000);

test("what the program ignores is no change, and stays as others left it when something else is changed", async () => {
  await virsh("desc", "--live", "--title", "theirs");
  await virsh("setmem", "112M", "--live");
  await balloonIs(112);
  vm.ignore("memory");
  try {
    expect(await mends()).toEqual(["title: live, the running guest has it otherwise"]);
    args = { ...args, description: "three" };
    await vm.up(args);
    expect(await virsh("desc", "--live", "--title")).toBe("ours");
    expect(await vm.xml()).toContain(`<currentMemory unit='KiB'>${112 * 1024}<`);
    expect(await mends()).toEqual([]);
  } finally {
    vm.ignore();
  }
  expect(await mends()).toEqual(["memory: live, the running guest has it otherwise"]);
  await vm.up(args);
  await balloonIs(120);
}, 120_000);

test("what fails is no refusal: it stays a change until it can be mended", async () => {
  await withoutMore(async (lacks, bringBack) => {
    expect(await mends()).toEqual(lacks);
    await upInPart(/No such file/);
    expect([vm.diff(args).lines, await mends()]).toEqual([lacks, lacks]);
    bringBack();
    await vm.up(args);
    expect([await vm.xml(), vm.diff(args).lines]).toEqual([expect.stringContaining("ua-disk-more"), []]);
  });
}, 120_000);

test("an update that fails leaves what the program ignores to others too", async () => {
  await virsh("desc", "--live", "--title", "theirs");
  vm.ignore("title");
  const title = () => virsh("desc", "--live", "--title");
  try {
    await withoutMore(async (lacks, bringBack) => {
      await upInPart(/No such file/);
      expect(vm.state["pendingRestart"]).toEqual(["disks.more"]);
      expect([await title(), vm.diff(args).lines, await mends()]).toEqual(["theirs", lacks, lacks]);
      bringBack();
      await vm.up(args);
      expect([await title(), vm.state["pendingRestart"], await mends()]).toEqual(["theirs", [], []]);
    });
  } finally {
    vm.ignore();
  }
  await mends();
  await vm.up(args);
  expect(await title()).toBe("ours");
}, 120_000);

test("what the guest refuses is tried once, and again when it is another", async () => {
  // One without an operating system gives up no vCPU.
  const other = new Machine(lab.host, "refuses", { waitForAddress: false });
  const wanted = { vcpus: 1, maxVcpus: 4, changePolicy: "refuse" };
  const again = async () => {
    expect(await other.handler.read(other.id, other.state, other.context)).toBeDefined();
    const seen = await other.handler.read(other.id, other.state, other.context);
    other.state = seen?.state ?? {};
    return [other.diff(wanted).lines, other.state["pendingRestart"]];
  };
  const mending = ["vcpus: live, the running guest has it otherwise"];
  try {
    await other.create(wanted);
    for (const count of ["2", "3"]) {
      await lab.host.virsh("setvcpus", other.name, count, "--live");
      expect(await again()).toEqual([mending, ["vcpus"]]);
      // No policy refuses it: the program has nothing to take back.
      await other.up(wanted);
      expect(other.context.lines.warn.splice(0).join()).toMatch(
        /did not take vcpus \(libvirt said: .*\): it needs a new start/,
      );
      expect([other.diff(wanted).changes, other.state["pendingRestart"]]).toEqual([[], ["vcpus"]]);
      expect(await again()).toEqual([[], ["vcpus"]]);
      expect(await again()).toEqual([[], ["vcpus"]]);
    }
    await lab.host.virsh("destroy", other.name);
    await lab.host.virsh("start", other.name);
    expect(await again()).toEqual([[], []]);
    await other.delete();
  } finally {
    await other.context.close();
  }
}, 120_000);
