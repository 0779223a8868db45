import { programLab } from "./program-lab";

const lab = programLab();

/** Two machines with a disk each, one of which may fail. */
const machines = (volume: string, title: string) => `
  const host = new kvm.Host("rack1", { uri: config.require("hostUri") });
  const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/vms" });
  const machine = (name, volume) => new kvm.VirtualMachine(name, { host, virtType: "qemu", memory: "64 MiB",
    state: "stopped", title: "${title}", disks: { data: { volume } } });
  const failing = machine("failing", new kvm.Volume("bad", { pool, ${volume} }));
  exports.failing = failing.name;
  exports.well = machine("well", new kvm.Volume("good", { pool, size: "1 MiB" })).name;`;

test("--continue-on-error leaves out what hangs on a failure, says nothing else of it, and makes the rest", async () => {
  const { host, program } = lab;
  const refused = /VirtualMachine (failing|\(failing\)|resource 'failing')/;
  const wrong = machines('source: { path: "/nonexistent/image.qcow2" }', "first");
  await lab.withProgram(wrong, async (stack) => {
    const made = await stack.run("up", "--yes", "--skip-preview", "--continue-on-error");
    expect(made.code).not.toBe(0);
    expect(made.output).toMatch(/Unable to fill Volume bad.* there is no file \/nonexistent\/image.qcow2/);
    expect(made.output).toMatch(/VirtualMachine well created/);
    expect(made.output).not.toMatch(refused);

    program.body = machines('size: "1 MiB"', "first");
    await stack.up();
    await stack.upWithoutChanges();
    const { failing, well } = await stack.outputs();

    // No qcow2 with clusters of the usual size grows that far.
    program.body = machines('size: "100 PiB"', "second");
    const changed = await stack.run("up", "--yes", "--skip-preview", "--continue-on-error");
    expect(changed.code).not.toBe(0);
    expect(changed.output).toMatch(/Unable to (resize|grow) Volume bad/);
    expect(changed.output).toMatch(/VirtualMachine well updated/);
    expect(changed.output).not.toMatch(refused);
    expect(await host.virsh("desc", "--title", String(failing))).toMatch(/first/);
    expect(await host.virsh("desc", "--title", String(well))).toMatch(/second/);

    program.body = machines('size: "1 MiB"', "second");
    await stack.up();
    await stack.refresh("--expect-no-changes");
    await stack.upWithoutChanges();
    expect(await host.virsh("desc", "--title", String(failing))).toMatch(/second/);
  });
}, 120_000);
