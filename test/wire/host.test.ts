import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder, type Lab, startLab } from "../lab/lab";
import { waitFor } from "../lab/processes";
import { hidden } from "./arguments";
import { InitFailed, type Properties, ProviderProcess, secret } from "./provider-process";

const seconds = 1000;
const provider = new ProviderProcess();
let lab: Lab;
let host: Properties;

beforeAll(async () => {
  [lab] = await Promise.all([startLab(), provider.start()]);
  const made = await create("Host", "rack1", { uri: lab.host.socketUri });
  const { uri, uuid, owner, facts } = made.state;
  host = { uri, uuid, owner, facts };
}, 60 * seconds);

afterAll(async () => {
  await provider.stop();
  await lab.stop();
}, 30 * seconds);

async function check(type: string, name: string, args: Properties, olds?: Properties, secretPaths: string[] = []) {
  const { inputs, failures } = await provider.check({ ...args, ...hidden(type, name, { secretPaths }) }, olds);
  expect(failures).toEqual([]);
  return inputs;
}

async function create(type: string, name: string, args: Properties) {
  return provider.create(await check(type, name, args));
}

/** Boots the kernel of that name in the host's folder. */
function boot(kernel: string): Properties {
  const { directory } = lab.host;
  return { boot: { kernel: join(directory, kernel), initrd: join(directory, "initrd.gz"), cmdline: "console=ttyS0" } };
}

function guest(more: Properties): Properties {
  const brief = { virtType: "qemu", memory: "64 MiB", stopTimeout: "1 s", waitForAddress: false };
  return { host, ...brief, ...boot("vmlinuz"), ...more };
}

beforeAll(() => {
  for (const file of ["vmlinuz", "initrd.gz"])
    copyFileSync(join(cacheFolder(), "guest", file), join(lab.host.directory, file));
});

describe("each class, from create to delete", () => {
  // The pool's outputs tell what its file system holds: on one of its own nobody else writes between two reads.
  beforeAll(() => lab.host.exec(`mkdir ${ownDisk()} && mount -t tmpfs -o size=64m tmpfs ${ownDisk()}`));
  const ownDisk = () => join(lab.host.directory, "disk");

  const cases = (): Readonly<Record<string, Properties>> => ({
    Network: { host, subnets: ["10.44.0.0/24"] },
    StoragePool: { host, path: join(ownDisk(), "pool") },
    VirtualMachine: guest({ state: "stopped" }),
  });

  test.each(["Network", "StoragePool", "VirtualMachine"])("%s", async (type) => {
    const args = cases()[type] ?? {};
    const inputs = await check(type, "one", args);
    const { id, state } = await provider.create(inputs);
    expect(id).toBe(inputs["uuid"]);
    expect(state).toMatchObject(inputs);
    expect(JSON.parse(String(state["__kvm"]))).toMatchObject({ stateVersion: 1, defaultsVersion: 1 });
    expect(await provider.diff(id, state, await check(type, "one", args, inputs))).toMatchObject({ changes: "none" });

    const seen = await provider.read(id, state);
    expect(seen.id).toBe(id);
    expect(seen.inputs).toEqual(inputs);
    expect(seen.state).toEqual(state);

    const news = await check(type, "one", { ...args, autostart: false }, inputs);
    const updated = await provider.update(id, state, news);
    expect(updated).toMatchObject({ ...news, autostart: false });

    await provider.delete(id, updated);
    expect((await provider.read(id, updated)).id).toBe("");
    await provider.delete(id, updated);
  });

  test("Volume and CloudInitDisk are named by pool and name, and their secrets stay wrapped", async () => {
    const pool = await create("StoragePool", "vms", cases()["StoragePool"] ?? {});
    const { uuid, name, type, path } = pool.state;
    const reference = { uuid, name, type, path, host };
    const volume = await create("Volume", "data", { pool: reference, size: "1 MiB" });
    expect(volume.id).toBe(`${String(uuid)}/${String(volume.state["name"])}`);

    const args = { pool: reference, userData: { password: "hush" } };
    const disk = await create("CloudInitDisk", "seed", args);
    expect(disk.id).toBe(`${String(uuid)}/${String(disk.state["name"])}`);
    expect(disk.state["userData"]).toEqual(secret({ password: "hush" }));
    const seen = await provider.read(disk.id, disk.state);
    expect(seen.state["userData"]).toEqual(secret({ password: "hush" }));
    expect(seen.inputs?.["userData"]).toEqual(secret({ password: "hush" }));
    const olds = { ...disk.state, userData: { password: "hush" } };
    const updated = await provider.update(disk.id, olds, { ...olds, reinit: true });
    expect(updated["userData"]).toEqual(secret({ password: "hush" }));

    await lab.host.virsh("pool-destroy", String(name));
    await expect(provider.read(volume.id, volume.state)).rejects.toThrow(/pool .* is not active/);
    await lab.host.virsh("pool-start", String(name));

    for (const item of [disk, volume, pool]) await provider.delete(item.id, item.state);
    expect((await provider.read(pool.id, pool.state)).id).toBe("");
    await expect(provider.read(volume.id, volume.state)).rejects.toThrow(/pool/);
  });
});

describe("a resource whose name in the program changed, without an alias", () => {
  test("goes on with its object, and the delete of the former name leaves it", async () => {
    const pool = await create("StoragePool", "kept", { host, path: join(lab.host.directory, "kept") });
    const { uuid, name, type, path } = pool.state;
    const reference = { uuid, name, type, path, host };
    const made: [string, string, Properties][] = [
      ["StoragePool", "kept", { host, path: pool.state["path"] }],
      ["Volume", "kept", { pool: reference, size: "1 MiB" }],
      ["CloudInitDisk", "kept", { pool: reference, userData: { hostname: "kept" } }],
      ["Network", "kept", { host, mode: "isolated", subnets: ["10.46.0.0/24"] }],
      ["VirtualMachine", "kept", guest({ state: "stopped" })],
    ];
    const next = new ProviderProcess();
    await next.start();
    try {
      for (const [kind, logical, args] of made.slice().reverse()) {
        const before = await create(kind, logical, args);
        const { inputs } = await next.check({ ...args, ...hidden(kind, logical) });
        const after = await next.create(inputs);
        expect([kind, after.id]).toEqual([kind, before.id]);
        await next.delete(before.id, before.state);
        expect([kind, (await next.read(after.id, after.state)).id]).toEqual([kind, after.id]);
        await provider.delete(after.id, after.state);
      }
    } finally {
      await next.stop();
    }
  }, 60_000);
});

test("a medium that the program went back to stays for the guest that has it", async () => {
  const pool = await create("StoragePool", "back", { host, path: join(lab.host.directory, "back") });
  const { uuid, name, type, path } = pool.state;
  const args = { pool: { uuid, name, type, path, host }, userData: { hostname: "back" } };
  const disk = await create("CloudInitDisk", "back", args);
  const volume = { name: disk.state["name"], path: disk.state["path"], format: "raw", pool: uuid, host };
  const vm = await create(
    "VirtualMachine",
    "back",
    guest({ state: "stopped", disks: { seed: { volume, device: "cdrom" } } }),
  );
  const later = new ProviderProcess();
  await later.start();
  try {
    await expect(later.delete(disk.id, disk.state)).rejects.toThrow(/in use/);
    await later.check({ ...args, ...hidden("CloudInitDisk", "back") });
    await later.delete(disk.id, disk.state);
    expect((await later.read(disk.id, disk.state)).id).toBe(disk.id);
  } finally {
    await later.stop();
  }
  for (const item of [vm, disk, pool]) await provider.delete(item.id, item.state);
  expect((await lab.host.exec(["ls", String(path)])).stdout.trim()).toBe("");
}, 60_000);

describe("failures", () => {
  test("a guest that cannot start is kept with id, reason and all of its state, and update finishes it", async () => {
    const args = guest({ ...boot("missing"), title: "hush" });
    const inputs = await check("VirtualMachine", "half", args, undefined, ["title"]);
    const error = await provider.create(inputs).catch((thrown: unknown) => thrown);
    if (!(error instanceof InitFailed)) throw error;
    expect(error.id).toBe(inputs["uuid"]);
    expect(error.reasons).toHaveLength(1);
    expect(error.reasons[0]).toMatch(/Unable to start VirtualMachine half-\w+ on .*missing/s);
    const { state: _, ...rest } = inputs;
    expect(error.properties).toMatchObject({ ...rest, state: "stopped", title: secret("hush"), uuid: error.id });
    expect(JSON.parse(String(error.properties["__kvm"]))).toMatchObject({ stateVersion: 1 });

    const news = await check("VirtualMachine", "half", guest({ title: "hush" }), error.properties, ["title"]);
    const updated = await provider.update(error.id, error.properties, news);
    expect(updated).toMatchObject({ state: "running", title: secret("hush") });
    expect(await lab.host.virsh("list", "--name")).toContain(String(inputs["name"]));
    await provider.delete(error.id, updated);
  }, 60_000);

  test("create again finds what it left half made, and makes one object", async () => {
    const inputs = await check("VirtualMachine", "again", guest(boot("missing")));
    await expect(provider.create(inputs)).rejects.toThrow(InitFailed);
    const { id, state } = await provider.create(await check("VirtualMachine", "again", guest({})));
    expect(id).toBe(inputs["uuid"]);
    expect((await lab.host.virsh("list", "--all", "--name")).match(/again-/g)).toHaveLength(1);
    await provider.delete(id, state);
  }, 60_000);

  test("a lost connection is an error of the read, never an object that is gone", async () => {
    const { id, state } = await create("Network", "kept", { host, mode: "isolated", subnets: ["10.45.0.0/24"] });
    const other = new ProviderProcess();
    await other.start();
    try {
      await lab.host.killLibvirtd();
      await expect(other.read(id, state)).rejects.toThrow(/./);
      await lab.host.startLibvirtd();
      expect((await other.read(id, state)).id).toBe(id);
      // The process that was connected before finds its way back.
      expect((await provider.read(id, state)).id).toBe(id);
    } finally {
      await other.stop();
    }
    await provider.delete(id, state);
  }, 90_000);

  test("another machine at the address is refused", async () => {
    const elsewhere = { ...host, uuid: "99999999-2222-4333-8444-555555555555" };
    const inputs = await check("Network", "stray", { host: elsewhere, subnets: ["10.46.0.0/24"] });
    await expect(provider.create(inputs)).rejects.toThrow(/another machine answers at this address/);
    expect(await lab.host.virsh("net-list", "--all", "--name")).not.toContain("stray");
  });
});

describe("the process", () => {
  test("progress shows in the row of the resource that it belongs to", async () => {
    // Without a system nobody hears that it is to shut down, which takes its time; a start may be over too soon.
    const { boot: _, ...silent } = guest({});
    const inputs = await check("VirtualMachine", "talkative", silent);
    const { id, state } = await provider.create(inputs);
    await provider.delete(id, state);
    const { urn } = JSON.parse(String(inputs["__meta"])) as { urn: string };
    const lines = provider.log.filter((line) => line.urn === urn);
    expect(lines).toContainEqual({ severity: 1, message: "shutting down", urn, ephemeral: true });
  }, 60_000);

  test("a preview lists all changes; of an update's, what is simply live shows in the row alone", async () => {
    const inputs = await check("VirtualMachine", "brief", guest({ state: "stopped" }));
    const { id, state } = await provider.create(inputs);
    const { urn } = JSON.parse(String(inputs["__meta"])) as { urn: string };
    const changed = guest({ state: "stopped", title: "another", firmware: "uefi" });
    const told = async (more: Properties) => {
      provider.log.splice(0);
      const news = await check("VirtualMachine", "brief", { ...changed, ...more }, inputs);
      await provider.diff(id, state, news);
      const lines = () => provider.log.filter((line) => line.urn === urn);
      await waitFor("the lines", 5, async () => lines().length === 2);
      return { news, lines: new Map(lines().map(({ message, ephemeral }) => [message, ephemeral])) };
    };
    const [preview, update] = [await told({ __preview: true }), await told({})];
    expect(preview.news).toEqual(update.news);
    const restart = ["firmware: restart; the guest is off", false] as const;
    expect(preview.lines).toEqual(new Map([restart, ["title: live", false]]));
    expect(update.lines).toEqual(new Map([restart, ["title: live", true]]));
    await provider.delete(id, state);
  }, 60_000);

  test("a key from the stack's configuration serves calls that overlap the first one", async () => {
    const home = mkdtempSync(join(tmpdir(), "kvm-home-"));
    mkdirSync(join(home, ".ssh"));
    const fresh = new ProviderProcess(undefined, { HOME: home, SSH_AUTH_SOCK: "" });
    const uri = `qemu+ssh://root@127.0.0.1:${lab.host.sshPort}/system?known_hosts=${lab.host.knownHosts}`;
    try {
      await fresh.start({ "kvm:sshPrivateKey": readFileSync(lab.host.identityFile, "utf8") });
      const names = ["a", "b", "c", "d"];
      const made = await Promise.all(names.map((name) => fresh.create({ uri, ...hidden("Host", name) })));
      expect(made.map(({ id }) => id)).toEqual(names.map(() => lab.host.uuid));
      expect(new Set(made.map(({ state }) => state["owner"])).size).toBe(names.length);
      for (const { state } of made) expect(JSON.stringify(state)).not.toContain("PRIVATE KEY");
    } finally {
      await fresh.stop();
      rmSync(home, { recursive: true });
    }
  }, 60_000);

  test("cancelled or asked to end in the middle of a wait, it does in time, and the guest stays", async () => {
    const network = await create("Network", "quiet", {
      host,
      mode: "isolated",
      subnets: ["10.47.0.0/24"],
      dhcp: false,
    });
    const { uuid, name } = network.state;
    const wait = { timeout: "5 min", required: true };
    const nics = { lan: { network: { uuid, name, host } } };
    const inputs = await check("VirtualMachine", "mute", guest({ nics, waitForAddress: wait }));
    const [first, second] = [new ProviderProcess(), new ProviderProcess()];
    try {
      await first.start();
      const creation = first.create(inputs).catch((error: unknown) => error);
      await waitFor("the guest to run", 30, async () =>
        (await lab.host.virsh("list", "--name")).includes(String(inputs["name"])),
      );
      await first.cancel();
      const failure = await creation;
      expect(failure).toBeInstanceOf(InitFailed);
      const { id, properties, reasons } = failure as InitFailed;
      expect(reasons[0]).toMatch(/address of VirtualMachine mute-.*the deployment was cancelled/);
      expect(properties).toMatchObject({ state: "running" });

      // The next run has the rest to do: it waits again.
      await second.start();
      const update = second.update(id, properties, inputs).catch((error: unknown) => error);
      await waitFor("the wait", 10, async () => second.log.some(({ message }) => /waiting for an/.test(message)));
      expect(await second.interrupt()).toBeLessThan(5000);
      expect(await update).toBeInstanceOf(Error);
    } finally {
      await Promise.all([first.stop(), second.stop()]);
    }
    const { id, state } = await create("VirtualMachine", "mute", guest({ nics }));
    expect(id).toBe(inputs["uuid"]);
    // Who went on with an object deletes it in a later deployment only.
    const last = new ProviderProcess();
    try {
      await last.start();
      await last.delete(id, state);
      await last.delete(network.id, network.state);
    } finally {
      await last.stop();
    }
  }, 90_000);
});
