import type { Meta, Values } from "../../../../provider/core/handler";
import { cloudInitDisk } from "../../../../provider/resources/cloud-init-disk";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };
const host = { uri: "qemu+ssh://rack1/system" };

function check(args: Values) {
  return virtualMachine.check({ host, memory: "2 GiB", vcpus: 4, ...args }, undefined, meta);
}

function faultsOf(args: Values): string {
  return check(args)
    .failures.map(({ property, reason }) => `${property}: ${reason}`)
    .join("\n");
}

const cells = (...list: Values[]) => ({ numa: { cells: list } });
const half = { memory: "1 GiB" };

test.each<[string, Values, RegExp]>([
  [
    "1 GiB pages for 512 MiB",
    { memory: "512 MiB", hugePages: [{ size: "1 GiB" }] },
    /^hugePages\[0\].size: maxMemory 512 MiB is no whole number of pages of 1 GiB: make it a multiple/,
  ],
  ["a page of no such size", { hugePages: [{ size: "4 MiB" }] }, /^hugePages\[0\].size: 4 MiB is no huge page of x86/],
  ["two sizes for all", { hugePages: [{ size: "1 GiB" }, { size: "2 MiB" }] }, /^hugePages\[1\].cells: is required/],
  [
    "pages of no cell",
    { hugePages: [{ size: "2 MiB", cells: "0" }] },
    /^hugePages\[0\].cells: numa.cells has no cell 0/,
  ],
  [
    "pages that do not fill a cell",
    { hugePages: [{ size: "1 GiB", cells: "1" }], ...cells({ memory: "1536 MiB" }, { memory: "512 MiB" }) },
    /^numa.cells\[1\].memory: 512 MiB is no whole number of pages/,
  ],
  [
    "huge pages given back",
    { hugePages: [{ size: "2 MiB" }], balloon: { freePageReporting: true } },
    /^balloon.freePageReporting: gives back no huge pages/,
  ],
  ["locked without limit", { memoryBacking: { locked: true } }, /^memoryBacking.locked: needs memoryLimits.hardLimit/],
  ["threads on demand", { memoryBacking: { threads: 2 } }, /^memoryBacking.threads: needs allocation: "immediate"/],
  [
    "shared anonymous memory",
    { memoryBacking: { source: "anonymous", access: "shared" } },
    /^memoryBacking.access: anonymous memory cannot be shared: choose source: "memfd"/,
  ],
  [
    "huge pages of anonymous memory",
    { memoryBacking: { source: "anonymous" }, hugePages: "required" },
    /^memoryBacking.source: anonymous memory has no huge pages/,
  ],
  [
    "one cell bound twice",
    {
      ...cells(half, half),
      numaTune: { cells: [0, 0].map((cell) => ({ cell, mode: "strict", nodes: "0" })) },
    },
    /^numaTune.cells\[1\].cell: the cell is taken by numaTune.cells\[0\].cell/,
  ],
  ["discard of nothing", { memoryBacking: { discard: true } }, /^memoryBacking.discard: needs source/],
  [
    "a limit that kills",
    { memoryLimits: { hardLimit: "2 GiB" } },
    /^memoryLimits.hardLimit: 2 GiB is not above maxMemory/,
  ],
  [
    "half a KiB",
    { memoryLimits: { softLimit: 4096 * 1024 + 512 } },
    /^memoryLimits.softLimit: must be a whole number of KiB/,
  ],
  [
    "less with swap",
    { memoryLimits: { hardLimit: "4 GiB", swapHardLimit: "3 GiB" } },
    /^memoryLimits.swapHardLimit: 3 GiB is less than hardLimit/,
  ],
  ["statistics of no balloon", { balloon: { model: "none", statsPeriod: 5 } }, /^balloon.statsPeriod: needs a balloon/],
  ["no balloon to shrink", { maxMemory: "4 GiB", balloon: { model: "none" } }, /^balloon.model: none cannot bring/],
  ["cells of other memory", cells(half), /^numa.cells: have 1 GiB together, and maxMemory is 2 GiB: make them equal/],
  ["a vCPU twice", cells({ ...half, cpus: "0-1" }, { ...half, cpus: "1-3" }), /cells\[1\].cpus: vCPU 1 is in cell 0/],
  ["a vCPU too many", cells({ ...half, cpus: "0-4" }, half), /cells\[0\].cpus: vCPU 4 is not below maxVcpus \(4\)/],
  ["a distance too few", cells({ ...half, distances: [10] }, half), /cells\[0\].distances: has 1 values; give one/],
  ["a far self", cells({ ...half, distances: [20, 20] }, half), /cells\[0\].distances\[0\]: must be 10/],
  ["a near other", cells({ ...half, distances: [10, 10] }, half), /cells\[0\].distances\[1\]: must be above 10/],
  ["a mode of no cells", { numaTune: { mode: "strict" } }, /^numaTune.nodes: is required with a mode/],
  [
    "two preferred",
    { numaTune: { mode: "preferred", nodes: "0-1" } },
    /^numaTune.nodes: mode preferred takes one cell/,
  ],
  [
    "a binding of no cell",
    { numaTune: { cells: [{ cell: 0, mode: "strict", nodes: "0" }] } },
    /^numaTune.cells\[0\].cell: numa.cells has no cell 0/,
  ],
  [
    "restrictive among others",
    {
      ...cells({ memory: "2 GiB" }),
      numaTune: { mode: "strict", nodes: "0", cells: [{ cell: 0, mode: "restrictive", nodes: "0" }] },
    },
    /^numaTune.cells\[0\].mode: restrictive goes with no other mode/,
  ],
])("%s is refused", (_name, args, expected) => {
  expect(faultsOf(args)).toMatch(expected);
});

test("limits, statistics and a restrictive binding change in the running guest, the rest does not", () => {
  const changes = (before: Values, after: Values) =>
    virtualMachine
      .diff("id", check(before).inputs, check(after).inputs)
      .changes.map(({ property, class: kind }) => `${property} ${kind}`);
  const tune = (mode: string, nodes: string) => ({ numaTune: { mode, nodes } });
  expect(changes(tune("restrictive", "0"), tune("restrictive", "1"))).toEqual(["numaTune.nodes live"]);
  expect(changes(tune("strict", "0"), tune("strict", "1"))).toEqual(["numaTune.nodes restart"]);
  expect(changes({ balloon: { statsPeriod: 5 } }, { balloon: { statsPeriod: 6 } })).toEqual([
    "balloon.statsPeriod live",
  ]);
  expect(changes({ memoryLimits: { softLimit: "3 GiB" } }, { memoryLimits: { softLimit: "4 GiB" } })).toEqual([
    "memoryLimits.softLimit live",
  ]);
  expect(changes({}, { memoryBacking: { mergePages: false } })).toEqual(["memoryBacking.mergePages restart"]);
});

test.each<[string, Values, string[]]>([
  ["missing", { memory: undefined }, ["memory"]],
  ["no size", { memory: "lots" }, ["memory"]],
  ["no whole number of MiB", { memory: "1 KiB" }, ["memory"]],
  ["of two odd ones", { memory: "1025 KiB", maxMemory: "2049 KiB" }, ["memory", "maxMemory"]],
])("a memory that is %s is told once, and not of what follows it", (_what, args, wanted) => {
  expect(check(args).failures.map(({ property }) => property)).toEqual(wanted);
});

test("what is wrong with an amount is told with what it means", () => {
  const reasons = (args: Values) => check(args).failures.map(({ reason }) => reason);
  expect(reasons({ memory: 4096 })).toEqual([
    '4 KiB is not a whole number of MiB; a plain number means bytes, write for example "4 GiB"',
  ]);
  expect(reasons({ vcpus: "2" })).toEqual(["must be a whole number, and no text"]);
  expect(reasons({ host: "qemu:///system" })).toEqual([
    'expected a Host, the object itself and not its id or name; as new kvm.Host("rack1", { uri }) makes it',
  ]);
  const looksUp = (way: string) => [expect.stringMatching(new RegExp(`one that others made is looked up, as ${way}`))];
  expect(reasons({ disks: { data: { volume: "vms/a.qcow2" } } })).toEqual(looksUp("kvm\\.getVolume\\(.*{ pool }\\)$"));
  const { failures } = cloudInitDisk.check({ pool: "default", userData: { hostname: "db" } }, undefined, undefined);
  expect(failures.map(({ reason }) => reason)).toEqual(looksUp("kvm\\.getPool\\(.*{ host }\\)$"));
  const network = "dc8f2e53-7c41-5910-af9a-95e4ddc86b4d";
  expect(reasons({ nics: { lan: { network } } })).toEqual([
    expect.stringMatching(
      /kvm\.getNetwork.*\. In a transform, where Pulumi makes an id of the object, give \{ name \} of it, at least$/,
    ),
  ]);
});
