import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { arrangeExpanders } from "../../provider/resources/virtual-machine/expander-bus";
import { parse, render } from "../../provider/schema/tree";
import { machineLab } from "./machine-lab";
import { consoleLine, furnish, type Machine } from "./machines";

/** Guests on a host that shows libvirt two cells of one CPU each. */
const lab = machineLab({ waitForAddress: false }, { alone: true });

beforeAll(async () => {
  await lab.host.exec(["sh", join(__dirname, "fake-numa.sh")]);
  // A daemon learns how many cells there are when it starts.
  await lab.host.restartLibvirtd();
}, 60_000);

/** Names and CPUs of QEMU's threads, and how many parts of its memory are bound to a node. */
const threads = `pid=$(cat /run/libvirt/qemu/two-*.pid)
for task in /proc/$pid/task/*; do
  echo "$(cat $task/comm) $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' $task/status)"
done
echo "bound $(grep -c ' bind[^ ]*:0 ' /proc/$pid/numa_maps)"`;

const cellsOf = (vm: Machine) => (vm.state["placement"] as Values | undefined)?.["cells"];

test("guests of one group keep apart, though deployments know nothing of each other", async () => {
  const guest = { state: "stopped", cpu: { policy: "shared", apart: "databases" } };
  const first = lab.machine("first", guest);
  await first.create();
  expect(cellsOf(first)).toEqual([0]);
  expect(await first.xml()).toMatch(/<pulumi-kvm:placement [^>]*apart="databases"/);
  // Nobody else minds the company.
  const plain = lab.machine("plain", { state: "stopped", cpu: { policy: "shared", apart: "caches" } });
  await plain.create();
  const second = lab.machine("second", guest);
  await second.create();
  expect(cellsOf(second)).toEqual([1]);
  const third = lab.machine("third", guest);
  await third.create();
  const { explain } = third.state["placement"] as { readonly explain: readonly string[] };
  expect(explain.join("\n")).toMatch(/shares a cell with (first|second)-\w+ of its group "databases"/);
  // Another name is another group: it is written, and the guest stays.
  await first.up({ cpu: { policy: "shared", apart: "caches" } });
  expect(await first.xml()).toContain('apart="caches"');
  expect(cellsOf(first)).toEqual([0]);
  expect(await first.refresh()).toEqual([]);
}, 60_000);

/** Where each interface is: its MAC address, and the cell of the device that it is. */
const whereabouts = `for card in /sys/class/net/eth*; do
  echo "$(cat $card/address) $(cat $(readlink -f $card/device/..)/numa_node)"
done`;

// No device of a host can be given away here: emulated ones take their places, on the buses that those would get.
test("a device on the bus of a guest's cell is near to that cell inside", async () => {
  const { boot, network } = await furnish(lab.host);
  const log = "/var/log/libvirt/qemu/near.console";
  const cells = ["0", "1"].map((cpus) => ({ cpus, memory: "128 MiB" }));
  const vm = lab.machine("near", {
    ...{ state: "stopped", vcpus: 2, memory: "256 MiB", numa: { cells }, boot, serialLog: log },
    nics: { first: { network }, second: { network }, third: { network }, plain: { network } },
  });
  await vm.create();
  const document = parse(await vm.xml("--inactive"));
  const nics = { first: { cell: 0 }, second: { cell: 1 }, third: { cell: 1 }, plain: {} };
  arrangeExpanders(document, { hostDevices: {}, nics } as never);
  const file = join(lab.host.directory, "near.xml");
  writeFileSync(file, render(document));
  await lab.host.virsh("define", file);
  await lab.host.virsh("start", vm.name);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
  const found = new Map((await vm.inGuest(whereabouts)).split("\n").map((line) => line.split(" ") as [string, string]));
  const cellOf = (key: string) =>
    found.get(String((vm.state["nics"] as Values & Record<string, Values>)[key]?.["mac"]));
  expect(["first", "second", "third", "plain"].map(cellOf)).toEqual(["0", "1", "1", "-1"]);
}, 120_000);

test("a guest too large for a cell runs across both, each vCPU and its memory in its own", async () => {
  await lab.host.exec(["sh", join(__dirname, "start-numa.sh")]);
  await lab.host.restartLibvirtd();
  const vm = lab.machine("two", { vcpus: 2, memory: "128 MiB", cpu: { policy: "dedicated" }, iothreads: 1 });
  await vm.create();
  expect(cellsOf(vm)).toEqual([0, 1]);
  expect(vm.state["state"]).toBe("running");
  const xml = await vm.xml();
  expect(xml).toMatch(
    /<memnode cellid='0' mode='strict' nodeset='0'\/>\s*<memnode cellid='1' mode='strict' nodeset='1'\/>/,
  );
  expect(xml).toMatch(/<cell id='1' cpus='1' memory='65536' unit='KiB'>\s*<distances>\s*<sibling id='0' value='21'\/>/);
  const { stdout } = await lab.host.exec(["sh", "-c", threads]);
  expect(stdout).toMatch(/^CPU 0\/TCG 0$/m);
  expect(stdout).toMatch(/^CPU 1\/TCG 1$/m);
  expect(stdout).toMatch(/^IO iothread1 0-1$/m);
  // The memory of both is bound: the kernel has node 0 alone, and is asked for nothing else.
  expect(Number(/^bound (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(2);
  const command = (await lab.host.exec(["sh", "-c", "cat /var/log/libvirt/qemu/two-*.log"])).stdout;
  expect(command).toMatch(/"id":"ram-node0","size":67108864,"host-nodes":\[0\],"policy":"bind"/);
  expect(command).toMatch(/"id":"ram-node1","size":67108864,"host-nodes":\[1\],"policy":"bind"/);
  expect(command).toMatch(/-numa dist,src=0,dst=1,val=21/);
  expect(await vm.refresh()).toEqual([]);
  // Both CPUs are taken, whatever the cell.
  await expect(
    lab
      .machine("third", { cpu: { policy: "dedicated" } })
      .inOtherStack()
      .create(),
  ).rejects.toThrow(/cell 0: 0 whole cores free, 1 needed; owned by two-\w+; cell 1: 0 whole cores free/);
}, 60_000);
