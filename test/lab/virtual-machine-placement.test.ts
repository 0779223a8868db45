import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { placementGroup } from "../../provider/resources/placement-group";
import { handlerContext, metaOf } from "./handler-context";
import { machineLab } from "./machine-lab";
import type { Machine } from "./machines";
import { run } from "./processes";

/** Guests that are placed on a host of two CPUs; what libvirt pins is read back. */
const lab = machineLab({ waitForAddress: false, cpu: { policy: "dedicated" } }, { alone: true });

async function pins(vm: Machine, ...flags: string[]): Promise<string[]> {
  const text = await lab.host.virsh("vcpupin", vm.name, ...flags);
  return text
    .trim()
    .split("\n")
    .flatMap((line) => line.trim().split(/\s+/).slice(1));
}

const owned = (vm: Machine) => (vm.state["placement"] as Values | undefined)?.["owned"];

test("guests get a CPU each, the third is refused, and one that goes makes room", async () => {
  const [first, second, third] = [lab.machine("first"), lab.machine("second"), lab.machine("third").inOtherStack()];
  await first.create();
  await second.create({ state: "stopped" });
  expect([await pins(first, "--live"), await pins(second, "--config")]).toEqual([["0"], ["1"]]);
  expect([owned(first), owned(second)]).toEqual(["0", "1"]);
  expect(await first.xml()).toMatch(/<emulatorpin cpuset='0'\/>[\s\S]*<memory mode='strict' nodeset='0'\/>/);
  expect(await first.xml()).toContain(`smt="whole-core" owned="0"`);
  await expect(third.create()).rejects.toThrow(
    new RegExp(
      `cell 0: 0 whole cores free, 1 needed; owned by ${first.name}, ${second.name}; nothing was changed[\\s\\S]*take fewer vCPUs`,
    ),
  );
  expect((await lab.host.virsh("list", "--all", "--name")).trim()).not.toContain("third");
  expect(await lab.host.virsh("secret-list")).toBe("");
  for (const vm of [first, second]) {
    expect(vm.diff({ state: vm.state["state"] }).changes).toEqual([]);
    expect(await vm.refresh()).toEqual([]);
    expect(vm.state["pendingRestart"]).toEqual([]);
  }
  await first.delete();
  await third.create();
  expect(await pins(third)).toEqual(["0"]);
}, 60_000);

test("a hand that re-pins is seen, and the next run puts the guest back without a restart", async () => {
  const vm = lab.machine("drift");
  await vm.create();
  const domid = await lab.host.virsh("domid", vm.name);
  await lab.host.virsh("vcpupin", vm.name, "0", "1", "--live");
  expect(await vm.refresh()).toEqual(["cpuTune.vcpuPins"]);
  await vm.up();
  expect(await pins(vm, "--live")).toEqual(["0"]);
  expect(await vm.refresh()).toEqual([]);
  await lab.host.virsh("vcpupin", vm.name, "0", "1", "--live", "--config");
  expect(await vm.refresh()).toEqual(["cpuTune.vcpuPins"]);
  expect(vm.diff().changes.map(({ property, class: kind }) => [property, kind])).toEqual([
    ["cpuTune.vcpuPins", "live"],
  ]);
  await vm.up();
  expect([await pins(vm, "--live"), await pins(vm, "--config")]).toEqual([["0"], ["0"]]);
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state["cpuTune"]).toBeUndefined();
  expect(await lab.host.virsh("domid", vm.name)).toBe(domid);
}, 60_000);

test("what is asked otherwise is placed anew, what is not stays, and no policy gives all back", async () => {
  const [vm, other] = [lab.machine("moves"), lab.machine("other").inOtherStack()];
  await vm.create();
  await vm.up({ cpu: { policy: "dedicated", smt: "any" }, title: "t" });
  expect(await pins(vm)).toEqual(["0"]);
  expect(await vm.xml()).toContain(`smt="any" owned="0"`);
  await other.create();
  expect(await pins(other)).toEqual(["1"]);
  await expect(vm.up({ vcpus: 2, maxVcpus: 2 })).rejects.toThrow(/whole cores free, 2 needed; owned by other/);
  expect(await pins(vm)).toEqual(["0"]);
  const byHand = { cpu: {}, cpuTune: { vcpuPins: { "0": "1" } } };
  await expect(vm.up(byHand)).rejects.toThrow(
    new RegExp(
      `pin VirtualMachine ${vm.name} \\(cpuTune.vcpuPins\\[0\\]\\)[\\s\\S]*CPU 1 is owned by ${other.name}; nothing was changed`,
    ),
  );
  await expect(vm.up({ cpu: {}, cpuTune: { emulatorPin: "7" } })).rejects.toThrow(
    /cpuTune.emulatorPin[\s\S]*the host has no CPU 7 that is online; it has 0-1/,
  );
  expect(vm.diff({ cpu: {} }).changes.map(({ property, class: kind }) => [property, kind])).toContainEqual([
    "cpuTune.vcpuPins",
    "restart",
  ]);
  await vm.up({ cpu: {}, changePolicy: "restart" });
  expect(await vm.xml("--inactive")).not.toMatch(/vcpupin|numatune|pulumi-kvm:placement/);
  expect(vm.state["placement"]).toBeUndefined();
}, 60_000);

test("a guest that gives up its CPU floats over its cell as a new one does, and leaves room", async () => {
  const [vm, next] = [lab.machine("floats"), lab.machine("next")];
  const shared = { cpu: { policy: "shared" }, state: "stopped" };
  await vm.create({ state: "stopped" });
  await vm.up(shared);
  expect(vm.state["placement"]).toMatchObject({ cells: [0], vcpus: ["0-1"], emulator: "0-1", owned: "" });
  // The cell is the whole host here: there is nothing to pin it to.
  expect(await vm.xml()).not.toMatch(/vcpupin|emulatorpin/);
  await next.create();
  expect(await pins(next)).toEqual(["0"]);
}, 60_000);

test("a running guest gets a CPU of its own, and floats again, as it runs", async () => {
  const [vm, other] = [lab.machine("settles"), lab.machine("beside")];
  const shared = { cpu: { policy: "shared" } };
  await vm.create(shared);
  const domid = await lab.host.virsh("domid", vm.name);
  await other.create();
  await vm.up({ cpu: { policy: "dedicated" } });
  expect([await pins(vm, "--live"), await pins(vm, "--config"), owned(vm)]).toEqual([["1"], ["1"], "1"]);
  await other.delete();
  await vm.up(shared);
  expect([await pins(vm, "--live"), await pins(vm, "--config"), owned(vm)]).toEqual([["0-1"], ["0-1"], ""]);
  expect(await lab.host.virsh("domid", vm.name)).toBe(domid);
  expect(vm.state["pendingRestart"]).toEqual([]);
  expect(await vm.refresh()).toEqual([]);
}, 60_000);

test("huge pages are taken where they are, and refused where they are not", async () => {
  const file = "/proc/sys/vm/nr_hugepages";
  const before = readFileSync(file, "utf8");
  const vm = lab.machine("pages", { memory: "64 MiB" });
  await expect(vm.create({ hugePages: "required" })).rejects.toThrow(
    /cell 0: .*free, .*32 needed for 64 MiB of memory[\s\S]*Host, hugePages/,
  );
  try {
    writeFileSync(file, "40");
    await vm.create({ hugePages: "required" });
    expect(await vm.xml()).toMatch(/<hugepages>\s*<page size='2048' unit='KiB'\/>/);
    expect(vm.state["placement"]).toMatchObject({ pages: [{ cell: 0, size: "2 MiB", count: 32 }] });
    expect(await vm.refresh()).toEqual([]);
    await vm.delete();
  } finally {
    writeFileSync(file, before);
  }
  const plain = lab.machine("plain");
  await plain.create({ hugePages: "preferred" });
  expect(plain.context.lines.warn.join()).toMatch(/no huge pages are free where plain-\w+ goes/);
  expect(plain.diff({ hugePages: "preferred" }).changes).toEqual([]);
  expect(await plain.refresh()).toEqual([]);
  expect(plain.diff({ hugePages: "preferred" }).changes).toEqual([]);
  expect(plain.diff({ hugePages: "required" }).changes.map(({ property, class: kind }) => [property, kind])).toEqual([
    ["hugePages", "restart"],
  ]);
}, 60_000);

test("a lock that nobody holds any more is taken over, one that lives is waited for", async () => {
  const secret = (uuid: string, until: Date) => {
    const path = `${lab.host.directory}/lock.xml`;
    writeFileSync(
      path,
      `<secret ephemeral='yes' private='yes'><uuid>${uuid}</uuid><description>until ${until.toISOString()} (sign 1) x</description>
       <usage type='tls'><name>pulumi-kvm.lock.placement</name></usage></secret>`,
    );
    return lab.host.virsh("secret-define", path);
  };
  const uuid = "99999999-0000-4000-8000-000000000001";
  await secret(uuid, new Date(Date.now() + 3_600_000));
  const vm = lab.machine("waits");
  let done = false;
  const making = vm.create().then(() => {
    done = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(done).toBe(false);
  expect(vm.context.lines.progress.join()).toMatch(/waiting for another deployment/);
  await lab.host.virsh("secret-undefine", uuid);
  await making;
  await vm.delete();
  await secret(uuid, new Date(Date.now() - 3_600_000));
  const started = Date.now();
  await vm.create();
  expect(Date.now() - started).toBeGreaterThan(19_000);
  expect(await lab.host.virsh("secret-list")).toBe("");
}, 90_000);

test("a set is planned together, and each guest goes where the plan says if that is still free", async () => {
  const context = handlerContext(metaOf("set", "PlacementGroup"));
  const reference = lab.machine("reference").reference;
  const guest = { vcpus: 1, memory: "64 MiB", cpu: { policy: "dedicated" } };
  const planned = (requests: Values) => placementGroup.check({ host: reference, requests }, undefined, context.meta);
  // The arguments of a machine say it as well as what a place depends on.
  const whole = { vcpus: 1, memory: 64 * 1024 ** 2, profile: "dedicated", title: "the first", host: reference };
  const { inputs, failures } = planned({ alpha: whole, beta: guest });
  expect(failures).toEqual([]);
  const { id, state } = await placementGroup.create(inputs, context);
  const plan = state["placements"] as Readonly<Record<string, Values>>;
  expect([plan["alpha"]?.["vcpus"], plan["beta"]?.["vcpus"]]).toEqual([["0"], ["1"]]);
  const [alpha, beta] = [lab.machine("alpha"), lab.machine("beta")];
  await beta.create({ suggestedPlacement: plan["beta"] });
  expect(await pins(beta)).toEqual(["1"]);
  expect(beta.state["placement"]).toMatchObject({
    explain: expect.arrayContaining([expect.stringMatching(/^goes where/)]),
  });
  // The plan is made anew around what is placed already.
  const again = await placementGroup.update(id, state, planned({ beta: guest, gamma: guest }).inputs, context);
  expect(again["placements"]).toMatchObject({ beta: { vcpus: ["1"] }, gamma: { vcpus: ["0"] } });
  await alpha.create({ suggestedPlacement: plan["beta"] });
  expect(await pins(alpha)).toEqual(["0"]);
  expect(alpha.diff({ suggestedPlacement: plan["alpha"] }).changes).toEqual([]);
  const more = planned({ alpha: guest, beta: guest, gamma: guest }).inputs;
  await expect(placementGroup.create(more, context)).rejects.toThrow(
    /place 1 of 3 virtual machines on [\s\S]*gamma: cell 0: 0 whole cores free/,
  );
  // A request by another name is none of the machine that is there.
  await expect(placementGroup.create(planned({ a: guest, beta: guest }).inputs, context)).rejects.toThrow(
    /a: cell 0: 0 whole cores free[\s\S]*where a request is of alpha, which this stack has there, call it by that name/,
  );
  await context.close();
}, 60_000);

describe.each([
  ["under the lock", true],
  ["on a daemon without secrets", false],
])("four deployments at the same time, %s", (_name, lock) => {
  const prefix = lock ? "locked" : "free";
  const names = Array.from({ length: 9 }, (_, index) => `${prefix}${index}`);

  async function deployment(...own: string[]) {
    const script = [join(__dirname, "placing-process.ts"), lab.host.socketUri, lab.host.uuid, String(lock), ...own];
    const { stdout } = await run(["node", "-r", join(__dirname, "../../tools/register.cjs"), ...script]);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { name: string; owned?: string; refusal?: string });
  }

  test("never give one CPU twice, and leave none", async () => {
    const found = await Promise.all([
      deployment(...names.slice(0, 3)),
      deployment(...names.slice(3, 5)),
      deployment(...names.slice(5, 7)),
      deployment(...names.slice(7)),
    ]);
    const answers = found.flat();
    const given = answers.flatMap(({ owned }) => owned ?? []);
    expect(new Set(given).size).toBe(given.length);
    const refused = answers.flatMap(({ refusal }) => refusal ?? []);
    expect(given.length + refused.length).toBe(9);
    for (const refusal of refused) expect(refusal).toMatch(/cell 0: 0 whole cores free, 1 needed; owned by/);
    // Without the lock a CPU that two hold for a moment is none for a third.
    expect(given.length).toBeGreaterThanOrEqual(lock ? 8 : 6);
    // What libvirt has is what was answered.
    for (const { name, owned } of answers) {
      if (owned === undefined) continue;
      expect(await lab.host.virsh("dumpxml", name)).toContain(`<vcpupin vcpu='0' cpuset='${owned}'/>`);
      await lab.host.virsh("undefine", name);
    }
    expect((await lab.host.virsh("list", "--all", "--name")).trim()).toBe("");
    expect(await lab.host.virsh("secret-list")).toBe("");
  }, 120_000);
});
