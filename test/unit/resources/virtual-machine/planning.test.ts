import type { Context, Values } from "../../../../provider/core/handler";
import { noteAsked, whileUnderWay } from "../../../../provider/core/under-way";
import type { Taken } from "../../../../provider/resources/hand-over";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { effective, recordOf } from "../../../../provider/resources/virtual-machine/placement";
import { plan, type Site } from "../../../../provider/resources/virtual-machine/planning";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { parse } from "../../../../provider/schema/tree";
import { formatCpuSet } from "../../../../provider/tuning/cpu-set";
import { pciDevice } from "../../command/documents";
import { GiB, host, unlimited } from "../../tuning/hosts";
import { HostDaemon } from "./host-daemon";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta = { organization: "organization", project: "unit", stack: "dev", urn };
const topology = host(2, 4, 2, {
  pages: () => [
    { sizeKiB: 4, total: 4 * GiB },
    { sizeKiB: 2048, total: 256 },
  ],
});
const usage = { topology, limits: unlimited, ledger: { claims: [] }, added: [], makers: new Map<string, string>() };
const devices = {
  pci_0000_65_00_0: pciDevice("0000:65:00.0", { node: 1, class: "0x030000" }),
  pci_0000_3b_10_1: pciDevice("0000:3b:10.1", { node: 0 }),
  pci_0000_17_00_0: pciDevice("0000:17:00.0", { class: "0x030000" }),
};
const { libvirt } = new HostDaemon({ devices });

const args = {
  ...{ host: { uri: "qemu+ssh://rack1/system" }, vcpus: 4, memory: "2 GiB", cpu: { policy: "dedicated" } },
  numa: { cells: ["0-1", "2-3"].map((cpus) => ({ cpus, memory: "1 GiB" })) },
  hostDevices: {
    gpu: { pci: "0000:65:00.0" },
    far: { pci: "0000:65:00.1", locality: "none" },
    nowhere: { pci: "0000:17:00.0" },
  },
  nics: { vf: { hostdev: { address: "0000:3b:10.1" } } },
};

/** The guest as it runs, on huge pages of cell 0 or on ordinary ones. */
const live = parse("<domain><name>db</name></domain>");
const liveOnPages = parse(`<domain><name>db</name><memory unit='MiB'>64</memory>
  <memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>
  <numatune><memory mode='strict' nodeset='0'/></numatune></domain>`);

async function planned(more: Values = {}, site: Partial<Site> = {}, used = usage) {
  const { inputs, failures } = virtualMachine.check({ ...args, ...more }, undefined, meta);
  expect(failures).toEqual([]);
  const warnings: string[] = [];
  const context = { warn: (text: string) => warnings.push(text) } as unknown as Context;
  const own = { libvirt, uuid: "u", previous: () => undefined, added: [], live: undefined, context };
  const placement = await plan({ ...own, inputs: inputs as unknown as Inputs, ...site }, used);
  return { placement, warnings };
}

test("a guest that is off gets a bus for each device that is near to one of its cells; one that runs keeps those it has", async () => {
  const { placement } = await planned();
  expect(placement?.cells).toEqual([0, 1]);
  const buses = { hostDevices: { gpu: { cell: 1 } }, nics: { vf: { cell: 0 } } };
  expect(placement?.values).toMatchObject(buses);
  expect(Object.keys(placement?.values["hostDevices"] as object)).toEqual(["gpu"]);
  const running = await planned({}, { live });
  expect(running.placement?.values).not.toHaveProperty("hostDevices");
  const kept = await planned({}, { live, kept: placement });
  expect(kept.placement?.values).toMatchObject(buses);
  expect((await planned({ machine: "pc" })).placement?.values).not.toHaveProperty("nics");
});

test("where another guest of the stack has what is missing, its resource is told as the one to wait for", async () => {
  const small = { vcpus: 1, memory: "64 MiB", numa: undefined, hostDevices: {}, nics: {} };
  const all = topology.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id));
  const none = { owned: [], shared: [], memory: [], pages: [], unboundKiB: 0, devices: [] };
  const ledger = {
    claims: [
      { ...none, name: "idle" },
      { ...none, name: "web", owned: all },
    ],
  };
  const urnOf = (name: string, stack = "dev") => meta.urn.replace("::db", `::${name}`).replace(":dev:", `:${stack}:`);
  const makers = (stack?: string) => new Map(["idle", "web"].map((name) => [name, urnOf(name, stack)]));
  const holder = async (more: Values, stack?: string) => {
    const context = { meta, warn: () => undefined } as unknown as Context;
    const refused = planned(
      { ...small, ...more },
      { context },
      { ...usage, ledger: ledger as never, makers: makers(stack) },
    );
    return refused.then(undefined, (error: Taken) => [error.holder, error.message.includes("owned by web")]);
  };
  expect(await holder({})).toEqual([urnOf("web"), true]);
  expect(await holder({ cpu: {}, cpuTune: { vcpuPins: { "0": "1" } } })).toEqual([urnOf("web"), true]);
  expect(await holder({}, "prod")).toEqual([undefined, true]);
  // Each of two could make room: it is waited for the one that is changed at the moment.
  const [first = [], second = []] = topology.cells.map(({ cpus }) => cpus.map(({ id }) => id));
  ledger.claims = [
    { ...none, name: "idle", owned: first },
    { ...none, name: "web", owned: second },
  ];
  expect(await holder({})).toEqual([urnOf("idle"), true]);
  expect(await whileUnderWay(urnOf("web"), () => holder({}))).toEqual([urnOf("web"), true]);
  // With all of them gone it would not fit either.
  expect(await holder({ memory: "64 GiB" })).toEqual([undefined, expect.anything()]);
  // The program has the one that is not told of no more.
  for (const told of [urn, urnOf("idle")]) noteAsked(told);
  expect(await holder({})).toEqual([urnOf("web"), true]);
});

test("pages that have to be added are told, and those that are preferred and not there are warned of", async () => {
  const pages = { hostDevices: {}, nics: {} };
  const limits = { ...unlimited, mayAddPages: true };
  const { placement, warnings } = await planned({ ...pages, hugePages: "preferred" }, {}, { ...usage, limits });
  expect(placement?.addedPages).toEqual([0, 1].map((cell) => ({ cell, size: "2 MiB", count: 256 })));
  expect(placement?.explain.join("\n")).toContain("of which 256 are added to the host's");
  expect(warnings).toEqual([]);
  const without = await planned({ ...pages, hugePages: "preferred" });
  expect(without.placement).not.toHaveProperty("addedPages");
  expect(without.warnings.join()).toContain("let guests add them (Host.guestPages)");
  await expect(planned({ ...pages, hugePages: "required" })).rejects.toThrow(
    /256 pages of 2 MiB free, 512 needed for 1 GiB of memory/,
  );
});

test("a guest has the pages that it runs on, whatever waits for its next start, and none that only wait", async () => {
  const freePages = [0, 1].map((cell) => ({ cell, sizeKiB: 2048, count: 8 }));
  const used = { ...usage, limits: { ...unlimited, freePages } };
  const small = { vcpus: 1, memory: "64 MiB", numa: undefined, hostDevices: {}, nics: {}, hugePages: "required" };
  const pools = (count: number, sizeKiB: number) => ({
    ...{ cells: [0], vcpus: [[2]], emulator: [], iothreads: [], owned: [] },
    pages: [{ cell: 0, sizeKiB, count }],
  });
  const back = await planned(small, { live: liveOnPages, previous: () => pools(16384, 4) }, used);
  expect(back.placement).toMatchObject({ vcpus: ["2"], pages: [{ cell: 0, size: "2 MiB", count: 32 }] });
  const preferred = { ...small, hugePages: "preferred" };
  const taken = await planned(preferred, { live: liveOnPages, previous: () => pools(16384, 4) }, used);
  expect(taken.placement?.pages).toEqual([{ cell: 0, size: "2 MiB", count: 32 }]);
  const larger = { ...preferred, memory: "128 MiB" };
  const tooLarge = await planned(larger, { live: liveOnPages, previous: () => pools(16384, 4) }, used);
  expect(tooLarge.placement?.pages).toEqual([{ cell: 0, size: "4 KiB", count: 32768 }]);
  const onlyWaiting = planned(small, { live, previous: () => pools(32, 2048) }, used);
  await expect(onlyWaiting).rejects.toThrow(/8 pages of 2 MiB free/);
});

test("vCPUs that the program leaves unpinned float over the cell of those that it pins", async () => {
  const some = { vcpus: 2, memory: "64 MiB", numa: undefined, hostDevices: {}, nics: {}, hugePages: "required" };
  for (const cpu of [{}, { policy: "shared" }]) {
    const { placement } = await planned({ ...some, cpu, cpuTune: { vcpuPins: { "0": "9" } } });
    const cell = formatCpuSet(topology.cells[1]?.cpus.map(({ id }) => id) ?? []);
    expect(placement).toMatchObject({ cells: [1], vcpus: ["9", cell], owned: "" });
    const { inputs } = virtualMachine.check(
      { ...args, ...some, cpu, cpuTune: { vcpuPins: { "0": "9" } } },
      undefined,
      meta,
    );
    expect(effective(inputs as unknown as Inputs, { placement } as Values).cpuTune?.vcpuPins).toEqual({
      "0": "9",
      "1": cell,
    });
    expect(recordOf(inputs as unknown as Inputs, placement, [])).toMatchObject({ owned: [] });
  }
});
