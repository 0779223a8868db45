import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { furnishForeign } from "../foreign/furnish";
import { type Lab, startLab } from "../lab/lab";
import { withStack } from "./pulumi";

const minutes = 300_000;
const root = join(__dirname, "../..");
const folders = ["imported", "adopting"].map((name) => mkdtempSync(join(tmpdir(), `kvm-${name}-`)));
const [imported = "", adopting = ""] = folders;
let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
  await furnishForeign(lab.host);
  await lab.host.virsh("start", "plain");
}, minutes);

afterAll(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true });
  await lab.stop();
}, minutes);

/** Runs the command as its user does. */
function write(folder: string, ...more: readonly string[]) {
  const words = ["dist/provider/command/index.js", "import", lab.host.uri, "--out", folder, "--stack", "dev", ...more];
  const { status, stdout: told, stderr: notes } = spawnSync("node", words, { cwd: root, encoding: "utf8" });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return { status, told, notes };
}

/** Every definition on the host, as libvirt shows it. */
async function definitions(): Promise<string> {
  const list = async (...words: string[]) =>
    (await lab.host.virsh(...words, "--all", "--name")).trim().split("\n").sort();
  const domains = (await list("list")).map((name) => lab.host.virsh("dumpxml", "--inactive", "--security-info", name));
  const networks = (await list("net-list")).map((name) => lab.host.virsh("net-dumpxml", "--inactive", name));
  const pools = (await list("pool-list")).map((name) => lab.host.virsh("pool-dumpxml", "--inactive", name));
  const all = (await Promise.all([...domains, ...networks, ...pools])).join("");
  // How full the disk of a folder is says nothing of its definition.
  return all.replace(/<(allocation|available) .*/g, "");
}

test(
  "a host of others is imported without a change, refreshed without one, and left whole by destroy",
  async () => {
    const before = await definitions();
    const { status, told, notes } = write(imported);
    // What cannot be said by our model is named.
    expect(status).toBe(2);
    expect(notes).toMatch(/Network odd is not taken over:\n.*10\.18\.0\.200/);
    const command = told.split("\n").find((line) => line.startsWith("pulumi import")) ?? "";
    expect(told).not.toContain("needs the Pulumi CLI");
    expect(readFileSync(join(imported, "index.ts"), "utf8")).not.toContain("s3cr3t");

    const secrets = { "win-graphics-vnc-password": "s3cr3t" };
    await withStack({ program: imported, secrets }, async (stack) => {
      const { code, output } = await stack.run(...command.split(" ").slice(1));
      expect(`${code} ${output}`).toMatch(/^0 /);
      expect(await stack.state()).not.toContain("s3cr3t");
      const preview = await stack.run("preview", "--diff", "--expect-no-changes");
      expect(preview.output).not.toMatch(/^\s*[~+-] /m);
      expect(preview.code).toBe(0);
      await stack.refresh("--expect-no-changes");
      await stack.upWithoutChanges();
      await stack.refresh("--expect-no-changes");
      expect(await stack.state()).not.toContain("s3cr3t");
      const destroyed = await stack.run("destroy", "--yes", "--skip-preview");
      expect(destroyed.output).toContain("protected");
      expect(destroyed.code).not.toBe(0);
      await stack.run("state", "unprotect", "--all", "--yes");
      await stack.destroy();
    });
    expect(await definitions()).toBe(before);
    expect(await lab.host.virsh("vol-list", "vms")).toContain("vm-101-top.qcow2");
    expect(await lab.host.virsh("domstate", "plain")).toContain("running");
  },
  minutes,
);

test(
  "a program that adopts takes over with its first up, and lets go with destroy",
  async () => {
    const before = await definitions();
    expect(write(adopting, "--adopt", "--filter", "web*")).toMatchObject({ status: 0 });
    await withStack({ program: adopting }, async (stack) => {
      await stack.up();
      expect(await lab.host.virsh("dumpxml", "web01")).toContain("urn:pulumi-kvm:owner:1");
      await stack.upWithoutChanges();
      await stack.refresh("--expect-no-changes");
      await stack.destroy();
    });
    expect(await definitions()).toBe(before);
  },
  minutes,
);
