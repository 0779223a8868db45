import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { type Lab, startLab } from "./lab";
import { consoleLine, furnish, image, Machine } from "./machines";
import { run } from "./processes";

/** One guest whose disks and interfaces are changed as it runs; what it sees is asked through its agent. */
let lab: Lab;
let vm: Machine;
let lan: Values;
let data: Values;
let bootId: string;

const name = "devices";
const log = join("/var/log/libvirt/qemu", `${name}.console`);
/** The guest has two vCPUs: what follows from that is asked for nowhere. */
let args: Arguments;

interface Arguments extends Values {
  readonly disks: Record<string, Values>;
  readonly nics: Record<string, Values>;
}

beforeAll(async () => {
  lab = await startLab();
  const { boot, network } = await furnish(lab.host);
  lan = { network };
  data = await image(lab.host, "data.raw", "raw");
  await run(["qemu-img", "resize", "-q", "-f", "raw", String(data["path"]), "64M"]);
  vm = new Machine(lab.host, name, {
    memory: "160 MiB",
    vcpus: 2,
    boot,
    serialLog: log,
    stopTimeout: "20 s",
  });
  args = { disks: { data: { volume: data, detectZeroes: "unmap" } }, nics: { lan } };
  await vm.create(args);
  await consoleLine(log, /(GUEST-READY)/, lab.host);
  bootId = await inGuest("cat /proc/sys/kernel/random/boot_id");
}, 120_000);

afterAll(async () => {
  await vm?.context.close();
  await lab?.stop();
});

afterEach(async () => {
  expect(vm.state["pendingRestart"]).toEqual([]);
  expect(vm.diff(args).changes).toEqual([]);
  expect(await vm.refresh()).toEqual([]);
  expect(await inGuest("cat /proc/sys/kernel/random/boot_id")).toBe(bootId);
});

const inGuest = (script: string) => vm.inGuest(script);

async function up(change: Partial<Arguments>): Promise<void> {
  const wanted = { ...args, ...change };
  expect(vm.diff(wanted).changes.map(({ class: kind }) => kind)).not.toContain("restart");
  await vm.up(wanted);
  args = wanted;
}

/** Kibibytes that the image takes on the host. */
const allocated = () => statSync(String(data["path"])).blocks / 2;

/** Seconds that the guest takes to read that many MiB past its cache. */
async function secondsToRead(mebibytes: number): Promise<number> {
  const read = `dd if=/dev/vda of=/dev/null bs=1M count=${mebibytes} 2>/dev/null`;
  const [from = 0, to = 0] = (
    await inGuest(`echo 3 >/proc/sys/vm/drop_caches; cat /proc/uptime; ${read}; cat /proc/uptime`)
  )
    .split("\n")
    .map((line) => Number(line.split(" ")[0]));
  return to - from;
}

test("a guest of two vCPUs has two queues to its interface and its disk", async () => {
  expect(vm.state).toMatchObject({ nics: { lan: { queues: 2 } } });
  expect(await inGuest("ls -d /sys/class/net/eth0/queues/rx-* | wc -l")).toBe("2");
  expect(await inGuest("ls /sys/block/vda/mq | wc -l")).toBe("2");
});

test("what the guest discards leaves the image", async () => {
  await inGuest("dd if=/dev/urandom of=/dev/vda bs=1M count=24 conv=fsync");
  expect(allocated()).toBeGreaterThanOrEqual(24 * 1024);
  // The guest's init tries once a second to mount each disk as a seed, and has it to itself meanwhile.
  await inGuest("until blkdiscard /dev/vda; do usleep 100000; done; sync");
  expect(allocated()).toBeLessThan(1024);
}, 60_000);

test("a disk is throttled and let go as the guest runs", async () => {
  const limited = (iotune: Values) => ({ disks: { data: { ...args.disks["data"], iotune } } });
  const free = await secondsToRead(8);
  await up(limited({ totalBytesSec: "2 MiB/s", totalIopsSec: 5000, totalIopsSecMax: 6000 }));
  expect(await secondsToRead(8)).toBeGreaterThan(Math.max(3, 2 * free));
  await up(limited({ readIopsSec: 10000 }));
  expect(await lab.host.virsh("blkdeviotune", vm.name, "vda")).toMatch(
    /total_bytes_sec: 0[\s\S]*total_iops_sec : 0[\s\S]*read_iops_sec {2}: 10000/,
  );
  await up({ disks: { data: { volume: data, detectZeroes: "unmap" } } });
  expect(await secondsToRead(8)).toBeLessThan(3);
  expect(await lab.host.virsh("dumpxml", vm.name)).not.toContain("<iotune>");
}, 60_000);

test("the cable is pulled and limited as the guest runs", async () => {
  const carrier = () => inGuest("cat /sys/class/net/eth0/carrier");
  await up({ nics: { lan: { ...lan, link: false } } });
  expect(await carrier()).toBe("0");
  await up({ nics: { lan: { ...lan, link: true, bandwidth: { outbound: { average: "1 MiB/s" } } } } });
  expect(await carrier()).toBe("1");
  const tap = /target dev='(vnet\d+)'/.exec(await vm.xml())?.[1] ?? "";
  expect(await lab.host.virsh("domiftune", vm.name, tap)).toMatch(/outbound\.average: 1024\b/);
  await up({ nics: { lan } });
  expect(await lab.host.virsh("domiftune", vm.name, tap)).toMatch(/outbound\.average: 0\b/);
}, 60_000);

test("disks, a SCSI controller and an interface come and go", async () => {
  const extra = await image(lab.host, "extra.raw", "raw");
  const scsi = await image(lab.host, "scsi.raw", "raw");
  const before = { iothreads: 0, disks: args.disks, nics: args.nics };
  await up({
    iothreads: 1,
    disks: {
      ...before.disks,
      extra: { volume: extra, queues: 1, serial: "EXTRA", iothread: 1 },
      scsi: { volume: scsi, bus: "scsi", vendor: "ACME", product: "TEST", rotationRate: 1 },
    },
    nics: { ...before.nics, more: { ...lan, queues: 1, rxQueueSize: 512, mtu: 1400 } },
  });
  expect(await inGuest("cat /sys/block/vdb/serial; echo; ls /sys/block/vdb/mq | wc -l")).toBe("EXTRA\n1");
  expect(await lab.host.virsh("iothreadinfo", vm.name)).toMatch(/^ 1 /m);
  await inGuest("for i in $(seq 50); do [ -e /sys/block/sda ] && break; sleep 0.1; done");
  expect(await inGuest("cat /sys/block/sda/device/vendor /sys/block/sda/queue/rotational")).toMatch(/^ACME\s+0$/);
  expect(await inGuest("cat /sys/class/net/eth1/mtu")).toBe("1400");
  await up(before);
  expect(await inGuest("ls -d /sys/block/vdb /sys/block/sda /sys/class/net/eth1 2>/dev/null | wc -l")).toBe("0");
}, 90_000);

test("a filter with the guest's address as parameter blocks every other one", async () => {
  const answers = async (address: string) =>
    (await inGuest(
      `ip link set eth0 up; ip addr flush dev eth0; ip addr add ${address}/24 dev eth0; for i in 1 2 3 4 5 6; do ping -c 1 -W 1 10.31.0.1 >/dev/null 2>&1 && echo yes && exit; done; echo no`,
    )) === "yes";
  await up({ nics: { lan: { ...lan, filter: { name: "clean-traffic", parameters: { IP: "10.31.0.150" } } } } });
  expect(await answers("10.31.0.150")).toBe(true);
  expect(await answers("10.31.0.151")).toBe(false);
  await up({ nics: { lan } });
  expect(await answers("10.31.0.151")).toBe(true);
}, 60_000);

test("a filter blocks the packets of a guest that forges its address, and goes as it runs", async () => {
  const filter = join(lab.host.directory, "filter.xml");
  writeFileSync(
    filter,
    `<filter name='own-mac' chain='mac'><rule action='drop' direction='out'><mac match='no' srcmacaddr='$MAC'/></rule></filter>`,
  );
  await lab.host.virsh("nwfilter-define", filter);
  const mac = await inGuest("cat /sys/class/net/eth0/address");
  const answers = async (address: string) =>
    (await inGuest(
      `ip link set eth0 down; ip link set eth0 address ${address}; ip link set eth0 up; ip addr add 10.31.0.200/24 dev eth0 2>/dev/null; for i in 1 2 3; do ping -c 1 -W 1 10.31.0.1 >/dev/null && echo yes && exit; done; echo no`,
    )) === "yes";
  expect(await answers("52:54:00:66:66:66")).toBe(true);
  await up({ nics: { lan: { ...lan, filter: { name: "own-mac", parameters: { CTRL_IP_LEARNING: "none" } } } } });
  expect(await answers("52:54:00:66:66:67")).toBe(false);
  expect(await answers(mac)).toBe(true);
  await up({ nics: { lan } });
  expect(await answers("52:54:00:66:66:68")).toBe(true);
  await inGuest(`ip link set eth0 down; ip link set eth0 address ${mac}; ip link set eth0 up`);
}, 90_000);

test("what libvirt refuses to do leaves the guest and its configuration as they were", async () => {
  const before = await vm.xml("--inactive");
  const absent = { ...args, nics: { lan: { bridge: "absent0", queues: 2 } } };
  await expect(vm.up(absent)).rejects.toThrow(
    /bridge absent0 doesn't exist[\s\S]*former definition is in force again and the guest keeps running/,
  );
  expect(await vm.xml("--inactive")).toBe(before);
  const tagged = { ...args, nics: { lan: { ...lan, vlan: { tags: [{ id: 5 }] } } } };
  await expect(vm.up(tagged)).rejects.toThrow(/vlan.*not supported[\s\S]*former definition is in force again/i);
  expect(await vm.xml("--inactive")).toBe(before);
});

test("an interface is plugged into another bridge as the guest runs", async () => {
  const cable = async () => (await lab.host.virsh("domiflist", vm.name)).trim().split(/\s+/).slice(1, 3);
  const before = await cable();
  const hardware = await inGuest("cat /sys/class/net/eth0/address");
  await up({ nics: { lan: { bridge: "br0", queues: 2 } } });
  expect(await cable()).toEqual(["bridge", "br0"]);
  expect(await inGuest("cat /sys/class/net/eth0/address")).toBe(hardware);
  await up({ nics: { lan } });
  expect(await cable()).toEqual(before);
}, 60_000);
