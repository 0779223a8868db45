import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../lab/lab";
import { inGuest } from "../lab/machines";
import { waitFor } from "../lab/processes";
import { programLab } from "./program-lab";
import { withStack } from "./pulumi";

const lab = programLab(async ({ directory }) => {
  for (const file of ["vmlinuz", "initrd.gz"]) copyFileSync(join(cacheFolder(), "guest", file), join(directory, file));
});

test("what others change in the running guest alone is shown and mended by up --refresh, without a restart", async () => {
  const { host, program } = lab;
  const programWith = (options: string) => `const host = new kvm.Host("rack1", { uri: config.require("hostUri") });
    const directory = config.require("directory");
    const lan = new kvm.Network("lan", { host, mode: "isolated", subnets: ["10.50.0.0/24"] });
    const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "128 MiB", title: config.requireSecret("hush"),
      stopTimeout: "1 s", waitForAddress: false, nics: { lan: { network: lan } },
      boot: { kernel: directory + "/vmlinuz", initrd: directory + "/initrd.gz", cmdline: "console=ttyS0 quiet mitigations=off" } }, ${options});
    exports.name = vm.name; exports.pending = vm.pendingRestart;`;
  program.body = programWith("{}");
  const config = { hostUri: host.uri, directory: host.directory };
  const hush = "nobody-may-read-this";
  await withStack({ program: program.folder, config, secrets: { hush } }, async (stack) => {
    await stack.up();
    const name = String((await stack.outputs())["name"]);
    const virsh = (command: string, ...rest: string[]) => host.virsh(command, name, ...rest);
    const ping = () => virsh("qemu-agent-command", '{"execute":"guest-ping"}');
    await waitFor("the guest's agent", 60, () => ping().then(Boolean, () => false));
    const bootId = () => inGuest(host, name, "cat /proc/sys/kernel/random/boot_id");
    const first = await bootId();
    const drift = async () => {
      await virsh("desc", "--live", "--title", "theirs");
      await virsh("domif-setlink", /vnet\d+/.exec(await virsh("domiflist"))?.[0] ?? "", "down");
    };
    const found = [
      expect.stringContaining("title: live, the running guest has it otherwise"),
      expect.stringContaining("nics.lan.link: live, the running guest has it otherwise"),
    ];

    await drift();
    // Who does not look sees nothing.
    await stack.upWithoutChanges();
    const { output } = await stack.run("up", "--yes", "--refresh");
    const preview = output.slice(0, output.search(/^Updating|@ updating/im));
    for (const line of [...found, expect.stringContaining("~ 1 to update")]) expect(preview).toEqual(line);
    expect(await virsh("desc", "--live", "--title")).toContain(hush);
    expect(await inGuest(host, name, "cat /sys/class/net/eth0/carrier")).toBe("1");
    expect((await stack.outputs())["pending"]).toEqual([]);
    await stack.upWithoutChanges();
    await stack.refresh("--expect-no-changes");

    // A refresh alone shows it, and leaves it to the next update.
    await drift();
    const refreshed = await stack.refresh();
    for (const line of found) expect(refreshed.output).toEqual(line);
    expect(await virsh("desc", "--live", "--title")).toContain("theirs");
    expect(await stack.state()).toMatch(/"pendingRestart": \[\s*"nics.lan.link",\s*"title"\s*\]/);
    expect((await stack.preview("--expect-no-changes")).code).not.toBe(0);
    await stack.up();
    expect(await virsh("desc", "--live", "--title")).toContain(hush);
    await stack.upWithoutChanges();

    // What the program ignores is left to them.
    program.body = programWith('{ ignoreChanges: ["title"] }');
    await drift();
    const { output: ignoring } = await stack.up("--refresh");
    expect(ignoring).toMatch(/1 updated/);
    expect(ignoring).not.toContain("waits for the next start");
    expect(await virsh("desc", "--live", "--title")).toContain("theirs");
    expect(await inGuest(host, name, "cat /sys/class/net/eth0/carrier")).toBe("1");
    expect((await stack.outputs())["pending"]).toEqual([]);
    await stack.up("--refresh", "--expect-no-changes");
    expect(await bootId()).toBe(first);
    expect(await stack.state()).not.toContain(hush);
    await stack.destroy();
  });
}, 240_000);
