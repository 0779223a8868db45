import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { PartialFailure, type Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { Machine } from "./machines";
import { pool as makePool, Stored } from "./volumes";

/** A guest that boots resets its controllers, which may close a tray unheard. */
const still = { state: "paused", waitForAddress: false };
let lab: Lab;
let pool: Values;
const contexts: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  lab = await startLab();
  pool = await makePool(lab.host, "vms");
}, 60_000);

afterAll(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  await lab.stop();
});

function medium(name: string): Stored {
  const made = Stored.medium(pool, name);
  contexts.push(made.context);
  return made;
}

/** What a guest reads on the medium. */
function file(stored: Stored, name: string): string {
  const words = ["-no_rc", "-indev", stored.path, "-osirrox", "on", "-report_about", "FATAL"];
  return execFileSync(
    "sh",
    [
      "-c",
      'out=$(mktemp -d) && xorriso "$@" -extract / "$out/x" 2>/dev/null >&2 && cat "$out"/x/$0 && rm -r "$out"',
      name,
      ...words,
    ],
    {
      encoding: "utf8",
    },
  );
}

test("made once, the same bytes for the same arguments, nobody else may read it", async () => {
  const seed = await medium("seed").create({ userData: { hostname: "db", users: [{ name: "a", sudo: "no" }] } });
  expect(seed.name).toMatch(/^seed-[0-9a-f]{7}-[0-9a-f]{12}\.iso$/);
  expect(statSync(seed.path).mode & 0o777).toBe(0o600);
  expect(file(seed, "user-data")).toContain("hostname: db");
  expect(file(seed, "meta-data")).toContain(`instance-id: ${seed.state["instanceId"]}`);
  expect(await seed.refresh()).toEqual([]);
  // The engine hands objects over with their keys in any order.
  const again = { userData: { users: [{ sudo: "no", name: "a" }], hostname: "db" } };
  expect(seed.diff(again).changes).toEqual([]);
  const bytes = readFileSync(seed.path);
  await seed.delete();
  expect(await seed.refresh()).toBe("gone");
  seed.id = "";
  await seed.create(again);
  expect(readFileSync(seed.path)).toEqual(bytes);

  // What is there and whole is taken as it is; what is not is made anew.
  const changed = statSync(seed.path).mtimeMs;
  await seed.create(again);
  expect(statSync(seed.path).mtimeMs).toBe(changed);
  await lab.host.exec(`truncate -s 1000 ${seed.path}`);
  await seed.create(again);
  expect(readFileSync(seed.path)).toEqual(bytes);
  await seed.delete();
});

test("another content is another medium; the old one goes when no guest names it", async () => {
  const old = await medium("swap").create({ userData: "#cloud-config\nhostname: a\n" });
  const reference = (seed: Stored) => ({ ...seed.reference, host: { uri: lab.host.socketUri } });
  const vm = new Machine(lab.host, "vm", still);
  contexts.push(vm.context);
  await vm.create({ disks: { seed: { device: "cdrom", volume: reference(old) } } });

  const news = { userData: "#cloud-config\nhostname: b\n" };
  expect(old.diff(news)).toMatchObject({ replaces: ["userData", "name"], deleteBeforeReplace: false });
  const next = medium("swap");
  const inputs = old.inputs(news);
  await next.create({ ...news, instanceId: inputs["instanceId"], name: inputs["name"] });
  expect(next.state["instanceId"]).toBe(old.state["instanceId"]);
  await expect(old.delete()).rejects.toThrow(
    /Unable to delete CloudInitDisk .* in use: running domain vm-\w+ has it as/,
  );
  await vm.up({ disks: { seed: { device: "cdrom", volume: reference(next) } } });
  await old.delete();
  expect([old, next].map(({ path }) => existsSync(path))).toEqual([false, true]);

  // A guest reads what is below that name: it is not written over, even where it is not what the name says.
  await lab.host.exec(`printf x | dd of=${next.path} conv=notrunc status=none`);
  await expect(next.create({ ...news, instanceId: inputs["instanceId"], name: inputs["name"] })).rejects.toThrow(
    /in use: running domain vm-\w+[\s\S]*holds something else than its name says/,
  );
  await vm.delete();
  await next.delete();
}, 60_000);

test("a medium that was ejected as the guest ran comes back, and another goes in through an open tray", async () => {
  const media = [];
  for (const name of ["before", "after"])
    media.push(await medium(name).create({ userData: `#cloud-config\n# ${name}\n` }));
  const args = media.map((made) => ({
    disks: { seed: { device: "cdrom", volume: { ...made.reference, host: { uri: lab.host.socketUri } } } },
  }));
  const vm = new Machine(lab.host, "ejected", still);
  contexts.push(vm.context);
  await vm.create(args[0]);
  const paths = async () => (await vm.xml()).match(/(?<=<source file=')[^']+/g);

  await lab.host.virsh("change-media", vm.name, "sda", "--eject", "--live");
  expect(await paths()).toBeNull();
  await vm.refresh();
  expect(vm.diff(args[0]).lines).toEqual(["disks.seed.volume: live, the running guest has it otherwise"]);
  await vm.up(args[0]);
  expect(await paths()).toEqual([media[0]?.path]);

  await vm.openTray("seed");
  expect(await vm.xml()).toContain("tray='open'");
  await vm.up(args[1]);
  expect(await paths()).toEqual([media[1]?.path]);
  expect(vm.context.lines.warn).toEqual([]);
  await vm.delete();
}, 60_000);

test("a connection that dies leaves an entry in state, and the next run finishes", async () => {
  const seed = medium("lost");
  const args = { userData: "#".repeat(8 * 1024 * 1024) };
  const failed = expect(seed.create(args)).rejects.toThrow(PartialFailure);
  while (seed.context.lines.progress.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await seed.context.close();
  await failed;
  const next = seed.nextRun();
  contexts.push(next.context);
  await next.up(args);
  expect(await next.refresh()).toEqual([]);
  expect(statSync(next.path).size).toBeGreaterThan(8 * 1024 * 1024);
  await next.delete();
});

test("a look-up says what to do instead, and a missing pool is an error", async () => {
  const seed = await medium("kept").create({ userData: "" });
  const looked = Object.assign(seed.nextRun(), { id: "lookup:x" });
  contexts.push(looked.context);
  await expect(looked.refresh()).rejects.toThrow(/look it up as a Volume/);
  await lab.host.virsh("pool-destroy", "vms");
  await expect(seed.refresh()).rejects.toThrow(/virsh pool-start vms on the host/);
  await expect(seed.delete()).rejects.toThrow(/virsh pool-start vms on the host/);
  await lab.host.virsh("pool-start", "vms");
  await seed.delete();
});
