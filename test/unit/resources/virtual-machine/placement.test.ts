import type { Values } from "../../../../provider/core/handler";
import { unknown } from "../../../../provider/core/unknown";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { pinRefusal, rivalOf } from "../../../../provider/resources/virtual-machine/pin-refusals";
import { effective, recordOf, withoutPlaced } from "../../../../provider/resources/virtual-machine/placement";
import { placedFrom } from "../../../../provider/resources/virtual-machine/placement-values";
import { render } from "../../../../provider/resources/virtual-machine/render";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { place } from "../../../../provider/tuning/place";
import type { Request } from "../../../../provider/tuning/request";
import { GiB, host, owner, request, unlimited } from "../../tuning/hosts";
import { checked, meta } from "./checked";

const base = { host: { uri: "qemu+ssh://rack1/system" }, vcpus: 4, memory: "2 GiB", cpu: { policy: "dedicated" } };

const inputsOf = (args: Values = {}) => checked({ ...base, ...args }) as unknown as Inputs;

function faultsOf(args: Values): string {
  const { failures } = virtualMachine.check({ ...base, ...args }, undefined, meta);
  return failures.map(({ property, reason }) => `${property}: ${reason}`).join("\n");
}

/** Two cells of 4 cores and 2 threads, with 2 MiB pages in the second one alone. */
const machine = host(2, 4, 2, {
  pages: (cell) => [
    { sizeKiB: 4, total: 16 * GiB },
    { sizeKiB: 2048, total: cell === 1 ? 2048 : 0 },
  ],
});

function placed(inputs: Inputs, more: Partial<Request> = {}) {
  const wish = request(inputs.name, inputs.maxVcpus, { memoryKiB: 2 * GiB, ...more });
  const answer = place(machine, unlimited, { claims: [] }, wish);
  expect(answer.explain.join()).toContain("cost");
  return placedFrom(answer, inputs, machine, 9_000_000);
}

/** A state as create leaves it. */
function stateOf(inputs: Inputs, placement: object): Values {
  return { ...inputs, placement };
}

const classes = (olds: Values, news: Values) =>
  virtualMachine.diff("id", olds, news).changes.map(({ property, class: kind }) => `${property} ${kind}`);

describe("cells of the program", () => {
  const two = ["0-1", "2-3"].map((cpus) => ({ cpus, memory: "1 GiB" }));
  const wish = (inputs: Inputs) =>
    request(inputs.name, 4, {
      memoryKiB: 2 * GiB,
      cells: two.map((_, cell) => ({ vcpus: [2 * cell, 2 * cell + 1], memoryKiB: GiB })),
    });
  const far = host(2, 4, 2, { distance: (from, to) => (from === to ? 10 : 32) });
  const on = (inputs: Inputs, mirrors?: boolean) => {
    const answer = place(far, unlimited, { claims: [] }, wish(inputs));
    const placement = placedFrom(answer, inputs, far, 9_000_000, mirrors === undefined ? {} : { mirrors });
    return { placement, cells: effective(inputs, { placement }).numa?.cells };
  };

  test("are as far apart as those of the host, where it says nothing else", () => {
    const { placement, cells } = on(inputsOf({ numa: { cells: two } }));
    expect(cells).toEqual([
      { ...two[0], distances: [10, 32] },
      { ...two[1], distances: [32, 10] },
    ]);
    const inputs = inputsOf({ numa: { cells: two } });
    const state = stateOf(inputs, placement);
    expect(classes(state, inputs)).toEqual([]);
    // What the host shows is what was written, and no change of the program's.
    const shown = effective(inputs, { placement });
    expect(withoutPlaced(shown, shown, inputs)["numa"]).toEqual({ cells: two });
    expect(render(shown).match(/<sibling id='\d' value='(\d+)'/g)).toHaveLength(4);
  });

  test("keep the distances that the program gives, in one of them too", () => {
    const own = [{ ...two[0], distances: [10, 21] }, two[1]];
    expect(on(inputsOf({ numa: { cells: own } })).cells).toEqual(own);
  });

  test("of a guest that was placed without distances stay so", () => {
    const inputs = inputsOf({ numa: { cells: two } });
    const { placement, cells } = on(inputs, false);
    expect(cells).toEqual(two);
    expect(classes(stateOf(inputs, placement), inputs)).toEqual([]);
  });
});

test("devices of a guest of several cells hang on buses of those that they are near to", () => {
  const cells = ["0-1", "2-3"].map((cpus) => ({ cpus, memory: "1 GiB" }));
  const devices = {
    hostDevices: { gpu: { pci: "0000:65:00.0" }, sound: { pci: "0000:65:00.1", cell: 0 } },
    nics: { vf: { hostdev: { address: "0000:3b:10.1" } } },
  };
  const inputs = inputsOf({ numa: { cells }, ...devices });
  const near = [
    { map: "hostDevices", key: "gpu", cell: 1 },
    { map: "hostDevices", key: "sound", cell: 1 },
    { map: "nics", key: "vf", cell: 0 },
    { map: "hostDevices", key: "far", cell: 7 },
  ] as const;
  const wish = request(inputs.name, 4, {
    memoryKiB: 2 * GiB,
    cells: [
      { vcpus: [0, 1], memoryKiB: GiB },
      { vcpus: [2, 3], memoryKiB: GiB },
    ],
  });
  const answer = { ...place(machine, unlimited, { claims: [] }, wish), cells: [1, 0] };
  const placement = placedFrom(answer, inputs, machine, 9_000_000, { near });
  expect(placement.values).toMatchObject({
    hostDevices: { gpu: { cell: 0 }, sound: { cell: 0 } },
    nics: { vf: { cell: 1 } },
  });
  // What the program says goes before, and what it has no more leaves nothing.
  const inForce = effective(inputs, { placement });
  expect(inForce.hostDevices).toMatchObject({ gpu: { cell: 0 }, sound: { cell: 0 } });
  const less = inputsOf({ numa: { cells }, hostDevices: { gpu: { pci: "0000:65:00.0", cell: 1 } } });
  expect(effective(less, { placement })).toMatchObject({ hostDevices: { gpu: { cell: 1 } }, nics: {} });
  expect(Object.keys(effective(less, { placement }).hostDevices)).toEqual(["gpu"]);
  const xml = render(inForce).replaceAll("'", '"');
  expect(xml.match(/model="pcie-expander-bus"/g)).toHaveLength(3);
  expect(withoutPlaced(inForce, inForce, inputs)["hostDevices"]).toEqual(inputs.hostDevices);
  // In one cell nothing is nearer than anything else.
  const one = place(machine, unlimited, { claims: [] }, request(inputs.name, 4));
  expect(placedFrom(one, inputsOf({ nics: devices.nics }), machine, 9_000_000, { near }).values).not.toHaveProperty(
    "nics",
  );
  expect(faultsOf({ numa: { cells }, nics: { a: { bridge: "br0", cell: 1 } } })).toContain(
    "nics.a.cell: goes only with hostdev",
  );
  expect(faultsOf({ numa: { cells }, nics: { a: { hostdev: { address: "0000:3b:10.1" }, cell: 2 } } })).toContain(
    "nics.a.cell: there is no cell 2",
  );
});

test("a placement becomes pins, a binding, pages and a topology of rows that are there", () => {
  const inputs = inputsOf({ iothreads: 1, hugePages: "required" });
  const placement = placed(inputs, { pages: "large", iothreads: 1 });
  expect(placement).toMatchObject({ cells: [1], vcpus: ["8", "9", "10", "11"], owned: "8-11" });
  expect(placement.pages).toEqual([{ cell: 1, size: "2 MiB", count: 1024 }]);
  const xml = render(effective(inputs, { placement })).replaceAll("'", '"');
  expect(xml).toMatch(/<vcpupin vcpu="0" cpuset="8"\/>[\s\S]*<vcpupin vcpu="3" cpuset="11"\/>/);
  expect(xml).toMatch(/<emulatorpin cpuset="8-11"\/>\s*<iothreadpin iothread="1" cpuset="8-11"\/>/);
  expect(xml).toMatch(/<memory mode="strict" nodeset="1"\/>/);
  expect(xml).toMatch(/<page size="2048" unit="KiB"\/>\s*<\/hugepages>\s*<allocation mode="immediate"\/>/);
  expect(xml).toMatch(/<topology dies="1" cores="4" threads="1" sockets="1"\/>/);
  expect(render(inputs)).not.toMatch(/vcpupin|hugepages|numatune/);
});

test("a guest of several cells gets them with their distances, and each its own pages", () => {
  const inputs = inputsOf({ vcpus: 16, hugePages: "preferred" });
  const placement = placed(inputs, { pages: "any" });
  const { values } = placement;
  expect(placement.cells).toEqual([0, 1]);
  expect(values["numa"]).toEqual({
    cells: [
      { cpus: "0-7", memory: "1 GiB", distances: [10, 20] },
      { cpus: "8-15", memory: "1 GiB", distances: [20, 10] },
    ],
  });
  expect(values["numaTune"]).toMatchObject({ mode: "strict", nodes: "0-1", cells: [{ cell: 0, nodes: "0" }, {}] });
  expect(values["hugePages"]).toEqual([{ size: "2 MiB", cells: "1" }]);
  expect(values["cpu"]).toEqual({ topology: { sockets: 2, dies: 1, cores: 4, threads: 2 } });
  // libvirt takes what is made of it.
  expect(inputsOf({ ...effective(inputs, { placement }), cpu: {} })).toBeDefined();
});

test("what the program says goes before what was found, field by field", () => {
  const inputs = inputsOf({
    cpuTune: { emulatorPin: "0", shares: 7 },
    cpu: { policy: "dedicated", topology: { cores: 2, threads: 2 } },
  });
  const { cpuTune, cpu } = effective(inputs, { placement: placed(inputs) });
  expect(cpuTune).toMatchObject({ emulatorPin: "0", shares: 7, vcpuPins: { "0": "8" } });
  expect(cpu?.topology).toMatchObject({ cores: 2, threads: 2 });
});

test("a state is compared as it is in force: nothing differs, drift does, a wish is seen", () => {
  const inputs = inputsOf({ hugePages: "preferred" });
  const state = stateOf(inputs, placed(inputs, { pages: "any" }));
  expect(classes(state, inputs)).toEqual([]);
  expect(classes({ ...state, cpuTune: { vcpuPins: { "0": "7" } } }, inputs)).toEqual(["cpuTune.vcpuPins live"]);
  expect(classes(state, inputsOf({ hugePages: "preferred", cpu: { policy: "dedicated", smt: "any" } }))).toEqual([
    "cpu.smt live",
  ]);
  const released = classes(state, inputsOf({ cpu: {} }));
  expect(released).toEqual(
    expect.arrayContaining(["cpu.policy live", "cpuTune.vcpuPins restart", "numaTune.nodes restart"]),
  );
  expect(classes(state, { ...inputs, vcpus: unknown } as never)).toEqual(["vcpus restart"]);
});

describe("a wish for pages", () => {
  const wishes = { any: "preferred", large: "required", none: "none", 2048: "2 MiB" } as const;
  const lines = (state: Values, hugePages: string) => virtualMachine.diff("id", state, inputsOf({ hugePages })).lines;
  const waits = "hugePages: restart; policy stage";
  const kept = "hugePages: live, the guest keeps those that it has";

  test.each<[keyof typeof wishes, string, string]>([
    ["large", "preferred", kept],
    ["large", "2 MiB", kept],
    ["large", "1 GiB", waits],
    ["large", "none", waits],
    ["any", "required", kept],
    [2048, "required", kept],
    ["none", "preferred", kept],
    ["none", "required", waits],
  ])("that was %s and is %s", (pages, next, line) => {
    const inputs = inputsOf({ hugePages: wishes[pages] });
    expect(lines(stateOf(inputs, placed(inputs, { pages })), next)).toEqual([line]);
  });

  test("is compared with what the guest runs on, while others wait for its next start", () => {
    const inputs = inputsOf({ hugePages: "none" });
    const room = { hugePages: { old: [{ size: "2 MiB" }] } };
    const state = { ...stateOf(inputs, placed(inputs)), __kvm: { stateVersion: 1, memo: { room } } };
    const back = "hugePages: live, the guest has it still, unless it was started anew since";
    expect([lines(state, "required"), lines(state, "1 GiB")]).toEqual([[back], [waits]]);
  });
});

test("what a refresh finds is the program's own, and what drifted from the placement", () => {
  const inputs = { cpu: { policy: "dedicated" }, title: "t" };
  const wanted = { ...inputs, cpuTune: { vcpuPins: { "0": "1" }, emulatorPin: "2" }, hugePages: [] };
  expect(withoutPlaced(wanted, wanted, inputs)).toEqual(inputs);
  const wish = { ...inputs, hugePages: "preferred" };
  expect(withoutPlaced(wanted, wanted, wish)).toEqual(wish);
  const { hugePages: _, ...ordinary } = wanted;
  expect(withoutPlaced(ordinary, ordinary, wish)).toEqual(wish);
  const seen = { ...wanted, cpuTune: { vcpuPins: { "0": "3" }, emulatorPin: "2" } };
  expect(withoutPlaced(seen, wanted, inputs)).toEqual({ ...inputs, cpuTune: { vcpuPins: { "0": "3" } } });
});

test("the record says what is owned and what is only shared", () => {
  const mixed = inputsOf({ vcpus: 2, cpu: { policy: "mixed", dedicatedVcpus: "0" } });
  const placement = placed(mixed, { policy: "mixed", dedicatedVcpus: [0] });
  expect(recordOf(mixed, placement, [])).toEqual({ smt: "whole-core", owned: [8], shared: [9, 10, 11, 13, 14, 15] });
  const pinned = inputsOf({ vcpus: 1, cpu: { policy: "shared" }, cpuTune: { vcpuPins: { "0": "2-3" } } });
  expect(recordOf(pinned, undefined, [])).toEqual({ smt: "any", owned: [], shared: [2, 3] });
  expect(recordOf(inputsOf({ cpu: {} }), undefined, [])).toBeUndefined();
});

test("owners collide on a CPU, and on a core where one of them wants all of it", () => {
  const claims = (smt?: "any" | "whole-core") => [owner("old", [4], smt)];
  expect(rivalOf([4], claims(), machine, undefined)).toEqual({ name: "old", cpus: [4] });
  expect(rivalOf([0], claims(), machine, undefined)).toBeUndefined();
  expect(rivalOf([0], claims("any"), machine, "any")).toBeUndefined();
  expect(rivalOf([0], claims("any"), machine, "whole-core")).toMatchObject({ name: "old" });
  expect(rivalOf([0], claims("whole-core"), machine, undefined)).toMatchObject({ name: "old" });
});

test("who owns CPUs that it names by hand wants their cores whole, as those that are found for it", () => {
  const named = (cpu: Values) => inputsOf({ vcpus: 1, cpu, cpuTune: { vcpuPins: { "0": "0" } } });
  const claims = [owner("old", [4], "any")];
  expect(pinRefusal(named({ policy: "dedicated" }), machine, claims)?.reason).toBe("CPU 4 is owned by old");
  expect(pinRefusal(named({ policy: "dedicated", smt: "any" }), machine, claims)).toBeUndefined();
  expect(pinRefusal(named({}), machine, claims)).toBeUndefined();
});

/** A host of one cell with 4 cores of 2 threads, as Host told of it. */
const small = {
  host: {
    ...base.host,
    facts: JSON.stringify({
      libvirt: 9_000_000,
      cells: [{ id: 0, cpus: 8, cores: 4, memory: 16384, pages: { "2 MiB": 32, "1 GiB": 0 } }],
    }),
  },
};

test.each<[string, Values, RegExp]>([
  [
    "a policy of no part",
    { cpu: { smt: "any" } },
    /^cpu.smt: means nothing without cpu.policy: set it to "dedicated"$/,
  ],
  ["mixed of nothing", { cpu: { policy: "mixed" } }, /^cpu.dedicatedVcpus: is required with policy mixed/],
  [
    "a part of all",
    { cpu: { policy: "dedicated", dedicatedVcpus: "0" } },
    /dedicatedVcpus: goes only with policy mixed/,
  ],
  ["all of mixed", { cpu: { policy: "mixed", dedicatedVcpus: "0-3" } }, /names every vCPU: choose policy "dedicated"/],
  ["vCPU 4 of 4", { cpu: { policy: "mixed", dedicatedVcpus: "4" } }, /vCPU 4 is not below maxVcpus \(4\)/],
  [
    "QEMU alone",
    { cpu: { policy: "shared", emulator: "isolate" } },
    /^cpu.emulator: isolate gives QEMU.*policy dedicated/,
  ],
  ["some pins", { cpuTune: { vcpuPins: { "0": "1" } } }, /^cpuTune.vcpuPins: .*not vCPU 1.*pin all of them or none/],
  [
    "one CPU twice",
    { vcpus: 2, cpuTune: { vcpuPins: { "0": "1", "1": "1" } } },
    /^cpuTune.vcpuPins\[1\]: CPU 1 is pinned to vCPU 0 already/,
  ],
  ["several CPUs", { vcpus: 1, cpuTune: { vcpuPins: { "0": "1-2" } } }, /vcpuPins\[0\]: names several CPUs/],
  ["a binding", { numaTune: { nodes: "0" } }, /^numaTune.nodes: the guest is placed.*leave it out/],
  ["a vCPU of no cell", { numa: { cells: [{ cpus: "0-2", memory: "2 GiB" }] } }, /^numa.cells: vCPU 3 is in no cell/],
  ["two sizes", { hugePages: [{ size: "2 MiB" }, { size: "1 GiB", cells: "0" }] }, /hugePages: the guest is placed/],
  ["1 GiB pages for 512 MiB", { memory: "512 MiB", hugePages: "1 GiB" }, /^hugePages: 512 MiB is no whole number of/],
  ["odd pages", { hugePages: "4 MiB" }, /^hugePages: 4 MiB is no huge page of x86: choose 2 MiB or 1 GiB/],
  ["a wish", { hugePages: "large" }, /^hugePages: expected "none", "preferred", "required", a size such as "1 GiB"/],
  [
    "more CPUs than there are",
    { ...small, vcpus: 9 },
    /^vcpus: need 9 CPUs of their own, and the host has 8: take fewer/,
  ],
  [
    "more cores than there are",
    { ...small, cpu: { policy: "dedicated", smt: "isolate", emulator: "isolate" } },
    /^vcpus: need 4 and one for QEMU cores of their own, and the host has 4: .*set cpu.smt: "whole-core"/,
  ],
  [
    "more cells than there are",
    { ...small, vcpus: 2, numa: { cells: [0, 1].map((cpu) => ({ cpus: `${cpu}`, memory: "1 GiB" })) } },
    /^numa.cells: are 2, and the host has 1 with CPUs/,
  ],
  [
    "pages that are not there",
    { ...small, hugePages: "1 GiB" },
    /^hugePages: 2 GiB of memory need pages of 1 GiB.*has 0 MiB/,
  ],
  [
    "too few pages",
    { ...small, hugePages: "required" },
    /^hugePages: 2 GiB of memory need huge pages, and the host has 64 MiB/,
  ],
  [
    "a near device of no place",
    { cpu: {}, hostDevices: { gpu: { pci: "0000:3b:00.0", locality: "required" } } },
    /^hostDevices.gpu.locality: means nothing for a guest that is not placed: set cpu.policy/,
  ],
])("refuses %s", (_name, args, message) => {
  expect(faultsOf(args)).toMatch(message);
});

test("takes pages that are not there yet where guests may have them added", () => {
  const host = { ...small.host, limits: JSON.stringify({ reservedMemory: "1 GiB", guestPages: true }) };
  expect(faultsOf({ host, hugePages: "required" })).toBe("");
});
