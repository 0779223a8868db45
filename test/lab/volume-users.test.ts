import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { Machine } from "./machines";
import { run } from "./processes";
import { imageInfo, pool as makePool, Stored } from "./volumes";

/** Volumes with guests on them: QEMU without an operating system. */
let lab: Lab;
let pool: Values;
let other: Values;
const contexts: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  lab = await startLab();
  [pool, other] = [await makePool(lab.host, "vms"), await makePool(lab.host, "other")];
}, 60_000);

afterAll(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  await lab.stop();
});

function vol(name: string, inPool = pool): Stored {
  const made = Stored.volume(inPool, name);
  contexts.push(made.context);
  return made;
}

function machine(name: string): Machine {
  const made = new Machine(lab.host, name, { waitForAddress: false });
  contexts.push(made.context);
  return made;
}

/** A disk of a machine, as a program writes it. */
function disk(stored: Stored): Values {
  return { volume: { ...stored.reference, host: { uri: lab.host.socketUri } } };
}

/** A domain that somebody else defined, with whatever in it. */
async function define(name: string, os: string, devices: string): Promise<void> {
  const xml = `<domain type='qemu'><name>${name}</name><memory>65536</memory><os><type arch='x86_64'>hvm</type>${os}</os><devices>${devices}</devices></domain>`;
  const file = join(lab.host.directory, `${name}.xml`);
  writeFileSync(file, xml);
  await lab.host.virsh("define", file);
}

test("grown under a running guest, through it; a base below it waits", async () => {
  const base = await vol("base", other).create({ size: "8 MiB" });
  const [raw, root] = [
    await vol("raw").create({ format: "raw", size: "8 MiB" }),
    await vol("root").create({ backing: base.reference }),
  ];
  const vm = machine("grow");
  await vm.create({ disks: { root: disk(root), data: disk(raw) } });
  await root.up({ backing: base.reference, size: "16 MiB" });
  await raw.up({ format: "raw", size: "24 MiB" });
  for (const [stored, bytes] of [
    [root, 16 * 1024 ** 2],
    [raw, 24 * 1024 ** 2],
  ] as const) {
    expect(imageInfo(stored.path)["virtual-size"]).toBe(bytes);
    expect(await stored.refresh()).toEqual([]);
  }
  // The guest knows of it without a restart.
  expect(await lab.host.virsh("domblkinfo", vm.name, "vdb")).toMatch(/Capacity:\s+25165824/);
  await expect(base.up({ size: "12 MiB" })).rejects.toThrow(
    /the running domain grow-\w+ has it below vda[\s\S]*stop grow-\w+ first/,
  );
  expect(base.state).toMatchObject({ capacity: "8 MiB" });

  for (const stored of [root, raw]) {
    await expect(stored.delete()).rejects.toThrow(
      /it is in use: running domain grow-\w+ has it as vd[ab] \(made by urn:pulumi:test::lab::\S+::grow\); it was left/,
    );
  }
  await expect(base.delete()).rejects.toThrow(
    /domain grow-\w+ has it below vda \(made by \S+\), volume vms\/root-\w+\.qcow2 is based/,
  );
  await lab.host.virsh("destroy", vm.name);
  await expect(root.delete()).rejects.toThrow(/in use: domain grow-\w+ has it as vda/);
  await base.up({ size: "12 MiB" });
  await vm.delete();
  await Promise.all([root.delete(), raw.delete()]);
  await base.delete();
}, 60_000);

test("what a running guest has plugged in for now, or keeps only in its definition, is in use", async () => {
  const [plugged, pulled] = [
    await vol("plugged").create({ size: "1 MiB" }),
    await vol("pulled").create({ size: "1 MiB" }),
  ];
  const vm = machine("both");
  await vm.create({ disks: { pulled: disk(pulled) } });
  await lab.host.virsh("attach-disk", vm.name, plugged.path, "vdz", "--subdriver", "qcow2", "--live");
  await lab.host.virsh("detach-disk", vm.name, "vda", "--live");
  await expect(plugged.delete()).rejects.toThrow(
    /running domain both-\w+ has it as vdz until it stops[\s\S]*shut it down \(virsh shutdown both-/,
  );
  await expect(pulled.delete()).rejects.toThrow(/in use: (running )?domain both-\w+ has it as vda/);
  await vm.delete();
  await Promise.all([plugged.delete(), pulled.delete()]);
});

test("a chain of three over two pools: only the top may go", async () => {
  const one = await vol("one").create({ size: "1 MiB", format: "raw" });
  const two = await vol("two", other).create({ backing: one.reference });
  const three = await vol("three").create({ backing: two.reference });
  await expect(one.delete()).rejects.toThrow(`it is in use: volume other/${two.name} is based on it`);
  await expect(two.delete()).rejects.toThrow(`it is in use: volume vms/${three.name} is based on it`);
  for (const stored of [three, two, one]) await stored.delete();
  expect([one, two, three].map(({ path }) => existsSync(path))).toEqual([false, false, false]);
});

test("a base goes once others have made what was based on it stand alone", async () => {
  const one = await vol("below").create({ size: "1 MiB" });
  const two = await vol("above", other).create({ backing: one.reference });
  await run(["qemu-img", "rebase", "-q", "-f", "qcow2", "-b", "", two.path]);
  for (const stored of [one, two]) await stored.delete();
});

test("other people's definitions count, however they name the volume", async () => {
  const media = await vol("media").create({ size: "1 MiB", format: "raw" });
  const target = "<target dev='sda' bus='sata'/>";
  const cases: [string, string, RegExp][] = [
    [
      "",
      `<disk type='volume' device='disk'><source pool='vms' volume='${media.name}'/>${target}</disk>`,
      /has it as sda/,
    ],
    ["", `<disk type='file' device='cdrom'><source file='/${media.path}'/>${target}</disk>`, /has it as sda/],
    ["", `<disk type='block' device='disk'><source dev='${media.path}'/>${target}</disk>`, /has it as sda/],
    [`<kernel>${media.path}</kernel>`, "", /domain theirs names it in its definition/],
  ];
  for (const [os, devices, who] of cases) {
    await define("theirs", os, devices);
    await expect(media.delete()).rejects.toThrow(who);
    await lab.host.virsh("undefine", "theirs");
  }
  // A note about it is no use of it.
  await define("theirs", "", "");
  const note = `<note>${media.path}</note>`;
  await lab.host.virsh("metadata", "theirs", "urn:somebody", "--config", "--key", "s", "--set", note);
  await media.delete();
  await lab.host.virsh("undefine", "theirs");
});

test("many are deleted at once with few looks at the host", async () => {
  const context = vol("looks").context;
  const libvirt = await context.libvirt(lab.host.socketUri);
  let looks = 0;
  const call = libvirt.call.bind(libvirt);
  jest.spyOn(libvirt, "call").mockImplementation((name, ...rest) => {
    if (name === "CONNECT_LIST_ALL_STORAGE_POOLS") looks++;
    return call(name, ...rest);
  });
  const made = await Promise.all(
    Array.from({ length: 12 }, (_, index) => {
      const one = Stored.volume(pool, `many${index}`);
      return Object.assign(one, { context }).create({ name: `many${index}`, size: "1 MiB" });
    }),
  );
  await Promise.all(made.map((one) => one.delete()));
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThanOrEqual(4);
  expect(await lab.host.virsh("vol-list", "vms")).not.toContain("many");
});

test("what needs a new volume is refused, and done when the data may go", async () => {
  const args = { name: "mine.qcow2", size: "4 MiB" };
  const data = await vol("data").create(args);
  for (const [change, property] of [
    [{ format: "raw" }, "format"],
    [{ name: "yours.qcow2" }, "name"],
    [{ mode: "0640" }, "mode"],
    [{ pool: other }, "pool"],
    [{ size: undefined, backing: { pool: "", name: "b", path: "/b", format: "raw" } }, "backing"],
  ] as const) {
    expect(() => data.diff({ ...args, ...change })).toThrow(
      new RegExp(`${property} cannot change without a new volume[\\s\\S]*onReplace: "destroyData"`),
    );
    const allowed = data.diff({ ...args, ...change, onReplace: "destroyData" });
    expect(allowed).toMatchObject({ replaces: [property], deleteBeforeReplace: true });
  }
  expect(() => data.diff({ ...args, size: "2 MiB" })).toThrow(/4 MiB cannot shrink to 2 MiB/);
  expect(() => data.diff({ ...args, size: "2 MiB", onReplace: "destroyData" })).toThrow(/cannot shrink/);
  // As the engine does it: the old one goes first.
  const news = { ...args, name: "yours.raw", format: "raw", size: "2 MiB", onReplace: "destroyData", mode: "640" };
  const { inputs, state } = { inputs: data.inputs(news), state: data.state };
  expect(inputs).toMatchObject({ path: `${pool["path"]}/yours.raw` });
  await data.delete();
  data.id = "";
  await data.create(news);
  expect(existsSync(String(state["path"]))).toBe(false);
  expect((await lab.host.exec(["stat", "-c", "%a", data.path])).stdout.trim()).toBe("640");
  await data.delete();
});

test.each([
  [
    "beside it, of which its pool does not know",
    ["--disk-only", "--no-metadata"],
    /volume vms\/\S+\.s1 is based on it/,
  ],
  ["in no pool", ["--disk-only", "--diskspec"], /a snapshot of domain below-\w+ needs it/],
] as const)("below the snapshot of a machine that is off, %s: not deleted", async (_where, flags, users) => {
  const root = await vol("below").create({ size: "8 MiB" });
  const vm = machine("below");
  await vm.create({ disks: { root: disk(root) }, state: "stopped" });
  const spec = flags[1] === "--diskspec" ? [`vda,file=${join(lab.host.directory, "below.s1")}`] : [];
  await lab.host.virsh("snapshot-create-as", vm.name, "s1", ...flags, ...spec);
  await expect(root.delete()).rejects.toThrow(users);
  expect(existsSync(root.path)).toBe(true);
  await lab.host.virsh("undefine", vm.name, "--snapshots-metadata");
  await lab.host.exec(["sh", "-c", `rm -f ${join(lab.host.directory, "vms")}/*.s1; virsh pool-refresh vms`]);
  await root.delete();
});

test("what a snapshot or the saved state of a guest goes back to is in use, though the guest has it no more", async () => {
  const [root, data] = [await vol("root").create({ size: "1 MiB" }), await vol("data").create({ size: "1 MiB" })];
  const vm = machine("former");
  const both = { root: disk(root), data: disk(data) };
  await vm.create({ disks: both });
  await lab.host.virsh("managedsave", vm.name);
  await vm.up({ disks: { root: disk(root) }, state: "stopped" });
  await expect(data.delete()).rejects.toThrow(/the saved state of domain former-\w+ needs it/);
  // It goes on with what it had.
  await lab.host.virsh("start", vm.name);
  await lab.host.virsh("destroy", vm.name);

  await vm.up({ disks: both, state: "stopped" });
  await lab.host.virsh("snapshot-create-as", vm.name, "s1");
  await vm.up({ disks: { root: disk(root) }, state: "stopped" });
  await expect(data.delete()).rejects.toThrow(/a snapshot of domain former-\w+ needs it/);
  await lab.host.virsh("snapshot-revert", vm.name, "s1");
  await vm.up({ disks: { root: disk(root) }, state: "stopped" });
  await lab.host.virsh("snapshot-delete", vm.name, "s1", "--metadata");
  await data.delete();
  await vm.delete();
  await root.delete();
});
