import { network as networks } from "../../provider/resources/network";
import { storagePool } from "../../provider/resources/storage-pool";
import { handlerContext, metaOf } from "./handler-context";
import { machineLab } from "./machine-lab";
import { furnish, image, referenceOf } from "./machines";
import { Managed } from "./managed";

/** What libvirt 11.3 does otherwise than 9.0, or alone, to a machine that changes. */
const lab = machineLab({ waitForAddress: false }, { alone: true, root: "trixie" });

let network: object;
beforeAll(async () => {
  ({ network } = await furnish(lab.host));
}, 60_000);

test.each(["stopped", "running"])(
  "a machine that is %s and went back to a snapshot stays on its image",
  async (state) => {
    const { host } = lab;
    const args = { disks: { root: { volume: await image(host, `${state}.qcow2`) } }, state };
    const vm = lab.machine("back");
    const sourceOf = async () => /<source file='([^']*)'/.exec(await vm.xml("--inactive"))?.[1];
    await vm.create({ ...args, deleteSnapshots: true });
    for (const name of ["s1", "s2"]) {
      const memory = state === "running" ? ["--memspec", `file=${host.directory}/${name}.ram,snapshot=external`] : [];
      const how = state === "running" ? ["--diskspec", "vda,snapshot=external"] : ["--disk-only"];
      await host.virsh("snapshot-create-as", vm.name, name, ...memory, ...how);
    }
    await host.virsh("snapshot-revert", vm.name, "s1");
    const above = await sourceOf();
    const refused = /disks\.root is on \S+\.\d+ since a snapshot/;
    await expect(vm.up({ ...args, title: "new" })).rejects.toThrow(refused);
    expect(await vm.refresh()).toContain("disks.root.volume");
    await expect(vm.up({ ...args, title: "new" })).rejects.toThrow(refused);
    expect(await sourceOf()).toBe(above);
  },
  60_000,
);

test("a bridge that is not there is refused as the guest runs, and no start may fail for it", async () => {
  const vm = lab.machine("bridge");
  await vm.create({ nics: { lan: { network } } });
  const before = await vm.xml("--inactive");
  await expect(vm.up({ nics: { lan: { bridge: "absent0" } } })).rejects.toThrow(
    /nonexistent bridge absent0[\s\S]*former definition is in force again and the guest keeps running/,
  );
  expect([await vm.xml("--inactive"), vm.state["pendingRestart"]]).toEqual([before, []]);
});

test("a bridge of the host stays, though its libvirt has no driver that knows interfaces", async () => {
  await expect(lab.host.virsh("iface-list", "--all")).rejects.toThrow(/not supported/);
  const meta = metaOf("lan", "Network");
  const context = handlerContext(meta);
  const args = { host: referenceOf(lab.host), subnets: ["10.41.0.0/24"], bridge: "br0" };
  const { inputs } = networks.check(args, undefined, meta);
  await expect(networks.create(inputs, context)).rejects.toThrow(/the host has an interface br0 already; nothing was/);
  expect((await lab.host.exec("ip -br addr show br0")).stdout).toContain("10.77.0.1/24");
  expect(await lab.host.virsh("net-list", "--all", "--name")).not.toContain("lan-");
  await context.close();
});

test("throttle groups, polling and virtio-mem of small parts come and change as the guest runs", async () => {
  const [a, b] = [await image(lab.host, "a.raw", "raw"), await image(lab.host, "b.raw", "raw")];
  const elastic = { size: "256 MiB", requested: "0 B", dynamicSlots: true };
  const common = { iothreads: 1, memoryBacking: { source: "memfd" }, memoryHotplug: { limit: "1 GiB", slots: 2 } };
  const first = { volume: a, throttleFilters: ["g"] };
  const vm = lab.machine("since");
  await vm.create({
    ...common,
    ...{ throttleGroups: { g: { totalIopsSec: 100 } }, disks: { first }, memoryDevices: { elastic } },
    iothreadPolling: { "1": { max: 1000 } },
  });
  const args = {
    ...common,
    throttleGroups: { g: { totalIopsSec: 200 }, h: { readIopsSec: 5 } },
    disks: { first, second: { volume: b, throttleFilters: ["h", "g"], discardGranularity: "4 KiB" } },
    ...{ memoryDevices: { elastic, more: elastic }, iothreadPolling: { "1": { max: 2000 } } },
  };
  await vm.up(args);
  expect([vm.state["pendingRestart"], await vm.refresh(), vm.diff(args).changes]).toEqual([[], [], []]);
  const xml = await vm.xml();
  for (const shown of ["<total_iops_sec>200<", "group='h'", "max='2000'", "ua-memory-more"])
    expect(xml).toContain(shown);
});

test("a pool whose backend is not installed names the package", async () => {
  const pool = new Managed(storagePool, "vg", { host: referenceOf(lab.host) });
  const made = pool.create({ type: "logical", source: { name: "vg" } });
  await expect(made).rejects.toThrow(/install .*libvirt-daemon-driver-storage-logical with Debian/);
  await pool.context.close();
});
