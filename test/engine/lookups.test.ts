import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { programLab } from "./program-lab";
import { withStack } from "./pulumi";

const minutes = 120_000;
const lab = programLab(async (host) => {
  const written = (name: string, text: string) => {
    const path = join(host.directory, name);
    writeFileSync(path, text);
    return path;
  };
  const target = join(host.directory, "theirs");
  await host.exec(`mkdir -p ${target}`);
  await host.virsh("net-define", written("net.xml", "<network><name>theirs</name></network>"));
  await host.virsh("net-start", "theirs");
  await host.virsh("pool-define-as", "theirs", "dir", "--target", target);
  await host.virsh("pool-start", "theirs");
  await host.virsh("vol-create-as", "theirs", "disk.raw", "1M");
  const domain = "<domain type='qemu'><name>theirs</name><memory>65536</memory><os><type>hvm</type></os></domain>";
  await host.virsh("define", written("domain.xml", domain));
});
const { program } = lab;

const lookups = `
  const host = kvm.getHost("rack1", { uri: config.require("hostUri") });
  const lan = kvm.getNetwork("lan", { host, key: pulumi.output("theirs") });
  const pool = kvm.getPool("theirs", { host });
  const disk = kvm.getVolume("disk", { pool, key: "disk.raw" });
  const other = kvm.getVirtualMachine("other", { host, key: "theirs" });`;

test(
  "what others made is found in a preview, used, and left alone by destroy",
  async () => {
    program.body = `${lookups}
      const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "64 MiB", state: "stopped",
        disks: { data: { volume: disk } }, nics: { lan: { network: lan } } });
      exports.memory = other.memory; exports.size = disk.size; exports.name = vm.name;
      exports.available = pool.available;`;
    await withStack({ program: program.folder, config: { hostUri: lab.host.uri } }, async (stack) => {
      await stack.preview();
      await stack.up();
      expect(await stack.outputs()).toMatchObject({ memory: "64 MiB", size: "1 MiB" });
      await stack.upWithoutChanges();
      // What is free in the pool and on the host is another figure by now, and told by the next update.
      const { available } = await stack.outputs();
      writeFileSync(join(lab.host.directory, "theirs", "filler"), Buffer.alloc(8 * 1024 * 1024, 1));
      await stack.refresh("--expect-no-changes");
      await stack.up();
      expect((await stack.outputs())["available"]).not.toBe(available);
    });
    for (const list of [
      ["list", "--all", "--name"],
      ["net-list", "--all", "--name"],
      ["pool-list", "--all", "--name"],
    ]) {
      expect((await lab.host.virsh(...list)).trim()).toBe("theirs");
    }
    expect(await lab.host.virsh("vol-list", "theirs")).toContain("disk.raw");
  },
  minutes,
);

test(
  "what is not there is said in the preview",
  async () => {
    program.body = `const host = kvm.getHost("rack1", { uri: config.require("hostUri") });
      kvm.getNetwork("nowhere", { host });`;
    await withStack({ program: program.folder, config: { hostUri: lab.host.uri } }, async (stack) => {
      const { code, output } = await stack.run("preview");
      expect(code).not.toBe(0);
      expect(output).toMatch(/no network of that name or uuid/);
    });
  },
  minutes,
);
