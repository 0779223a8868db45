import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupVersion } from "./cgroups";
import type { LabHost } from "./host";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish } from "./machines";
import { waitFor } from "./processes";

const seconds = 1000;
let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
}, 60 * seconds);

afterAll(() => lab.stop(), 30 * seconds);

/** Processes that name this folder, or run in a cgroup of the lab whose folder it is. */
function processesOf(folder: string): string[] {
  const bed = folder.split("/").at(-1) ?? "";
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch (error) {
      if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
      throw error;
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => !/^State:\s+Z/m.test(read(pid, "status")))
    .filter((pid) => read(pid, "cmdline").includes(folder) || read(pid, "cgroup").includes(bed))
    .map((pid) => `${pid} ${read(pid, "cmdline").replaceAll("\0", " ")}`);
}

/** Defines and starts a guest with its console in a file; answers the name of that file. */
async function bootGuest(host: LabHost, name: string, network: string, memory = 192): Promise<string> {
  const log = `/var/log/libvirt/qemu/${name}-serial.log`;
  const xml = `<domain type='qemu'><name>${name}</name><memory unit='MiB'>${memory}</memory><vcpu>1</vcpu>
    <os><type machine='pc'>hvm</type><kernel>${host.directory}/vmlinuz</kernel><initrd>${host.directory}/initrd.gz</initrd>
    <cmdline>console=ttyS0 quiet mitigations=off</cmdline></os><features><acpi/></features>
    <cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu><devices>
    <interface type='network'><source network='${network}'/><model type='virtio'/></interface>
    <serial type='file'><source path='${log}'/></serial></devices></domain>`;
  writeFileSync(join(host.directory, `${name}.xml`), xml);
  await host.virsh("define", join(host.directory, `${name}.xml`));
  await host.virsh("start", name);
  return log;
}

it("brings two independent hosts up in seconds", async () => {
  const started = Date.now();
  const other = await startLab({ hosts: 2 });
  try {
    expect(Date.now() - started).toBeLessThan(20 * seconds);
    const [first, second] = other.hosts;
    await first?.virsh("net-define", await networkFile(first));
    expect(await first?.virsh("net-list", "--all", "--name")).toContain("lonely");
    expect(await second?.virsh("net-list", "--all", "--name")).not.toContain("lonely");
    expect(await lab.host.virsh("net-list", "--all", "--name")).not.toContain("lonely");
    expect(first?.sshPort).not.toBe(lab.host.sshPort);
  } finally {
    await other.stop();
  }
  expect(processesOf(other.folder)).toEqual([]);
  expect(existsSync(other.folder)).toBe(false);
});

async function networkFile(host: LabHost): Promise<string> {
  const file = join(host.directory, "lonely.xml");
  writeFileSync(file, "<network><name>lonely</name></network>");
  return file;
}

it("boots a guest that gets an address and says so", async () => {
  await furnish(lab.host);
  const log = await bootGuest(lab.host, "hello", "lan");
  const address = await consoleLine(log, /GUEST-READY .* address (\S+),/, lab.host);
  expect(address).toMatch(/^10\.31\.0\./);
  expect(await lab.host.virsh("net-dhcp-leases", "lan")).toContain(address);
  await lab.host.virsh("destroy", "hello");
  await lab.host.virsh("undefine", "hello");
}, 90_000);

it("lets hosts reach each other by name", async () => {
  const [, second] = lab.hosts;
  const { stdout } = await lab.host.exec("virsh -q -c qemu+tcp://host2/system hostname");
  expect(stdout.trim()).toBe("host2.lab");
  expect(second?.name).toBe("host2");
});

it("survives the loss of power and boots again with what was autostarted", async () => {
  const [, host] = lab.hosts;
  if (!host) throw new Error("the lab has two hosts");
  await host.virsh("net-define", await networkFile(host));
  await host.virsh("net-autostart", "lonely");
  await host.powerOff();
  expect((await host.exec("true", { check: false })).code).not.toBe(0);
  await host.start();
  expect(await host.virsh("net-list", "--name")).toContain("lonely");
}, 60_000);

it("ends with the process that started it, even when that is killed", async () => {
  const script = `require("./test/lab/lab").startLab({ hosts: 2 }).then((lab) => console.log(lab.folder));`;
  const root = join(__dirname, "../..");
  const child = spawn(process.execPath, ["-r", "./tools/register.cjs", "-e", script], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let folder = "";
  child.stdout.on("data", (chunk) => {
    folder += chunk;
  });
  await waitFor("the other process to start its lab", 30, () => folder.includes("\n"));
  folder = folder.trim();
  expect(processesOf(folder).length).toBeGreaterThan(4);
  child.kill("SIGKILL");
  await once(child, "exit");
  await waitFor("its processes to end", 10, () => processesOf(folder).length === 0);
  await (await startLab()).stop();
  expect(existsSync(folder)).toBe(false);
}, 90_000);

it("migrates a running guest from libvirt 9.0 to 11.3 and back", async () => {
  const mixed = await startLab({ hosts: 2, root: ["machine", "trixie"] });
  try {
    const [old, recent] = mixed.hosts;
    if (!old || !recent) throw new Error("the lab has two hosts");
    expect(await recent.virsh("version")).toMatch(/Using library: libvirt 1\d\./);
    for (const host of [old, recent]) await furnish(host);
    // A guest without a kernel, idle in its firmware: what moves is a running QEMU.
    const xml = `<domain type='qemu'><name>mover</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
      <os><type machine='pc-i440fx-7.2'>hvm</type></os><devices>
      <interface type='network'><source network='lan'/></interface></devices></domain>`;
    writeFileSync(join(old.directory, "mover.xml"), xml);
    await old.virsh("create", join(old.directory, "mover.xml"));
    await old.virsh("migrate", "--live", "--p2p", "mover", "qemu+tcp://host2/system");
    expect((await recent.virsh("domstate", "mover")).trim()).toBe("running");
    await recent.virsh("migrate", "--live", "--p2p", "mover", "qemu+tcp://host1/system");
    expect((await old.virsh("domstate", "mover")).trim()).toBe("running");
  } finally {
    await mixed.stop();
  }
}, 300_000);

describe("guests are in cgroups of their own host", () => {
  const only = (version: "v1" | "v2") => (cgroupVersion() === version ? it : it.skip);

  async function placeOf(host: LabHost): Promise<string> {
    const xml = `<domain type='qemu'><name>idle</name><memory unit='MiB'>32</memory><cputune><shares>512</shares></cputune>
      <os><type machine='pc'>hvm</type></os><devices/></domain>`;
    writeFileSync(join(host.directory, "idle.xml"), xml);
    await host.virsh("create", join(host.directory, "idle.xml"));
    try {
      return (await host.exec("cat /proc/$(cat /run/libvirt/qemu/idle.pid)/cgroup")).stdout;
    } finally {
      await host.virsh("destroy", "idle");
    }
  }

  only("v1")("with cgroup v1", async () => {
    expect(await placeOf(lab.host)).toMatch(/:cpu:\/machine\/qemu-\d+-idle/);
  });

  only("v2")("with cgroup v2", async () => {
    expect(await placeOf(lab.host)).toMatch(/^0::\/machine(\.slice)?\/qemu-\d+-idle/m);
  });
});
