import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cacheFolder, type Lab, startLab } from "../lab/lab";
import { type Stack, withStack } from "./pulumi";

/** The examples beside the quick start: run where emulation can, and else to the refusal that their README shows. */
const examples = join(__dirname, "../../examples");
const minutes = 60_000;
let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
}, minutes);

afterAll(() => lab.stop());

function options(example: string, config: Readonly<Record<string, string>>) {
  return { program: join(examples, example), config: { hostUri: lab.host.uri, virtType: "qemu", ...config } };
}

async function leftOnHost(): Promise<string> {
  const left = await lab.host.exec(
    "virsh -q list --all --name; virsh -q net-list --all --name; virsh -q pool-list --all --name; ls -A /var/lib/libvirt/kvm-* /var/lib/libvirt/qemu/nvram /var/lib/libvirt/swtpm 2>/dev/null | grep -v :",
    { check: false },
  );
  return left.stdout.trim();
}

/** Up, nothing to do twice, and nothing left. */
async function live(stack: Stack, look: () => Promise<void>): Promise<void> {
  await stack.up();
  await look();
  await stack.upWithoutChanges();
  await stack.refresh("--expect-no-changes");
  await stack.destroy();
  expect(await leftOnHost()).toBe("");
}

it(
  "multiqueue-web-server: a queue for each vCPU, threads for the disks",
  async () => {
    const config = {
      image: join(cacheFolder(), "guest/guest.qcow2"),
      vcpus: "4",
      memory: "256 MiB",
      diskSize: "1 GiB",
    };
    await withStack(options("multiqueue-web-server", config), (stack) =>
      live(stack, async () => {
        const { url, queues } = await stack.outputs();
        // No more than the host, which is this machine, has CPUs.
        const expected = Math.min(4, availableParallelism());
        expect(url).toMatch(/^http:\/\/10\.21\.0\.\d+\/$/);
        expect(queues).toBe(expected);
        const [name = ""] = (await lab.host.virsh("list", "--name")).split("\n");
        const xml = await lab.host.virsh("dumpxml", name);
        expect(xml).toMatch(/<interface[\s\S]*<driver[^>]* rx_queue_size='1024'/);
        if (expected > 1)
          expect(xml).toMatch(new RegExp(`<driver[^>]* queues='${expected}'[^>]* rx_queue_size='1024'`));
        expect(xml).toMatch(/<driver[^>]* iothread='1'[\s\S]*<driver[^>]* iothread='2'/);
      }),
    );
  },
  4 * minutes,
);

it(
  "tuned-database: a CPU of its own, memory of its cell, threads for the disks, by one word",
  async () => {
    const config = {
      image: join(cacheFolder(), "guest/guest.qcow2"),
      // The lab's guest has a boot sector and nothing for UEFI.
      firmware: "bios",
      vcpus: "1",
      housekeepingCpus: "0",
      memory: "192 MiB",
      rootSize: "1 GiB",
      dataSize: "16 MiB",
    };
    await withStack(options("tuned-database", config), (stack) =>
      live(stack, async () => {
        const name = String((await stack.outputs())["name"]);
        const pins = async (what: string) => {
          const lines = (await lab.host.virsh(what, name)).trim().split("\n");
          return lines.map((line) => line.trim().replace(/\s+/g, " ")).sort();
        };
        expect(await pins("vcpupin")).toEqual(["0 1"]);
        expect(await pins("emulatorpin")).toEqual(["0"]);
        expect(await pins("iothreadinfo")).toEqual(["1 0", "2 0"]);
        const xml = await lab.host.virsh("dumpxml", name);
        expect(xml).toContain("<memory mode='strict' nodeset='0'/>");
        expect(xml).toContain("<nosharepages/>");
        expect(xml).toContain("<memballoon model='none'/>");
      }),
    );
  },
  4 * minutes,
);

it(
  "windows-secure-boot-tpm: an empty disk is started with Secure Boot and a TPM",
  async () => {
    const config = { vcpus: "2", memory: "512 MiB", diskSize: "1 GiB" };
    await withStack({ ...options("windows-secure-boot-tpm", config), secrets: { vncPassword: "s3cret" } }, (stack) =>
      live(stack, async () => {
        const [name = ""] = (await lab.host.virsh("list", "--name")).split("\n");
        const xml = await lab.host.virsh("dumpxml", name);
        expect(xml).toMatch(/<loader[^>]* secure='yes'/);
        expect(xml).toMatch(/<smm state='on'/);
        expect(xml).toMatch(/<tpm model='tpm-crb'>[\s\S]*version='2.0'/);
        expect(await stack.state()).not.toContain("s3cret");
      }),
    );
  },
  3 * minutes,
);

const kernel = { kernel: "/srv/vmlinuz" };

it.each<[string, Readonly<Record<string, string>>, readonly RegExp[]]>([
  [
    "sr-iov-nfv",
    { ...kernel, virtualFunction: "0000:3b:10.0" },
    [
      /Unable to give nics\.data\.hostdev\.address to VirtualMachine router-\w+ on .*: the host has no PCI device 0000:3b:10\.0; nothing was changed/,
    ],
  ],
  [
    "confidential-vm",
    { ...kernel, virtType: "kvm" },
    [
      /launchSecurity.*the host has no sev-snp: it takes an AMD EPYC of the third generation or newer/,
      /the host has no KVM/,
    ],
  ],
  [
    "gpu",
    { ...kernel, gpu: "0000:65:00.0" },
    [
      /Unable to give hostDevices\.gpu\.pci to VirtualMachine trainer-\w+ on .*: the host has no PCI device 0000:65:00\.0; nothing was changed/,
    ],
  ],
  [
    "gpu",
    { ...kernel, gpu: "0000:65:00.0", vgpuType: "nvidia-35" },
    [/give hostDevices\.vgpu\.mdev to VirtualMachine trainer-\w+ .*the host has no PCI device 0000:65:00\.0/],
  ],
])(
  "%s: refused without the hardware, before a machine is made",
  async (example, config, reasons) => {
    await withStack(options(example, config), async (stack) => {
      const { code, output } = await stack.run("up", "--yes", "--skip-preview");
      expect(code).not.toBe(0);
      for (const reason of reasons) expect(output.replace(/\s+/g, " ")).toMatch(reason);
      expect(await lab.host.virsh("list", "--all", "--name")).toBe("");
      await stack.destroy();
      expect(await leftOnHost()).toBe("");
    });
  },
  2 * minutes,
);
