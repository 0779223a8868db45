import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { storagePool } from "../../provider/resources/storage-pool";
import { referenceOf } from "./machines";
import { Managed } from "./managed";
import { imageInfo, pool as makePool, volumeLab } from "./volumes";

/** What would lose data that nobody has thrown away. */
const lab = volumeLab();
const { vol } = lab;

test.each(["raw", "qcow2"])(
  "a kept %s volume whose guest has discarded the end of the image is not made anew",
  async (format) => {
    const raw = join(lab.folder, "trimmed.raw");
    writeFileSync(raw, Buffer.concat([randomBytes(1024 ** 2), Buffer.alloc(6 * 1024 ** 2), randomBytes(1024 ** 2)]));
    const path = join(lab.folder, `image.${format}`);
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", format, raw, path]);
    const trimmed = await vol("trimmed").create({ format, source: { path } });
    const io = ["-f", format, "-d", "unmap", "-c", "write -P 7 4M 64k", "-c", "discard 7M 1M", trimmed.path];
    execFileSync("qemu-io", io);
    // As with retainOnDelete, or a state that is lost, and up again.
    await expect(vol("trimmed").create({ format, source: { path } })).rejects.toThrow(/it was left untouched/);
    const read = execFileSync("qemu-io", ["-f", format, "-c", "read -P 7 4M 64k", trimmed.path], { encoding: "utf8" });
    expect(read).not.toContain("failed");
    await trimmed.delete();
  },
);

test("a pool that somebody moved to where it has another file of that name: that one is not touched", async () => {
  const moving = await makePool(lab.host, "moving");
  const ours = await vol("moving", moving).create({ name: "root.qcow2", size: "4 MiB" });
  const [place, definition] = [join(lab.host.directory, "elsewhere"), join(lab.host.directory, "moving.xml")];
  const theirs = join(place, "root.qcow2");
  mkdirSync(place);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", theirs, "2M"]);
  const moveTo = async (path: string) => {
    const xml = await lab.host.virsh("pool-dumpxml", "--inactive", "moving");
    writeFileSync(definition, xml.replace(/<path>.*<\/path>/, `<path>${path}</path>`));
    await lab.host.virsh("pool-destroy", "moving");
    await lab.host.virsh("pool-define", definition);
    await lab.host.virsh("pool-start", "moving");
  };
  await moveTo(place);
  const refused = new RegExp(`its pool is in ${place} now, and .*is another file than ${ours.path}; it was left`);
  await expect(ours.refresh()).rejects.toThrow(refused);
  await expect(ours.up({ name: "root.qcow2", size: "8 MiB" })).rejects.toThrow(refused);
  await ours.delete();
  expect(ours.context.lines.warn.join()).toContain(`${ours.path} stays on`);
  expect(imageInfo(theirs)["virtual-size"]).toBe(2 * 1024 ** 2);
  await moveTo(String(moving["path"]));
  expect(await ours.refresh()).toEqual([]);
  await ours.delete();
  expect(existsSync(ours.path)).toBe(false);
});

test("pools that change places, with volumes of one name: no guest gets the disk of the other one", async () => {
  const args = { name: "data.qcow2", size: "1 MiB" };
  const pools = [await makePool(lab.host, "left"), await makePool(lab.host, "right")] as const;
  const [left, right] = await Promise.all(pools.map((inPool) => vol(String(inPool["name"]), inPool).create(args)));
  if (!left || !right) throw new Error("there are two");
  const file = join(lab.host.directory, "side.xml");
  const define = async (name: string, path: string) => {
    const disk = `<disk type='file'><source file='${path}'/><target dev='vda'/></disk>`;
    const rest = `<memory>65536</memory><os><type>hvm</type></os><devices>${disk}</devices>`;
    writeFileSync(file, `<domain type='qemu'><name>${name}</name>${rest}</domain>`);
    await lab.host.virsh("define", file);
  };
  await define("at-left", left.path);
  await define("at-right", right.path);
  const [{ path }, { path: elsewhere }] = pools;
  for (const one of ["left", "right"]) await lab.host.virsh("pool-destroy", one);
  const xml = await lab.host.virsh("pool-dumpxml", "--inactive", "left");
  await lab.host.virsh("pool-undefine", "right");
  writeFileSync(file, xml.replace(`<path>${path}<`, `<path>${elsewhere}<`));
  await lab.host.virsh("pool-define", file);
  await lab.host.virsh("pool-start", "left");
  const moved = { ...args, pool: { ...pools[0], path: elsewhere } };
  await expect(left.up(moved)).rejects.toThrow(
    `${right.path} is in use (domain at-right has it as vda), and so is ${left.path}, which it was; nothing was changed`,
  );
  // What was moved by hand is in no definition yet.
  await lab.host.virsh("undefine", "at-right");
  await left.up(moved);
  await lab.host.virsh("undefine", "at-left");
  await left.delete();
});

test("a volume that is gone is told of before it is made anew: its storage may only not be mounted", async () => {
  const gone = await vol("gone").create({ size: "1 MiB" });
  renameSync(gone.path, `${gone.path}.away`);
  await lab.host.virsh("pool-refresh", "vms");
  expect(await gone.refresh()).toBe("gone");
  expect(gone.context.lines.warn.join()).toContain(
    "pulumi up makes it anew, without its data. Where the storage is only",
  );
  renameSync(`${gone.path}.away`, gone.path);
  await lab.host.virsh("pool-refresh", "vms");
  const back = await vol("gone").create({ size: "1 MiB" });
  expect(back.context.lines.info.join()).toContain("it is taken up as it is");
  await back.delete();
});

test("a volume whose pool lies on what is not mounted is no volume that is gone", async () => {
  const path = join(lab.host.directory, "mounted");
  const mount = `mount --bind ${path}.kept ${path}`;
  await lab.host.exec(`mkdir ${path} ${path}.kept && mount -t tmpfs tmpfs ${path}.kept && ${mount}`);
  const away = await makePool(lab.host, "away", join(path, "vms"));
  const root = await vol("away", away).create({ size: "1 MiB" });
  await lab.host.exec(["umount", path]);
  await expect(root.refresh()).rejects.toThrow(/cannot open directory[\s\S]*is mounted on the host/);
  await lab.host.exec(`${mount} && virsh pool-start away`);
  expect(await root.refresh()).toEqual([]);
  // What libvirt's list lacks is looked for.
  await lab.host.exec(`mv ${root.path} ${path}/aside && virsh pool-refresh away && mv ${path}/aside ${root.path}`);
  expect(await root.refresh()).toEqual([]);
  await root.delete();
});

test("an image of others that ends within its header: what fails for it names it, or says how to find it", async () => {
  const host = referenceOf(lab.host);
  const cut = await new Managed(storagePool, "cut", { host, path: join(lab.host.directory, "cut") }).create({});
  const { uuid, path } = cut.state;
  const root = await vol("cut", { uuid, name: cut.name, type: "dir", path, host }).create({
    size: "1 MiB",
  });
  const theirs = join(String(path), "theirs.qcow2");
  copyFileSync(root.path, theirs);
  await lab.host.virsh("pool-refresh", cut.name);
  truncateSync(theirs, 90);
  // Any volume of any pool may be based on it.
  const other = await vol("other").create({ size: "1 MiB" });
  await expect(other.up({ size: "2 MiB" })).rejects.toThrow(
    new RegExp(`what volume theirs.qcow2 of pool ${cut.name} is based on [\\s\\S]*wrong with ${theirs} `),
  );
  // libvirt stops the pool that it cannot read.
  expect(await cut.refresh()).toEqual(["active"]);
  await expect(cut.up({})).rejects.toThrow(new RegExp(`find ${path} .*-size -100c.*pool-start ${cut.name}`));
  renameSync(theirs, join(lab.folder, "theirs.qcow2"));
  await cut.up({});
  await other.up({ size: "2 MiB" });
  expect(await root.refresh()).toEqual([]);
  for (const made of [root, other, cut]) await made.delete();
  await cut.context.close();
});

test("a volume with another mode or overlay than is wanted, which nothing changes any more, is no rest to go on with", async () => {
  const args = { size: "1 MiB", mode: "0640" };
  const overlay = {
    target: { nocow: true, clusterSize: { unit: "KiB", value: 128 }, features: { lazy_refcounts: true } },
  };
  const [plain, lazy] = [await vol("plain").create(args), await vol("lazy").create({ ...args, overlay })];
  for (const other of [{ mode: "0600" }, { overlay }]) {
    await expect(vol("plain").create({ ...args, ...other })).rejects.toThrow(
      /nothing proves that it is what this stack/,
    );
  }
  await vol("plain").create(args);
  await vol("lazy").create({ ...args, overlay });
  for (const stored of [plain, lazy]) await stored.delete();
});
