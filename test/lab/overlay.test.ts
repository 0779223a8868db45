import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { network } from "../../provider/resources/network";
import { storagePool } from "../../provider/resources/storage-pool";
import { handlerContext, metaOf } from "./handler-context";
import { machineLab } from "./machine-lab";
import { referenceOf } from "./machines";
import { imageInfo, pool, Stored } from "./volumes";

const lab = machineLab({ state: "stopped" });

const overlay = {
  cputune: { shares: 2048 },
  features: { kvm: { hidden: { state: true } }, pae: true },
  devices: { panic: { model: "isa" } },
  "qemu:commandline": { arg: [{ value: "-no-shutdown" }] },
};

test("what no attribute says is written, seen when it drifts, changed, and taken out again", async () => {
  const vm = lab.machine("more");
  await vm.create({});
  const before = await vm.xml("--inactive");
  await vm.up({ overlay });
  expect(await vm.refresh()).toEqual([]);
  const written = await vm.xml("--inactive");
  for (const text of ["<shares>2048</shares>", "<hidden state='on'/>", "<pae/>", "<panic", "-no-shutdown"]) {
    expect(written).toContain(text);
  }
  expect(vm.diff({ overlay }).changes).toEqual([]);

  const path = join(lab.host.directory, "theirs.xml");
  writeFileSync(path, written.replace("<shares>2048</shares>", "<shares>1024</shares>"));
  await lab.host.virsh("define", path);
  expect(await vm.refresh()).toEqual(["overlay"]);
  await vm.up({ overlay });
  expect(await vm.xml("--inactive")).toContain("<shares>2048</shares>");

  await vm.up({ overlay: { cputune: { shares: 512 } } });
  expect(await vm.xml("--inactive")).toContain("<shares>512</shares>");
  expect(await vm.xml("--inactive")).not.toMatch(/<panic|<pae|-no-shutdown|hidden/);
  await vm.up({});
  // libvirt writes controllers in the order in which it found them.
  const lines = (xml: string) => xml.split("\n").sort();
  expect(lines(await vm.xml("--inactive"))).toEqual(lines(before));
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
}, 60_000);

test("a network takes libvirt's names too", async () => {
  const context = handlerContext(metaOf("more", "Network"));
  const host = referenceOf(lab.host);
  const args = { host, mode: "nat", subnets: ["10.61.0.0/24"] };
  const overlay = { "dnsmasq:options": { option: [{ value: "log-queries" }] } };
  const inputs = (news: Values, olds?: Values) => {
    const checked = network.check(news, olds, context.meta);
    expect(checked.failures).toEqual([]);
    return checked.inputs;
  };
  const { id, state } = await network.create(inputs({ ...args, overlay }), context);
  expect((await network.read(id, state, context))?.inputs["overlay"]).toEqual(overlay);
  expect(await lab.host.virsh("net-dumpxml", id)).toContain("<dnsmasq:option value='log-queries'/>");
  const plain = await network.update(id, state, inputs(args, state), context);
  expect(await lab.host.virsh("net-dumpxml", id)).not.toContain("dnsmasq");
  await network.delete(id, plain, context);
  await context.close();
}, 60_000);

test("a pool takes libvirt's names too, and gives them back", async () => {
  const context = handlerContext(metaOf("more", "StoragePool"));
  const host = referenceOf(lab.host);
  // libvirt can keep copying on write off a directory only where it builds one on btrfs.
  const args = { host, path: join(lab.host.directory, "more"), build: false };
  mkdirSync(args.path);
  const overlay = { features: { cow: { state: "yes" } } };
  const inputs = (news: Values, olds?: Values) => storagePool.check(news, olds, context.meta).inputs;
  const { id, state } = await storagePool.create(inputs({ ...args, overlay }), context);
  expect((await storagePool.read(id, state, context))?.inputs["overlay"]).toEqual(overlay);
  expect(await lab.host.virsh("pool-dumpxml", id)).toContain("<cow state='yes'/>");
  const plain = await storagePool.update(id, state, inputs(args, state), context);
  expect(await lab.host.virsh("pool-dumpxml", "--inactive", id)).not.toContain("cow");
  await storagePool.delete(id, plain, context);
  await context.close();
}, 60_000);

test("a volume and a medium are made with it, show when it drifts, and stay what they are", async () => {
  const vms = await pool(lab.host, "vms");
  const overlay = { target: { features: { lazy_refcounts: true }, permissions: { owner: 64055, group: 64055 } } };
  const args = { size: "64 MiB", overlay };
  const disk = await Stored.volume(vms, "disk").create(args);
  expect(imageInfo(disk.path)).toMatchObject({ "format-specific": { data: { "lazy-refcounts": true } } });
  expect(statSync(disk.path)).toMatchObject({ uid: 64055, gid: 64055 });
  // Whose file it is changes with each start of a guest; that is no drift.
  chownSync(disk.path, 0, 0);
  expect(await disk.refresh()).toEqual([]);
  execFileSync("qemu-img", ["amend", "-f", "qcow2", "-o", "lazy_refcounts=off", disk.path]);
  await lab.host.virsh("pool-refresh", "vms");
  await expect(disk.refresh()).rejects.toThrow(/overlay cannot change without a new volume/);
  await disk.delete();

  const seed = Stored.medium(vms, "seed");
  await seed.create({ userData: "#!/bin/sh\n", overlay: { target: { permissions: { owner: 64055, group: 64055 } } } });
  expect(statSync(seed.path)).toMatchObject({ uid: 64055, gid: 64055 });
  await seed.delete();
  await Promise.all([disk, seed].map(({ context }) => context.close()));
}, 60_000);

test("a running guest keeps running, and what waits for its next start is said", async () => {
  const vm = lab.machine("runs", { state: "running" });
  await vm.create({});
  await vm.up({ overlay: { features: { pae: true } } });
  expect(await vm.power()).toBe("running");
  expect(vm.state["pendingRestart"]).toEqual(["overlay"]);
  await vm.up({});
  expect(vm.state["pendingRestart"]).toEqual([]);
  await vm.delete();
}, 60_000);

test("what was taken out of the program waits for the end of the run that has it, through refreshes too", async () => {
  const vm = lab.machine("taken", { state: "running", waitForAddress: false });
  const pae = { features: { pae: true } };
  const hidden = { features: { kvm: { hidden: { state: true } } } };
  const overlay = { features: { ...pae.features, ...hidden.features } };
  const pinned = { cpuTune: { quota: 90_000, emulatorPin: "0" } };
  await vm.create({ overlay, ...pinned });
  const waits = async (...properties: string[]) => {
    expect(vm.state["pendingRestart"]).toEqual(properties);
    expect(await vm.refresh()).toEqual([]);
    expect(vm.state["pendingRestart"]).toEqual(properties);
  };
  await waits();
  // A part of the overlay, and of a block: what is changed as the guest runs does not wait.
  await vm.up({ overlay: pae, cpuTune: {} });
  await waits("cpuTune.emulatorPin", "overlay");
  await vm.up({ overlay: pae, ...pinned });
  await waits("overlay");
  await vm.up({});
  await waits("cpuTune.emulatorPin", "overlay");
  await vm.up({ title: "another change" });
  await waits("cpuTune.emulatorPin", "overlay");
  await vm.up({ overlay, ...pinned });
  await waits();

  await vm.up({});
  await waits("cpuTune.emulatorPin", "overlay");
  await lab.host.virsh("destroy", vm.name);
  await vm.refresh();
  await vm.up({});
  await waits();
  expect(vm.state).not.toHaveProperty("__kvm.memo");
  await vm.up({ overlay });
  await waits("overlay");
  await vm.up({ changePolicy: "restart" });
  await waits();
  await vm.up({ overlay, changePolicy: "restart" });
  await vm.up({ changePolicy: "restart" });
  expect(vm.context.lines.info.join()).toMatch(/restarting the guest for overlay/);
  await waits();
  await vm.delete();
}, 60_000);

test("what the schema does not know is refused unless the host's libvirt shall judge", () => {
  const vm = lab.machine("odd");
  const faults = (args: object) => vm.faults({ overlay: { iothread: 4 }, ...args });
  expect(faults({})).toEqual(["overlay.iothread: is not known; did you mean iothreads?"]);
  expect(faults({ overlayUnchecked: true })).toEqual([]);
  expect(faults({ overlay: { uuid: "x" } })).toEqual([
    "overlay.uuid: is what pulumi-kvm knows the object by: leave it out",
    expect.stringContaining("overlay.uuid:"),
  ]);
});
