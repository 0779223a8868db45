import { join } from "node:path";
import { PartialFailure, type Values } from "../../provider/core/handler";
import { host } from "../../provider/resources/host";
import { maxDigest } from "../../provider/resources/host/facts";
import { freePages } from "../../provider/resources/host-pages";
import { topologyOf } from "../../provider/resources/host-topology";
import { parse } from "../../provider/schema/tree";
import { cutOff, runWith, withFault } from "./fault";
import { handlerContext, metaOf, type TestContext } from "./handler-context";
import type { LabHost } from "./host";
import { type Lab, startLab } from "./lab";

let lab: Lab;
let context: TestContext;

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
  context = handlerContext();
}, 60_000);

afterAll(async () => {
  await context.close();
  await lab.stop();
});

function inputsOf(uri: string, more: Readonly<Record<string, unknown>> = {}) {
  const { inputs, failures } = host.check({ uri, ...more }, undefined, undefined);
  expect(failures).toEqual([]);
  return inputs;
}

test("create reads what the machine is", async () => {
  const { id, state } = await host.create(inputsOf(lab.host.socketUri), context);
  expect(id).toBe(lab.host.uuid);
  expect(state).toMatchObject({
    uuid: lab.host.uuid,
    owner: expect.stringMatching(/^[0-9a-f]{32}$/),
    hostname: expect.stringMatching(/./),
    libvirtVersion: "9.0.0",
    qemuVersion: expect.stringMatching(/^7\.2\.\d+$/),
    virtTypes: expect.arrayContaining(["qemu"]),
    architecture: "x86_64",
    cpus: expect.any(Number),
    memory: expect.stringMatching(/^\d+ [KMG]iB$/),
  });
  const facts = state["facts"] as Record<string, unknown>;
  expect(facts).toMatchObject({ libvirt: 9000000, firmware: ["bios", "efi"], secureBoot: true });
  expect(facts["machines"]).toContain("pc-q35-7.2");
  expect(Buffer.byteLength(JSON.stringify(facts))).toBeLessThanOrEqual(maxDigest);
});

test("owner stays the same through refresh and a change of address", async () => {
  const made = await host.create(inputsOf(lab.host.socketUri), context);
  const seen = await host.read(made.id, made.state, context);
  expect(seen?.state["owner"]).toBe(made.state["owner"]);
  expect(seen?.inputs).toMatchObject({ uri: lab.host.socketUri });

  const news = inputsOf(lab.host.uri);
  expect(host.diff(made.id, made.state, news)).toMatchObject({ replaces: [], changes: [{ property: "uri" }] });
  const updated = await host.update(made.id, made.state, news, context);
  expect(updated).toMatchObject({ owner: made.state["owner"], uuid: lab.host.uuid, uri: lab.host.uri });
});

test("another machine is refused by update and by refresh", async () => {
  const [, second] = lab.hosts;
  const made = await host.create(inputsOf(lab.host.socketUri), context);
  const news = inputsOf(second?.socketUri ?? "");
  await expect(host.update(made.id, made.state, news, context)).rejects.toThrow(
    /another machine answers at this address: its host uuid is .* expected was/,
  );
  await expect(host.read(made.id, { ...made.state, ...news }, context)).rejects.toThrow(/another machine/);
});

test("limits that the machine does not have are refused by create, update and look-up, with what it has", async () => {
  const { socketUri: uri } = lab.host;
  const made = await host.create(inputsOf(uri, { housekeepingCpus: "0", reservedMemory: "64 MiB" }), context);
  expect(made.state).toMatchObject({ housekeepingCpus: "0", reservedMemory: "64 MiB" });
  expect((await host.read(made.id, made.state, context))?.inputs).toMatchObject({ housekeepingCpus: "0" });

  const wrong = inputsOf(uri, { dedicatedCpus: "0,4000", reservedPages: [{ cell: 9, size: "2 MiB", count: 1 }] });
  const refusal =
    /dedicatedCpus: the host has no CPU 4000; it has 0-\d+\n.*reservedPages\[0\]\.cell: the host has no cell 9; it has 0/;
  await expect(host.create(wrong, context)).rejects.toThrow(refusal);
  await expect(host.update(made.id, made.state, wrong, context)).rejects.toThrow(refusal);
  await expect(host.read(`lookup:${uri}`, wrong, context)).rejects.toThrow(refusal);
  await expect(host.read(`lookup:${uri}`, { uri, dedicatedCpus: "x" }, context)).rejects.toThrow(/"x" is not a CPU/);
});

test("a host of two cells tells its topology, devices and what is free now; a refresh shows no change", async () => {
  const [, second] = lab.hosts;
  if (!second) throw new Error("no second host");
  await second.exec(["sh", join(__dirname, "fake-numa.sh")]);
  // A daemon learns how many cells there are when it starts.
  await second.restartLibvirtd();
  const { socketUri: uri } = second;
  const made = await host.create(inputsOf(uri), context);
  const { state } = made;
  expect(state["topology"]).toMatchObject({
    cells: [
      { id: 0, cpus: "0", cores: ["0"], distances: { "0": 10, "1": 21 }, memory: expect.stringMatching(/iB$/) },
      { id: 1, cpus: "1", cores: ["1"], distances: { "0": 21, "1": 10 } },
    ],
    sockets: expect.arrayContaining([expect.objectContaining({ dies: expect.any(Array) })]),
  });
  expect(state).toMatchObject({
    kvm: false,
    cpu: { guestModel: expect.stringMatching(/./), guestFeatures: expect.any(Array) },
    machineTypes: expect.arrayContaining(["pc-q35-7.2", "pc-i440fx-7.2"]),
    firmware: {
      types: ["bios", "efi"],
      secureBoot: true,
      loaders: expect.arrayContaining([expect.stringMatching(/OVMF/)]),
    },
    tpm: {
      models: ["tpm-tis", "tpm-crb"],
      backends: expect.arrayContaining(["emulator"]),
      versions: expect.arrayContaining(["2.0"]),
    },
    launchSecurity: [],
    facts: { tpm: ["tpm-tis", "tpm-crb"], cells: [{ id: 0, cpus: 1, cores: 1 }, { id: 1 }] },
  });
  // Emulation says nothing of guests within guests.
  expect(state["nested"]).toBeUndefined();
  const devices = state["nodeDevices"] as { address: string; driver?: string }[];
  expect(devices.length).toBeGreaterThan(0);
  for (const { address } of devices) expect(address).toMatch(/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/);
  expect(devices.filter(({ driver }) => driver !== undefined)).toEqual([]);
  expect(state["free"]).toBeUndefined();
  expect(JSON.stringify(state).length).toBeLessThan(16_384);

  const refreshed = await host.read(made.id, state, context);
  expect(refreshed?.state).toEqual(state);

  const found = await host.read(`lookup:${uri}`, { uri }, context);
  expect(found?.state).toMatchObject({
    topology: state["topology"],
    free: [
      { cell: 0, memory: expect.stringMatching(/iB$/), pages: expect.arrayContaining([{ size: "2 MiB", count: 0 }]) },
      { cell: 1 },
    ],
  });
  const seen = found?.state["nodeDevices"] as { driver?: string }[];
  expect(seen.some(({ driver }) => driver !== undefined)).toBe(true);
});

/** Pages of 2 MiB of one cell, as the host's files say. */
function pool(owner: LabHost, cell: number) {
  const folder = `/sys/devices/system/node/node${cell}/hugepages/hugepages-2048kB`;
  return {
    total: async () => Number((await owner.exec(`cat ${folder}/nr_hugepages`)).stdout),
    set: (name: "nr" | "free", count: number) => owner.exec(`echo ${count} > ${folder}/${name}_hugepages`),
    freeze: () =>
      owner.exec(
        `mount --bind ${folder}/nr_hugepages ${folder}/nr_hugepages && mount -o remount,ro,bind ${folder}/nr_hugepages`,
      ),
    thaw: () => owner.exec(`umount ${folder}/nr_hugepages`),
  };
}

test("huge pages of single cells are added, made fewer, and given back but for those in use and of others", async () => {
  const [, second] = lab.hosts;
  if (!second) throw new Error("no second host");
  const { socketUri: uri } = second;
  const [near, far] = [pool(second, 0), pool(second, 1)];
  await near.set("nr", 3);
  const wanted = [
    { cell: 0, size: "2 MiB", count: 8 },
    { cell: 1, size: "2 MiB", count: 4 },
  ];
  const made = await host.create(inputsOf(uri, { hugePages: wanted }), context);
  expect([await near.total(), await far.total()]).toEqual([8, 4]);
  expect(made.state).toMatchObject({
    hugePages: wanted,
    addedPages: [
      { cell: 0, size: "2 MiB", before: 3, count: 5 },
      { cell: 1, size: "2 MiB", before: 0, count: 4 },
    ],
    facts: { cells: [{ pages: { "2 MiB": 8 } }, { pages: { "2 MiB": 4 } }] },
  });
  expect((await host.read(made.id, made.state, context))?.state).toEqual(made.state);

  // Two of the pages of the second cell have a user, so that only two of three come back.
  await far.set("free", 2);
  await near.set("free", 8);
  const fewer = inputsOf(uri, {
    hugePages: [
      { cell: 0, size: "2 MiB", count: 6 },
      { cell: 1, size: "2 MiB", count: 1 },
    ],
  });
  const updated = await host.update(made.id, made.state, fewer, context);
  expect([await near.total(), await far.total()]).toEqual([6, 2]);
  expect(updated["addedPages"]).toMatchObject([
    { cell: 0, count: 3 },
    { cell: 1, count: 2 },
  ]);
  expect(context.lines.warn.at(-1)).toMatch(/^1 pages of 2 MiB in cell 1 are in use, or .* were not given back$/);

  // The machine gives none: what is true is kept, and the next update goes on.
  await far.freeze();
  const more = inputsOf(uri, { hugePages: [{ size: "2 MiB", count: 10 }] });
  const error = await host.update(made.id, updated, more, context).catch((thrown: unknown) => thrown);
  await far.thaw();
  if (!(error instanceof PartialFailure)) throw error;
  expect(error.message).toMatch(/cell 1 has 2 of 10 pages of 2 MiB.*libvirt said: .*\n.*may not write there/);
  expect(error.state).toMatchObject({
    hugePages: [{ size: "2 MiB", count: 2 }],
    addedPages: [
      { cell: 0, before: 3, count: 7 },
      { cell: 1, before: 0, count: 2 },
    ],
  });
  expect(host.diff(made.id, error.state, more).changes).toMatchObject([{ property: "hugePages", class: "live" }]);
  const finished = await host.update(made.id, error.state, more, context);
  expect([await near.total(), await far.total()]).toEqual([10, 10]);

  // A restart of the machine leaves what it has from the start.
  await near.set("nr", 3);
  const seen = await host.read(made.id, finished, context);
  expect(seen?.inputs["hugePages"]).toEqual([{ size: "2 MiB", count: 3 }]);
  expect(seen?.state["addedPages"]).toEqual([{ cell: 1, size: "2 MiB", before: 0, count: 10 }]);
  const again = await host.update(made.id, seen?.state ?? {}, more, context);
  await near.set("free", 10);
  await far.set("free", 10);
  await host.delete(made.id, again, context);
  expect([await near.total(), await far.total()]).toEqual([3, 0]);
  await expect(host.read(`lookup:${uri}`, more, context)).rejects.toThrow(/hugePages: a look-up changes nothing/);
});

test("two Hosts of one machine add no page twice, and leave those that a guest needs for its next start", async () => {
  const [, second] = lab.hosts;
  if (!second) throw new Error("no second host");
  const far = pool(second, 1);
  const wants = (count: number) => inputsOf(second.socketUri, { hugePages: [{ cell: 1, size: "2 MiB", count }] });
  const both = await Promise.all([host.create(wants(4), context), host.create(wants(8), context)]);
  expect(await far.total()).toBe(8);
  await far.set("free", 8);
  const xml = `<domain type='qemu'><name>off</name><memory unit='MiB'>8</memory><os><type machine='q35'>hvm</type></os>
    <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    <numatune><memory mode='strict' nodeset='1'/></numatune></domain>`;
  await second.exec(["sh", "-c", 'echo "$1" > /tmp/off.xml && virsh -q define /tmp/off.xml', "sh", xml]);
  for (const { id, state } of both) await host.delete(id, state, context);
  expect(await far.total()).toBe(4);
  await second.virsh("undefine", "off");
  await far.set("nr", 0);
});

test("the kernel's own pages are added and given back", async () => {
  const pages = pool(lab.host, 0);
  const before = await pages.total();
  const wanted = { hugePages: [{ cell: 0, size: "2 MiB", count: before + 2 }] };
  const { id, state } = await host.create(inputsOf(lab.host.socketUri, wanted), context);
  expect(await pages.total()).toBe(before + 2);
  expect(state["addedPages"]).toEqual([{ cell: 0, size: "2 MiB", before, count: 2 }]);
  await host.delete(id, state, context);
  expect(await pages.total()).toBe(before);
});

test("how equal pages are merged is set and given back, as is what a hand set meanwhile", async () => {
  // A copy over the kernel's own, which are the whole machine's.
  const [real, copy] = ["/sys/kernel/mm/ksm", "/var/lib/libvirt/ksm"];
  await lab.host.exec(`mkdir -p ${copy}; cp --no-preserve=all ${real}/* ${copy}/; mount --bind ${copy} ${real}`);
  const values = async () => {
    const read = ["pages_to_scan", "sleep_millisecs", "merge_across_nodes"].map(
      (name) => `echo $(cat ${real}/${name})`,
    );
    return (await lab.host.exec(read.join(";"))).stdout.trim().split("\n");
  };
  await lab.host.exec(`for pair in pages_to_scan=100 sleep_millisecs=20 merge_across_nodes=1; do
    echo \${pair#*=} >${real}/\${pair%=*}; done`);
  const uri = lab.host.socketUri;
  const wanted = { ksm: { pagesToScan: 1000, sleep: 0.05, acrossCells: false } };
  const { id, state } = await host.create(inputsOf(uri, wanted), context);
  expect(await values()).toEqual(["1000", "50", "0"]);
  expect(state).toMatchObject({
    ksm: { pagesToScan: 1000, sleep: "50 ms", acrossCells: false },
    ksmBefore: { pagesToScan: 100, sleep: "20 ms", acrossCells: true },
  });
  const same = await host.read(id, state, context);
  expect(host.diff(id, state, same?.inputs ?? {}).changes).toEqual([]);
  await lab.host.exec(`echo 7 >${real}/pages_to_scan`);
  const seen = await host.read(id, state, context);
  expect(host.diff(id, state, seen?.inputs ?? {}).changes).toMatchObject([{ property: "ksm", class: "live" }]);
  const less = await host.update(id, state, inputsOf(uri, { ksm: { sleep: "50 ms" } }), context);
  expect(await values()).toEqual(["100", "50", "1"]);
  expect(less["ksmBefore"]).toEqual({ sleep: "20 ms" });
  await host.delete(id, less, context);
  expect(await values()).toEqual(["100", "20", "1"]);
  await expect(host.read(`lookup:${uri}`, inputsOf(uri, wanted), context)).rejects.toThrow(/ksm: a look-up changes/);

  // A create that fails after it has set them leaves a state that knows what was before.
  const pages = { ...wanted, hugePages: [{ cell: 0, size: "2 MiB", count: 1 }] };
  const inputs = (args: Values) => inputsOf(uri, args);
  const subject = { handler: host, context, id: "", state: {}, inputs };
  const strike = () => Promise.reject(new Error("the daemon stopped"));
  const { context: failing } = withFault(subject, { at: "CONNECT_LIST_ALL_DOMAINS", moment: "before", strike });
  expect((await runWith(subject, "create", pages, failing))?.message).toMatch(/the daemon stopped/);
  expect(subject.state).toMatchObject({ ksmBefore: { pagesToScan: 100, sleep: "20 ms", acrossCells: true } });
  await host.delete(subject.id, subject.state, context);
  expect(await values()).toEqual(["100", "20", "1"]);

  // The one that the kernel may refuse comes first: nothing is set before it.
  await lab.host.exec(`mount --bind -o ro ${copy}/merge_across_nodes ${real}/merge_across_nodes`);
  await expect(host.create(inputsOf(uri, wanted), context)).rejects.toThrow(/merge_across_nodes/);
  expect(await values()).toEqual(["100", "20", "1"]);
  await lab.host.exec(`umount ${real}/merge_across_nodes`);

  // One that is refused after another was set: what was before is kept, and the next update goes on.
  await lab.host.exec(`mount --bind -o ro ${copy}/sleep_millisecs ${real}/sleep_millisecs`);
  const half = { handler: host, context, id: "", state: {}, inputs };
  expect((await runWith(half, "create", wanted, context))?.message).toMatch(/sleep_millisecs/);
  expect(await values()).toEqual(["1000", "20", "0"]);
  await lab.host.exec(`umount ${real}/sleep_millisecs`);
  for (const next of [{}, wanted])
    expect(host.diff(half.id, half.state, inputs(next)).changes).toMatchObject([{ property: "ksm" }]);
  const whole = await host.update(half.id, half.state, inputs(wanted), context);
  expect(await values()).toEqual(["1000", "50", "0"]);
  await host.delete(half.id, whole, context);
  expect(await values()).toEqual(["100", "20", "1"]);

  // A provider that is killed after it has set them leaves no state: the machine itself tells what was before.
  const pool0 = pool(lab.host, 0);
  const free = await pool0.total();
  const named = handlerContext(metaOf("rack1", "Host"));
  const both = { ...wanted, hugePages: [{ cell: 0, size: "2 MiB", count: free + 2 }] };
  for (const at of ["NODE_SET_MEMORY_PARAMETERS", "NODE_ALLOC_PAGES"]) {
    const killed = { handler: host, context: named, id: "", state: {}, inputs };
    await cutOff(killed, at, both, "within", "create");
    await lab.host.exec(
      "for lock in $(virsh -q secret-list | awk '/lock.placement/ {print $1}'); do virsh secret-undefine $lock; done",
    );
    const next = await host.create(inputs(both), named);
    await host.delete(next.id, next.state, named);
    expect([await values(), await pool0.total()]).toEqual([["100", "20", "1"], free]);
    expect(await lab.host.virsh("-q", "secret-list")).not.toContain("pulumi-kvm");
  }
  await named.close();
  await lab.host.exec(`umount ${real}`);
});

test("free pages of every pool are read", async () => {
  const libvirt = await context.libvirt(lab.host.socketUri);
  const { capabilities } = await libvirt.call("CONNECT_GET_CAPABILITIES", {});
  const topology = topologyOf(parse(capabilities));
  const pages = await freePages(libvirt, lab.host.socketUri, topology);
  const pools = topology.cells.flatMap((cell) =>
    cell.pages.map(({ sizeKiB, total }) => ({ cell: cell.id, sizeKiB, total })),
  );
  expect(pages.map(({ cell, sizeKiB }) => ({ cell, sizeKiB }))).toEqual(
    pools.map(({ cell, sizeKiB }) => ({ cell, sizeKiB })),
  );
  const ordinary = pages.find(({ sizeKiB }) => sizeKiB === 4)?.count ?? 0;
  expect(ordinary).toBeGreaterThan(0);
  expect(ordinary).toBeLessThanOrEqual(pools.find(({ sizeKiB }) => sizeKiB === 4)?.total ?? 0);
});

test("resources share the Host's connection, and one that expects another machine is refused", async () => {
  const { socketUri: uri, uuid } = lab.host;
  expect(await context.connect({ uri, uuid })).toBe(await context.connect({ uri }));
  await expect(context.connect({ uri, uuid: "00000000-0000-0000-0000-000000000000" })).rejects.toThrow(
    /another machine answers at this address/,
  );
});

test("an address where nobody answers is an error that names it", async () => {
  const uri = `qemu+unix:///system?socket=${lab.folder}/nothing`;
  await expect(host.create(inputsOf(uri), context)).rejects.toThrow(/nothing/);
});

test("delete leaves the machine alone", async () => {
  const made = await host.create(inputsOf(lab.host.socketUri), context);
  await host.delete(made.id, made.state, context);
  expect(await lab.host.virsh("hostname")).not.toBe("");
});
