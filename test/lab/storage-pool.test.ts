import { PartialFailure, type Values } from "../../provider/core/handler";
import { storagePool } from "../../provider/resources/storage-pool";
import { handlerContext, metaOf, type TestContext } from "./handler-context";
import { type Lab, startLab } from "./lab";

let lab: Lab;
let context: TestContext;
let host: Values;
let made: { readonly id: string; readonly state: Values }[] = [];

beforeAll(async () => {
  lab = await startLab();
  host = { uri: lab.host.socketUri, uuid: lab.host.uuid, owner: "0".repeat(32) };
}, 60_000);

beforeEach(() => {
  context = handlerContext(metaOf("vms", "StoragePool"));
});

afterEach(async () => {
  for (const { id, state } of made) await storagePool.delete(id, state, context);
  made = [];
  await context.close();
});

afterAll(() => lab.stop());

function check(args: Values, olds?: Values, name = "vms"): Values {
  const { inputs, failures } = storagePool.check({ host, ...args }, olds, metaOf(name, "StoragePool"));
  expect(failures).toEqual([]);
  return inputs;
}

async function create(args: Values, name = "vms") {
  const pool = await storagePool.create(check(args, undefined, name), context);
  made.push(pool);
  return pool;
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("it did not fail"),
    (error: Error) => error,
  );
}

/** A loop device of its own on the host. */
async function loopDevice(name: string, mebibytes: number): Promise<string> {
  const file = `${lab.host.directory}/${name}.img`;
  const { stdout } = await lab.host.exec(`truncate -s ${mebibytes}M ${file} && losetup --find --show ${file}`);
  return stdout.trim();
}

test("dir: made, no drift, and its directory outlives it", async () => {
  const path = `${lab.host.directory}/plain`;
  const pool = await create({ path });
  expect(pool.id).toBe(pool.state["uuid"]);
  expect(pool.state).toMatchObject({ type: "dir", path, adopted: false });
  // What others write to its filesystem is no change.
  await lab.host.exec(`head -c 4M /dev/urandom > ${path}.beside && sync -f ${path}`);
  const seen = await storagePool.read(pool.id, pool.state, context);
  expect(seen?.state).toEqual(pool.state);
  expect(seen?.inputs).toEqual(check({ path }));
  expect(storagePool.diff(pool.id, seen?.state ?? {}, check({ path }, pool.state)).changes).toEqual([]);
  expect(await lab.host.virsh("pool-list", "--autostart")).toContain(String(pool.state["name"]));

  await lab.host.virsh("vol-create-as", String(pool.state["name"]), "kept.raw", "1M");
  await storagePool.delete(pool.id, pool.state, context);
  expect(await storagePool.read(pool.id, pool.state, context)).toBeUndefined();
  expect((await lab.host.exec(`ls ${path}`)).stdout).toBe("kept.raw\n");
});

test("what the program ignores stays as others left it", async () => {
  const path = `${lab.host.directory}/idle`;
  const pool = await create({ path });
  const name = String(pool.state["name"]);
  await lab.host.exec(`virsh pool-destroy ${name}; virsh pool-autostart --disable ${name}`);
  const update = (given: TestContext) =>
    storagePool.update(pool.id, pool.state, check({ path, permissions: { mode: "750" } }, pool.state), given);
  await update({ ...context, meta: { ...metaOf("vms", "StoragePool"), ignoreChanges: ["active", "autostart"] } });
  expect(await lab.host.virsh("pool-info", name)).toMatch(/State: +inactive.*Autostart: +no/s);
  expect((await lab.host.exec(`stat -c %a ${path}`)).stdout.trim()).toBe("750");
  await update(context);
  expect(await lab.host.virsh("pool-info", name)).toMatch(/State: +running.*Autostart: +yes/s);
});

test("dir: permissions are set, drift is seen and repaired in place", async () => {
  const path = `${lab.host.directory}/strict`;
  const pool = await create({ path, permissions: { mode: "750", owner: 0, group: 0 } });
  expect((await lab.host.exec(`stat -c %a ${path}`)).stdout.trim()).toBe("750");
  await lab.host.exec(
    `chmod 700 ${path}; virsh pool-destroy ${pool.state["name"]}; virsh pool-autostart --disable ${pool.state["name"]}`,
  );
  const stopped = await storagePool.read(pool.id, pool.state, context);
  expect(stopped?.inputs).toMatchObject({ active: false, autostart: false });

  await lab.host.virsh("pool-start", String(pool.state["name"]));
  const seen = await storagePool.read(pool.id, pool.state, context);
  expect(seen?.inputs).toMatchObject({ active: true, autostart: false, permissions: { mode: "0700" } });
  const news = check({ path, permissions: { mode: "0711" } }, pool.state);
  const changes = storagePool.diff(pool.id, seen?.state ?? {}, news).changes.map(({ property }) => property);
  expect(changes.sort()).toEqual(["autostart", "permissions.group", "permissions.mode", "permissions.owner"]);
  const state = await storagePool.update(pool.id, seen?.state ?? {}, news, context);
  expect((await lab.host.exec(`stat -c %a ${path}`)).stdout.trim()).toBe("711");
  expect((await storagePool.read(pool.id, state, context))?.inputs).toEqual(news);
});

test("dir: a directory that vanished is drift, and comes back", async () => {
  const path = `${lab.host.directory}/vanishing`;
  const pool = await create({ path });
  await lab.host.exec(`rmdir ${path}`);
  const seen = await storagePool.read(pool.id, pool.state, context);
  expect(seen?.inputs).toMatchObject({ active: false });
  const news = check({ path }, pool.state);
  await storagePool.update(pool.id, seen?.state ?? {}, news, context);
  expect(context.lines.warn.join()).toMatch(/vanishing was not there on .*made anew, empty\. .*not mounted now/);
  expect((await lab.host.exec(`stat -c %F ${path}`)).stdout.trim()).toBe("directory");
});

test("dir: a missing path without build is an error, kept in state, and goes on from there", async () => {
  const path = `${lab.host.directory}/missing`;
  const failure = await failureOf(storagePool.create(check({ path, build: false }), context));
  expect(failure).toBeInstanceOf(PartialFailure);
  expect(failure.message).toMatch(
    /Unable to start StoragePool vms-\w+ on .*libvirt said: .*missing[\s\S]*or set build: true/,
  );
  const { id, state } = failure as PartialFailure;
  const news = check({ path }, state);
  made.push({ id, state: await storagePool.update(id, state, news, context) });
  expect(await lab.host.virsh("pool-list")).toContain(String(state["name"]));
});

test("a half-made pool is finished by the next create", async () => {
  const path = `${lab.host.directory}/half`;
  const inputs = check({ path });
  const document = `<pool type='dir'><name>${inputs["name"]}</name><uuid>${inputs["uuid"]}</uuid><target><path>${path}</path></target></pool>`;
  await lab.host.exec(`cat > /tmp/half.xml <<'EOF'\n${document}\nEOF\nvirsh pool-define /tmp/half.xml`);
  await expect(storagePool.create(check({ path, name: "other" }), context)).rejects.toThrow(
    `an earlier run made it as "${inputs["name"]}"`,
  );
  const pool = await create({ path });
  expect(pool.id).toBe(inputs["uuid"]);
  expect(await lab.host.virsh("pool-list", "--autostart")).toContain(String(inputs["name"]));
});

test("somebody else's pool is left alone, unless adopted", async () => {
  const path = `${lab.host.directory}/theirs`;
  await lab.host.exec(`mkdir -p ${path} && virsh pool-define-as theirs dir --target ${path}`);
  const theirs = await lab.host.virsh("pool-dumpxml", "theirs");
  const args = { name: "theirs", path };
  await expect(storagePool.create(check(args), context)).rejects.toThrow(
    /not made by pulumi-kvm; it was left untouched/,
  );
  await expect(
    storagePool.create(check({ name: "theirs", path: `${path}/other`, adopt: true }), context),
  ).rejects.toThrow(/it differs in path/);
  const pool = await storagePool.create(check({ ...args, adopt: true }), context);
  expect(theirs).toContain(pool.id);
  // A program that names its uuid takes over no more than one that does not.
  const named = await storagePool.create(check({ ...args, uuid: pool.id, adopt: true }), context);
  expect(named.state).toMatchObject({ adopted: true });
  expect(await lab.host.virsh("pool-dumpxml", "theirs")).toBe(theirs);
  expect(pool.state).toMatchObject({ adopted: true, uuid: pool.id });
  expect(context.lines.warn.join()).toMatch(/adopted as it is; it differs in autostart, active: its next change/);
  const next = check({ ...args, adopt: true, deleteAdopted: true }, pool.state);
  expect(storagePool.diff(pool.id, pool.state, next).lines.join()).toMatch(/next change brings autostart, active to/);
  expect(await lab.host.virsh("pool-dumpxml", "theirs")).toBe(theirs);
  const seen = await storagePool.read(pool.id, pool.state, context);
  expect(seen?.inputs).toMatchObject({ active: false, autostart: false });
  const state = await storagePool.update(
    pool.id,
    seen?.state ?? {},
    check({ ...args, adopt: true }, pool.state),
    context,
  );
  expect(await lab.host.virsh("pool-list", "--autostart")).toContain("theirs");
  expect(storagePool.diff(pool.id, state, check({ ...args, adopt: true }, pool.state)).replaces).toEqual([]);
  await storagePool.delete(pool.id, state, context);
  expect(await lab.host.virsh("pool-list", "--all")).toContain("theirs");
  await storagePool.delete(pool.id, { ...state, deleteAdopted: true }, context);
  expect(await lab.host.virsh("pool-list", "--all")).not.toContain("theirs");
});

test("a pool that another deployment made under that name is told from one that nobody of ours made", async () => {
  const args = { name: "shared", path: `${lab.host.directory}/shared` };
  await create({ ...args, host: { ...host, owner: "1".repeat(32) } });
  const refused = await failureOf(storagePool.create(check(args, undefined, "other"), context));
  expect(refused.message).toMatch(/"shared" exists already and it was made by another deployment.*owner 1{32}/);
  const named = await failureOf(storagePool.create(check({ ...args, name: "mine" }), context));
  expect(named.message).toMatch(/a StoragePool with its uuid exists already.*\n.*the resource another name/);
});

test("another pool over the same place is refused by libvirt, with what to do", async () => {
  const path = `${lab.host.directory}/shared`;
  await create({ path });
  const failure = await failureOf(storagePool.create(check({ path }, undefined, "second"), context));
  expect(failure).not.toBeInstanceOf(PartialFailure);
  expect(failure.message).toMatch(/libvirt said: .*[\s\S]*choose another path or source/);
});

test("fs: never formatted unasked, formatted once when asked, and what it holds survives", async () => {
  const device = await loopDevice("fs", 64);
  try {
    const path = `${lab.host.directory}/fs`;
    const args = { type: "fs", path, source: { devices: [device], format: "ext4" } };
    const refused = await failureOf(storagePool.create(check(args), context));
    expect(refused.message).toMatch(/Unable to start StoragePool.*[\s\S]*format: true makes one on an empty device/);
    expect((await lab.host.exec(`blkid ${device}`, { check: false })).stdout).toBe("");

    const pool = await create({ ...args, format: true });
    expect((await lab.host.exec(`blkid ${device}`)).stdout).toContain('TYPE="ext4"');
    await lab.host.exec(`touch ${path}/kept`);
    expect((await storagePool.read(pool.id, pool.state, context))?.inputs).toEqual(check({ ...args, format: true }));
    await storagePool.delete(pool.id, pool.state, context);
    const again = await create({ ...args, format: true });
    expect((await lab.host.exec(`ls ${path}`)).stdout).toContain("kept");
    await storagePool.delete(again.id, again.state, context);
  } finally {
    await lab.host.exec(`losetup -d ${device}`);
  }
});

test("netfs: the host's refusal is told as it is, and the pool is kept for the next run", async () => {
  const path = `${lab.host.directory}/nfs`;
  const source = { host: "127.0.0.1", directory: "/export", format: "nfs" };
  const failure = await failureOf(storagePool.create(check({ type: "netfs", path, source }), context));
  expect(failure).toBeInstanceOf(PartialFailure);
  expect(failure.message).toMatch(/libvirt said: .*nfs[\s\S]*see that the host can mount 127\.0\.0\.1:\/export/);
  made.push(failure as PartialFailure);
});

test("logical: makes a volume group when asked, starts an existing one, or says what is missing", async () => {
  const { stdout } = await lab.host.exec("command -v vgcreate", { check: false });
  if (stdout === "") {
    const args = { type: "logical", source: { name: "vglab" } };
    const failure = await failureOf(storagePool.create(check(args), context));
    expect(failure.message).toMatch(/StoragePool vms-\w+ on .*libvirt said: [\s\S]*lvm2 is installed/);
    if (failure instanceof PartialFailure) made.push(failure);
    return;
  }
  const device = await loopDevice("lvm", 64);
  try {
    const args = { type: "logical", source: { name: "vglab", devices: [device] }, format: true };
    const pool = await create(args);
    expect(pool.state["path"]).toBe("/dev/vglab");
    expect((await storagePool.read(pool.id, pool.state, context))?.inputs).toEqual(check(args));
    await storagePool.delete(pool.id, pool.state, context);
    const again = await create({ type: "logical", source: { name: "vglab" } });
    await storagePool.delete(again.id, again.state, context);
  } finally {
    await lab.host.exec(`vgremove -ff vglab; losetup -d ${device}`, { check: false });
  }
});

test("a look-up answers what exists; what does not exist is an error", async () => {
  const path = `${lab.host.directory}/found`;
  const pool = await create({ path });
  for (const key of [pool.state["name"], pool.id]) {
    expect(await storagePool.read(`lookup:${key}`, { host }, context)).toMatchObject({
      id: `lookup:${key}`,
      state: { uuid: pool.id, name: pool.state["name"], type: "dir", path, active: true },
    });
  }
  const iscsi = `${lab.host.directory}/san.xml`;
  const source = "<source><host name='san'/><device path='iqn.2026-01.example:vms'/></source>";
  const xml = `<pool type='iscsi'><name>san</name>${source}<target><path>/dev/disk/by-path</path></target></pool>`;
  await lab.host.exec(["sh", "-c", `echo "${xml}" >${iscsi}; virsh pool-define ${iscsi}`]);
  expect(await storagePool.read("lookup:san", { host }, context)).toMatchObject({ state: { type: "iscsi" } });
  await lab.host.virsh("pool-undefine", "san");
  await expect(storagePool.read("lookup:nowhere", { host }, context)).rejects.toThrow(/no pool of that name or uuid/);
});

test("a daemon that dies is waited for", async () => {
  const path = `${lab.host.directory}/survivor`;
  const pool = await create({ path });
  await lab.host.killLibvirtd();
  const reading = storagePool.read(pool.id, pool.state, context);
  await lab.host.startLibvirtd();
  expect((await reading)?.inputs).toEqual(check({ path }));
}, 40_000);
