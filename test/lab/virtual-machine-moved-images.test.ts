import { join } from "node:path";
import { machineLab } from "./machine-lab";
import { image } from "./machines";

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
