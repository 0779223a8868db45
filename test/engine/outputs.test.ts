import { programLab } from "./program-lab";

const lab = programLab();

test("resources in outputs, as components take and make them, are known in previews and change nothing twice", async () => {
  const { host } = lab;
  const body = `
    class Database extends pulumi.ComponentResource {
      constructor(name, args) {
        super("test:index:Database", name, args);
        const options = { parent: this };
        const network = new kvm.Network(name + "-net", { host: args.host, subnets: args.subnets }, options);
        const volumes = pulumi.output(args.volumes).apply((names) =>
          names.map((name) => [name, new kvm.Volume(name, { pool: args.pool, size: "1 MiB" }, options)]));
        const disks = volumes.apply((all) => Object.fromEntries(all.map(([name, volume]) => [name, { volume }])));
        const nics = pulumi.output({ lan: { network } });
        const machine = { host: args.host, virtType: "qemu", memory: "64 MiB", state: "stopped", disks, nics };
        this.machine = new kvm.VirtualMachine(name, machine, options);
      }
    }
    const host = new kvm.Host("rack1", { uri: config.require("hostUri") });
    const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/vms" });
    exports.vm = new Database("db", { host: pulumi.output(host), pool: Promise.resolve(pool),
      subnets: pulumi.output(["10.98.0.0/24"]), volumes: pulumi.output(["data", "log"]) }).machine.name;`;
  await lab.withProgram(body, async (stack) => {
    const preview = await stack.preview();
    expect(preview.output).toMatch(/disks +: \{.*data: \{.*\/vms\/data-.*log *: \{.*\/vms\/log-.*nics +: \{.*uuid: "/s);
    await stack.up();
    await stack.upWithoutChanges();
    await stack.refresh("--expect-no-changes");
    const { vm } = await stack.outputs();
    expect(await host.virsh("domblklist", String(vm))).toMatch(/\/data-.*\/log-/s);
  });
}, 120_000);

test("a stack makes machines on what another exports whole", async () => {
  const { program } = lab;
  const exporting = `const host = new kvm.Host("rack1", { uri: config.require("hostUri"), housekeepingCpus: "0" });
    const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/vms" });
    const net = new kvm.Network("net", { host, subnets: ["10.98.0.0/24"] });
    Object.assign(exports, { host, pool, net, base: new kvm.Volume("base", { pool, size: "1 MiB" }) });`;
  await lab.withProgram(exporting, async (stack) => {
    await stack.up();
    // The stack itself is as good as another one, and has the same backend.
    program.body = `${exporting}
      const other = new pulumi.StackReference("organization/changes/dev");
      const [rack, vms, lan, base] = ["host", "pool", "net", "base"].map((name) => other.requireOutput(name));
      const data = new kvm.Volume("data", { pool: vms, backing: base, size: "2 MiB" });
      const machine = { host: rack, virtType: "qemu", memory: "64 MiB", state: "stopped" };
      const vm = new kvm.VirtualMachine("db", { ...machine, disks: { data: { volume: data } }, nics: { lan: { network: lan } } });
      exports.limits = vm.host.limits;`;
    await stack.up();
    await stack.upWithoutChanges();
    await stack.refresh("--expect-no-changes");
    expect((await stack.outputs())["limits"]).toBe('{"housekeepingCpus":"0"}');
    // What is exported goes last.
    program.body = exporting;
    await stack.up();
  });
}, 120_000);
