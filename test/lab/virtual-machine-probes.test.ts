import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, image, Machine } from "./machines";
import { run, waitFor } from "./processes";

/** One guest with devices that only a driver in it can prove; its kernel has the drivers that the small one lacks. */
let lab: Lab;
let vm: Machine;
let args: Values;

const log = "/var/log/libvirt/qemu/probes.console";
const ignition = '{"ignition": {"version": "3.4.0"}, "text": "<&>"}';
const passphrase = "only libvirt's secret knows";
const mark = "words that the guest wrote";
const uuid = "6f1f0f5a-7b5c-5d0e-a1c3-d4b27c9e8f10";

const inGuest = (script: string) => vm.inGuest(script);
const at = (name: string) => join(lab.host.directory, name);
/** The disk of that serial number, as the guest calls it. */
const disk = (serial: string) => `/dev/$(grep -lx ${serial} /sys/block/vd?/serial | cut -d/ -f4)`;

beforeAll(async () => {
  lab = await startLab();
  const { boot } = await furnish(lab.host, "guest-full");
  for (const name of ["shared", "fixed", "fast"]) {
    mkdirSync(at(name));
    chmodSync(at(name), 0o777);
    writeFileSync(join(at(name), "from-host"), `${name} of the host\n`);
  }
  writeFileSync(at("fw.bin"), ignition);
  await makeContainer();
  const shared = { totalBytesSec: "2 MiB/s", group: "both" };
  args = {
    smbios: {
      mode: "sysinfo",
      system: { manufacturer: "Probe & Sons", serial: "SN-0042", family: "lab" },
      oemStrings: ["first of two", "io.example:<second>"],
    },
    fwCfg: {
      "opt/com.example/config": { value: "key = [1; 2] \\ $HOME" },
      "opt/com.example/file": { file: at("fw.bin") },
    },
    filesystems: {
      nine: { source: at("shared"), driver: "9p", accessMode: "mapped" },
      ro: { source: at("fixed"), driver: "9p", readonly: true },
      fast: { source: at("fast") },
    },
    disks: {
      luks: { path: at("luks.img"), format: "raw", encryption: { secret: { uuid } }, serial: "LUKS" },
      plain: { volume: await image(lab.host, "plain.raw", "raw"), serial: "PLAIN" },
      a: { volume: await image(lab.host, "a.raw", "raw"), iotune: shared, serial: "A" },
      b: { volume: await image(lab.host, "b.raw", "raw"), iotune: shared, serial: "B" },
    },
    watchdog: { action: "pause" },
  };
  vm = new Machine(lab.host, "probes", { memory: "192 MiB", boot, serialLog: log, waitForAddress: false });
  await vm.create(args);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
}, 120_000);

afterAll(async () => {
  await vm?.context.close();
  await lab?.stop();
});

/** A LUKS container, and the secret that opens it. */
async function makeContainer(): Promise<void> {
  writeFileSync(at("passphrase"), passphrase);
  const create = [
    ...["qemu-img", "create", "-q", "-f", "luks", "--object", `secret,id=s,file=${at("passphrase")}`],
    ...["-o", "key-secret=s,iter-time=10", at("luks.img"), "4M"],
  ];
  // It times its hash by CPU time, and gives up where the kernel's coarse clock saw none pass.
  await waitFor("qemu-img to make a LUKS container", 30, async () => (await run(create, false)).code === 0);
  writeFileSync(
    at("secret.xml"),
    `<secret private='yes'><uuid>${uuid}</uuid><usage type='volume'><volume>${at("luks.img")}</volume></usage></secret>`,
  );
  await lab.host.virsh("secret-define", at("secret.xml"));
  await lab.host.virsh("secret-set-value", uuid, "--file", at("passphrase"), "--plain");
}

test("the guest reads what fw_cfg and the firmware's tables hold", async () => {
  const value = (name: string) => inGuest(`cat /sys/firmware/qemu_fw_cfg/by_name/opt/com.example/${name}/raw`);
  expect(await value("config")).toBe("key = [1; 2] \\ $HOME");
  expect(await value("file")).toBe(ignition);
  expect(await inGuest("cd /sys/class/dmi/id; cat sys_vendor product_serial product_family")).toBe(
    "Probe & Sons\nSN-0042\nlab",
  );
  expect(await inGuest("strings -n 8 /sys/firmware/dmi/entries/11-0/raw")).toBe("first of two\nio.example:<second>");
});

test.each([
  ["9p", "nine", "shared", "-t 9p -o trans=virtio,version=9p2000.L"],
  ["virtiofs", "fast", "fast", "-t virtiofs"],
])("a folder is shared by %s, both ways", async (_driver, tag, folder, how) => {
  expect(await inGuest(`mkdir /mnt/${tag} && mount ${how} ${tag} /mnt/${tag} && cat /mnt/${tag}/from-host`)).toBe(
    `${folder} of the host`,
  );
  expect(await inGuest(`echo ${mark} >/mnt/${tag}/from-guest && sync && ls /mnt/${tag}`)).toBe("from-guest\nfrom-host");
  expect(readFileSync(join(at(folder), "from-guest"), "utf8")).toBe(`${mark}\n`);
});

test("a share that is read-only is not written to", async () => {
  const mounted =
    "mkdir /mnt/ro && mount -t 9p -o rw,trans=virtio,version=9p2000.L ro /mnt/ro && cat /mnt/ro/from-host";
  expect(await inGuest(mounted)).toBe("fixed of the host");
  expect(await inGuest("cd /mnt/ro; echo no >new; echo no >>from-host; rm from-host")).toMatch(
    /^(.*Read-only file system\n?){3}$/,
  );
  expect(readdirSync(at("fixed"))).toEqual(["from-host"]);
  expect(readFileSync(join(at("fixed"), "from-host"), "utf8")).toBe("fixed of the host\n");
});

test("what the guest writes to a LUKS disk lies on the host in cipher alone", async () => {
  const write = (serial: string) => inGuest(`echo ${mark} | dd of=${disk(serial)} conv=fsync 2>/dev/null`);
  await write("PLAIN");
  await write("LUKS");
  expect(readFileSync(at("plain.raw")).includes(mark)).toBe(true);
  const container = readFileSync(at("luks.img"));
  expect(container.subarray(0, 6).toString("latin1")).toBe("LUKS\xba\xbe");
  expect(container.includes(mark)).toBe(false);
  expect(await inGuest(`blockdev --getsize64 ${disk("LUKS")}`)).toBe(String(4 * 1024 * 1024));
  await run([
    ...["qemu-img", "convert", "-U", "-O", "raw", "--object", `secret,id=s,file=${at("passphrase")}`, "--image-opts"],
    ...[`driver=luks,key-secret=s,file.filename=${at("luks.img")}`, at("opened.raw")],
  ]);
  expect(readFileSync(at("opened.raw"), "utf8").startsWith(mark)).toBe(true);
});

test("two disks of a throttle group share its rate", async () => {
  const reads = async (...serials: string[]) => {
    const all = serials.map((serial) => `dd if=${disk(serial)} of=/dev/null bs=256k count=16 2>/dev/null & `).join("");
    const script = `echo 3 >/proc/sys/vm/drop_caches; cat /proc/uptime; ${all} wait; cat /proc/uptime`;
    const [from = 0, to = 0] = (await inGuest(script)).split("\n").map((line) => Number(line.split(" ")[0]));
    return to - from;
  };
  expect(await reads("PLAIN", "LUKS")).toBeLessThan(1.5);
  const alone = await reads("A");
  expect(alone).toBeGreaterThan(1.5);
  expect(await reads("A", "B")).toBeGreaterThan(1.6 * alone);
});

test("a watchdog that is fed lets the guest run, one that is not pauses it, and restarts it when told so", async () => {
  const boots = async () => (await lab.host.exec(["cat", log])).stdout.match(/GUEST-BOOT (\S+)/g) ?? [];
  const starve = () =>
    inGuest(
      "killall -q -9 watchdog; while pidof watchdog; do sleep 0.1; done >/dev/null; watchdog -T 2 -t 600 /dev/watchdog",
    );
  expect(await inGuest("cat /sys/class/watchdog/watchdog0/identity")).toBe("i6300ESB timer");
  await inGuest("watchdog -T 4 -t 1 /dev/watchdog");
  expect(await inGuest("sleep 9; cat /sys/class/watchdog/watchdog0/timeout")).toBe("4");
  expect(await vm.power()).toBe("running");
  await starve();
  await waitFor("the watchdog to pause the guest", 40, async () => (await vm.power()) === "paused");
  expect(await lab.host.virsh("domstate", "--reason", vm.name)).toMatch(/^paused \(watchdog\)/);
  await vm.refresh();
  expect(vm.context.lines.warn.join()).toContain("the guest was paused by its watchdog");

  args = { ...args, watchdog: { action: "reset" }, changePolicy: "restart" };
  await vm.up(args);
  await waitFor("the guest to be ready again", 60, async () => (await boots()).length === 2);
  await consoleLine(log, /GUEST-BOOT[\s\S]*GUEST-BOOT[\s\S]*(GUEST-READY)/, lab.host);
  expect(await inGuest(`dd if=${disk("LUKS")} bs=${mark.length} count=1 2>/dev/null`)).toBe(mark);
  await starve();
  await waitFor("the watchdog to reset the guest", 60, async () => (await boots()).length === 3);
  expect(new Set(await boots()).size).toBe(3);
  expect(await vm.power()).toBe("running");
  await vm.delete();
}, 120_000);
