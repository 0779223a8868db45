import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { Machine } from "./machines";

/** Guests on a host that shows libvirt two cells of one CPU each. */
let lab: Lab;
const machines: Machine[] = [];

beforeAll(async () => {
  lab = await startLab();
  await lab.host.exec(["sh", join(__dirname, "fake-numa.sh")]);
  // A daemon learns how many cells there are when it starts.
  await lab.host.restartLibvirtd();
}, 60_000);

afterAll(async () => {
  await lab?.stop();
}, 30_000);

/** Each test has the host to itself. */
afterEach(async () => {
  for (const made of machines.splice(0)) {
    if (made.id !== "") await made.delete();
    await made.context.close();
  }
});

function machine(name: string, base: Values = {}): Machine {
  const made = new Machine(lab.host, name, { waitForAddress: false, ...base });
  machines.push(made);
  return made;
}

const cellsOf = (vm: Machine) => (vm.state["placement"] as Values | undefined)?.["cells"];

test("guests of one group keep apart, though deployments know nothing of each other", async () => {
  const guest = { state: "stopped", cpu: { policy: "shared", apart: "databases" } };
  const first = machine("first", guest);
  await first.create();
  expect(cellsOf(first)).toEqual([0]);
  expect(await first.xml()).toMatch(/<pulumi-kvm:placement [^>]*apart="databases"/);
  // Nobody else minds the company.
  const plain = machine("plain", { state: "stopped", cpu: { policy: "shared", apart: "caches" } });
  await plain.create();
  const second = machine("second", guest);
  await second.create();
  expect(cellsOf(second)).toEqual([1]);
  const third = machine("third", guest);
  await third.create();
  const { explain } = third.state["placement"] as { readonly explain: readonly string[] };
  expect(explain.join("\n")).toMatch(/shares a cell with (first|second)-\w+ of its group "databases"/);
  // Another name is another group: it is written, and the guest stays.
  await first.up({ cpu: { policy: "shared", apart: "caches" } });
  expect(await first.xml()).toContain('apart="caches"');
  expect(cellsOf(first)).toEqual([0]);
  expect(await first.refresh()).toEqual([]);
}, 60_000);
