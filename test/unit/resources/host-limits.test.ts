import { host } from "../../../provider/resources/host";
import { limitFaults } from "../../../provider/resources/host/limit-faults";
import { describeTopology } from "../../../provider/resources/host/topology";
import { declaredLimits, limitsFor } from "../../../provider/resources/host-limits";
import * as hosts from "../tuning/hosts";

const GiB = 1024 * 1024;
const pools = [
  { sizeKiB: 4, total: 1000 },
  { sizeKiB: 2048, total: 8 },
];
const machine = { ...hosts.host(2, 4, 2, { memoryKiB: 8 * GiB, pages: () => pools }), offline: [16] };

function check(limits: Readonly<Record<string, unknown>>) {
  const { inputs, failures } = host.check({ uri: "qemu:///system", ...limits }, undefined, undefined);
  return { inputs, faults: failures.map(({ property, reason }) => `${property}: ${reason}`) };
}

test("limits have one canonical spelling", () => {
  const { inputs, faults } = check({
    housekeepingCpus: "1,0,8-9",
    dedicatedCpus: "2-7,^3",
    reservedMemory: { "0": 2 ** 31, "1": "1024 MiB" },
    reservedPages: [
      { size: "1024 MiB", count: 1 },
      { cell: 1, size: "2 MiB", count: 8 },
      { cell: 0, size: 2 ** 21, count: 16 },
    ],
  });
  expect(faults).toEqual([]);
  expect(inputs).toMatchObject({
    housekeepingCpus: "0-1,8-9",
    dedicatedCpus: "2,4-7",
    reservedMemory: { "0": "2 GiB", "1": "1 GiB" },
    reservedPages: [
      { cell: 0, size: "2 MiB", count: 16 },
      { cell: 1, size: "2 MiB", count: 8 },
      { size: "1 GiB", count: 1 },
    ],
  });
  expect(check({ reservedMemory: 4096 }).inputs).toMatchObject({ reservedMemory: "4 KiB" });
});

test.each([
  [{ housekeepingCpus: "0-1,x" }, /^housekeepingCpus: "x" is not a CPU or a range/],
  [{ housekeepingCpus: "0,^0" }, /^housekeepingCpus: "0,\^0" names none/],
  [{ housekeepingCpus: "0-3", dedicatedCpus: "2-7" }, /^dedicatedCpus: CPUs 2, 3 are housekeepingCpus too/],
  [{ reservedMemory: "4 GB of it" }, /^reservedMemory: .*"4 GiB"/],
  [{ reservedMemory: { one: "4 GiB" } }, /^reservedMemory/],
  [
    { reservedPages: [{ size: "3 MiB", count: 1 }] },
    /^reservedPages\[0\].size: is no size of a huge page; x86 has "2 MiB"/,
  ],
  [{ reservedPages: [{ size: "4 KiB", count: 1 }] }, /^reservedPages\[0\].size: is no size of a huge page/],
  [{ reservedPages: [{ size: "2 MiB", count: 0 }] }, /^reservedPages\[0\].count/],
  [{ reservedPages: [{ size: "2 MiB", count: 1.5 }] }, /^reservedPages\[0\].count/],
  [{ reservedPages: [{ size: "2 MiB", count: 1, node: 0 }] }, /^reservedPages\[0\]/],
  [
    {
      reservedPages: [
        { size: "2 MiB", count: 1 },
        { size: "2048 KiB", cell: 1, count: 1 },
      ],
    },
    /^reservedPages: 2 MiB in cell 1: another entry says the same pool/,
  ],
  [
    { dedicatedCpus: Array.from({ length: 600 }, (_, index) => index * 2).join(",") },
    /^dedicatedCpus: is too long.*at most 2048/,
  ],
])("%j is refused", (limits, expected) => {
  const { faults } = check(limits);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(expected);
});

test("what the machine does not have is told all at once, with what it has", () => {
  const faults = limitFaults(
    {
      housekeepingCpus: "0,16-17",
      dedicatedCpus: "15-20",
      reservedMemory: { "0": "8 GiB", "7": "1 GiB" },
      reservedPages: [
        { size: "1 GiB", count: 1 },
        { cell: 2, size: "2 MiB", count: 1 },
        { cell: 1, size: "2 MiB", count: 4 },
      ],
    },
    machine,
  );
  expect(faults.map(({ property, reason }) => `${property}: ${reason}`)).toEqual([
    "housekeepingCpus: the host has no CPU 17; it has 0-16",
    "dedicatedCpus: the host has no CPU 17-20; it has 0-16",
    "reservedMemory[0]: 8 GiB is all that cell 0 has (8 GiB); reserve less",
    "reservedMemory[7]: the host has no cell 7; it has 0, 1",
    "reservedPages[0].size: the host has no huge pages of 1 GiB there; it has 2 MiB",
    "reservedPages[1].cell: the host has no cell 2; it has 0, 1",
  ]);
  expect(limitFaults({}, machine)).toEqual([]);
});

test("huge pages that leave no ordinary memory are refused", () => {
  const told = (limits: Parameters<typeof limitFaults>[0]) =>
    limitFaults(limits, machine).map(({ property, reason }) => `${property}: ${reason}`);
  expect(told({ hugePages: [{ size: "2 MiB", count: 4095 }] })).toEqual([]);
  expect(told({ hugePages: [{ cell: 1, size: "2 MiB", count: 4096 }] })).toEqual([
    "hugePages: 8 GiB of pages do not fit into cell 1: it has 8 GiB",
  ]);
  expect(told({ hugePages: [{ cell: 0, size: "2 MiB", count: 2048 }], reservedMemory: { "0": "4 GiB" } })).toEqual([
    "hugePages: 4 GiB of pages do not fit into cell 0: it has 8 GiB, of which reservedMemory keeps 4 GiB",
  ]);
  expect(told({ hugePages: [{ cell: 3, size: "1 GiB", count: 1 }] })).toEqual([
    "hugePages[0].cell: the host has no cell 3; it has 0, 1",
  ]);
});

test("a change that the machine of the state cannot take is refused in previews", () => {
  const state = { ...check({}).inputs, topology: describeTopology(machine) };
  const preview = (limits: Readonly<Record<string, unknown>>) => () => host.diff("id", state, check(limits).inputs);
  expect(preview({ dedicatedCpus: "2-15" })().changes).toMatchObject([{ property: "dedicatedCpus", class: "live" }]);
  expect(preview({ dedicatedCpus: "2-16" })).not.toThrow();
  expect(preview({ dedicatedCpus: "2-17" })).toThrow(
    /change Host.*\n?.*dedicatedCpus: the host has no CPU 17; it has 0-16/,
  );
  expect(preview({ hugePages: [{ cell: 9, size: "2 MiB", count: 1 }] })).toThrow(/hugePages\[0\]\.cell/);
});

test("the limits of a reference, on the cells that the host has", () => {
  const declared = {
    housekeepingCpus: "0,16",
    reservedMemory: { "1": "1 GiB" },
    reservedPages: [{ size: "2 MiB", count: 4 }],
  };
  const reference = { uri: "qemu:///system", limits: JSON.stringify(declared) };
  expect(limitsFor(declaredLimits(reference), machine, { deviceCells: [1] })).toEqual({
    // CPU 16 is switched off.
    housekeeping: [0],
    reserveKiB: new Map([
      [0, 0],
      [1, GiB],
    ]),
    pageReserve: [
      { cell: 0, sizeKiB: 2048, count: 4 },
      { cell: 1, sizeKiB: 2048, count: 4 },
    ],
    deviceCells: [1],
  });
  expect(limitsFor(declaredLimits({ uri: "qemu:///system" }), machine)).toEqual({
    housekeeping: [],
    reserveKiB: new Map([
      [0, 0],
      [1, 0],
    ]),
    pageReserve: [],
  });
  expect(limitsFor({ dedicatedCpus: "2-3", reservedMemory: "2 GiB" }, machine)).toMatchObject({
    dedicated: [2, 3],
    reserveKiB: new Map([
      [0, 2 * GiB],
      [1, 2 * GiB],
    ]),
  });
});
