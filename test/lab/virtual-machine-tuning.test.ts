import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, Machine } from "./machines";
import { waitFor } from "./processes";

/** One running guest of two cells, tuned as it runs; what libvirt has is read back, what the guest has is asked there. */
let lab: Lab;
let vm: Machine;
let domainId: string;
let bootId: string;
let args: Values;

const name = "tuning";
const log = join("/var/log/libvirt/qemu", `${name}.console`);
const withCpus = (cpus: string) => ({
  cells: [
    { cpus: "0", memory: "128 MiB", distances: [10, 21] },
    { cpus, memory: "128 MiB", distances: [21, 10] },
  ],
});
const numa = withCpus("1-3");

beforeAll(async () => {
  lab = await startLab();
  const { boot } = await furnish(lab.host);
  // Memory that comes later is put where the kernel can leave it again.
  const movable = { ...boot, cmdline: `${boot["cmdline"]} memhp_default_state=online_movable` };
  vm = new Machine(lab.host, name, { memory: "256 MiB", boot: movable, serialLog: log, waitForAddress: false });
  args = {
    maxMemory: "256 MiB",
    memoryHotplug: { limit: "1 GiB", slots: 2 },
    vcpus: 2,
    maxVcpus: 4,
    iothreads: 1,
    cpu: { topology: { sockets: 4 } },
    numa,
    numaTune: { mode: "restrictive", nodes: "0" },
    cpuTune: { vcpuPins: { "0": "0" }, emulatorPin: "0", iothreadPins: { "1": "0" }, shares: 512, period: 50000 },
    balloon: { statsPeriod: 10 },
    clock: { timers: { rtc: { tickPolicy: "delay" } } },
    graphics: { vnc: { password: "first" } },
  };
  await vm.create(args);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
  bootId = await inGuest("cat /proc/sys/kernel/random/boot_id");
  domainId = await virsh("domid");
}, 120_000);

afterAll(async () => {
  await vm?.context.close();
  await lab?.stop();
});

/** Whatever was done before, it is the same process, and nothing waits for another. */
afterEach(async () => {
  expect(await virsh("domid")).toBe(domainId);
  expect(await inGuest("cat /proc/sys/kernel/random/boot_id")).toBe(bootId);
  expect(vm.state["pendingRestart"]).toEqual([]);
  expect(vm.diff(args).changes).toEqual([]);
  expect(await vm.refresh()).toEqual([]);
});

async function virsh(command: string, ...rest: string[]): Promise<string> {
  return (await lab.host.virsh(command, vm.name, ...rest)).trim();
}

async function up(change: Values): Promise<void> {
  const wanted = { ...args, ...change };
  expect(vm.diff(wanted).changes.map(({ class: kind }) => kind)).not.toContain("restart");
  await vm.up(wanted);
  args = wanted;
}

const inGuest = (script: string) => vm.inGuest(script);

test("the guest sees its cells, their distances, and its sockets", async () => {
  const nodes = "cd /sys/devices/system/node; cat online node0/cpulist node1/cpulist node0/distance node1/distance";
  expect(await inGuest(nodes)).toBe("0-1\n0\n1\n10 21\n21 10");
  const cpu = "cd /sys/devices/system/cpu; cat cpu[01]/topology/physical_package_id; grep -c ^processor /proc/cpuinfo";
  expect(await inGuest(cpu)).toBe("0\n1\n2");
});

test("pins, weights and quotas move as the guest runs", async () => {
  await up({
    cpuTune: {
      vcpuPins: { "0": "1", "1": "0-1", "3": "1" },
      emulatorPin: "1",
      iothreadPins: { "1": "1" },
      shares: 2048,
      period: 20000,
      quota: 18000,
      globalQuota: 190000,
      emulatorQuota: 90000,
      iothreadQuota: 80000,
    },
  });
  expect(await virsh("vcpupin", "--live")).toMatch(/0\s+1\n\s*1\s+0-1\n[\s\S]*3\s+1$/);
  expect(await virsh("emulatorpin", "--live")).toMatch(/(^|\s)1$/);
  expect(await virsh("iothreadinfo", "--live")).toMatch(/1\s+1$/);
  const times = await virsh("schedinfo", "--live");
  for (const [field, value] of Object.entries({
    cpu_shares: 2048,
    vcpu_period: 20000,
    vcpu_quota: 18000,
    global_quota: 190000,
    emulator_quota: 90000,
    iothread_quota: 80000,
  })) {
    expect(times).toMatch(new RegExp(`^${field}\\s*: ${value}$`, "m"));
  }
});

test("what is taken out of the program is taken out of the running guest", async () => {
  const { quota, ...kept } = args["cpuTune"] as Record<string, unknown>;
  expect(quota).toBe(18000);
  await up({ cpuTune: kept, title: "tuned" });
  await up({ title: undefined });
  const times = await virsh("schedinfo", "--live");
  expect(times).not.toMatch(/vcpu_quota\s*: 18000/);
  expect(await virsh("dumpxml")).not.toContain("<title>");
});

test("a vCPU is added, with the pin that waits for it", async () => {
  await up({ vcpus: 3 });
  expect(await virsh("vcpucount", "--current", "--live")).toBe("3");
});

test("vCPUs above those that the guest may have wait for its next start with their pins; those that it has are moved", async () => {
  const had = args;
  const vcpuPins = { ...((had["cpuTune"] as Values)["vcpuPins"] as Values), "0": "0", "4": "0" };
  const more = {
    ...had,
    vcpus: 5,
    maxVcpus: 5,
    numa: withCpus("1-4"),
    cpuTune: { ...(had["cpuTune"] as Values), vcpuPins },
  };
  await vm.up({ ...more, cpu: { topology: { sockets: 5 } } });
  expect(await virsh("vcpupin", "--live")).toMatch(/0\s+0\n/);
  expect(vm.state["pendingRestart"]).toEqual(expect.arrayContaining(["cpuTune.vcpuPins", "maxVcpus", "vcpus"]));
  await vm.up(had);
  expect(await virsh("vcpupin", "--live")).toMatch(/0\s+1\n/);
});

test("an IOThread goes with its pin as the guest runs, whatever the policy", async () => {
  const { iothreadPins, ...cpuTune } = args["cpuTune"] as Values;
  expect(iothreadPins).toEqual({ "1": "1" });
  await up({ changePolicy: "refuse", iothreads: 2, cpuTune: { ...cpuTune, iothreadPins: { "1": "1", "2": "0" } } });
  await up({ iothreads: 1, cpuTune: { ...cpuTune, iothreadPins } });
  expect(await virsh("iothreadinfo", "--live")).toMatch(/^1\s+1$/);
  await up({ iothreads: undefined, cpuTune });
  expect(await virsh("iothreadinfo", "--live")).not.toMatch(/\d/);
  await up({ changePolicy: undefined, iothreads: 1, cpuTune: { ...cpuTune, iothreadPins } });
});

test("the period of statistics and a limit change as the guest runs", async () => {
  await up({ balloon: { statsPeriod: 3 }, memoryLimits: { softLimit: "1 GiB" } });
  expect(await vm.xml()).toMatch(/<stats period='3'\/>/);
  expect(await virsh("memtune")).toMatch(/soft_limit\s*: 1048576/);
  await up({ balloon: { statsPeriod: 0 }, memoryLimits: { softLimit: "2 GiB" } });
  expect(await vm.xml()).not.toMatch(/<stats period/);
  expect(await virsh("memtune")).toMatch(/soft_limit\s*: 2097152/);
});

test("a random number device, a tablet, texts, passwords, and limits of the host's disks change as the guest runs", async () => {
  const source = () => inGuest("cat /sys/class/misc/hw_random/rng_current");
  expect(await source()).toMatch(/^virtio_rng/);
  await up({ rng: false, inputs: { pen: { type: "tablet" } }, iothreadPools: { "1": { min: 1, max: 4 } } });
  expect(await source()).toBe("none");
  const plugged = await vm.xml();
  expect(plugged).toContain("ua-input-pen");
  expect(plugged).toMatch(/<iothread id='1' thread_pool_min='1' thread_pool_max='4'\/>/);
  await up({ rng: { backend: "builtin" }, inputs: {} });
  expect(await source()).toMatch(/^virtio_rng/);
  await up({ rng: { backend: "builtin", rate: { bytes: 1024 } } });
  const replugged = await vm.xml();
  expect(replugged).toMatch(/<rate bytes='1024' period='1000'\/>\s*<backend model='builtin'\/>/);
  expect(replugged).not.toContain("ua-input-pen");

  const devices = [{ path: "/dev/vda", readBytesSec: "8 MiB/s", writeIopsSec: 500 }];
  await up({ blkio: { weight: 300, devices } });
  const limits = await virsh("blkiotune", "--live");
  expect(limits).toMatch(/^weight\s*: 300$/m);
  expect(limits).toMatch(/device_read_bytes_sec: \/dev\/vda,8388608/);
  expect(limits).toMatch(/device_write_iops_sec: \/dev\/vda,500/);
  const weighted = { ...args, blkio: { weight: 300, devices: [{ path: "/dev/vda", weight: 500 }] } };
  await vm.up(weighted);
  expect(vm.state["pendingRestart"]).toEqual(["blkio.devices"]);
  expect(vm.context.lines.warn.join()).toMatch(/did not take blkio.devices \(.*weight is valid only for cfq scheduler/);
  await up({ blkio: { weight: 300 } });
  expect(await virsh("blkiotune", "--live")).not.toContain("/dev/vda");

  await up({
    description: "for people",
    osinfo: "http://debian.org/debian/12",
    autostart: false,
    graphics: { vnc: { password: "second" } },
  });
  expect(await virsh("desc", "--live")).toBe("for people");
  expect(await virsh("metadata", "http://libosinfo.org/xmlns/libvirt/domain/1.0")).toContain("debian");
  expect(await virsh("dominfo")).toMatch(/Autostart: +disable/);
  expect(await virsh("dumpxml", "--security-info")).toMatch(/<graphics type='vnc'[^>]* passwd='second'/);

  const elsewhere = { ...args, numaTune: { mode: "restrictive", nodes: "1" } };
  await expect(vm.up(elsewhere)).rejects.toThrow(
    /move the memory of VirtualMachine .*: NUMA node 1 is unavailable\n.*in force again and the guest keeps running\.$/,
  );
}, 90_000);

test("memory comes as a module and by virtio-mem, and goes; what QEMU does not unplug waits for a new start", async () => {
  const total = async () => Number(await inGuest("sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo")) / 1024;
  const cellOne = async () =>
    Number(await inGuest("sed -n 's/.*MemTotal: *\\([0-9]*\\).*/\\1/p' /sys/devices/system/node/node1/meminfo"));
  const atFirst = await total();
  const module = { model: "dimm", size: "128 MiB", cell: 1 };
  const elastic = (requested: string) => ({ size: "256 MiB", requested });
  const inCellOne = await cellOne();
  await up({ memoryDevices: { module, elastic: elastic("0 B") } });
  expect(await total()).toBeCloseTo(atFirst + 128, -1);
  expect(await cellOne()).toBe(inCellOne + 128 * 1024);
  await up({ memoryDevices: { module, elastic: elastic("128 MiB") } });
  expect(await total()).toBeCloseTo(atFirst + 256, -1);

  // The balloon reaches what the guest started with, whatever came on top.
  await up({ memory: "224 MiB" });
  await waitFor("the balloon", 20, async () => /^actual 360448$/m.test(await virsh("dommemstat")));
  expect(await vm.refresh()).toEqual([]);
  await up({ memory: "256 MiB" });
  await waitFor("the balloon", 20, async () => /^actual 393216$/m.test(await virsh("dommemstat")));

  await up({ memoryDevices: { module, elastic: elastic("0 B") } });
  await up({ memoryDevices: { elastic: elastic("0 B") } });
  expect(await total()).toBeCloseTo(atFirst, -1);
  expect(await vm.xml()).not.toContain("ua-memory-module");

  // QEMU 7.2 unplugs no virtio-mem at all.
  const without = { ...args, memoryDevices: {} };
  const refused = vm.up({ ...without, changePolicy: "refuse" });
  await expect(refused).rejects.toThrow(
    /virtio based memory devices cannot be unplugged[\s\S]*changePolicy is "refuse"/,
  );
  expect(await vm.xml("--inactive")).toContain("ua-memory-elastic");
  await vm.up(without);
  expect(vm.state["pendingRestart"]).toEqual(["memoryDevices.elastic"]);
  expect(vm.context.lines.warn.join()).toMatch(/did not take memoryDevices.elastic \(.*cannot be unplugged/);
  await up({ memoryDevices: { elastic: elastic("0 B") } });
}, 120_000);

test("a CPU that the host has not is refused before anything is written", async () => {
  const before = await vm.xml("--inactive");
  const pinned = { ...args, cpuTune: { vcpuPins: { "0": "7" } } };
  await expect(vm.up(pinned)).rejects.toThrow(/vcpuPins\[0\]\)[\s\S]*the host has no CPU 7 that is online; it has 0-1/);
  expect(await vm.xml("--inactive")).toBe(before);
  // This libvirt, 9.0, knows no polling: it accepts the document and leaves that out.
  const polling = { ...args, iothreadPolling: { "1": { max: 1000 } } };
  await expect(vm.up(polling)).rejects.toThrow(
    /accepted the definition and left out iothreadPolling[\s\S]*former definition is in force again/,
  );
  expect(await vm.xml("--inactive")).toBe(before);
});

test("what this kernel refuses is told with libvirt's words", async () => {
  const refused = async (logicalName: string, tuning: Values, words: RegExp) => {
    const other = new Machine(lab.host, logicalName);
    try {
      await expect(other.create(tuning)).rejects.toThrow(words);
    } finally {
      await other.context.close();
    }
  };
  await refused("huge", { memory: "1 GiB", hugePages: [{ size: "1 GiB" }] }, /hugetlbfs mount for 1048576 KiB/);
  const enclave = { model: "sgx-epc", size: "16 MiB" };
  await refused("sgx", { memoryHotplug: { limit: "1 GiB" }, memoryDevices: { enclave } }, /sgx epc isn't supported/);
  const fifo = { cpuTune: { vcpuSchedulers: [{ vcpus: "0", policy: "fifo", priority: 1 }] } };
  await refused("fifo", fifo, /Cannot set scheduler parameters for pid \d+: Operation not permitted/);
}, 60_000);

test("a vCPU that the guest does not give up waits for a new start, which the policy does or refuses", async () => {
  // One without an operating system: emulated, a guest that did give it up may take QEMU with it.
  const vm = new Machine(lab.host, "fewer", { waitForAddress: false });
  try {
    await vm.create({ vcpus: 1, maxVcpus: 2 });
    await vm.up({ vcpus: 2, maxVcpus: 2 });
    const fewer = { vcpus: 1, maxVcpus: 2 };
    await expect(vm.up({ ...fewer, changePolicy: "refuse" })).rejects.toThrow(/vcpus[\s\S]*changePolicy is "refuse"/);
    await vm.up(fewer);
    expect(vm.state["pendingRestart"]).toEqual(["vcpus"]);
    expect(vm.context.lines.warn.join()).toMatch(
      /did not take vcpus \(libvirt said: .*device unplug request for not supported device type.*\): it needs a new start/,
    );
    await vm.up({ ...fewer, changePolicy: "restart" });
    expect(vm.state["pendingRestart"]).toEqual([]);
    // Those that it starts with are its own.
    await vm.up({ vcpus: 2, maxVcpus: 2, state: "stopped" });
    await vm.up({ vcpus: 2, maxVcpus: 2 });
    await vm.up({ ...fewer, title: "fewer" });
    expect([vm.state["pendingRestart"], vm.state["title"]]).toEqual([["vcpus"], "fewer"]);
    expect(vm.context.lines.warn.join()).toMatch(/did not take vcpus \(libvirt said: .*appropriate hotpluggable vcpus/);
    // The most of them waits for the new start too, and what is measured by it.
    await vm.up({ vcpus: 2, maxVcpus: 4 });
    const more = { vcpus: 3, maxVcpus: 4, changePolicy: "refuse" };
    expect(() => vm.diff(more)).toThrow(/vcpus \(above maxVcpus\) would need a restart/);
    await vm.refresh();
    expect(() => vm.diff(more)).toThrow(/vcpus \(above maxVcpus\) would need a restart/);
    await vm.delete();
  } finally {
    await vm.context.close();
  }
}, 60_000);
