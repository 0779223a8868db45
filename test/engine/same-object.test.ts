import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program } from "./program";
import { programLab } from "./program-lab";
import { withStack } from "./pulumi";

const lab = programLab();

test("a pool in another place: no volume is lost, made anew or left behind without a word", async () => {
  const { host, program } = lab;
  const { directory } = host;
  const inPlace = (folder: string) => `const host = new kvm.Host("rack1", { uri: config.require("hostUri") });
    const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/${folder}" });
    const data = new kvm.Volume("data", { pool, size: "1 MiB", name: "data.qcow2" });
    const seed = new kvm.CloudInitDisk("seed", { pool, userData: { hostname: "db" } });
    const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "64 MiB", state: "stopped",
      disks: { data: { volume: data }, seed: { volume: seed, device: "cdrom" } } });
    exports.vm = vm.name; exports.seed = seed.path;`;
  await lab.withProgram(inPlace("before"), async (stack) => {
    await stack.up();
    const first = await stack.outputs();
    program.body = inPlace("after");
    expect((await stack.preview()).output).toMatch(/path: live, its pool is in another place/);
    const failed = await stack.run("up", "--yes", "--skip-preview");
    expect(failed.code).not.toBe(0);
    expect(failed.output).toMatch(/pool is in .*\/after now and has no such volume, which was .*\/before\/data\.qcow2/);
    const refresh = await stack.run("refresh", "--yes", "--skip-preview");
    expect(refresh.output).toMatch(/Unable to refresh Volume data\.qcow2 .*take the change of the pool back/s);

    // What the message says: back, and nothing has changed; or the file is moved by hand.
    program.body = inPlace("before");
    await stack.up();
    await stack.refresh("--expect-no-changes");
    expect(await stack.outputs()).toEqual(first);
    program.body = inPlace("after");
    await stack.run("up", "--yes", "--skip-preview");
    await host.exec(`mv ${directory}/before/data.qcow2 ${directory}/after/`);
    await stack.up();
    await stack.upWithoutChanges();
    await stack.refresh("--expect-no-changes");
    const document = await host.virsh("dumpxml", String(first["vm"]));
    expect(document).toContain(`${directory}/after/data.qcow2`);
    expect(document).not.toContain("/before/");

    program.body = inPlace("before");
    await stack.run("up", "--yes", "--skip-preview");
    const { output } = await stack.destroy();
    expect(output).toMatch(/\/after\/data\.qcow2 stays on .*: its pool is in .*\/before now/);
    expect((await host.exec(`ls ${directory}/after`)).stdout).toContain("data.qcow2");
  });
}, 180_000);

test("a machine that two resources of the state have is not deleted with one of them", async () => {
  const { host, program } = lab;
  const machine = (name: string, options = "{}") =>
    `new kvm.VirtualMachine("${name}", { host, virtType: "qemu", memory: "64 MiB", state: "stopped" }, ${options});`;
  const all = (machines: string) =>
    `const host = new kvm.Host("rack1", { uri: config.require("hostUri") });${machines}`;
  await lab.withProgram(all(machine("db")), async (stack) => {
    await stack.up();
    program.body = all(machine("main", '{ aliases: [{ name: "db" }] }'));
    await stack.up();
    const domains = await host.virsh("list", "--all", "--uuid");
    // Without a preview the new one is made before the renamed one is looked at: it goes on with the other's machine.
    program.body = all(`const db = ${machine("db")}${machine("main", "{ dependsOn: [db] }")}`);
    const failed = await stack.run("up", "--yes", "--skip-preview");
    expect(failed.output).toMatch(/is that of the resource/);
    program.body = all(machine("main"));
    expect((await stack.up()).output).toMatch(/stays on the host: it is that of the resource "main"/);
    expect(await host.virsh("list", "--all", "--uuid")).toBe(domains);
    await stack.refresh("--expect-no-changes");
    await stack.upWithoutChanges();

    // One that is made anew is deleted all the same, under whatever name the state has it.
    program.body = all(machine("main").replace("memory:", 'uuid: "00000001-2222-4333-8444-555555555555", memory:'));
    await stack.up();
    expect((await host.virsh("list", "--all", "--uuid")).trim()).toMatch(/^00000001-[\w-]+$/);
  });
}, 180_000);

test("a new stack under the former name of a renamed one leaves its objects alone", async () => {
  const { host, program } = lab;
  const platform = new Program();
  platform.body = 'exports.host = new kvm.Host("rack1", { uri: config.require("hostUri") });';
  await withStack({ program: platform.folder, config: { hostUri: host.uri } }, async (shared) => {
    await shared.up();
    const reference = JSON.stringify((await shared.outputs())["host"]);
    const body = `const host = ${reference};
      const net = new kvm.Network("net", { host, subnets: ["10.98.0.0/24"] });
      const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "64 MiB", stopTimeout: "0 s" });
      exports.vm = vm.name;`;
    await lab.withProgram(body, async (stack) => {
      await stack.up();
      const vm = String((await stack.outputs())["vm"]);
      await stack.rename("blue");
      expect((await stack.preview()).output).toMatch(/its mark on the host: live, now that of .*\/blue/);
      expect((await stack.up()).output).toMatch(/2 updated/);
      for (const xml of [await host.virsh("dumpxml", vm), await host.virsh("dumpxml", "--inactive", vm)]) {
        expect(xml).toContain("urn:pulumi:blue::");
      }
      await stack.upWithoutChanges();
      await stack.refresh("--expect-no-changes");

      await withStack({ program: program.folder }, async (anew) => {
        const { code, output } = await anew.run("up", "--yes", "--skip-preview", "--continue-on-error");
        for (const kind of ["Network", "VirtualMachine"]) {
          expect(output).toMatch(
            new RegExp(`a ${kind} with its uuid exists already and it belongs to urn:pulumi:blue::`),
          );
        }
        expect(code).not.toBe(0);
      });
      expect(await host.virsh("list", "--name")).toContain(vm);
      await stack.upWithoutChanges();
    });
  });
  platform.remove();
}, 180_000);

test("what the user has made anew goes first, and volumes and seeds stay", async () => {
  const { host } = lab;
  const body = `const host = new kvm.Host("rack1", { uri: config.require("hostUri") });
    const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/anew" });
    const net = new kvm.Network("net", { host, subnets: ["10.99.0.0/24"] });
    const data = new kvm.Volume("data", { pool, size: "1 MiB", name: "data.qcow2" });
    const seed = new kvm.CloudInitDisk("seed", { pool, userData: { hostname: "db" } });
    const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "64 MiB", state: "stopped", tpm: {},
      disks: { data: { volume: data }, seed: { volume: seed, device: "cdrom" } }, nics: { lan: { network: net } } });
    exports.names = [pool.name, net.name, vm.name, vm.uuid];
    exports.urns = { pool: pool.urn, net: net.urn, data: data.urn, seed: seed.urn, vm: vm.urn };`;
  await lab.withProgram(body, async (stack) => {
    await stack.up();
    const { names, urns } = (await stack.outputs()) as { names: string[]; urns: Record<string, string> };
    const [pool = "", net = "", vm = "", uuid = ""] = names;
    const tpm = `/var/lib/libvirt/swtpm/${uuid}/tpm2`;
    await host.exec(`mkdir -p ${tpm}; echo "state of the TPM" > ${tpm}/tpm2-00.permall`);
    const anew = (name: string) => stack.run("up", "--yes", "--skip-preview", "--replace", urns[name] ?? "");
    // By hand, where neither preview nor update looks: what is still there afterwards was not made anew.
    await host.virsh("desc", vm, "--config", "by hand");
    await host.virsh("net-destroy", net);
    await host.virsh("pool-destroy", pool);

    for (const name of ["pool", "net", "vm"]) {
      const { code, output } = await anew(name);
      expect(output).toMatch(/\+-1 replaced/);
      expect(output).not.toMatch(/disks|nics/);
      expect(code).toBe(0);
    }
    expect((await host.virsh("desc", vm)).trim()).toBe("");
    expect((await host.exec(["cat", `${tpm}/tpm2-00.permall`])).stdout).toBe("state of the TPM\n");
    expect(await host.virsh("net-list")).toContain(net);
    expect(await host.virsh("pool-list")).toContain(pool);

    expect((await anew("seed")).output).toMatch(/stays on the host: nothing was made anew, it is the same/);
    const refused = await anew("data");
    expect(refused.output).toMatch(/Unable to make Volume data\.qcow2 in pool vms-\w+ anew on .*it was left as it is/);
    expect(await host.virsh("vol-list", pool)).toContain("data.qcow2");
    await stack.refresh("--expect-no-changes");
    await stack.upWithoutChanges();
  });
}, 180_000);

test("a volume is not made anew by options of the resource, unless its data may go", async () => {
  const volume = (args: string, options: string) => `
    const host = new kvm.Host("rack1", { uri: config.require("hostUri") });
    const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/options" });
    const data = new kvm.Volume("data", { pool, format: "raw", name: "data", ${args} }, { ${options} });
    exports.urn = data.urn;`;
  const options = 'replaceOnChanges: ["size"], deleteBeforeReplace: true';
  await lab.withProgram(volume('size: "1 MiB"', options), async (stack) => {
    await stack.up();
    const { urn } = await stack.outputs();
    const file = join(lab.host.directory, "options/data");
    writeFileSync(file, "precious");
    const anew = (...words: string[]) => stack.run("up", "--yes", "--skip-preview", ...words);
    expect((await anew("--replace", String(urn))).output).toMatch(
      /Unable to make Volume data in pool vms-\w+ anew on qemu\+ssh:.*: the data in it/,
    );
    lab.program.body = volume('size: "2 MiB"', options);
    expect((await anew()).output).toMatch(
      /Unable to make Volume data in pool vms-\w+ anew on qemu\+ssh:.*: the data in it/,
    );
    lab.program.body = volume('size: "2 MiB"', "");
    await stack.up();
    await stack.upWithoutChanges();
    expect(readFileSync(file, "utf8")).toMatch(/^precious/);
    lab.program.body = volume('size: "3 MiB", onReplace: "destroyData"', options);
    expect((await stack.up()).output).toMatch(/\+-1 replaced/);
    expect(readFileSync(file, "utf8")).not.toMatch(/precious/);
  });
}, 120_000);
