import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, Machine } from "./machines";
import { waitFor } from "./processes";

/** One running guest of two cells, tuned as it runs; what libvirt has is read back, what the guest has is asked there. */
let lab: Lab;
let vm: Machine;
let domainId: string;
let args: Values;

const name = "tuning";
const log = join("/var/log/libvirt/qemu", `${name}.console`);
const numa = {
  cells: [
    { cpus: "0", memory: "128 MiB", distances: [10, 21] },
    { cpus: "1-3", memory: "128 MiB", distances: [21, 10] },
  ],
};

beforeAll(async () => {
  lab = await startLab();
  const { boot } = await furnish(lab.host);
  vm = new Machine(lab.host, name, { memory: "256 MiB", boot, serialLog: log, waitForAddress: false });
  args = {
    vcpus: 2,
    maxVcpus: 4,
    iothreads: 1,
    cpu: { topology: { sockets: 4 } },
    numa,
    numaTune: { mode: "restrictive", nodes: "0" },
    cpuTune: { vcpuPins: { "0": "0" }, emulatorPin: "0", iothreadPins: { "1": "0" }, shares: 512, period: 50000 },
    balloon: { statsPeriod: 10 },
    clock: { timers: { rtc: { tickPolicy: "delay" } } },
  };
  await vm.create(args);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
  domainId = await virsh("domid");
}, 120_000);

afterAll(async () => {
  await vm?.context.close();
  await lab?.stop();
}, 30_000);

/** Whatever was done before, it is the same process, and nothing waits for another. */
afterEach(async () => {
  expect(await virsh("domid")).toBe(domainId);
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

/** Runs a shell script in the guest; answers what it wrote. */
async function inGuest(script: string): Promise<string> {
  const ask = async (execute: string, values: Values) =>
    JSON.parse(await virsh("qemu-agent-command", JSON.stringify({ execute, arguments: values })));
  const arg = ["-c", `PATH=/bin; ${script}`];
  const { return: started } = await ask("guest-exec", { path: "/bin/sh", arg, "capture-output": true });
  let output = "";
  await waitFor(`the guest to run ${script}`, 30, async () => {
    const { return: status } = await ask("guest-exec-status", { pid: started.pid });
    output = Buffer.from(status["out-data"] ?? "", "base64").toString();
    return status.exited;
  });
  return output.trim();
}

test("the guest sees its cells, their distances, and its sockets", async () => {
  const nodes = "cd /sys/devices/system/node; cat online node0/cpulist node1/cpulist node0/distance node1/distance";
  expect(await inGuest(nodes)).toBe("0-1\n0\n1\n10 21\n21 10");
  const cpu = "cd /sys/devices/system/cpu; cat cpu[01]/topology/physical_package_id; grep -c ^processor /proc/cpuinfo";
  expect(await inGuest(cpu)).toBe("0\n1\n2");
}, 30_000);

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
}, 30_000);

test("what is taken out of the program is taken out of the running guest", async () => {
  const { shares, quota, ...kept } = args["cpuTune"] as Record<string, unknown>;
  expect([shares, quota]).toEqual([2048, 18000]);
  await up({ cpuTune: kept, title: "tuned" });
  await up({ title: undefined });
  const times = await virsh("schedinfo", "--live");
  expect(times).toMatch(/cpu_shares\s*: 1024/);
  expect(times).not.toMatch(/vcpu_quota\s*: 18000/);
  expect(await virsh("dumpxml")).not.toContain("<title>");
});

test("a vCPU is added, with the pin that waits for it", async () => {
  await up({ vcpus: 3 });
  expect(await virsh("vcpucount", "--current", "--live")).toBe("3");
}, 30_000);

test("the period of statistics and a limit change as the guest runs", async () => {
  await up({ balloon: { statsPeriod: 3 }, memoryLimits: { softLimit: "1 GiB" } });
  expect(await vm.xml()).toMatch(/<stats period='3'\/>/);
  expect(await virsh("memtune")).toMatch(/soft_limit\s*: 1048576/);
  await up({ balloon: { statsPeriod: 0 }, memoryLimits: { softLimit: "2 GiB" } });
  expect(await vm.xml()).not.toMatch(/<stats period/);
  expect(await virsh("memtune")).toMatch(/soft_limit\s*: 2097152/);
}, 30_000);

test("a CPU that the host has not is refused by libvirt, and the former definition stays", async () => {
  const before = await vm.xml("--inactive");
  const pinned = { ...args, cpuTune: { vcpuPins: { "0": "7" } } };
  await expect(vm.up(pinned)).rejects.toThrow(/pin vCPU 0 of[\s\S]*(out of range|not available|Invalid)/);
  expect(await vm.xml("--inactive")).toBe(before);
}, 30_000);

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
  const fifo = { cpuTune: { vcpuSchedulers: [{ vcpus: "0", policy: "fifo", priority: 1 }] } };
  await refused("fifo", fifo, /Cannot set scheduler parameters for pid \d+: Operation not permitted/);
  const tune = { cpuTune: { memoryTune: [{ vcpus: "0", nodes: [{ id: 0, bandwidth: 50 }] }] } };
  await refused("resctrl", tune, /only supported for KVM domains/);
}, 60_000);
