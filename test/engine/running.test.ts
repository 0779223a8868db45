import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../lab/lab";
import { inGuest } from "../lab/machines";
import { waitFor } from "../lab/processes";
import { programLab } from "./program-lab";
import { type Stack, withStack } from "./pulumi";

/** One guest that runs, and what a user does to it; previews must tell what the guest then sees. */
const minutes = 60_000;
const lab = programLab(async ({ directory }) => {
  for (const file of ["vmlinuz", "initrd.gz"]) copyFileSync(join(cacheFolder(), "guest", file), join(directory, file));
});

/** Arguments of the machine, as the program writes them. */
type Arguments = Readonly<Record<string, string>>;

const base: Arguments = {
  disks: "{ a: { volume: a }, seed: { volume: seed, device: 'cdrom' } }",
  nics: "{ lan: { network: lan } }",
};

function program(args: Arguments, options = { size: "16 MiB", hostname: "one" }): string {
  const written = Object.entries({ ...base, ...args }).map(([name, value]) => `${name}: ${value}`);
  return `const host = new kvm.Host("rack1", { uri: config.require("hostUri") });
    const directory = config.require("directory");
    const [lan, dmz] = [50, 51].map((net) => new kvm.Network("net" + net, { host, mode: "isolated", subnets: ["10." + net + ".0.0/24"] }));
    const pool = new kvm.StoragePool("vms", { host, path: directory + "/vms" });
    const [a, b, c] = ["a", "b", "c"].map((name) => new kvm.Volume(name, { pool, size: name === "a" ? "${options.size}" : "16 MiB" }));
    const seed = new kvm.CloudInitDisk("seed", { pool, userData: { hostname: "${options.hostname}" } });
    const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "128 MiB", maxVcpus: 4, stopTimeout: "20 s", waitForAddress: false,
      boot: { kernel: directory + "/vmlinuz", initrd: directory + "/initrd.gz", cmdline: "console=ttyS0 quiet mitigations=off" },
      ${written.join(", ")} });
    exports.pending = vm.pendingRestart; exports.state = vm.state; exports.name = vm.name;`;
}

/** What the user does, and what must come of it. */
interface Step {
  readonly does: string;
  /** Arguments that are given from now on; an empty text takes one away. */
  readonly args?: Arguments;
  readonly options?: { readonly size: string; readonly hostname: string };
  /** What happens to the guest before, behind the program's back. */
  readonly before?: () => Promise<unknown>;
  readonly refresh?: boolean;
  /** What the preview says of the machine's changes. Default: nothing but "live". */
  readonly says?: readonly (string | RegExp)[];
  /** The preview and the update are refused with it. */
  readonly fails?: RegExp;
  readonly boots?: "again";
  readonly pending?: readonly string[];
  readonly state?: string;
  readonly sees?: () => Promise<void>;
}

const name = async () => (await lab.host.virsh("list", "--all", "--name")).trim();
const xml = async (...flags: string[]) => lab.host.virsh("dumpxml", await name(), ...flags);
const guest = async (script: string) => inGuest(lab.host, await name(), script);
const bootId = () => guest("cat /proc/sys/kernel/random/boot_id");
const runs = () => waitFor("the guest's agent", 60, async () => (await bootId().catch(() => "")) !== "");
const isOff = () =>
  waitFor("the guest to be off", 30, async () => /shut off/.test(await lab.host.virsh("domstate", await name())));

async function powerOff(): Promise<void> {
  await guest("(sleep 1; poweroff -f) >/dev/null 2>&1 &");
  await isOff();
}

async function tap(): Promise<string> {
  return /vnet\d+/.exec(await lab.host.virsh("domiflist", await name()))?.[0] ?? "";
}

const nehalem = "{ mode: 'custom', model: 'Nehalem' }";

const steps: readonly Step[] = [
  {
    does: "many live changes at once",
    args: {
      title: "'t1'",
      description: "'d'",
      vcpus: "2",
      memory: "'112 MiB'",
      maxMemory: "'128 MiB'",
      autostart: "false",
      cpuTune: "{ shares: 2048, vcpuPins: { 0: '1' } }",
      nics: "{ lan: { network: lan, link: false } }",
      disks: "{ a: { volume: a, iotune: { totalIopsSec: 500 } }, seed: { volume: seed, device: 'cdrom' } }",
    },
    says: ["vcpus: live", "memory: live", "cpuTune.shares: live", "nics.lan.link: live", /iotune.totalIopsSec: live/],
    sees: async () => {
      expect(await guest("cd /sys; ls -d devices/system/cpu/cpu1; cat class/net/eth0/carrier")).toMatch(/cpu1\n0$/);
      expect(await xml()).toMatch(/<title>t1<[\s\S]*<total_iops_sec>500</);
    },
  },
  {
    does: "a disk and an interface come",
    args: {
      disks: "{ a: { volume: a }, b: { volume: b }, seed: { volume: seed, device: 'cdrom' } }",
      nics: "{ lan: { network: lan }, dmz: { network: dmz } }",
    },
    says: ["disks.b: live, added", "nics.dmz: live, added"],
    sees: async () => expect(await guest("ls -d /sys/block/vdb /sys/class/net/eth1 | wc -l")).toBe("2"),
  },
  {
    does: "they go in the update in which others come, and a cable is plugged elsewhere",
    args: {
      disks: "{ a: { volume: a }, c: { volume: c, bus: 'scsi' }, seed: { volume: seed, device: 'cdrom' } }",
      nics: "{ lan: { network: dmz }, two: { network: lan } }",
    },
    says: ["disks.b: live, removed", "disks.c: live, added", "nics.dmz: live, removed", "nics.lan.network: live"],
    sees: async () => expect(await guest("ls -d /sys/block/sda /sys/block/vdb 2>/dev/null")).toBe("/sys/block/sda"),
  },
  {
    does: "a disk grows and the medium changes",
    args: { disks: base["disks"] ?? "", nics: base["nics"] ?? "" },
    options: { size: "32 MiB", hostname: "two" },
    says: ["disks.seed.volume: live, the medium is changed in the drive", "size: live", "disks.c: live, removed"],
    sees: async () => expect(await guest("cat /sys/block/vda/size")).toBe("65536"),
  },
  {
    does: "what needs a new start, beside what does not",
    args: { title: "'t2'", cpu: nehalem },
    says: ["title: live", "cpu.model: restart; policy stage"],
    pending: ["cpu.mode", "cpu.model"],
  },
  {
    does: "more of it is refused by the policy",
    args: { changePolicy: "'refuse'", video: "{ model: 'bochs' }" },
    fails: /video\.model .*would need a restart of the guest, and changePolicy is "refuse"; nothing was changed/,
    pending: ["cpu.mode", "cpu.model"],
  },
  {
    does: "what needs none passes that policy",
    args: { video: "", title: "'t3'" },
    says: ["title: live"],
    pending: ["cpu.mode", "cpu.model"],
  },
  {
    does: "the policy to restart does what waits, and says so before",
    args: { changePolicy: "'restart'" },
    says: ["the guest is restarted for what waits: cpu.mode, cpu.model"],
    boots: "again",
    sees: async () => expect(await xml()).toContain("Nehalem"),
  },
  {
    does: "a new name cannot wait",
    args: { changePolicy: "'stage'", name: "'renamed'" },
    fails: /rename VirtualMachine db-\w+ to renamed .*libvirt renames only a domain that is off; nothing was changed/,
  },
  {
    does: "a new name by a restart, with fewer vCPUs than the guest has",
    args: { changePolicy: "'restart'", vcpus: "1" },
    says: ["name: restart, libvirt renames only a stopped domain; policy restart"],
    boots: "again",
    sees: async () => expect([await name(), await guest("nproc")]).toEqual(["renamed", "1"]),
  },
  {
    does: "a pause, in which a disk comes",
    args: {
      changePolicy: "'stage'",
      state: "'paused'",
      disks: "{ a: { volume: a }, b: { volume: b }, seed: { volume: seed, device: 'cdrom' } }",
    },
    says: ["state: live", "disks.b: live, added"],
    state: "paused",
  },
  {
    does: "it goes on, and without the disk",
    args: { state: "", disks: base["disks"] ?? "" },
    says: ["disks.b: live, removed"],
    sees: async () => expect(await guest("ls /sys/block | grep -c vdb; true")).toBe("0"),
  },
  {
    does: "a change of one that went off by itself",
    before: powerOff,
    args: { title: "'t4'" },
    boots: "again",
  },
  {
    does: "a refresh of one that went off by itself",
    before: powerOff,
    refresh: true,
    says: ["state: live"],
    boots: "again",
  },
  {
    does: "changes of one in a saved state",
    before: async () => lab.host.virsh("managedsave", await name()),
    args: { title: "'t5'", cpu: "{ mode: 'custom', model: 'Westmere' }" },
    pending: ["cpu.model"],
    says: ["title: live", "cpu.model: restart; policy stage"],
    sees: async () => expect(await xml()).toContain("<title>t5<"),
  },
  {
    does: "drift of the running guest alone",
    before: async () => {
      await lab.host.virsh("domif-setlink", await name(), await tap(), "down");
      await lab.host.virsh("desc", await name(), "--live", "theirs");
    },
    refresh: true,
    pending: ["cpu.model"],
    says: ["description: live", "nics.lan.link: live"],
    sees: async () => expect(await guest("cat /sys/class/net/eth0/carrier")).toBe("1"),
  },
  {
    does: "drift of the definition alone",
    before: async () => {
      await lab.host.virsh("desc", await name(), "--config", "theirs");
      await lab.host.virsh("setvcpus", await name(), "3", "--config");
    },
    refresh: true,
    pending: ["cpu.model"],
    says: ["description: live", "vcpus: live"],
    sees: async () => expect(await xml("--inactive")).toMatch(/<description>d<[\s\S]*current='1'/),
  },
  {
    does: "a bridge that is not there, beside what could be done",
    args: { title: "'t6'", nics: "{ lan: { bridge: 'absent0' } }" },
    fails: /bridge absent0 doesn't exist[\s\S]*The former definition is in force again and the guest keeps running/,
    pending: ["cpu.model"],
    sees: async () => expect(await xml()).toContain("<title>t5<"),
  },
  {
    does: "it is taken back, and the guest is to be off, with other devices at its next start",
    args: {
      nics: base["nics"] ?? "",
      state: "'stopped'",
      disks: "{ a: { volume: a }, c: { volume: c }, seed: { volume: seed, device: 'cdrom' } }",
    },
    says: ["state: live", "disks.c: live, added"],
    state: "stopped",
  },
  {
    does: "another machine of the same disks",
    args: { state: "", uuid: "'00000001-2222-4333-8444-555555555555'" },
    says: ["uuid: replace"],
    boots: "again",
    sees: async () => expect(await guest("cat /sys/block/vda/size")).toBe("65536"),
  },
];

test(
  "previews of changes to a running guest tell what comes of them; a second up has nothing to do",
  async () => {
    const { host, program: file } = lab;
    const config = { hostUri: host.uri, directory: host.directory };
    file.body = program({});
    await withStack({ program: file.folder, config }, async (stack) => {
      await stack.up();
      await runs();
      let [args, options]: [Arguments, Step["options"]] = [{}, undefined];
      for (const step of steps) {
        const next = { ...args, ...step.args };
        const wanted = Object.fromEntries(Object.entries(next).filter(([, value]) => value !== ""));
        options = step.options ?? options;
        file.body = program(wanted, options);
        await take(stack, step);
        args = wanted;
      }
      await stack.destroy();
      const left = "virsh -q list --all --name; virsh -q net-list --all --name; virsh -q pool-list --all --name";
      expect((await host.exec(`${left}; ls ${host.directory}/vms`)).stdout.trim()).toBe("");
    });
  },
  15 * minutes,
);

async function take(stack: Stack, step: Step): Promise<void> {
  const { does, before, refresh, says = [], fails, boots, pending = [], state = "running", sees } = step;
  const isUp = async () => (await lab.host.virsh("domstate", await name())).trim() === "running";
  const first = (await isUp()) ? await bootId() : "";
  await before?.();
  const flags = refresh ? ["--refresh"] : [];
  const preview = await stack.preview(...flags);
  for (const words of says) expect([does, preview.output]).toEqual([does, expect.stringMatching(literal(words))]);
  if (!boots && !pending.length) expect([does, preview.output]).not.toEqual([does, expect.stringMatching(/: restart/)]);
  const { code, output } = await stack.run("up", "--yes", "--skip-preview", ...flags);
  expect([does, code === 0, output]).toEqual([does, !fails, expect.stringMatching(fails ?? "")]);
  if (state === "running") await runs();
  expect([does, await stack.outputs()]).toEqual([does, expect.objectContaining({ pending, state })]);
  if (state === "running" && first !== "") expect([does, (await bootId()) === first]).toEqual([does, !boots]);
  await sees?.();
  if (!fails) await stack.upWithoutChanges();
}

function literal(words: string | RegExp): RegExp {
  return typeof words === "string" ? new RegExp(words.replace(/[.()]/g, "\\$&")) : words;
}
