import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { topologyOf } from "../../provider/resources/host-topology";
import { parse } from "../../provider/schema/tree";
import { parseCpuSet } from "../../provider/tuning/cpu-set";
import { debianSource } from "../../tools/oracle/source";
import { cacheFolder } from "./lab";

// The command, as a process, on capabilities that libvirt's developers captured on real machines, with arguments of
// virtual machines in many forms. What it answers is held against the machine itself.
jest.setTimeout(120_000);

const root = join(__dirname, "../..");
const captures = join(debianSource("libvirt", "trixie", cacheFolder(), "*/tests/*", "tests"), "tests/vircaps2xmldata");
const folder = mkdtempSync(join(tmpdir(), "kvm-captures-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly name: string;
  readonly fits: boolean;
  readonly vcpus: readonly string[];
  readonly owned: string;
  readonly cells: readonly number[];
  readonly pages: readonly { readonly cell: number; readonly sizeKiB: number; readonly count: number }[];
  readonly topology?: Readonly<Record<string, number>>;
  readonly cost: readonly { readonly name: string; readonly value: number }[];
  readonly explain: readonly string[];
}

function plan(capabilities: string, request: unknown): Promise<{ code: number; vms: readonly Answer[]; note: string }> {
  const file = join(folder, "request.json");
  writeFileSync(file, JSON.stringify(request));
  const words = ["plan", "--capabilities", capabilities, "--request", file, "--json"];
  const args = ["-r", join(root, "tools/register.cjs"), join(root, "provider/command/index.ts"), ...words];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, note) => {
      resolve({ code: error ? Number(error.code) : 0, vms: stdout === "" ? [] : JSON.parse(stdout).vms, note });
    });
  });
}

/** Huge pages hold all memory: the ordinary pools of the captures are made small. */
const forms = [
  { vcpus: 1, memory: "64 MiB", hugePages: "2 MiB", profile: "dedicated", cpu: { smt: "any" } },
  {
    ...{ vcpus: 1, memory: 64 * 1024 ** 2, maxVcpus: 2, hugePages: [{ size: "2 MiB" }], title: "by bytes" },
    cpu: { policy: "dedicated", smt: "any", mode: "host-passthrough", topology: { sockets: 1, cores: 2, threads: 1 } },
    disks: { root: { volume: { name: "root.qcow2", pool: "vms" } }, seed: { device: "cdrom" } },
    nics: { lan: { network: "lan", queues: 2 } },
  },
  {
    ...{ vcpus: 1, memory: "128 MiB", hugePages: "required", iothreads: 1 },
    cpu: { policy: "dedicated", smt: "any", emulator: "share", apart: "group" },
    numa: { cells: [{ cpus: "0", memory: "65536 KiB" }, { memory: "64 MiB" }] },
  },
  { vcpus: 1, memory: "1 TiB", hugePages: "2 MiB", cpu: { policy: "dedicated" } },
];

test.each([
  "vircaps-x86_64-resctrl-amd.xml",
  "vircaps-x86_64-resctrl.xml",
  "vircaps-x86_64-resctrl-skx-twocaches.xml",
  "vircaps-x86_64-hmat.xml",
  "vircaps-aarch64-basic-clusters.xml",
  "vircaps-x86_64-basic-dies.xml",
])("%s", async (name) => {
  const capabilities = join(captures, name);
  const host = topologyOf(parse(readFileSync(capabilities, "utf8")));
  const cpus = host.cells.flatMap((cell) => cell.cpus.map(({ id }) => id));
  const room = (cell: number, sizeKiB: number) =>
    host.cells.find(({ id }) => id === cell)?.pages.find((pool) => pool.sizeKiB === sizeKiB)?.total ?? 0;
  const vms = forms.map((form, index) => ({ name: `vm${index}`, ...form }));
  const { code, vms: found, note } = await plan(capabilities, { vms });
  expect(note).toBe("");
  expect(code).toBe(2);
  expect(found.map(({ name: of }) => of)).toEqual(["vm0", "vm1", "vm2", "vm3"]);
  const last = found[3];
  expect([last?.fits, last?.explain.join("\n")]).toEqual([
    false,
    expect.stringMatching(/cell \d+: .*\n?[\s\S]*remedy: /),
  ]);
  const owned = found.flatMap((vm) => (vm.owned === "" ? [] : parseCpuSet(vm.owned)));
  expect(new Set(owned).size).toBe(owned.length);
  for (const cpu of owned) expect(cpus).toContain(cpu);
  const taken = new Map<string, number>();
  for (const vm of found.filter(({ fits }) => fits)) {
    expect(vm.vcpus).toHaveLength(vm.name === "vm1" ? 2 : 1);
    expect(Object.values(vm.topology ?? {}).reduce((all, count) => all * count, 1)).toBe(vm.vcpus.length);
    expect(vm.cost.map(({ name: term }) => term)).toContain("missedPreferences");
    for (const { cell, sizeKiB, count } of vm.pages) {
      const key = `${cell}/${sizeKiB}`;
      taken.set(key, (taken.get(key) ?? 0) + count);
      expect(taken.get(key)).toBeLessThanOrEqual(room(cell, sizeKiB));
    }
    // Each vCPU is in the cell that its guest has.
    const own = host.cells.filter(({ id }) => vm.cells.includes(id)).flatMap((cell) => cell.cpus.map(({ id }) => id));
    for (const vcpu of vm.vcpus.flatMap(parseCpuSet)) expect(own).toContain(vcpu);
  }
  const hasPages = host.cells.some(({ id, cpus: of }) => of.length > 0 && room(id, 2048) >= 32);
  expect(found[0]?.fits).toBe(hasPages);
});
