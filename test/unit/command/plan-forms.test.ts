import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capabilitiesOf, domainOf, pciDevice } from "./documents";

// Each run is a process that compiles nothing, but loads all of the provider.
jest.setTimeout(60_000);

const root = join(__dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "kvm-plan-forms-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Two cells of four cores with two threads, in cache groups of two cores: CPU n and n + 8 are siblings. */
const caps = file("caps.xml", capabilitiesOf({ cells: 2, cores: 4, threads: 2, cacheCores: 2, pages: 4096 }));

interface Answer {
  readonly code: number;
  readonly result: string;
  readonly note: string;
}

let count = 0;

/** The command as a process of its own. */
function plan(request: unknown, ...more: readonly string[]): Promise<Answer> {
  const words = [
    "plan",
    "--capabilities",
    caps,
    "--request",
    file(`${++count}.json`, JSON.stringify(request)),
    ...more,
  ];
  const args = ["-r", join(root, "tools/register.cjs"), join(root, "provider/command/index.ts"), ...words];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, result, note) => {
      resolve({ code: error ? Number(error.code) : 0, result, note });
    });
  });
}

async function placed(vms: readonly object[], ...more: readonly string[]) {
  const named = vms.map((vm, index) => ({ name: `vm${index}`, vcpus: 2, memory: "2 GiB", ...vm }));
  const answer = await plan({ vms: named }, "--json", ...more);
  expect([answer.code, answer.note]).toEqual([0, ""]);
  return JSON.parse(answer.result).vms;
}

test("arguments of a virtual machine are taken as they stand, in any spelling of a quantity", async () => {
  const whole = {
    ...{ memory: 8 * 1024 ** 3, vcpus: 4, profile: "dedicated", guest: "linux", host: { uri: "qemu:///system" } },
    cpu: {
      mode: "host-passthrough",
      topology: { sockets: 1, cores: 2, threads: 2 },
      features: { pdpe1gb: "require", x2apic: "disable" },
      cache: { mode: "passthrough" },
    },
    numa: {
      cells: [
        { cpus: "0-1", memory: "4096 MiB", memAccess: "shared", distances: [10, 21] },
        { cpus: "2,3", memory: 4294967296, distances: [21, 10] },
      ],
    },
    hugePages: "required",
    memoryBacking: { source: "memfd", locked: true },
    memoryLimits: { hardLimit: "12 GiB" },
    iothreads: 2,
    disks: { root: { volume: "vms/root", iothread: 1 }, data: { volume: { name: "x" }, queues: 4 }, seed: {} },
    nics: { lan: { network: "lan", queues: 4 }, wan: {} },
    hostDevices: { gpu: { pci: "0000:3b:00.0", locality: "required" } },
    features: { pmu: false },
    changePolicy: "stage",
  };
  const device = file("gpu.xml", pciDevice("0000:3b:00.0", { node: 1, group: 7, class: "0x030000" }));
  const [vm] = await placed([whole], "--devices", device);
  expect(vm).toMatchObject({ cells: [0, 1], topology: { sockets: 1, dies: 1, clusters: 1, cores: 2, threads: 2 } });
  expect(vm.vcpus).toEqual(["0", "8", "4", "12"]);
  expect(vm.iothreads).toHaveLength(2);
  expect(vm.pages).toEqual([0, 1].map((cell) => ({ cell, sizeKiB: 2048, count: 2048 })));
  expect(vm.cost.map(({ name }: { readonly name: string }) => name).slice(0, 4)).toEqual([
    "missedPreferences",
    "sharedCores",
    "extraCells",
    "distance",
  ]);
});

test("an address of a device may be as short as in a program", async () => {
  const near = { hostDevices: { gpu: { pci: "3b:00.0", locality: "required" } } };
  const [vm] = await placed([{ ...near, devices: [{ address: "3B:00.0", cell: 1 }] }]);
  expect(vm.cells).toEqual([1]);
});

test("pins by hand are where they say, count as owned, and are compared with what others own", async () => {
  const pinned = { cpuTune: { vcpuPins: { 0: "1", 1: "9" }, emulatorPin: "0" } };
  const dedicated = { cpu: { policy: "dedicated" }, hugePages: "2 MiB" };
  const byPolicy = { ...dedicated, cpuTune: { vcpuPins: { 0: "4", 1: "12" }, iothreadPins: { 1: "0" } }, iothreads: 1 };
  const [hand, own, other] = await placed([pinned, byPolicy, { ...dedicated, vcpus: 6, memory: "4 GiB" }]);
  expect(hand).toMatchObject({ vcpus: ["1", "9"], owned: "1,9", emulator: "0", cells: [0] });
  expect(own).toMatchObject({ vcpus: ["4", "12"], owned: "4,12", iothreads: ["0"], cells: [1] });
  expect(other.vcpus.filter((cpu: string) => ["1", "9", "4", "12"].includes(cpu))).toEqual([]);
  const there = file("there.xml", domainOf("there", { pins: [1] }));
  const clash = await plan({ vms: [{ name: "a", vcpus: 2, memory: "1 GiB", ...pinned }] }, "--ledger", there);
  expect(clash.code).toBe(2);
  expect(clash.result).toContain("cpuTune.vcpuPins[0]: CPU 1 is owned by there");
  const apart = { ...dedicated, cpuTune: { vcpuPins: { 0: "4", 1: "4" } } };
  expect((await plan({ vms: [{ name: "a", vcpus: 2, memory: "1 GiB", ...apart }] })).note).toContain(
    "vms[0].cpuTune.vcpuPins[1]: CPU 4 is pinned to vCPU 0 already",
  );
});

test("guests of one group go to cells of their own, those that are there included", async () => {
  const vms = [1, 2].map(() => ({ cpu: { policy: "dedicated", apart: "db" } }));
  expect((await placed(vms)).map(({ cells }: { readonly cells: readonly number[] }) => cells)).toEqual([[0], [1]]);
  const record = `<metadata><p:placement xmlns:p='urn:pulumi-kvm:placement:1' smt='any' owned='1' apart='db'/></metadata>`;
  const there = file("db.xml", domainOf("old", { pins: [1] }).replace("<memory", `${record}<memory`));
  expect((await placed(vms.slice(1), "--ledger", there))[0]).toMatchObject({ cells: [1] });
});

test("each cell has the pages that are said for it", async () => {
  const cells = ["0", "1"].map((cpus) => ({ cpus, memory: "1 GiB" }));
  const [vm] = await placed([
    { cpu: { policy: "dedicated" }, numa: { cells }, hugePages: [{ size: "2 MiB", cells: "1" }] },
  ]);
  expect(vm.pages).toEqual([
    { cell: 0, sizeKiB: 4, count: 262144 },
    { cell: 1, sizeKiB: 2048, count: 512 },
  ]);
});

test("pages are added where the host lets guests do so, beyond its reserve and what others are bound to", async () => {
  const vm = { name: "a", vcpus: 2, memory: "20 GiB", cpu: { policy: "dedicated" }, hugePages: "required" };
  const cells = { numa: { cells: [{ cpus: "0-1", memory: "20 GiB" }] } };
  const host = { reservedMemory: "4 GiB", guestPages: true };
  const [without, wanting, more] = await Promise.all([
    plan({ vms: [{ ...vm, ...cells }] }),
    plan(
      {
        host,
        vms: [
          { ...vm, ...cells },
          { ...vm, ...cells, name: "b" },
          { ...vm, name: "c", memory: "80 GiB" },
        ],
      },
      "--json",
    ),
    plan({ host: { guestPages: true }, vms: [vm] }),
  ]);
  expect([without.code, wanting.code, more.code]).toEqual([2, 2, 1]);
  expect(without.result).toContain("let guests add them (Host, guestPages)");
  expect(more.note).toContain("host.guestPages: needs reservedMemory");
  const [a, b, c] = JSON.parse(wanting.result).vms;
  expect([a.addedPages, b.addedPages].flat()).toEqual(
    [a.cells[0], b.cells[0]].map((cell) => ({ cell, sizeKiB: 2048, count: 10240 - 4096 })),
  );
  expect(new Set([...a.cells, ...b.cells])).toEqual(new Set([0, 1]));
  expect(c.fits).toBe(false);
});

test("every fault is told with its path, and an unknown name with the nearest that is known", async () => {
  const wrong = {
    ...{ name: "a", vcpus: 6, memory: "512 MiB", vcpu: 1, hugePages: "1 GiB" },
    cpu: { policy: "dedicated", topology: { sockets: 2, cores: 2, threads: 2 }, featurs: {} },
    numa: { cells: [{ cpu: "0", memory: "1 GiB" }] },
    disks: { root: { iothread: 3, cach: "none" } },
  };
  const { code, note } = await plan({ host: { housekeepingCpu: "0" }, vms: [wrong, { vcpus: 1 }, 3] });
  expect(code).toBe(1);
  for (const line of [
    'host.housekeepingCpu: unknown attribute; did you mean "housekeepingCpus"?',
    'vms[0].vcpu: unknown attribute; did you mean "vcpus"?',
    'vms[0].cpu.featurs: unknown attribute; did you mean "features"?',
    'vms[0].numa.cells[0].cpu: unknown attribute; did you mean "cpus"?',
    'vms[0].disks.root.cach: unknown attribute; did you mean "cache"?',
    "vms[1].name: is required",
    "vms[1].memory: is required",
    "vms[2]: expected an object",
  ])
    expect(note).toContain(line);
  const next = { name: "a", vcpus: 6, memory: "512 MiB", hugePages: "1 GiB" };
  const cpu = { policy: "dedicated", topology: wrong.cpu.topology, emulator: "isolate" };
  const again = await plan({ vms: [{ ...next, cpu }] });
  expect(again.note).toContain(
    "vms[0].cpu.topology: 2 sockets x 1 dies x 1 clusters x 2 cores x 2 threads make 8 vCPUs",
  );
  expect(again.note).toContain("vms[0].hugePages: 512 MiB is no whole number of pages of 1 GiB");
});

test("without a file, a request or JSON the exit code is 1", async () => {
  const answers = await Promise.all([plan([]), plan({ vms: [] }), plan({})]);
  expect(answers.map(({ code }) => code)).toEqual([1, 1, 1]);
  expect(answers[0]?.note).toContain('expected an object with "vms"');
  expect(answers[1]?.note).toContain("vms: must name at least one");
});
