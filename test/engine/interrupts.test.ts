import { randomFillSync } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, type Lab, startLab } from "../lab/lab";
import { run, waitFor } from "../lab/processes";
import { Program } from "./program";
import { type Stack, withStack } from "./pulumi";

const minutes = 60_000;
const program = new Program();
let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
  for (const file of ["vmlinuz", "initrd.gz"])
    copyFileSync(join(cacheFolder(), "guest", file), join(lab.host.directory, file));
}, minutes);

afterAll(async () => {
  program.remove();
  await lab.stop();
}, minutes);

const host = 'const host = new kvm.Host("rack1", { uri: config.require("hostUri") });';

/** Of Ctrl-C. */
const [once, twice] = [["SIGINT"], ["SIGINT", "SIGINT"]] as const;

/** Runs `work` with a stack of the program; afterwards the host has nothing of it. */
async function withProgram(
  body: string,
  work: (stack: Stack) => Promise<void>,
  onLine: (line: string) => void = () => undefined,
): Promise<void> {
  program.body = body;
  const config = { hostUri: lab.host.uri, directory: lab.host.directory };
  await withStack({ program: program.folder, config, onLine }, work);
  const left = "virsh -q list --all --name; virsh -q net-list --all --name; virsh -q pool-list --all --name";
  expect((await lab.host.exec(left)).stdout.trim()).toBe("");
}

/** Strikes at the CLI when `ready`; answers what it printed. */
async function struck(
  stack: Stack,
  ready: () => Promise<boolean>,
  signals: readonly NodeJS.Signals[],
  command = "up",
): Promise<string> {
  const { cli, result } = stack.start(command, "--yes", "--skip-preview");
  await waitFor("the moment to strike", 60, ready);
  const began = Date.now();
  for (const signal of signals) {
    cli.kill(signal);
    // Two at once would be one.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { code, output } = await result;
  expect(code).not.toBe(0);
  // Waits and transfers would take longer.
  expect(Date.now() - began).toBeLessThan(10_000);
  return output;
}

/** What the state says: each resource's class, `!` where it is unfinished, `?` for what was under way. */
async function known(stack: Stack): Promise<string[]> {
  const { resources = [], pending_operations: pending = [] } = JSON.parse(await stack.state()).deployment;
  const classOf = ({ type }: { type: string }) => type.replace(/^.*:/, "");
  return [
    ...resources
      .filter(({ type }: { type: string }) => type.includes("kvm:"))
      .map((one: { type: string; initErrors?: unknown[] }) => `${classOf(one)}${one.initErrors ? "!" : ""}`),
    ...pending.map(({ resource }: { resource: { type: string } }) => `${classOf(resource)}?`),
  ];
}

/** Nothing that the CLI started outlives it. */
async function everythingEnded(): Promise<void> {
  const script = `for p in /proc/[0-9]*; do [ "$(readlink $p/cwd)" = "$1" ] && tr "\\0" " " < $p/cmdline; done; true`;
  let left = "";
  const ended = async () => {
    left = (await run(["sh", "-c", script, "sh", program.folder])).stdout.trim();
    return left === "";
  };
  await waitFor("the processes of the deployment to end", 10, ended).catch(() => expect(left).toBe(""));
}

test(
  "a Ctrl-C in the wait for an address ends it, two leave a pending operation, and up finishes the guest each time",
  async () => {
    const withDhcp = (dhcp: boolean) => `${host}
      const lan = new kvm.Network("lan", { host, mode: "isolated", subnets: ["10.50.0.0/24"], dhcp: ${dhcp} });
      const boot = { kernel: config.require("directory") + "/vmlinuz", initrd: config.require("directory") + "/initrd.gz", cmdline: "console=ttyS0 quiet mitigations=off" };
      const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "128 MiB", stopTimeout: "5 s", boot, nics: { lan: { network: lan } } });
      exports.ip = vm.ipAddress;`;
    const runs = async () => (await lab.host.virsh("list", "--name")).includes("db-");
    await withProgram(withDhcp(false), async (stack) => {
      expect(await struck(stack, runs, once)).toMatch(/address of VirtualMachine db-\w+: the deployment was cancel/);
      expect(await known(stack)).toEqual(["Host", "Network", "VirtualMachine!"]);
      program.body = withDhcp(true);
      await stack.up();
      expect((await stack.outputs())["ip"]).toMatch(/^10\.50\.0\./);
      expect(await known(stack)).toEqual(["Host", "Network", "VirtualMachine"]);
      await stack.destroy();

      program.body = withDhcp(false);
      await struck(stack, runs, twice);
      await everythingEnded();
      expect(await known(stack)).toEqual(["Host", "Network", "VirtualMachine?"]);
      expect(await runs()).toBe(true);
      program.body = withDhcp(true);
      expect((await stack.up()).output).toContain(
        "which an earlier run made and the state does not know; going on with it",
      );
      expect((await stack.outputs())["ip"]).toMatch(/^10\.50\.0\./);
      await stack.refresh("--clear-pending-creates");
      expect(await known(stack)).toEqual(["Host", "Network", "VirtualMachine"]);
      await stack.upWithoutChanges();
      await stack.destroy();
    });
  },
  4 * minutes,
);

test(
  "a Ctrl-C in the wait for a shutdown ends it, once and twice; the guest runs on until the next run",
  async () => {
    const guest = (more: string) => `${host}
      const vm = new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "64 MiB", waitForAddress: false, ${more} });
      exports.pending = vm.pendingRestart;`;
    // Without an operating system it hears no power button.
    const waiting = 'changePolicy: "restart", stopTimeout: "40 s"';
    const lines: string[] = [];
    const isWaiting = async () => lines.splice(0).some((line) => line.includes("restarting the guest for cpu"));
    await withProgram(
      guest(waiting),
      async (stack) => {
        await stack.up();
        const first = await lab.host.virsh("domid", (await lab.host.virsh("list", "--name")).trim());
        const isAsBefore = async () => {
          const name = (await lab.host.virsh("list", "--name")).trim();
          expect(await lab.host.virsh("domid", name)).toBe(first);
        };
        program.body = guest(`title: "new", cpu: { mode: "custom", model: "Nehalem" }, ${waiting}`);
        expect(await struck(stack, isWaiting, once)).toMatch(/stop VirtualMachine db-\w+: the deployment was cancel/);
        expect(await known(stack)).toEqual(["Host", "VirtualMachine!"]);
        await isAsBefore();
        await struck(stack, isWaiting, twice);
        await everythingEnded();
        // The provider may have been quick enough to say what is true.
        expect(await known(stack)).toContainEqual(expect.stringMatching(/^VirtualMachine[!?]$/));
        await isAsBefore();
        program.body = guest(
          'title: "new", cpu: { mode: "custom", model: "Nehalem" }, changePolicy: "restart", stopTimeout: "1 s"',
        );
        await stack.up();
        expect((await stack.outputs())["pending"]).toEqual([]);
        expect(await lab.host.virsh("dumpxml", (await lab.host.virsh("list", "--name")).trim())).toMatch(/Nehalem/);
        await stack.upWithoutChanges();
        await stack.refresh("--expect-no-changes");
        await stack.destroy();
      },
      (line) => lines.push(line),
    );
  },
  4 * minutes,
);

test(
  "a Ctrl-C in the wait of a destroy, once and twice, and a kill lose nothing; the next destroy finishes",
  async () => {
    const lines: string[] = [];
    const isWaiting = async () => lines.splice(0).some((line) => line.includes("shutting down"));
    // Without an operating system it hears no power button.
    const body = `${host}
      const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/vms" });
      const data = new kvm.Volume("data", { pool, name: "data.raw", format: "raw", size: "1 MiB" });
      new kvm.VirtualMachine("db", { host, virtType: "qemu", memory: "64 MiB", waitForAddress: false, stopTimeout: "20 s", disks: { data: { volume: data } } });`;
    await withProgram(
      body,
      async (stack) => {
        await stack.up();
        const name = (await lab.host.virsh("list", "--name")).trim();
        const seen = async () =>
          Promise.all([lab.host.virsh("domid", name), lab.host.virsh("dumpxml", "--inactive", name)]);
        const image = join(lab.host.directory, "vms", "data.raw");
        writeFileSync(image, "what the guest wrote");
        const [before, all] = [await seen(), ["Host", "StoragePool", "Volume", "VirtualMachine"].sort()];
        const isAsBefore = async () => expect([await seen(), existsSync(image)]).toEqual([before, true]);

        expect(await struck(stack, isWaiting, once, "destroy")).toMatch(
          /stop VirtualMachine db-\w+: the deployment was cancel[\s\S]*What to do: run the same command again/,
        );
        expect((await known(stack)).sort()).toEqual(all);
        await isAsBefore();
        await stack.upWithoutChanges();

        await struck(stack, isWaiting, twice, "destroy");
        await everythingEnded();
        // The provider may have been quick enough to say what is true.
        expect((await known(stack)).filter((one) => one !== "VirtualMachine?").sort()).toEqual(all);
        await isAsBefore();

        // The delete is the only thing that the engine ever asked this provider for.
        await struck(stack, isWaiting, ["SIGKILL"], "destroy");
        await everythingEnded();
        await isAsBefore();
        await stack.run("cancel", "--yes");
        await stack.destroy();
        expect([await known(stack), existsSync(image)]).toEqual([[], false]);
      },
      (line) => lines.push(line),
    );
  },
  4 * minutes,
);

test(
  "a Ctrl-C in an upload and a CLI that is killed leave no half-made volume and no process, and up starts over",
  async () => {
    const image = join(lab.folder, "image.raw");
    // It takes longer to upload than the provider to see that its engine died.
    writeFileSync(image, randomFillSync(Buffer.allocUnsafe(1 << 29)));
    const folder = join(lab.host.directory, "vms");
    const files = () => (existsSync(folder) ? readdirSync(folder) : []);
    const body = `${host}
      const pool = new kvm.StoragePool("vms", { host, path: config.require("directory") + "/vms" });
      new kvm.Volume("big", { pool, name: "big.raw", format: "raw", source: { path: ${JSON.stringify(image)} } });`;
    const uploads = async () => files().includes("big.raw");
    await withProgram(body, async (stack) => {
      expect(await struck(stack, uploads, once)).toMatch(/upload Volume big\.raw[\s\S]*the deployment was cancel/);
      expect([await known(stack), files()]).toEqual([["Host", "StoragePool"], []]);
      await struck(stack, uploads, ["SIGKILL"]);
      await everythingEnded();
      expect(files()).toEqual([]);
      // A CLI that was killed leaves its lock behind.
      await stack.run("cancel", "--yes");
      await stack.up();
      expect(files()).toEqual(["big.raw"]);
      await stack.upWithoutChanges();
      await stack.destroy();
      expect(files()).toEqual([]);
    });
  },
  4 * minutes,
);
