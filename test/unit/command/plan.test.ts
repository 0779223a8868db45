import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands } from "../../../provider/command/commands";
import { run } from "../../../provider/command/run";
import { domainOf } from "./documents";

const folder = mkdtempSync(join(tmpdir(), "kvm-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Two cells of four cores with two threads each: CPU n and n + 8 are siblings. */
function capabilities(): string {
  const cpu = (id: number) =>
    `<cpu id='${id}' socket_id='${Math.floor((id % 8) / 4)}' die_id='0' core_id='${id % 8}' siblings='${id % 8},${(id % 8) + 8}'/>`;
  const cell = (id: number) => {
    const cpus = [0, 1, 2, 3].flatMap((core) => [cpu(id * 4 + core), cpu(id * 4 + core + 8)]);
    return `<cell id='${id}'><memory unit='KiB'>16777216</memory><pages unit='KiB' size='4'>2097152</pages>
      <pages unit='KiB' size='2048'>4096</pages><cpus num='8'>${cpus.join("")}</cpus></cell>`;
  };
  return `<capabilities><host><topology><cells num='2'>${cell(0)}${cell(1)}</cells></topology></host></capabilities>`;
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function planned(request: unknown, ...more: readonly string[]) {
  const results: string[] = [];
  const notes: string[] = [];
  const output = { result: (line: string) => results.push(line), note: (line: string) => notes.push(line) };
  const files = [
    "--capabilities",
    file("caps.xml", capabilities()),
    "--request",
    file("r.json", JSON.stringify(request)),
  ];
  const code = await run(["plan", ...files, ...more], commands, output);
  return { code, result: results.join("\n"), note: notes.join("\n") };
}

const db = { name: "db", vcpus: 2, memory: "2 GiB", cpu: { policy: "dedicated" }, hugePages: [{ size: "2 MiB" }] };

test("the answer says CPUs, pages, topology and cost of each guest", async () => {
  const { code, result } = await planned({ host: { housekeepingCpus: "0,8" }, vms: [db] }, "--json");
  expect(code).toBe(0);
  const { vms, gap } = JSON.parse(result);
  expect(gap).toBe(0);
  expect(vms[0]).toMatchObject({ name: "db", fits: true, vcpus: ["1", "2"], emulator: "0,8", owned: "1-2" });
  expect(vms[0].pages).toEqual([{ cell: 0, sizeKiB: 2048, count: 1024 }]);
  expect(vms[0].topology).toEqual({ sockets: 1, dies: 1, clusters: 1, cores: 2, threads: 1 });
});

test("a profile says of placement what the guest does not say itself", async () => {
  const tuned = { name: "db", vcpus: 2, memory: "2 GiB", profile: "latency" };
  const { code, result } = await planned({ vms: [tuned, { ...tuned, name: "web", hugePages: "none" }] }, "--json");
  expect(code).toBe(0);
  const [db, web] = JSON.parse(result).vms;
  expect(db).toMatchObject({ fits: true, pages: [{ sizeKiB: 2048, count: 1024 }] });
  expect(web.pages).toEqual([{ cell: expect.any(Number), sizeKiB: 4, count: 524288 }]);
  expect(new Set([...db.vcpus, ...web.vcpus].map((cpu) => Number(cpu) % 8)).size).toBe(4);
  const wrong = await planned({ vms: [{ ...tuned, profile: "fast" }] });
  expect([wrong.code, wrong.note]).toEqual([1, expect.stringContaining("vms[0].profile: ")]);
});

test("what domains hold already is kept from others", async () => {
  const ledger = join(folder, "ledger");
  mkdirSync(ledger);
  const pins = [0, 1, 2, 3].map((cpu) => `<vcpupin vcpu='${cpu}' cpuset='${cpu}'/>`).join("");
  const domain = `<domain><name>old</name><memory unit='GiB'>8</memory><vcpu>4</vcpu><cputune>${pins}</cputune>
    <memoryBacking><hugepages/></memoryBacking><numatune><memory mode='strict' nodeset='1'/></numatune></domain>`;
  writeFileSync(join(ledger, "old.xml"), domain);
  const { result } = await planned({ vms: [db] }, "--json", "--ledger", ledger);
  expect(JSON.parse(result).vms[0]).toMatchObject({ fits: false });
  const small = await planned({ vms: [{ ...db, hugePages: undefined }] }, "--json", "--ledger", ledger);
  expect(JSON.parse(small.result).vms[0]).toMatchObject({ fits: true, vcpus: ["4", "5"] });
});

test("a guest that does not fit ends with 2 and the reason", async () => {
  const { code, result } = await planned({ vms: [{ ...db, vcpus: 17, hugePages: undefined }] });
  expect(code).toBe(2);
  expect(result).toContain("db: does not fit");
  expect(result).toContain("remedy:");
});

test.each(["dedicated", "shared"])("more vCPUs than there can be are refused: %s", async (policy) => {
  const { code, note } = await planned({ vms: [{ ...db, vcpus: 1_000_000_000, cpu: { policy } }] });
  expect(code).toBe(1);
  expect(note).toContain("vms[0].vcpus: ");
});

test.each([
  [
    { vms: [{ ...db, memory: "3 bananas", vcpu: 2 }] },
    ["vms[0].memory: ", 'vms[0].vcpu: unknown attribute; did you mean "vcpus"?'],
  ],
  [
    { vms: [{ ...db, hugePages: [{ size: "1 GiB" }], memory: "512 MiB" }] },
    ["vms[0].hugePages[0].size: maxMemory 512 MiB is no whole number of pages of 1 GiB"],
  ],
  [{ vms: [db, db] }, ['two are called "db"']],
  [{ host: { housekeepingCpus: "99" }, vms: [db] }, ["host.housekeepingCpus: the host has no CPU 99; it has 0-15"]],
  [
    { vms: [{ ...db, numa: { cells: [{ cpus: "0", memory: "2 GiB" }] } }] },
    ["vms[0].numa.cells: vCPU 1 is in no cell"],
  ],
  [{ vms: [{ ...db, cpu: { policy: "mixed" } }] }, ["vms[0].cpu.dedicatedVcpus: is required with policy mixed"]],
])("bad input %# ends with 1 and names every fault", async (request, faults) => {
  const { code, note } = await planned(request);
  expect(code).toBe(1);
  for (const fault of faults) expect(note).toContain(fault);
});

test("files that are not what they should be are named", async () => {
  const ledger = file("net.xml", "<network/>");
  expect((await planned({ vms: [db] }, "--ledger", ledger)).note).toBe(`${ledger}: holds <network>, not a <domain>`);
  expect((await planned({ vms: [db] }, "--ledger", join(folder, "none"))).note).toContain(join(folder, "none"));
});

test("the example of the help runs as it stands", async () => {
  const lines: string[] = [];
  expect(await run(["plan", "--help"], commands, { result: (text) => lines.push(text), note: () => {} })).toBe(0);
  const [, example = ""] = lines.join("\n").split("Example, as it stands:\n\n");
  const root = join(__dirname, "../../..");
  const words = ["-r", join(root, "tools/register.cjs"), join(root, "provider/command/index.ts")];
  const script = `#!/bin/sh\nexec "${process.execPath}" ${words.map((word) => `"${word}"`).join(" ")} "$@"\n`;
  chmodSync(file("pulumi-kvm", script), 0o755);
  const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
  const text = execFileSync("sh", ["-ec", example], { cwd: folder, encoding: "utf8", env });
  expect(text).toContain("db: cells 0; vCPUs 0:1 1:2; emulator 0,4");
  expect(text).toMatch(/^web: cells 0; vCPUs 0:3,7 1:3,7;/m);
});

test("a guest that the ledger has already stays where it is, and one that is pinned across cells is placed anew", async () => {
  const there = file("db.xml", domainOf("db", { pins: [7, 6], cell: 1, memoryGiB: 2, huge: true }));
  const other = file("other.xml", domainOf("other", { pins: [1, 4] }));
  const { result } = await planned(
    { vms: [db, { ...db, name: "other" }] },
    "--json",
    "--ledger",
    there,
    "--ledger",
    other,
  );
  const [stays, moves] = JSON.parse(result).vms;
  expect(stays).toMatchObject({ vcpus: ["7", "6"], cells: [1], pages: [{ cell: 1, sizeKiB: 2048, count: 1024 }] });
  expect(stays.explain[0]).toContain("stays where it is");
  expect(moves).toMatchObject({ fits: true, vcpus: ["4", "5"], cells: [1] });
});

test("a file may hold several domains in one element", async () => {
  const ledger = file(
    "all.xml",
    `<domains>${[0, 1, 2].map((cpu) => domainOf(`old${cpu}`, { pins: [cpu] })).join("")}</domains>`,
  );
  const { result } = await planned({ vms: [{ ...db, hugePages: undefined }] }, "--json", "--ledger", ledger);
  expect(JSON.parse(result).vms[0].vcpus).toEqual(["4", "5"]);
});

test("pins of guests that say shared are no ownership", async () => {
  const floats = { name: "f", vcpus: 2, memory: "1 GiB", cpuTune: { vcpuPins: { 0: "1", 1: "1" } } };
  const owner = { ...db, name: "o", vcpus: 8, hugePages: "none" };
  const answers = async (cpu: object) => {
    const { result } = await planned({ vms: [{ ...floats, cpu }, owner] }, "--json");
    return JSON.parse(result).vms.map(({ owned, vcpus }: { owned: string; vcpus: string[] }) => [owned, vcpus.join()]);
  };
  expect((await answers({}))[0]).toEqual(["1", "1,1"]);
  expect((await answers({ policy: "shared" }))[0]).toEqual(["", "1,1"]);
});

test("pins by hand go with huge pages, and a binding alone says the cell", async () => {
  const vm = { vcpus: 2, memory: "1 GiB" };
  const pages = { ...vm, hugePages: "2 MiB" };
  const { code, result } = await planned(
    {
      vms: [
        { ...pages, name: "narrow", cpuTune: { vcpuPins: { 0: "1", 1: "9" } } },
        { ...pages, name: "wide", cpuTune: { vcpuPins: { 0: "4-5", 1: "5-6" } } },
        { ...vm, name: "bound", numaTune: { nodes: "1" } },
        { ...pages, name: "far", cpuTune: { vcpuPins: { 0: "2", 1: "7" } } },
      ],
    },
    "--json",
  );
  const [narrow, wide, bound, far] = JSON.parse(result).vms;
  expect(narrow).toMatchObject({ vcpus: ["1", "9"], owned: "1,9", cells: [0], pages: [{ sizeKiB: 2048, count: 512 }] });
  expect(wide).toMatchObject({ vcpus: ["4-5", "5-6"], owned: "", cells: [1], pages: [{ cell: 1, sizeKiB: 2048 }] });
  expect(bound).toMatchObject({ cells: [1], owned: "" });
  // Pins in two cells make a guest of two.
  expect(far).toMatchObject({ vcpus: ["2", "7"], cells: [0, 1], pages: [{ cell: 0 }, { cell: 1 }] });
  expect(code).toBe(0);
});
