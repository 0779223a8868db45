import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { metaOf } from "./handler-context";
import { machineLab } from "./machine-lab";
import { image } from "./machines";

/** What goes with a machine, and what stays. */
const lab = machineLab({ waitForAddress: false });

const all = () => lab.host.virsh("list", "--all", "--name");
const exists = async (path: unknown) =>
  (await lab.host.exec(["test", "-e", String(path)], { check: false })).code === 0;
const files = async (folder: string) =>
  (await lab.host.exec(`find ${folder} -type f | sort; find ${folder} -type f | sort | xargs -r sha256sum`)).stdout;

test("the state of a TPM outlasts changes, restarts and other hands, and goes with the machine", async () => {
  const vm = lab.machine("tpm");
  const tpm = { model: "tpm-tis" };
  await vm.create({ tpm });
  const folder = join("/var/lib/libvirt/swtpm", vm.id);
  const state = join(folder, "tpm2/tpm2-00.permall");
  expect(await exists(state)).toBe(true);
  const made = (await lab.host.exec(["stat", "-c", "%i", folder])).stdout;
  const keeps = async () => {
    expect(await exists(state)).toBe(true);
    expect((await lab.host.exec(["stat", "-c", "%i", folder])).stdout).toBe(made);
  };
  await vm.up({ tpm, title: "new" });
  await keeps();
  await vm.up({ tpm: { model: "tpm-crb" }, changePolicy: "restart" });
  expect(vm.state["pendingRestart"]).toEqual([]);
  await keeps();
  await vm.up({ tpm, state: "stopped", name: "tpm-renamed" });
  await keeps();
  // Taken out of the program it waits for who puts it back.
  await vm.up({ state: "stopped" });
  expect(await vm.xml("--inactive")).not.toContain("<tpm");
  expect(vm.context.lines.warn.join()).toContain(`tpm: its state stays on the host, in ${folder}`);
  await keeps();
  await vm.up({ tpm });
  await keeps();
  await vm.delete();
  expect(await exists(folder)).toBe(false);
}, 60_000);

test("a machine that is made anew finds its variables and the state of its TPM, and leaves nothing in the end", async () => {
  const vm = lab.machine("anew");
  const args = { firmware: "uefi", secureBoot: false, tpm: {}, memory: "128 MiB" };
  await vm.create(args);
  const { nvram } = vm.state["resolved"] as { nvram: string };
  const tpm = join("/var/lib/libvirt/swtpm", vm.id, "tpm2/tpm2-00.permall");
  const inodes = async () => (await lab.host.exec(["stat", "-c", "%i", nvram, tpm])).stdout;
  const before = await inodes();
  const makeAnew = async (next: Values) => {
    await virtualMachine.delete(vm.id, vm.state, vm.context, vm.inputs(next));
    expect(await all()).not.toContain(vm.name);
    await vm.create(next);
  };
  await makeAnew({ ...args, title: "second" });
  const said = () => vm.context.lines.warn.filter((line) => line.startsWith("nvram"));
  expect([await inodes(), vm.state["title"], said()]).toEqual([before, "second", []]);
  await vm.up({ ...args, name: "anew-renamed", state: "stopped" });
  await makeAnew({ ...args, name: "anew-renamed", state: "stopped" });
  expect([await inodes(), said()]).toEqual([
    before,
    [expect.stringMatching(/the UEFI variables of before stay .*nvram\/anew-\w+_VARS.fd/)],
  ]);
  await lab.host.exec(["rm", nvram]);
  await vm.delete();
  expect([await exists(tpm), await exists(join("/var/lib/libvirt/swtpm", vm.id))]).toEqual([false, false]);
}, 90_000);

test("a saved state goes with the machine", async () => {
  const vm = lab.machine("saved");
  await vm.create();
  await lab.host.virsh("managedsave", vm.name);
  const saved = `/var/lib/libvirt/qemu/save/${vm.name}.save`;
  expect(await exists(saved)).toBe(true);
  await vm.delete();
  expect([await exists(saved), await all()]).toEqual([false, expect.not.stringContaining(vm.name)]);
});

test.each(["snapshot", "checkpoint"])(
  "a %s refuses a deletion until the program says otherwise; disks stay",
  async (kind) => {
    const vm = lab.machine(kind);
    const volume = await image(lab.host, `${kind}.qcow2`);
    const args = { disks: { root: { volume } } };
    await vm.create(args);
    if (kind === "snapshot") await lab.host.virsh("snapshot-create-as", vm.name, "before");
    else await lab.host.virsh("checkpoint-create-as", vm.name, "before");
    await expect(vm.delete()).rejects.toThrow(
      new RegExp(`it has ${kind} before; nothing was changed[\\s\\S]*deleteSnapshots: true`),
    );
    expect(await vm.power()).toBe("running");
    await vm.up({ ...args, deleteSnapshots: true });
    await vm.delete();
    expect(await all()).not.toContain(vm.name);
    for (const folder of ["snapshot", "checkpoint"]) {
      expect(await exists(`/var/lib/libvirt/qemu/${folder}/${vm.name}`)).toBe(false);
    }
    // The data of a snapshot is in the image.
    const { snapshots } = JSON.parse(
      (await lab.host.exec(["qemu-img", "info", "--output=json", String(volume["path"])])).stdout,
    );
    expect(snapshots ?? []).toHaveLength(kind === "snapshot" ? 1 : 0);
  },
);

test("disks, media, kernels and logs of others stay as they are", async () => {
  const vm = lab.machine("disks");
  const folder = join(lab.host.directory, "theirs");
  await lab.host.exec(
    `mkdir -p ${folder} && head -c 1m /dev/urandom > ${folder}/raw && cp ${folder}/raw ${folder}/media.iso && cp ${folder}/raw ${folder}/kernel`,
  );
  const base = await image(lab.host, "theirs/base.qcow2");
  const top = join(folder, "top.qcow2");
  await lab.host.exec(["qemu-img", "create", "-q", "-f", "qcow2", "-b", String(base["path"]), "-F", "qcow2", top]);
  const before = await files(folder);
  const disks: Values = {
    root: { path: top, format: "qcow2" },
    raw: { path: join(folder, "raw"), format: "raw", readonly: true },
    media: { device: "cdrom", path: join(folder, "media.iso") },
  };
  await vm.create({ disks, boot: { kernel: join(folder, "kernel") }, state: "stopped" });
  await vm.delete();
  expect(await files(folder)).toBe(before);
});

test("variables that libvirt made go with the machine, the template of all stays, and so does a store of others", async () => {
  const template = "/usr/share/OVMF/OVMF_VARS_4M.fd";
  const digest = async () => (await lab.host.exec(["sha256sum", template])).stdout;
  const before = await digest();
  const uefi = lab.machine("uefi");
  await uefi.create({ firmware: "uefi", secureBoot: false });
  const { nvram } = uefi.state["resolved"] as { nvram: string };
  expect([nvram, await exists(nvram)]).toEqual([expect.stringMatching(/^\/var\/lib\/libvirt\/qemu\/nvram\//), true]);
  await uefi.delete();
  expect([await exists(nvram), await digest()]).toEqual([false, before]);

  const vm = lab.machine("vars");
  await vm.create({ state: "stopped" });
  const theirs = join(lab.host.directory, "template_VARS.fd");
  const firmware = `<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram>${theirs}</nvram></os>`;
  await lab.host.exec(
    `echo variables > ${theirs}; virsh -q dumpxml --inactive ${vm.name} | sed "s|</os>|${firmware}|" > /tmp/vars.xml; virsh -q define /tmp/vars.xml`,
  );
  expect(await vm.xml("--inactive")).toContain(theirs);
  await vm.delete();
  expect(await all()).not.toContain(vm.name);
  expect(await exists(theirs)).toBe(true);
}, 60_000);

test("variables of a machine that is back to BIOS stay, and that is said once", async () => {
  const vm = lab.machine("back");
  await vm.create({ firmware: "uefi", secureBoot: false });
  const { nvram } = vm.state["resolved"] as { nvram: string };
  const said = () => vm.context.lines.warn.filter((line) => line.includes(`variables stay on the host, in ${nvram}`));
  await vm.up({ firmware: "bios", state: "stopped" });
  await vm.up({ firmware: "bios", state: "stopped", title: "later" });
  expect([said().length, await exists(nvram)]).toEqual([1, true]);
  await vm.up({ firmware: "uefi", secureBoot: false });
  await vm.delete();
  expect([said().length, await exists(nvram)]).toEqual([1, false]);
}, 60_000);

test("variables outlast another name and go with the machine, and not while another domain has them", async () => {
  const args = { firmware: "uefi", secureBoot: false, memory: "128 MiB" };
  const renamed = async (name: string) => {
    const vm = lab.machine(name);
    await vm.create(args);
    const { nvram } = vm.state["resolved"] as { nvram: string };
    const inode = async () => (await lab.host.exec(["stat", "-c", "%i", nvram])).stdout;
    const before = await inode();
    await vm.up({ ...args, name: `${name}-renamed`, state: "stopped" });
    await vm.up({ ...args, name: `${name}-renamed` });
    expect(vm.state).toMatchObject({ name: `${name}-renamed`, resolved: { nvram }, pendingRestart: [] });
    expect([await inode(), await vm.refresh()]).toEqual([before, []]);
    expect(await vm.xml()).toContain(nvram);
    return { vm, nvram };
  };
  const alone = await renamed("moved");
  await alone.vm.delete();
  expect(await exists(alone.nvram)).toBe(false);

  const { vm, nvram } = await renamed("shared");
  const other = lab.machine("heir");
  await other.create({ ...args, nvram: { path: nvram }, state: "stopped" });
  await vm.delete();
  expect(vm.context.lines.info.join()).toMatch(
    /variables of shared-renamed \(shared-\w+_VARS.fd\) stay: the domain heir-/,
  );
  expect(await exists(nvram)).toBe(true);
  // Its own program says where they are: they are that program's to keep.
  await other.delete();
  expect(await exists(nvram)).toBe(true);
}, 60_000);

test("a protected machine keeps running, with all that it has", async () => {
  const vm = lab.machine("safe");
  await vm.create({ deletionProtection: true });
  const before = await vm.xml();
  await expect(vm.delete()).rejects.toThrow(
    /deletionProtection is set; nothing was changed[\s\S]*deletionProtection: false/,
  );
  expect(await vm.xml()).toBe(before);
  expect(vm.diff({ deletionProtection: false }).changes).toMatchObject([{ class: "live" }]);
  await vm.up({ deletionProtection: false });
  await vm.delete();
  expect(await all()).not.toContain(vm.name);
});

test("a machine under the former name of another one is refused that one's variables", async () => {
  const former = lab.machine("former", { firmware: "uefi", name: "web-old", state: "stopped" });
  await former.create({ name: "web", state: "running" });
  await former.up();
  expect(await former.xml("--inactive")).toContain("/nvram/web_VARS.fd");
  const next = lab.machine("next", { firmware: "uefi", name: "web", state: "stopped" });
  await expect(next.create()).rejects.toThrow(
    /web_VARS\.fd, is that of the domain web-old; nothing was changed\n.* own \(nvram: { path: "\S+_VARS\.fd" }\)/,
  );
  const nvram = { path: "/var/lib/libvirt/qemu/nvram/next_VARS.fd" };
  await next.create({ nvram });
  expect(await next.refresh()).toEqual([]);
  await Promise.all([former.delete(), next.delete()]);
});

test("what another stack has adopted since stays, with its mark", async () => {
  const vm = lab.machine("handed");
  const args = { name: "handed", state: "stopped" };
  await vm.create(args);
  const next = lab.machine("heir", { host: { ...vm.reference, owner: "f".repeat(32) } });
  const meta = { ...metaOf("heir", "VirtualMachine"), stack: "other" };
  next.context = { ...next.context, meta: { ...meta, urn: meta.urn.replace(":test::", ":other::") } };
  await next.create({ ...args, adopt: true, deleteAdopted: true });
  const taken = await vm.xml("--inactive");
  await expect(vm.up({ ...args, title: "mine" })).rejects.toThrow(
    /Unable to update VirtualMachine handed .*urn:pulumi:other::.*heir has taken it over since; nothing was changed/,
  );
  expect(await vm.xml("--inactive")).toBe(taken);
  await vm.delete();
  expect(vm.context.lines.info.join()).toMatch(/handed stays on the host: urn:pulumi:other::.*heir has taken it over/);
  expect(await vm.xml("--inactive")).toContain("f".repeat(32));
  await next.delete();
  expect(await all()).not.toContain("handed");
});

test("so does what another stack with the same Host has adopted since", async () => {
  const vm = lab.machine("lent");
  const args = { name: "lent", state: "stopped" };
  await vm.create(args);
  const next = lab.machine("heir");
  const meta = { ...metaOf("heir", "VirtualMachine"), stack: "other" };
  next.context = { ...next.context, meta: { ...meta, urn: meta.urn.replace(":test::", ":other::") } };
  await next.create({ ...args, adopt: true, deleteAdopted: true });
  await expect(vm.up({ ...args, title: "mine" })).rejects.toThrow(/heir has taken it over since; nothing was changed/);
  await vm.delete();
  expect(await all()).toContain("lent");
  await next.up({ ...args, adopt: true, deleteAdopted: true, title: "theirs" });
  await next.delete();
  expect(await all()).not.toContain("lent");
});

test("a machine that the program knows by its uuid is adopted again where the state has lost it, and stays", async () => {
  const uuid = "11111111-2222-4333-8444-000000000001";
  const xml = `<domain type='qemu'><name>known</name><uuid>${uuid}</uuid><memory unit='MiB'>64</memory>
    <os><type machine='q35'>hvm</type></os></domain>`;
  await lab.host.exec(`echo "${xml}" > /tmp/known.xml; virsh -q define /tmp/known.xml; rm /tmp/known.xml`);
  const args = { name: "known", uuid, adopt: true, state: "stopped" };
  await lab.machine("known").create(args);
  const vm = lab.machine("known");
  const before = await lab.host.virsh("dumpxml", "known");
  await vm.create(args);
  expect([vm.state["adopted"], await vm.xml()]).toEqual([true, before]);
  await vm.delete();
  expect(await all()).toContain("known");
  await lab.host.virsh("undefine", "known");
});
