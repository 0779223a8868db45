import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, type Lab, startLab } from "../lab/lab";
import { Program } from "./program";
import { type Stack, withStack } from "./pulumi";

const minutes = 60_000;
const hush = "nobody-may-read-this";
let lab: Lab;
let program: Program;

beforeAll(async () => {
  lab = await startLab();
  for (const file of ["vmlinuz", "initrd.gz"])
    copyFileSync(join(cacheFolder(), "guest", file), join(lab.host.directory, file));
}, minutes);

beforeEach(() => {
  program = new Program();
});

afterEach(() => program.remove());
afterAll(() => lab.stop(), minutes);

/** Runs `work` with a stack of the program; the host is left as it was found. */
async function withProgram(body: string, work: (stack: Stack) => Promise<void>): Promise<void> {
  program.body = body;
  const config = { hostUri: lab.host.uri, directory: lab.host.directory };
  await withStack({ program: program.folder, config, secrets: { hush } }, work);
  expect(await onHost()).toEqual({ domains: [], networks: [], pools: [] });
}

async function onHost() {
  const list = async (...words: string[]) => (await lab.host.virsh(...words)).split("\n").filter((name) => name !== "");
  return {
    domains: await list("list", "--all", "--name"),
    networks: await list("net-list", "--all", "--name"),
    pools: await list("pool-list", "--all", "--name"),
  };
}

const host = 'const host = new kvm.Host("rack1", { uri: config.require("hostUri") });';
const pool = 'const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/vms" });';

/** A guest of few words. */
function machine(more: string): string {
  return `const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "64 MiB", state: "stopped", stopTimeout: "1 s", ${more} });`;
}

/** What the engine did to which class; a row is printed when it begins and when it ends. */
function steps(output: string): string[] {
  const rows = output.matchAll(/^\s+([-+~]{1,2}) +pulumi-nodejs:dynamic\/kvm:(\w+)/gm);
  return [...new Set([...rows].map(([, op, type]) => `${op} ${type}`))];
}

test(
  "a rename by alias, or a move into a component, changes the state alone, and the objects stay the same",
  async () => {
    const all = (suffix: string, alias: (name: string) => string) => `${host}
    const lan = new kvm.Network("lan${suffix}", { host, subnets: ["10.50.0.0/24"] }, ${alias("lan")});
    const pool = new kvm.StoragePool("vms${suffix}", { host, path: config.require("directory") + "/vms" }, ${alias("vms")});
    const disk = new kvm.Volume("data${suffix}", { pool, size: "1 MiB" }, ${alias("data")});
    const seed = new kvm.CloudInitDisk("seed${suffix}", { pool, userData: { hostname: "db" } }, ${alias("seed")});
    new kvm.VirtualMachine("db${suffix}", { host, virtType: "qemu", memory: "64 MiB", state: "stopped",
      disks: { data: { volume: disk }, seed: { volume: seed, device: "cdrom" } }, nics: { lan: { network: lan } } }, ${alias("db")});`;
    await withProgram(
      all("", () => "{}"),
      async (stack) => {
        await stack.up();
        const before = await onHost();
        // A preview knows less than a deployment: what is not known yet must not look like a change.
        expect((await stack.preview("--expect-no-changes")).output).not.toMatch(/to update|unknown/);
        program.body = all("-renamed", (name) => `{ aliases: [{ name: "${name}" }] }`);
        const renamed = ["~ Network", "~ StoragePool", "~ VirtualMachine", "~ Volume"];
        expect(steps((await stack.up()).output).sort()).toEqual(renamed);
        await stack.refresh("--expect-no-changes");
        await stack.upWithoutChanges();
        expect(await onHost()).toEqual(before);
        const inside = all("-renamed", () => "{ parent: this, aliases: [{ parent: pulumi.rootStackResource }] }");
        program.body = `new (class extends pulumi.ComponentResource {
          constructor() { super("test:index:Site", "site"); ${inside} }
        })();`;
        expect(steps((await stack.up()).output).sort()).toEqual(renamed);
        expect(await onHost()).toEqual(before);
        await stack.destroy();
      },
    );
  },
  3 * minutes,
);

test(
  "a replacement of each kind ends with exactly one object",
  async () => {
    const all = (version: number) => `${host}
    new kvm.Network("lan", { host, name: "lan-${version}", subnets: ["10.50.0.0/24"] });
    const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/vms" });
    new kvm.StoragePool("more", { host, path: config.require("directory") + "/more-${version}" });
    new kvm.Volume("data", { pool, size: "1 MiB", name: "data-${version}", onReplace: "destroyData" });
    const seed = new kvm.CloudInitDisk("seed", { pool, userData: { hostname: "db-${version}" } });
    ${machine('uuid: "0000000VERSION-2222-4333-8444-555555555555", disks: { seed: { volume: seed, device: "cdrom" } }').replace("VERSION", String(version))}`;
    await withProgram(all(1), async (stack) => {
      await stack.up();
      program.body = all(2);
      const { output } = await stack.up();
      expect(output).toMatch(/replaced/);
      const { domains, networks, pools } = await onHost();
      expect([domains.length, networks, pools.length]).toEqual([1, ["lan-2"], 2]);
      expect((await lab.host.virsh("domuuid", domains[0] ?? "")).trim()).toMatch(/^00000002-/);
      expect((await lab.host.exec(["ls", join(lab.host.directory, "vms")])).stdout.trim().split("\n")).toEqual([
        "data-2",
        expect.stringMatching(/^seed-.*\.iso$/),
      ]);
      await stack.upWithoutChanges();
      await stack.destroy();
    });
  },
  3 * minutes,
);

test(
  "a guest that does not start is kept, its secrets stay secret, and the next up finishes it",
  async () => {
    const booting = (kernel: string) => `${host}
    ${machine(`state: "running", title: config.requireSecret("hush"), waitForAddress: false, boot: { kernel: config.require("directory") + "/${kernel}" }`)}
    exports.uuid = vm.uuid; exports.state = vm.state;`;
    await withProgram(booting("missing"), async (stack) => {
      const failed = await stack.run("up", "--yes", "--skip-preview");
      expect(failed.code).not.toBe(0);
      expect(failed.output).toMatch(/Unable to start VirtualMachine db-\w+ on qemu\+ssh.*missing/s);
      expect(failed.output).not.toMatch(/^\s+at .*\.js:\d+/m);
      expect(failed.output).not.toContain(hush);
      await expectSealed(stack);
      expect((await onHost()).domains).toHaveLength(1);

      program.body = booting("vmlinuz");
      await stack.up();
      await expectSealed(stack);
      expect((await lab.host.virsh("list", "--name")).trim()).toMatch(/^db-\w+$/);
      await stack.upWithoutChanges();

      // A failed update: the guest is asked for something that its host does not have.
      program.body = booting("vmlinuz").replace("title:", 'nics: { lan: { bridge: "absent0" } }, title:');
      const update = await stack.run("up", "--yes", "--skip-preview");
      expect(update.code).not.toBe(0);
      expect(update.output).toContain("absent0");
      await expectSealed(stack);
      program.body = booting("vmlinuz");
      await stack.up();
      await stack.refresh();
      await expectSealed(stack);
      await stack.upWithoutChanges();
      await stack.destroy();
    });
  },
  4 * minutes,
);

test(
  "user data that is not known before it is made stays secret too",
  async () => {
    const body = `${host}\n${pool}
    const other = new kvm.Volume("other", { pool, size: "1 MiB" });
    new kvm.CloudInitDisk("seed", { pool, userData: pulumi.all([other.capacity, config.requireSecret("hush")])
      .apply(([capacity, password]) => ({ password, capacity })) });`;
    await withProgram(body, async (stack) => {
      expect((await stack.preview()).code).toBe(0);
      await stack.up();
      await expectSealed(stack);
      await stack.upWithoutChanges();
      await stack.destroy();
    });
  },
  2 * minutes,
);

test(
  "preview and a plain up need no host for what is already there",
  async () => {
    const body = `${host}\n${pool}\n${machine("")}`;
    await withProgram(body, async (stack) => {
      await stack.up();
      await lab.host.killLibvirtd();
      expect((await stack.preview()).code).toBe(0);
      program.body = body.replace('"64 MiB"', '"80 MiB", title: "larger"');
      const preview = await stack.preview();
      expect(preview.code).toBe(0);
      expect(preview.output).toMatch(/memory\s*: "64 MiB" => "80 MiB"/);
      const restart = "memory: restart, above maxMemory; the guest is off";
      for (const line of [restart, "title: live"]) expect(preview.output).toContain(line);
      await lab.host.startLibvirtd();
      const { output } = await stack.up();
      expect(steps(output)).toEqual(["~ VirtualMachine"]);
      // What is simply live stands in the row, beside the differences.
      const [rows, diagnostics] = output.split("Diagnostics:");
      expect([rows, diagnostics]).toEqual([expect.stringContaining("title: live"), expect.stringContaining(restart)]);
      expect(diagnostics).not.toContain("live");
      await stack.destroy();
    });
  },
  3 * minutes,
);

test(
  "what is wrong in the program is told before anything happens",
  async () => {
    const body = `${host}\n${machine('memry: "1 GiB", disks: { root: { bus: "floppy" } }')}`;
    program.body = body;
    await withStack({ program: program.folder, config: { hostUri: lab.host.uri } }, async (stack) => {
      const { code, output } = await stack.preview();
      expect(code).not.toBe(0);
      expect(output).toMatch(/memry.*did you mean "memory"\?/s);
      expect(output).toContain("disks.root.bus");
    });
  },
  minutes,
);

async function expectSealed(stack: Stack): Promise<void> {
  expect(await stack.state()).not.toContain(hush);
}

test(
  "null in an overlay takes an element away, and no later run sees a change in it",
  async () => {
    const without = machine("overlay: { features: { acpi: null } }");
    await withProgram(`${host}\n${without}\nexports.uuid = vm.uuid;`, async (stack) => {
      await stack.up();
      const { uuid } = await stack.outputs();
      expect(await lab.host.virsh("dumpxml", String(uuid))).not.toContain("<acpi/>");
      await stack.upWithoutChanges();
      await stack.refresh("--expect-no-changes");
      program.body = `${host}\n${machine("")}`;
      await stack.up();
      expect(await lab.host.virsh("dumpxml", String(uuid))).toContain("<acpi/>");
    });
  },
  2 * minutes,
);
