import { readFileSync, writeFileSync } from "node:fs";
import type { Values } from "../../provider/core/handler";
import type { Libvirt } from "../../provider/libvirt/api";
import { type Lab, startLab } from "./lab";
import { clearAway, Machine } from "./machines";

/** Huge pages that are added to the machine's for guests: real ones, so that one test runs at a time. */
const file = "/proc/sys/vm/nr_hugepages";
const pool = () => Number(readFileSync(file, "utf8"));
let lab: Lab;
let before = 0;
const machines: Machine[] = [];

beforeAll(async () => {
  lab = await startLab();
  before = pool();
}, 60_000);

afterAll(async () => {
  writeFileSync(file, String(before));
  await lab?.stop();
});

afterEach(async () => {
  await clearAway(machines);
  expect(pool()).toBe(before);
});

/** Guests of 64 MiB, which are 32 pages, that share the host's CPUs. */
function machine(name: string, base: Values = {}): Machine {
  const made = new Machine(lab.host, name, { waitForAddress: false, cpu: { policy: "shared" }, ...base });
  const limits = JSON.stringify({ reservedMemory: "64 MiB", guestPages: true });
  const { reference } = made;
  Object.defineProperty(made, "reference", { get: () => ({ ...reference, limits }) });
  machines.push(made);
  return made;
}

/** Lets a call of this deployment do something else. */
function instead(vm: Machine, call: string, work: (really: () => Promise<unknown>) => Promise<unknown>): void {
  const { context } = vm;
  const { connect } = context;
  const wrapped = (libvirt: Libvirt) =>
    new Proxy(libvirt, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        const method = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
        if (property !== "call") return method;
        return (...args: unknown[]) => (args[0] === call ? work(() => method(...args)) : method(...args));
      },
    });
  Object.assign(context, { connect: async (host: { uri: string }) => wrapped(await connect(host)) });
}

const placed = (vm: Machine) => vm.state["placement"] as Values;

test("a guest that requires pages has them added, and they go with it", async () => {
  const [first, second] = [machine("first"), machine("second")];
  await first.create({ hugePages: "required" });
  expect(pool()).toBe(before + 32);
  expect(placed(first)).toMatchObject({ addedPages: [{ cell: 0, size: "2 MiB", count: 32 }] });
  expect(await first.xml()).toMatch(/<page size='2048' unit='KiB'\/>/);
  expect(await first.xml()).toContain(`pages="0:2048:32:${before}"`);
  expect(await first.refresh()).toEqual([]);
  await second.create({ hugePages: "preferred", state: "stopped" });
  expect(pool()).toBe(before + 64);
  // What is given back is the own part alone, whoever goes first.
  await first.delete();
  expect(pool()).toBe(before + 32);
  await second.up({ hugePages: "preferred" });
  expect(pool()).toBe(before + 32);
}, 60_000);

test("pages go back when the guest does without them", async () => {
  const vm = machine("without");
  await vm.create({ hugePages: "required", state: "stopped" });
  expect(pool()).toBe(before + 32);
  await vm.up({ hugePages: "none", state: "stopped" });
  expect(pool()).toBe(before);
  await vm.up({ hugePages: "required" });
  expect(pool()).toBe(before + 32);
  // In a running guest they wait for the next start, and go back after it.
  await vm.up({ hugePages: "none" });
  expect(pool()).toBe(before + 32);
  await vm.up({ hugePages: "none", changePolicy: "restart" });
  expect(pool()).toBe(before);
  expect(await vm.xml("--inactive")).not.toMatch(/hugepages| pages="/);
}, 60_000);

test("a guest that grows has more of them, and gives back what it is too small for", async () => {
  const vm = machine("size");
  const grows = { hugePages: "required", memory: "128 MiB", state: "stopped" };
  await vm.create({ hugePages: "required", state: "stopped" });
  await vm.up(grows);
  expect(pool()).toBe(before + 64);
  expect(placed(vm)).toMatchObject({ addedPages: [{ cell: 0, size: "2 MiB", count: 64 }] });
  await vm.up({ ...grows, memory: "32 MiB" });
  expect(pool()).toBe(before + 16);
  expect(placed(vm)).toMatchObject({ addedPages: [{ cell: 0, size: "2 MiB", count: 16 }] });
  expect(await vm.xml("--inactive")).toContain(`pages="0:2048:16:${before}"`);
}, 60_000);

test("a host that was started anew gets them again before the guest starts", async () => {
  const vm = machine("anew");
  await vm.create({ hugePages: "required" });
  await lab.host.virsh("destroy", vm.name);
  writeFileSync(file, String(before));
  await vm.refresh();
  await vm.up({ hugePages: "required" });
  expect(pool()).toBe(before + 32);
  expect(await lab.host.virsh("domstate", vm.name)).toContain("running");
}, 60_000);

test("a kernel that gives too few gets them back, and the guest is placed without or refused", async () => {
  const vm = machine("short");
  const some = async () => writeFileSync(file, String(before + 5));
  instead(vm, "NODE_ALLOC_PAGES", async (really) => (pool() > before ? really() : some()));
  await expect(vm.create({ hugePages: "required" })).rejects.toThrow(/0 pages of 2 MiB free[\s\S]*nothing was changed/);
  expect(vm.context.lines.warn.join()).toMatch(/the kernel gave 5 of 32 pages of 2 MiB in cell 0 for short-/);
  expect(pool()).toBe(before);
  expect((await lab.host.virsh("list", "--all", "--name")).trim()).toBe("");
  await vm.create({ hugePages: "preferred" });
  expect(await vm.xml()).not.toContain("hugepages");
  expect(pool()).toBe(before);
}, 60_000);

test("a failure midway leaves no page and no definition behind, and one that is cut off leaves both to the next run", async () => {
  const vm = machine("cut");
  let isCut = true;
  instead(vm, "NODE_ALLOC_PAGES", async (really) => {
    await really();
    if (isCut && pool() > before) {
      isCut = false;
      throw new Error("the way to the host is gone");
    }
  });
  await expect(vm.create({ hugePages: "required" })).rejects.toThrow(/the way to the host is gone/);
  expect(pool()).toBe(before);
  expect((await lab.host.virsh("list", "--all", "--name")).trim()).toBe("");
  // As a process leaves it that is killed between the definition and the pages: the record is there, they are not.
  await vm.create({ hugePages: "required", state: "stopped" });
  writeFileSync(file, String(before));
  const again = machine("cut");
  await again.create({ hugePages: "required", state: "stopped" });
  expect(pool()).toBe(before + 32);
  expect(await again.xml()).toContain(`pages="0:2048:32:${before}"`);
  writeFileSync(file, String(before));
  await again.delete();
  again.id = "";
  vm.id = "";
}, 60_000);
