import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { HostPicture } from "../../provider/command/topology/picture";
import { type Lab, startLab } from "./lab";

const root = join(__dirname, "../..");
let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
  await guest("running", "<vcpu>1</vcpu><cputune><vcpupin vcpu='0' cpuset='0'/></cputune>");
  await lab.host.virsh("start", "running");
  // What it will have at its next start counts as well.
  await guest("running", "<vcpu>1</vcpu><cputune><vcpupin vcpu='0' cpuset='1'/></cputune>");
  await guest("off", "<vcpu cpuset='0-1'>1</vcpu>");
}, 60_000);

afterAll(() => lab.stop());

async function guest(name: string, cpus: string): Promise<void> {
  const path = join(lab.host.directory, `${name}.xml`);
  const uuid = `11111111-0000-4000-8000-00000000000${name.length}`;
  const xml = `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>32</memory>${cpus}<os><type>hvm</type></os></domain>`;
  writeFileSync(path, xml);
  await lab.host.virsh("define", path);
}

/** Runs the command as a process of its own: it must end by itself, with its connection closed. */
async function typed(...words: readonly string[]) {
  const command = ["-r", join(root, "tools/register.cjs"), join(root, "provider/command/index.ts"), ...words];
  return promisify(execFile)(process.execPath, command, { timeout: 60_000, maxBuffer: 1 << 26 });
}

test("the picture of a real host tells what its libvirt tells", async () => {
  const { uri, identityFile, hostKey } = lab.host;
  const file = join(lab.host.home, "page.html");
  const access = ["--identity-file", identityFile, "--host-key", hostKey];
  const { stdout } = await typed("topology", uri, ...access, "--json", "--html", file);
  const picture = JSON.parse(stdout) as HostPicture;
  const online = Number((await lab.host.exec("getconf _NPROCESSORS_ONLN")).stdout);
  expect(picture.cpus).toBe(online);
  expect(picture.guests.map(({ name, running, owned, shared }) => ({ name, running, owned, shared }))).toEqual([
    { name: "running", running: true, owned: [0, 1], shared: [] },
    { name: "off", running: false, owned: [], shared: online > 2 ? [0, 1] : [] },
  ]);
  // No host here encrypts memory, and its libvirt says so.
  expect(picture.room.find(({ profile }) => profile === "confidential")).toMatchObject({
    count: 0,
    limit: "the host offers no encryption of memory",
  });
  const free = await lab.host.virsh("freepages", "--all");
  for (const { id, pools } of picture.cells) {
    expect(free).toContain(`Node ${id}:`);
    for (const pool of pools) expect(pool.free).toBeLessThanOrEqual(pool.total);
  }
  const devices = [...picture.cells.flatMap((cell) => cell.devices), ...picture.devices];
  const listed = await lab.host.virsh("nodedev-list", "--cap", "pci");
  for (const { address } of devices) expect(listed).toContain(`pci_${address.replace(/[:.]/g, "_")}`);
  expect(Math.abs(Date.parse(picture.readAt ?? "") - Date.now())).toBeLessThan(60_000);
}, 60_000);

test("a host that cannot be reached is one line and exit code 1", async () => {
  const uri = `qemu+unix:///system?socket=${lab.folder}/nothing`;
  const failed = await typed("topology", uri).catch((error: { code: number; stderr: string }) => error);
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing") });
  expect(failed.stderr).not.toMatch(/^\s+at /m);
}, 60_000);
