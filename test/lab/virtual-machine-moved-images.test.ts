import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineLab } from "./machine-lab";
import { image, type Machine } from "./machines";
import { run } from "./processes";
import { pool, Stored } from "./volumes";

const lab = machineLab({ waitForAddress: false }, { alone: true });

test("a disk that a snapshot or a hand has put on another image stays on it", async () => {
  const { host } = lab;
  const args = { disks: { root: { volume: await image(host, "root.qcow2") } } };
  const vm = lab.machine("moved");
  const sourceOf = async (...flags: string[]) => /<source file='([^']*)'/.exec(await vm.xml(...flags))?.[1];
  const [root, above, copy] = ["root.qcow2", "root.above", "copy.qcow2"].map((name) => join(host.directory, name));
  await vm.create(args);
  const spec = `vda,snapshot=external,file=${above}`;
  await host.virsh("snapshot-create-as", vm.name, "before", "--no-metadata", "--disk-only", "--diskspec", spec);
  const refused = /disks\.root is on \S+root\.above since a snapshot[\s\S]*blockcommit moved-\w+ vda --active --pivot/;
  await expect(vm.up({ ...args, title: "new" })).rejects.toThrow(refused);
  expect(await vm.refresh()).toEqual(["disks.root.volume"]);
  await expect(vm.up({ ...args, title: "new" })).rejects.toThrow(refused);
  expect(await sourceOf("--inactive")).toBe(above);
  await vm.up({ disks: { root: { path: above, format: "qcow2" } }, title: "new" });
  expect([await sourceOf("--inactive"), vm.state["pendingRestart"]]).toEqual([above, []]);
  await host.virsh("blockcommit", vm.name, "vda", "--active", "--pivot", "--wait");
  await vm.up({ ...args, title: "newer" });
  expect([await sourceOf("--inactive"), vm.state["pendingRestart"], await vm.refresh()]).toEqual([root, [], []]);
  await host.virsh("blockcopy", vm.name, "vda", copy ?? "", "--pivot", "--wait", "--transient-job");
  await expect(vm.up({ ...args, title: "new" })).rejects.toThrow(/is on \S+copy\.qcow2, and not on \S+root\.qcow2/);
  expect(await vm.refresh()).toEqual(["disks.root.volume"]);
  await vm.up({ ...args, title: "new" });
  expect([await sourceOf("--inactive"), vm.state["pendingRestart"]]).toEqual([root, ["disks.root.volume"]]);
}, 60_000);

describe("a snapshot of a machine that is off", () => {
  const sourceOf = async (vm: Machine) => /<source file='([^']*)'/.exec(await vm.xml("--inactive"))?.[1];
  const refused = /disks\.root is on \S+\.s1 since a snapshot[\s\S]*blockcommit/;

  test.each([
    ["in no pool, by its metadata", false, []],
    ["in a pool, without metadata", true, ["--no-metadata"]],
  ] as const)(
    "%s: the image below is not put back",
    async (_where, isPooled, flags) => {
      const { host } = lab;
      const vms = isPooled ? await pool(host, "vms") : undefined;
      const root = vms && Stored.volume(vms, "root");
      await root?.create({ size: "16 MiB" });
      const volume = root?.reference ?? (await image(host, "plain.qcow2"));
      const args = { disks: { root: { volume } }, state: "stopped" };
      const vm = lab.machine("off");
      await vm.create(args);
      await host.virsh("snapshot-create-as", vm.name, "s1", "--disk-only", ...flags);
      const above = await sourceOf(vm);
      await expect(vm.up({ ...args, title: "new" })).rejects.toThrow(refused);
      expect(await vm.refresh()).toEqual(["disks.root.volume"]);
      await expect(vm.up({ ...args, state: "running" })).rejects.toThrow(refused);
      await host.virsh("start", vm.name);
      await vm.refresh();
      await expect(vm.up({ ...args, state: "running" })).rejects.toThrow(refused);
      expect(await sourceOf(vm)).toBe(above);
      await host.virsh("blockcommit", vm.name, "vda", "--active", "--pivot", "--wait");
      await vm.up({ ...args, state: "running", deleteSnapshots: true });
      expect([await sourceOf(vm), vm.state["pendingRestart"]]).toEqual([volume["path"], []]);
      await vm.delete();
      await root?.context.close();
    },
    60_000,
  );
});

test("a guest on a snapshot that its definition does not know is neither restarted nor stopped", async () => {
  const { host } = lab;
  const args = { disks: { root: { volume: await image(host, "known.qcow2") } } };
  const vm = lab.machine("known");
  await vm.create(args);
  const file = join(host.directory, "backup.xml");
  writeFileSync(file, await vm.xml("--inactive"));
  await host.virsh("snapshot-create-as", vm.name, "s1", "--disk-only", "--no-metadata");
  await host.virsh("define", file);
  const refused = /disks\.root is on \S+\.s1 since a snapshot[\s\S]*blockcommit/;
  await expect(vm.up({ ...args, changePolicy: "restart" })).rejects.toThrow(refused);
  await expect(vm.up({ ...args, state: "stopped" })).rejects.toThrow(refused);
  await vm.up({ ...args, title: "new" });
  expect([await vm.power(), vm.state["pendingRestart"]]).toEqual(["running", ["disks.root.volume"]]);
  await host.virsh("blockcommit", vm.name, "vda", "--active", "--pivot", "--wait");
  await vm.up({ ...args, changePolicy: "restart" });
  expect(vm.state["pendingRestart"]).toEqual([]);
}, 60_000);

test("a change from an overlay to its base that waits is done by a restart", async () => {
  const base = await image(lab.host, "base.qcow2");
  const path = join(lab.host.directory, "over.qcow2");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", String(base["path"]), "-F", "qcow2", path]);
  const vm = lab.machine("staged");
  await vm.create({ disks: { root: { volume: { ...base, path, name: "over.qcow2" } } } });
  const args = { disks: { root: { volume: base } } };
  await vm.up(args);
  expect(vm.state["pendingRestart"]).toEqual(["disks.root.volume"]);
  await vm.up({ ...args, changePolicy: "restart" });
  expect(vm.state["pendingRestart"]).toEqual([]);
}, 60_000);
