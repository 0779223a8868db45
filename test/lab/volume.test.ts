import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { PartialFailure, type Values } from "../../provider/core/handler";
import { storagePool } from "../../provider/resources/storage-pool";
import { volume } from "../../provider/resources/volume";
import { handlerContext, metaOf } from "./handler-context";
import { imageInfo, interrupted, pool as makePool, sameDisk, volumeLab } from "./volumes";

const lab = volumeLab();
const { vol } = lab;
/** Where the program runs: images to upload. */
let folder: string;

beforeAll(() => {
  folder = join(lab.folder, "images");
  mkdirSync(folder);
});

/** A raw file of `mebibytes` with data in its first and last mebibyte. */
function rawFile(name: string, mebibytes: number): string {
  const path = join(folder, name);
  const file = openSync(path, "w");
  writeSync(file, randomBytes(1024 * 1024), 0, 1024 * 1024, 0);
  writeSync(file, randomBytes(1024 * 1024), 0, 1024 * 1024, (mebibytes - 1) * 1024 * 1024);
  closeSync(file);
  return path;
}

function qcow2File(name: string, from: string, ...options: string[]): string {
  const path = join(folder, name);
  execFileSync("qemu-img", ["convert", "-q", "-f", "raw", "-O", "qcow2", ...options, from, path]);
  return path;
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

test("empty: made, seen as it is, no drift, grown, gone", async () => {
  for (const [format, size] of [
    ["qcow2", "1.5 GiB"],
    ["raw", 64 * 1024 * 1024],
  ] as const) {
    const root = await vol(`empty-${format}`).create({ format, size });
    const capacity = format === "raw" ? "64 MiB" : "1536 MiB";
    expect(root.state).toMatchObject({
      size: capacity,
      capacity,
      adopted: false,
      path: `${lab.pool["path"]}/${root.name}`,
    });
    expect(imageInfo(root.path)).toMatchObject({ format, "actual-size": expect.any(Number) });
    expect(statSync(root.path).blocks * 512).toBeLessThan(1024 * 1024);
    expect(root.diff({ format, size }).changes).toEqual([]);
    expect(await root.refresh()).toEqual([]);
    expect(root.diff({ format, size: "2 GiB" }).changes).toMatchObject([{ property: "size", class: "live" }]);
    await root.up({ format, size: "2 GiB" });
    expect(imageInfo(root.path)["virtual-size"]).toBe(2 * 1024 ** 3);
    expect(root.state).toMatchObject({ size: "2 GiB", capacity: "2 GiB" });
    expect(await root.refresh()).toEqual([]);
    // What a guest writes is no change.
    const before = root.state;
    if (format === "raw") writeFileSync(root.path, randomBytes(1024 * 1024), { flag: "r+" });
    else execFileSync("qemu-io", ["-c", "write 0 1M", root.path], { stdio: "ignore" });
    expect(await root.refresh()).toEqual([]);
    expect(root.state).toEqual(before);
    await root.delete();
    expect(existsSync(root.path)).toBe(false);
    expect(await root.refresh()).toBe("gone");
    await root.delete();
  }
  // What else qcow2 needs for bitmaps and lazy refcounts.
  const root = await vol("version").create({ size: "1 MiB" });
  expect(imageInfo(root.path)).toMatchObject({ "format-specific": { data: { compat: "1.1" } } });
  await root.delete();
});

test("overlay: as large as its base or larger, never smaller, of the format that the base has", async () => {
  const base = await vol("base").create({ size: "16 MiB" });
  const root = await vol("over").create({ backing: base.reference });
  expect(imageInfo(root.path)).toMatchObject({ "virtual-size": 16 * 1024 ** 2, "backing-filename": base.path });
  const large = await vol("large").create({ backing: base.reference, size: "32 MiB" });
  expect(large.state).toMatchObject({ capacity: "32 MiB" });
  await expect(vol("small").create({ backing: base.reference, size: "8 MiB" })).rejects.toThrow(
    /size: the backing volume holds a disk of 16 MiB, which does not fit into 8 MiB\n {2}What to do: give at least size: "16 MiB"/,
  );
  await expect(vol("lied").create({ backing: { ...base.reference, format: "raw" } })).rejects.toThrow(
    /is qcow2, not raw: the guest would see another disk/,
  );
  await expect(vol("lost").create({ backing: { ...base.reference, path: "/nowhere/x" } })).rejects.toThrow(
    /no active pool has the backing volume \/nowhere\/x/,
  );
  await Promise.all([root.delete(), large.delete()]);
  await base.delete();
});

test("a cycle of backing files is refused and named", async () => {
  const [one, two] = ["one", "two"].map((name) => `${lab.pool["path"]}/${name}.qcow2`) as [string, string];
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", one, "1M"]);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", one, "-F", "qcow2", two]);
  execFileSync("qemu-img", ["rebase", "-u", "-b", two, "-F", "qcow2", one]);
  await lab.host.virsh("pool-refresh", "vms");
  const backing = { pool: "", name: "two.qcow2", path: two, format: "qcow2" };
  await expect(vol("cycle").create({ backing })).rejects.toThrow(
    new RegExp(`the backing images form a cycle: ${two} -> ${one} -> ${two}[\\s\\S]*another backing image`),
  );
  for (const path of [one, two]) rmSync(path);
  await lab.host.virsh("pool-refresh", "vms");
});

test("upload: raw, sparse and grown; qcow2 of any layout; the checksum holds", async () => {
  const raw = rawFile("source.raw", 8);
  const plain = await vol("up-raw").create({ format: "raw", source: { path: raw, sha256: sha256(raw) } });
  expect(plain.state).toMatchObject({ capacity: "8 MiB" });
  expect(sameDisk(raw, plain.path)).toBe(true);
  // The hole in the middle is one on the host as well.
  expect(statSync(plain.path).blocks * 512).toBeLessThan(3 * 1024 * 1024);
  const larger = await vol("up-larger").create({ format: "raw", size: "12 MiB", source: { path: raw } });
  expect(larger.state).toMatchObject({ capacity: "12 MiB" });
  expect(plain.context.lines.progress.at(-1)).toBe("uploading 100 %");

  for (const [name, options] of [
    ["default", []],
    ["small", ["-o", "cluster_size=512"]],
    ["compressed", ["-c"]],
    ["old", ["-o", "compat=0.10"]],
    ["full", ["-o", "preallocation=metadata"]],
  ] as const) {
    const path = qcow2File(`${name}.qcow2`, raw, ...options);
    const args = { source: { path, sha256: sha256(path) } };
    const image = await vol(`up-${name}`).create(args);
    expect(image.state).toMatchObject({ capacity: "8 MiB", format: "qcow2" });
    expect(sameDisk(path, image.path)).toBe(true);
    expect(image.diff(args).changes).toEqual([]);
    // The size that the image brought may be said now, and grown from there.
    expect(image.diff({ ...args, size: "8 MiB" }).changes).toEqual([]);
    expect(() => image.diff({ ...args, size: "4 MiB" })).toThrow(/8 MiB cannot shrink to 4 MiB/);
    await image.up({ ...args, size: "9 MiB" });
    expect(image.state).toMatchObject({ capacity: "9 MiB" });
    await image.delete();
  }
  // Its zeroes lie where QEMU wrote the tables of the new volume: as holes they would leave those to the guest.
  const zeroes = join(folder, "zeroes.qcow2");
  const options = "cluster_size=4096,preallocation=full";
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options, zeroes, "8M"]);
  const cleared = await vol("up-zeroes").create({ source: { path: zeroes } });
  expect(sameDisk(zeroes, cleared.path)).toBe(true);
  await cleared.delete();

  const grown = await vol("up-grown").create({ source: { path: join(folder, "default.qcow2") }, size: "1 GiB" });
  expect(grown.state).toMatchObject({ capacity: "1 GiB" });
  expect(imageInfo(grown.path)["virtual-size"]).toBe(1024 ** 3);
  await Promise.all([plain, larger, grown].map((item) => item.delete()));
}, 60_000);

test("images that are not what they should be never reach the host", async () => {
  const raw = rawFile("bad.raw", 4);
  const image = qcow2File("bad.qcow2", raw);
  const foreign = join(folder, "foreign.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", foreign, "4M"]);
  const cut = join(folder, "cut.qcow2");
  writeFileSync(cut, readFileSync(image).subarray(0, 90));
  const cases: [Values, RegExp][] = [
    [{ source: { path: raw, sha256: "0".repeat(64) }, format: "raw" }, /has the sha256 [0-9a-f]{64}, not 0{64}/],
    [{ source: { path: raw } }, /declared as qcow2 and is raw/],
    [{ source: { path: image }, format: "raw" }, /declared as raw and is qcow2/],
    [{ source: { path: foreign } }, /names a backing file, "\/etc\/shadow"/],
    [{ source: { path: cut } }, /header is malformed|ends before/],
    [{ source: { path: join(folder, "none") } }, /there is no file/],
    [{ source: { path: image }, size: "1 MiB" }, /the image holds a disk of 4 MiB, which does not fit into 1 MiB/],
  ];
  for (const [args, reason] of cases) await expect(vol("bad").create(args)).rejects.toThrow(reason);
  expect(await lab.host.virsh("vol-list", "vms")).not.toContain("bad-");
});

test("what others made is left alone, unless adopted as it is", async () => {
  await lab.host.virsh("vol-create-as", "vms", "theirs.qcow2", "4M", "--format", "qcow2");
  const theirs = vol("theirs");
  const args = { name: "theirs.qcow2", size: "8 MiB" };
  await expect(theirs.create(args)).rejects.toThrow(/has a volume of that name already[\s\S]*adopt: true/);
  await expect(theirs.create({ ...args, size: "2 MiB", adopt: true })).rejects.toThrow(/it has 4 MiB, more than 2 MiB/);
  await expect(theirs.create({ ...args, format: "raw", adopt: true })).rejects.toThrow(/format is qcow2, not raw/);
  await theirs.create({ ...args, adopt: true });
  expect(theirs.state).toMatchObject({ adopted: true, capacity: "4 MiB" });
  expect(await theirs.refresh()).toEqual(["size"]);
  await theirs.up({ ...args, adopt: true });
  expect(theirs.state).toMatchObject({ adopted: true, capacity: "8 MiB" });
  await theirs.delete();
  expect(theirs.context.lines.info.join()).toContain("it stays on");
  expect(existsSync(theirs.path)).toBe(true);
  theirs.state = { ...theirs.state, deleteAdopted: true };
  await theirs.delete();
  expect(existsSync(theirs.path)).toBe(false);

  // A file that libvirt has not seen yet is found all the same.
  writeFileSync(`${lab.pool["path"]}/hidden.qcow2`, "precious");
  await expect(vol("hidden").create({ name: "hidden.qcow2", size: "8 MiB" })).rejects.toThrow(/left untouched/);
  expect(readFileSync(`${lab.pool["path"]}/hidden.qcow2`, "utf8")).toBe("precious");
});

test("what an earlier run left is finished, in a pool of this deployment alone, and never at the cost of data", async () => {
  // Made, but the answer never reached the state: it is taken up as it is.
  const half = vol("half");
  const { name } = half.inputs({ size: "4 MiB" });
  await lab.host.virsh("vol-create-as", "vms", String(name), "1M", "--format", "qcow2");
  const inode = statSync(`${lab.pool["path"]}/${name}`).ino;
  await half.create({ size: "4 MiB" });
  expect(half.context.lines.info.join()).toContain("it is taken up as it is");
  expect(half.state).toMatchObject({ capacity: "4 MiB", adopted: false });
  expect(statSync(half.path).ino).toBe(inode);
  await expect(vol("half").create({ size: "2 MiB" })).rejects.toThrow(
    /nothing proves that it is what this stack would.*where the resource was renamed.* aliases .*else choose another/s,
  );

  // An upload that was cut off is made anew; one that is whole, or holds something else by now, is not touched.
  const raw = rawFile("cut.raw", 8);
  const args = { format: "raw", source: { path: raw } };
  const cut = vol("cut");
  const path = `${lab.pool["path"]}/${cut.inputs(args)["name"]}`;
  writeFileSync(path, readFileSync(raw).subarray(0, 2 * 1024 * 1024));
  await cut.create(args);
  expect(cut.context.lines.info.join()).toContain("it is made anew");
  expect(sameDisk(raw, path)).toBe(true);
  const disk = openSync(path, "r+");
  writeSync(disk, "written by the guest", 0);
  await vol("cut").create(args);
  expect(readFileSync(path).subarray(0, 20).toString()).toBe("written by the guest");
  writeSync(disk, Buffer.alloc(65536, "and at the end"), 0, 65536, 8 * 1024 * 1024 - 65536);
  closeSync(disk);
  await expect(vol("cut").create(args)).rejects.toThrow(/it was left untouched/);
  await cut.delete();

  // The same program on another backend derives the same names; its owner is another one.
  const twin = { ...lab.pool, host: { ...(lab.pool["host"] as Values), owner: "f".repeat(32) } };
  await expect(vol("half", twin).create({ size: "4 MiB" })).rejects.toThrow(
    /nothing proves that it is what this stack/,
  );
  const context = handlerContext(metaOf("vms", "StoragePool"));
  const { inputs } = storagePool.check(
    { host: twin.host, name: "vms", path: lab.pool["path"] },
    undefined,
    context.meta,
  );
  await expect(storagePool.create(inputs, context)).rejects.toThrow(/of another deployment, .*\(owner 0011/);
  await context.close();
  await half.delete();
});

test("a full pool: nothing half made stays", async () => {
  const path = join(lab.host.directory, "small");
  await lab.host.exec(`mkdir -p ${path} && mount -t tmpfs -o size=3m tmpfs ${path}`);
  const small = await makePool(lab.host, "small");
  const full = vol("full", small);
  const big = join(folder, "big.raw");
  writeFileSync(big, randomBytes(5 * 1024 * 1024));
  const args = { format: "raw", source: { path: big } };
  await expect(full.create(args)).rejects.toThrow(
    /Unable to upload Volume full-\w+\.raw in pool small .*needs 5 MiB, and the pool has no more than 3 MiB left/,
  );
  // What really has to be written counts.
  const source = { path: rawFile("sparse.raw", 64) };
  const fits = await vol("fits", small).create({ format: "raw", source });
  await lab.host.exec(["cmp", source.path, fits.path]);
  await fits.delete();

  // Filled up by others since libvirt looked: more than once, because its own answer is sometimes that all went well.
  await lab.host.exec(
    `mount -o remount,size=16m ${path} && virsh pool-refresh small && mount -o remount,size=3m ${path}`,
  );
  for (let turn = 0; turn < 20; turn++) {
    await expect(full.create(args)).rejects.toThrow(
      /Unable to upload Volume full-\w+\.raw in pool small on .*[nN]o space left on (the )?device[\s\S]*make room in pool small/,
    );
    expect((await lab.host.exec(["ls", path])).stdout).toBe("");
    // libvirt looks at the pool by itself after an upload.
    await lab.host.exec(
      `mount -o remount,size=16m ${path}; until virsh pool-refresh small; do :; done; mount -o remount,size=3m ${path}`,
    );
  }
  expect(await lab.host.virsh("vol-list", "small")).not.toContain("full");
  // A sparse volume may be larger than its pool.
  const sparse = await vol("sparse", small).create({ size: "1 GiB" });
  await sparse.up({ size: "2 GiB" });
  expect(sparse.state).toMatchObject({ capacity: "2 GiB" });
  await sparse.delete();
});

test("a pool that is inactive or missing is an error and never an answer", async () => {
  const other = await makePool(lab.host, "other");
  const kept = await vol("kept", other).create({ size: "1 MiB" });
  const changes = [
    ["pool-destroy", "virsh pool-start other"],
    ["pool-undefine", "pulumi state delete"],
  ] as const;
  for (const [change, remedy] of changes) {
    await lab.host.virsh(change, "other");
    const refusal = new RegExp(`pool other on .*libvirt said: [^]*${remedy}`);
    await expect(kept.refresh()).rejects.toThrow(refusal);
    await expect(kept.delete()).rejects.toThrow(/libvirt said/);
    await expect(kept.up({ size: "2 MiB" })).rejects.toThrow(/libvirt said/);
    await expect(vol("more", other).create({ size: "1 MiB" })).rejects.toThrow(/libvirt said/);
  }
  expect(existsSync(kept.path)).toBe(true);
});

test("drift: another size is seen and grown back, a deleted file is gone", async () => {
  const root = await vol("drift").create({ size: "4 MiB" });
  execFileSync("qemu-img", ["resize", "-q", "--shrink", root.path, "2M"]);
  expect(await root.refresh()).toEqual(["size"]);
  expect(root.state).toMatchObject({ size: "2 MiB" });
  await root.up({ size: "4 MiB" });
  expect(imageInfo(root.path)["virtual-size"]).toBe(4 * 1024 ** 2);
  execFileSync("qemu-img", ["resize", "-q", root.path, "8M"]);
  expect(await root.refresh()).toEqual([]);
  expect(root.state).toMatchObject({ size: "4 MiB", capacity: "8 MiB" });
  expect(root.context.lines.warn.join()).toMatch(/was grown to 8 MiB by others; size says 4 MiB/);
  rmSync(root.path);
  expect(await root.refresh()).toBe("gone");
  await expect(root.up({ size: "9 MiB" })).rejects.toThrow(/no such volume any more[\s\S]*pulumi refresh/);
  await root.create({ size: "9 MiB" });
  expect(imageInfo(root.path)["virtual-size"]).toBe(9 * 1024 ** 2);
  await root.delete();
});

test("names with every character that XML and shells care about", async () => {
  const name = `a & <b> "c" 'd' ; $(e), é €.qcow2`;
  const base = await vol("odd").create({ name, size: "1 MiB" });
  const root = await vol("even").create({ name: `over ${name}`, backing: base.reference });
  expect(imageInfo(root.path)["backing-filename"]).toBe(base.path);
  expect(await root.refresh()).toEqual([]);
  await expect(base.delete()).rejects.toThrow(`volume vms/over ${name} is based on it`);
  await root.delete();
  await base.delete();
});

test("a look-up answers what exists; what does not exist is an error", async () => {
  const base = await vol("seen").create({ size: "3 MiB", format: "raw" });
  for (const key of [base.name, base.path]) {
    expect(await volume.read(`lookup:${key}`, { pool: lab.pool }, base.context)).toMatchObject({
      id: `lookup:${key}`,
      state: { name: base.name, path: base.path, size: "3 MiB", capacity: "3 MiB", allocation: expect.any(String) },
    });
  }
  for (const key of ["none", "/none"]) {
    await expect(volume.read(`lookup:${key}`, { pool: lab.pool }, base.context)).rejects.toThrow(
      /has no volume of that name/,
    );
  }
  await base.delete();
});

test("a connection that dies in the middle of an upload leaves nothing, or an entry in state", async () => {
  const path = rawFile("long.raw", 64);
  writeFileSync(path, randomBytes(64 * 1024 * 1024));
  const args = { format: "raw", source: { path } };
  const back = vol("back");
  const dying = interrupted(back, () => lab.host.killLibvirtdMeanwhile());
  await expect(Promise.all([back.create(args), dying.then(() => lab.host.startLibvirtd())])).rejects.toThrow(
    /Unable to upload Volume back.*connection/,
  );
  expect(await lab.host.virsh("vol-list", "vms")).not.toContain("back");
  await back.create(args);
  expect(sameDisk(path, back.path)).toBe(true);
  await back.delete();

  // Where the host stays away, state names what is left, and the next run makes it anew: under any name.
  const away = vol("away");
  const named = { ...args, name: "away.raw" };
  const failed = expect(away.create(named)).rejects.toThrow(PartialFailure);
  await interrupted(away, () => void away.context.close());
  await failed;
  expect(away.state["path"]).toBeUndefined();
  expect(statSync(join(String(lab.pool["path"]), "away.raw")).size).toBeGreaterThan(0);
  const next = away.nextRun();
  lab.stored.push(next);
  expect(await next.refresh()).toEqual([]);
  expect(next.diff(named).changes).toMatchObject([{ property: "path", class: "live" }]);
  await next.up(named);
  expect(sameDisk(path, next.path)).toBe(true);
  await next.delete();
}, 60_000);
