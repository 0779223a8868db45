import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { network } from "../../provider/resources/network";
import { storagePool } from "../../provider/resources/storage-pool";
import { eachPlace, runWith, withFault } from "./fault";
import type { TestContext } from "./handler-context";
import { type Lab, startLab } from "./lab";
import { Machine, referenceOf } from "./machines";
import { Managed } from "./managed";
import { imageInfo, pool as makePool, Stored } from "./volumes";

/** What goes wrong under networks, pools and what is in them; after each fault the next run finishes. */
let lab: Lab;
let host: Values;
let pool: Values;
const subjects: { readonly context: TestContext }[] = [];

beforeAll(async () => {
  lab = await startLab();
  host = referenceOf(lab.host);
  pool = await makePool(lab.host, "vms");
}, 60_000);

afterAll(async () => {
  await Promise.all(subjects.map(({ context }) => context.close()));
  await lab.stop();
});

function kept<T extends Managed>(subject: T): T {
  subjects.push(subject);
  return subject;
}

async function daemonDies(): Promise<void> {
  await lab.host.killLibvirtd();
  await lab.host.startLibvirtd();
}

/** Runs it while the host cannot write below that folder. */
async function unwritable<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await lab.host.exec(`mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder}`);
  try {
    return await work();
  } finally {
    await lab.host.exec(["umount", folder]);
  }
}

const names = async (what: string) => (await lab.host.virsh(what, "--all", "--name")).trim();

interface Case {
  readonly subject: () => Managed;
  readonly args: Values;
  readonly changed: Values;
  /** What virsh shows of all objects of that kind when there is none of ours. */
  readonly left: () => Promise<string>;
  /** Where the fault came at least. */
  readonly places: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  network: {
    subject: () => new Managed(network, "lan", { host }),
    args: { subnets: ["10.70.0.0/24"] },
    changed: { subnets: ["10.70.0.0/24"], domain: "lab.example", autostart: false },
    left: () => names("net-list"),
    places: [
      ...["after NETWORK_DEFINE_XML", "after NETWORK_CREATE", "before NETWORK_SET_AUTOSTART"],
      ...["before NETWORK_DESTROY", "after NETWORK_DESTROY", "after NETWORK_UNDEFINE"],
    ],
  },
  pool: {
    subject: () => new Managed(storagePool, "more", { host, path: join(lab.host.directory, "more") }),
    args: {},
    changed: { autostart: false },
    left: async () => (await names("pool-list")).replace(/^vms$/m, "").trim(),
    places: [
      ...["after STORAGE_POOL_DEFINE_XML", "after STORAGE_POOL_BUILD", "after STORAGE_POOL_CREATE"],
      ...["before STORAGE_POOL_DESTROY", "after STORAGE_POOL_DESTROY", "after STORAGE_POOL_UNDEFINE"],
    ],
  },
  volume: {
    subject: () => Stored.volume(pool, "data"),
    args: { size: "1 MiB" },
    changed: { size: "2 MiB" },
    left: () => lab.host.virsh("vol-list", "vms"),
    places: [
      ...["before STORAGE_VOL_CREATE_XML", "after STORAGE_VOL_CREATE_XML", "after STORAGE_VOL_RESIZE"],
      ...["before STORAGE_VOL_DELETE", "after STORAGE_VOL_DELETE"],
    ],
  },
};

test.each(Object.entries(cases))(
  "libvirtd killed at each step of a %s's life: the next run finishes, and its end leaves nothing",
  async (_kind, { subject, args, changed, left, places }) => {
    const struck = {
      create: await eachPlace(async (place) => {
        const one = kept(subject());
        const fault = withFault(one, { ...place, strike: daemonDies });
        await runWith(one, "create", args, fault.context);
        if (one.id === "") await one.create(args);
        else {
          await one.refresh();
          await one.up(args);
        }
        expect(await one.refresh()).toEqual([]);
        await one.delete();
        expect((await left()).trim()).toBe("");
        return fault.struck();
      }),
      update: await eachPlace(async (place) => {
        const one = await kept(subject()).create(args);
        const fault = withFault(one, { ...place, strike: daemonDies });
        await runWith(one, "update", changed, fault.context);
        expect(await one.refresh()).not.toBe("gone");
        await one.up(changed);
        expect(await one.refresh()).toEqual([]);
        expect(one.state).toMatchObject(changed);
        await one.delete();
        return fault.struck();
      }),
      delete: await eachPlace(async (place) => {
        const one = await kept(subject()).create(args);
        const fault = withFault(one, { ...place, strike: daemonDies });
        await runWith(one, "delete", {}, fault.context);
        await one.delete();
        expect(await one.refresh()).toBe("gone");
        expect((await left()).trim()).toBe("");
        return fault.struck();
      }),
    };
    expect(Object.values(struck).flat()).toEqual(expect.arrayContaining([...places]));
  },
  120_000,
);

test("a full pool: another cloud-init medium is refused before anything is made, and is made when there is room", async () => {
  const path = join(lab.host.directory, "small");
  await lab.host.exec(`mkdir ${path} && mount -t tmpfs -o size=1m tmpfs ${path}`);
  const small = await makePool(lab.host, "small", path);
  const [old, next] = [Stored.medium(small, "seed"), Stored.medium(small, "seed")].map(kept) as [Stored, Stored];
  await old.create({ userData: { hostname: "old" } });
  await lab.host.exec(`head -c 8m /dev/zero > ${path}/filler`, { check: false });
  await lab.host.virsh("pool-refresh", "small");
  const other = { userData: { hostname: "new" } };
  await expect(next.create(other)).rejects.toThrow(/the pool has no more than .* left; nothing was written/);
  expect(next.id).toBe("");
  expect((await lab.host.exec(["ls", path])).stdout.trim().split("\n").sort()).toEqual(["filler", old.name].sort());
  expect(await old.refresh()).toEqual([]);
  await lab.host.exec(`rm ${path}/filler`);
  await lab.host.virsh("pool-refresh", "small");
  await next.create(other);
  await old.delete();
  expect(await next.refresh()).toEqual([]);
  await next.delete();
});

test("a host that cannot write definitions: what libvirt loses sight of comes back, and its end leaves nothing", async () => {
  const lan = kept(new Managed(network, "unwritten", { host, subnets: ["10.71.0.0/24"] }));
  const off = kept(new Managed(network, "off", { host, subnets: ["10.72.0.0/24"], active: false, autostart: false }));
  const more = kept(new Managed(storagePool, "unwritten", { host, path: join(lab.host.directory, "unwritten") }));
  const domain = { domain: "lab.example" };
  const networks = async () => (await lab.host.virsh("net-list", "--all")).trim().replace(/ +/g, " ");
  for (const one of [lan, off, more]) await one.create({});
  const failed = (one: Managed, args: Values) => runWith(one, "update", args, one.context);
  await unwritable("/etc/libvirt", async () => {
    expect(await failed(lan, domain)).toMatchObject({
      name: "PartialFailure",
      message: expect.stringMatching(/runs on.*gone when it stops/),
    });
    expect((await failed(off, domain))?.message).toMatch(/lost sight of the network[\s\S]*writable.*virtnetworkd/);
    expect((await failed(more, { autostart: false }))?.message).toMatch(/lost sight of the pool[\s\S]*virtstoraged/);
  });
  // The program that takes the wish back finishes it as well.
  expect(lan.diff({}).changes.map(({ property }) => property)).toEqual(["domain"]);
  await lan.up({});
  expect(await networks()).toBe(`${lan.name} active yes yes`);
  await unwritable("/etc/libvirt", () => failed(lan, domain));
  await lan.delete();
  await lab.host.restartLibvirtd();
  expect(await networks()).toBe(`${off.name} inactive no yes`);
  await off.up(domain);
  await more.up({ autostart: false });
  expect([await off.refresh(), await more.refresh()]).toEqual([[], []]);
  for (const one of [off, more]) await one.delete();
}, 60_000);

test("a host on which no network starts: one that an update stopped is started by the next, whatever it asks for", async () => {
  const lan = await kept(new Managed(network, "stopped", { host, subnets: ["10.73.0.0/24"] })).create({});
  const failure = await unwritable("/var/lib/libvirt", () =>
    runWith(lan, "update", { domain: "lab.example" }, lan.context),
  );
  expect(failure).toMatchObject({
    name: "PartialFailure",
    message: expect.stringMatching(/definition back failed too/),
  });
  await lan.up({});
  expect(await lan.refresh()).toEqual([]);
  expect(await lab.host.virsh("net-list")).toContain(lan.name);
  await lan.delete();
}, 60_000);

test("libvirtd killed while an image is uploaded, and while what is left of it is deleted: the next run makes it", async () => {
  const path = join(lab.host.directory, "image.raw");
  writeFileSync(path, Buffer.alloc(4 * 1024 * 1024, "x"));
  const args = { format: "raw", source: { path } };
  const struck = await eachPlace(async (place) => {
    const one = kept(Stored.volume(pool, "image"));
    const fault = withFault(one, { ...place, strike: daemonDies });
    await runWith(one, "create", args, fault.context);
    if (one.id === "") await one.create(args);
    else await one.up(args);
    expect(await one.refresh()).toEqual([]);
    await lab.host.exec(["cmp", path, one.path]);
    await one.delete();
    return fault.struck();
  });
  expect(struck).toContain("after STORAGE_VOL_CREATE_XML");
}, 60_000);

test("libvirtd killed while a disk grows under its running guest: the guest keeps it, and the next run finishes", async () => {
  const disk = kept(await Stored.volume(pool, "grown").create({ size: "8 MiB" }));
  const vm = new Machine(lab.host, "grows", { waitForAddress: false });
  subjects.push(vm);
  await vm.create({ disks: { data: { volume: { ...disk.reference, host } } } });
  const id = await lab.host.virsh("domid", vm.name);
  let mebibytes = 8;
  const struck = await eachPlace(async (place) => {
    mebibytes += 8;
    const args = { size: `${mebibytes} MiB` };
    const fault = withFault(disk, { ...place, strike: daemonDies });
    await runWith(disk, "update", args, fault.context);
    await disk.refresh();
    await disk.up(args);
    expect(await disk.refresh()).toEqual([]);
    expect([disk.state["capacity"], imageInfo(disk.path)["virtual-size"]]).toEqual([args.size, mebibytes * 1024 ** 2]);
    const seen = await lab.host.virsh("domblkinfo", vm.name, "vda");
    expect(seen).toMatch(new RegExp(`Capacity:\\s+${mebibytes * 1024 ** 2}\\n`));
    return fault.struck();
  });
  expect(struck).toEqual(["before DOMAIN_BLOCK_RESIZE", "after DOMAIN_BLOCK_RESIZE"]);
  expect(await lab.host.virsh("domid", vm.name)).toBe(id);
  await vm.delete();
  await disk.delete();
}, 60_000);
