import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { host } from "../../provider/resources/host";
import { cgroupVersion } from "./cgroups";
import { handlerContext } from "./handler-context";
import { type Lab, startLab } from "./lab";
import { clearAway, consoleLine, furnish, Machine } from "./machines";

/** The profiles that ask most of a host, as far as this machine goes; what it refuses, in libvirt's words and with ours. */
let lab: Lab;
let args: Values;

const log = "/var/log/libvirt/qemu/profiles.console";
const pool = "/proc/sys/vm/nr_hugepages";
const pages = () => Number(readFileSync(pool, "utf8"));
const free = () => Number(/HugePages_Free: +(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
/** All but the locked memory: this machine gives nobody the right to lock more than 8 MiB. */
const unlocked = { memoryBacking: { locked: false } };

beforeAll(async () => {
  lab = await startLab();
  const { boot, network } = await furnish(lab.host);
  args = { profile: "latency", vcpus: 2, memory: "160 MiB", boot, serialLog: log, nics: { lan: { network } } };
}, 60_000);

afterAll(() => lab?.stop());

/** The pool is the whole machine's: it is as it was when the test is over. */
async function withPages<T>(count: number, work: () => Promise<T>): Promise<T> {
  const before = pages();
  writeFileSync(pool, String(before + count));
  try {
    return await work();
  } finally {
    writeFileSync(pool, String(before));
  }
}

/** What `create` throws; nothing is left on the host. */
async function refusalOf(name: string, given: Values): Promise<string> {
  const vm = new Machine(lab.host, name);
  try {
    await vm.create(given);
    return "nothing was refused";
  } catch (error) {
    return String(error);
  } finally {
    for (const left of (await lab.host.virsh("list", "--all", "--name")).split("\n").filter(Boolean)) {
      await lab.host.virsh("undefine", "--nvram", left);
    }
    await vm.context.close();
  }
}

test(
  "memory that may not be locked is told with what gives the right, and what does without",
  () =>
    withPages(90, async () => {
      const words = await refusalOf("locked", args);
      expect(words).toMatch(/start VirtualMachine locked.*cannot limit locked memory of process \d+ to 1242562560/);
      expect(words).toMatch(/What to do: .*LimitMEMLOCK=infinity.*memoryBacking: \{ locked: false \}/);
    }),
  60_000,
);

test(
  "a latency guest runs: a core for each vCPU, real time, huge pages, no USB, no PMU",
  () =>
    withPages(90, async () => {
      if (cgroupVersion() === "v1") {
        const words = await refusalOf("timely", { ...args, ...unlocked });
        expect(words).toMatch(/Cannot set scheduler parameters for pid \d+: Operation not permitted/);
        expect(words).toMatch(/What to do: .*take "cpu" out of cgroup_controllers[\s\S]*vcpuSchedulers: \[\]/);
      }
      // What the remedy says: QEMU stays in the group of its daemon, which has a budget.
      const budget = "/sys/fs/cgroup/cpu/cpu.rt_runtime_us";
      const controllers = `cgroup_controllers = [ "cpuset", "cpuacct", "memory", "devices", "blkio" ]`;
      await lab.host.exec(
        `echo '${controllers}' >>/etc/libvirt/qemu.conf; [ -e ${budget} ] && echo 400000 >${budget}; true`,
      );
      await lab.host.restartLibvirtd();
      const vm = new Machine(lab.host, "latency");
      const wanted = { ...args, ...unlocked };
      const before = free();
      try {
        await vm.create(wanted);
        expect(vm.context.lines.info.join()).toContain("halt_poll_ns");
        await consoleLine(log, /(GUEST-READY)/, lab.host);
        expect(before - free()).toBe(80);
        expect(await schedulersOf(vm.name)).toEqual({ "CPU 0": "SCHED_OTHER", "CPU 1": "SCHED_FIFO 1" });
        expect(await lab.host.virsh("vcpupin", vm.name, "--live")).toMatch(/0\s+0\n\s*1\s+1\n/);
        const inside = async (script: string) => vm.inGuest(script);
        expect(await inside("ls /sys/bus/usb 2>/dev/null | wc -l")).toBe("0");
        expect(await inside("ls -d /sys/class/net/eth0/queues/rx-* | wc -l")).toBe("2");
        expect(await inside("dmesg | grep -c 'PMU not available'")).toBe("1");
        expect(await inside("cat /sys/devices/system/cpu/cpu1/topology/core_id")).toBe("1");
        expect(await vm.refresh()).toEqual([]);
        expect(vm.diff(wanted).changes).toEqual([]);
        await vm.up(wanted);
        expect(await vm.refresh()).toEqual([]);
      } finally {
        await clearAway([vm]);
      }
    }),
  120_000,
);

/** Policy and priority of the threads of QEMU that run vCPUs. */
async function schedulersOf(name: string): Promise<Record<string, string>> {
  const script = `for task in /proc/$(cat /run/libvirt/qemu/${name}.pid)/task/*; do echo "$(cat $task/comm):$(chrt -p \${task##*/} | tr '\\n' ' ')"; done`;
  const { stdout } = await lab.host.exec(script);
  const found = [...stdout.matchAll(/^(CPU \d+)\/\w+:.*policy: (SCHED_\w+).*priority: (\d+)/gm)];
  return Object.fromEntries(
    found.map(([, thread = "", policy = "", priority = ""]) => [
      thread,
      priority === "0" ? policy : `${policy} ${priority}`,
    ]),
  );
}

test("a new machine of a profile starts by UEFI, where Host says that there is one", async () => {
  const context = handlerContext();
  const { inputs } = host.check({ uri: lab.host.socketUri }, undefined, undefined);
  const { state } = await host.create(inputs, context);
  const facts = JSON.stringify(state["facts"]);
  await context.close();
  const vm = new Machine(lab.host, "uefi", { waitForAddress: false });
  const reference = { ...vm.reference, facts };
  try {
    await vm.create({ host: reference, profile: "general", memory: "128 MiB" });
    expect(vm.state["firmware"]).toBe("uefi");
    const { nvram } = vm.state["resolved"] as { nvram: string };
    expect(existsSync(join(lab.host.home, nvram))).toBe(true);
    expect(await vm.refresh()).toEqual([]);
    await vm.delete();
    expect(existsSync(join(lab.host.home, nvram))).toBe(false);
  } finally {
    await vm.context.close();
  }
  const encrypted = (type: string) => ({ profile: "confidential", virtType: "kvm", launchSecurity: { type } });
  const asked = new Machine(lab.host, "asked", { state: "stopped" });
  for (const [type, hardware] of [
    ["sev", "AMD EPYC with SEV enabled"],
    ["sev-snp", "third generation"],
    ["tdx", "Intel Xeon with TDX"],
  ] as const) {
    // In the preview, by what Host found.
    const faults = asked.faults({ ...encrypted(type), host: reference });
    expect(faults).toContainEqual(
      expect.stringMatching(`^launchSecurity.type: the host has no ${type}: it takes .*${hardware}`),
    );
    // At create, where Host is not known yet.
    expect(await refusalOf("encrypted", encrypted(type))).toMatch(/offers no virtType "kvm"[\s\S]*What to do/);
  }
  await asked.context.close();
}, 60_000);

/** The case of the article: eight vCPUs whose packets all came through one queue. */
test("a guest of eight vCPUs has eight queues without being asked, and one where its program says so", async () => {
  const { profile: _, ...plain } = args;
  const nic = (plain["nics"] as Record<string, Values>)["lan"];
  const queues = async (name: string, values: Values) => {
    const file = `/var/log/libvirt/qemu/${name}.console`;
    const vm = new Machine(lab.host, name);
    const wanted = { ...plain, vcpus: 8, serialLog: file, nics: { lan: { ...nic, ...values } } };
    try {
      await vm.create(wanted);
      await consoleLine(file, /(GUEST-READY)/, lab.host);
      const count = (kind: string) => vm.inGuest(`ls -d /sys/class/net/eth0/queues/${kind}-* | wc -l`);
      const interrupts = await vm.inGuest("grep -c 'virtio[0-9]*-input[.]' /proc/interrupts");
      const found = [await count("rx"), await count("tx"), interrupts];
      expect(vm.diff(wanted).changes).toEqual([]);
      await vm.delete();
      return found;
    } finally {
      await vm.context.close();
    }
  };
  expect(await queues("stuck", { queues: 1 })).toEqual(["1", "1", "1"]);
  expect(await queues("eight", {})).toEqual(["8", "8", "8"]);
}, 120_000);
