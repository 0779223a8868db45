import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { readRows } from "../../provider/resources/document";
import { render } from "../../provider/resources/virtual-machine/render";
import { type Inputs, rows } from "../../provider/resources/virtual-machine/rows";
import { parse } from "../../provider/schema/tree";
import { handlerContext } from "./handler-context";
import type { LabHost } from "./host";
import { type Lab, startLab } from "./lab";
import { clearAway, image, Machine } from "./machines";

/** Every golden case of a device, through a real daemon: accepted, and read back as the program wrote it. */
const folder = join(__dirname, "../golden/virtual-machine");
const all = readdirSync(folder).flatMap((file) => /^(.+)\.json$/.exec(file)?.[1] ?? []);
const ours = /^(?:disk|nic|passt|scsi|filesystems|iothread|throttle|qcow2|discard|cpu|hyper|kvm|clock|memory|numa|usb)/;
const cases = all.filter((name) => ours.test(name));
const daemons = ["9.0", "11.3"] as const;
/** What the lab's hosts lack, in the words of their libvirt. */
const noFirmware = /^Unable to find 'efi' firmware that is compatible/;
const noEnclaves = /^sgx epc isn't supported by this QEMU binary/;
const lacking: Readonly<Record<(typeof daemons)[number], Readonly<Record<string, RegExp>>>> = {
  "9.0": {
    "kvm-resource-control": /^cachetune is only supported for KVM domains/,
    "launch-sev": /^SEV launch security is not supported with this QEMU binary/,
    "sgx-epc": noEnclaves,
  },
  // It looks for the firmware when it defines, where 9.0 does so at the start.
  "11.3": {
    "kvm-resource-control": /^cachetune is only supported for KVM domains/,
    "launch-sev": noFirmware,
    "launch-sev-snp-libvirt-10.5": noFirmware,
    "profile-confidential-libvirt-10.5": noFirmware,
    "sgx-epc": noEnclaves,
    "firmware-stateless": noFirmware,
    "graphics-spice": /does not support video model 'qxl'/,
  },
};
/** A daemon drops in silence what is newer: the name of a case says which libvirt it needs. */
const pairs = daemons.flatMap((libvirt, index) =>
  cases
    .filter((name) => isNotAbove(neededBy(name), libvirt) && !(name.startsWith("kvm-") && lacking[libvirt][name]))
    .map((name) => ({ name, libvirt, index })),
);
const maps = [
  "disks",
  "nics",
  "filesystems",
  "scsiControllers",
  "blkio",
  "throttleGroups",
  "iothreads",
  "cpu",
  "cpuTune",
  "features",
  "clock",
  "memory",
  "maxMemory",
  "memoryHotplug",
  "memoryDevices",
  "hugePages",
  "memoryBacking",
  "memoryLimits",
  "balloon",
  "numa",
  "numaTune",
  "usbController",
] as const;

/** VIR_DOMAIN_DEFINE_VALIDATE; VIR_DOMAIN_UNDEFINE_NVRAM */
const [validating, withNvram] = [1, 4];

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ hosts: 2, root: ["machine", "trixie"] });
}, 60_000);

afterAll(() => lab.stop());

/**
 * What a program wrote and the document shows in other words: a volume by its path, a raw image that is said to be one,
 * the controller by its number, the identity that libvirt makes up for a port of Open vSwitch.
 */
const otherwise = ["volume", "format", "controller", "parameters"];

function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null, (key, item) => (otherwise.includes(key) ? undefined : item)));
}

/** The libvirt that a case needs. */
function neededBy(name: string): string {
  return /-libvirt-([\d.]+)$/.exec(name)?.[1] ?? "0";
}

function isNotAbove(version: string, most: string): boolean {
  return version.localeCompare(most, "en", { numeric: true }) <= 0;
}

function expectAll(document: string, wanted: Inputs): void {
  const seen = readRows(rows, wanted as unknown as Values, parse(document));
  for (const map of maps) expect([map, comparable(seen[map])]).toEqual([map, comparable(wanted[map])]);
}

/** What ours refuse before libvirt hears of it, for the host lacks it: libvirt gets the document without us. */
async function expectDefinition(host: LabHost, inputs: Inputs): Promise<void> {
  const file = join(host.directory, `${inputs.name}.xml`);
  writeFileSync(file, render(inputs));
  await host.virsh("define", "--validate", file);
  try {
    expectAll(await host.virsh("dumpxml", inputs.name, "--inactive", "--security-info"), inputs);
  } finally {
    await host.virsh("undefine", inputs.name);
  }
}

/** What 9.0 defines and cannot start, which ours say at once. */
const startsLater: readonly string[] = ["memory-pmem-libvirt-9.1"];

const tooNew = /failed to validate against schema|Invalid value for attribute/;

test.each(daemons)(
  "libvirt %s takes every document of its time by DEFINE_VALIDATE, and none of a later one",
  async (libvirt) => {
    const host = lab.hosts[daemons.indexOf(libvirt)];
    if (!host) throw new Error("the lab has a host for each daemon");
    const context = handlerContext();
    const connection = await context.libvirt(host.socketUri);
    const surprises: string[] = [];
    for (const name of all) {
      const isLater = !isNotAbove(neededBy(name), libvirt) && !startsLater.includes(name);
      const expected = isLater ? tooNew : lacking[libvirt][name];
      // The lab has no KVM, and libvirt defines nothing for it then.
      const xml = readFileSync(join(folder, `${name}.xml`), "utf8").replace(
        "<domain type='kvm'",
        "<domain type='qemu'",
      );
      const answer = await connection
        .call("DOMAIN_DEFINE_XML_FLAGS", { xml, flags: validating })
        .then(({ dom }) => connection.call("DOMAIN_UNDEFINE_FLAGS", { dom, flags: withNvram }))
        .then(() => "taken")
        .catch((error: Error) => error.message.replace(/^(unsupported configuration|operation failed): /, ""));
      if (!(expected ?? /^taken$/).test(answer)) surprises.push(`${name}: ${answer}`);
    }
    await context.close();
    expect(surprises).toEqual([]);
  },
  60_000,
);

test.each(pairs)("libvirt $libvirt: $name", async ({ name, index }) => {
  const host = lab.hosts[index];
  if (!host) throw new Error("the lab has a host for each daemon");
  const text = readFileSync(join(folder, `${name}.json`), "utf8");
  const here = { virtType: "qemu", state: "stopped", autostart: false };
  const written = JSON.parse(text.replaceAll("qemu+ssh://root@rack1.example/system", host.socketUri)) as Values;
  const vm = new Machine(host, name.replaceAll(".", "-"));
  const args = { ...written, ...here, host: vm.reference };
  try {
    if (name.startsWith("kvm-")) {
      // The lab has no KVM: ours would refuse with emulation what is KVM's alone, and its libvirt keeps it.
      await expectDefinition(host, {
        ...vm.inputs({ ...args, virtType: "kvm" }),
        virtType: "qemu",
      } as unknown as Inputs);
      return;
    }
    if (text.includes('"hostdev"')) {
      await expect(vm.create(args)).rejects.toThrow(/give nics\.\w+\.hostdev\.address .*has no PCI device/);
      await expectDefinition(host, vm.inputs(args) as unknown as Inputs);
      return;
    }
    await vm.create(args);
    expectAll(await vm.xml("--inactive", "--security-info"), vm.state as unknown as Inputs);
    expect(await vm.refresh()).toEqual([]);
    await vm.up(args);
    expect(await vm.refresh()).toEqual([]);
  } finally {
    await clearAway([vm]);
  }
});

/** What libvirt 9.0 leaves out of a document in silence. */
const dropped: Readonly<Record<string, string>> = {
  "crypto-libvirt-9.1": "crypto",
  "discard-granularity-libvirt-11.3": "disks.a.discardGranularity",
  "iothread-mapping-libvirt-10.0": "disks.a.iothreadMapping, disks.b.iothreadMapping",
  "iothread-polling-libvirt-9.4": "iothreadPolling",
  "memory-dynamic-slots-libvirt-10.1": "memoryDevices.elastic.dynamicSlots",
  "qcow2-unref-libvirt-9.5": "disks.root.discardNoUnref",
  "scsi-iothread-mapping-libvirt-11.2": "scsiControllers.fast.iothreadMapping, scsiControllers.even.iothreadMapping",
  "throttle-groups-libvirt-11.2":
    "throttleGroups.disk, throttleGroups.pair, disks.a.throttleFilters, disks.b.throttleFilters",
};

test.each(Object.entries(dropped))("libvirt 9.0 drops what is new in %s: it is not made", async (name, properties) => {
  const host = lab.host;
  const text = readFileSync(join(folder, `${name}.json`), "utf8");
  const args = JSON.parse(text.replaceAll("qemu+ssh://root@rack1.example/system", host.socketUri)) as Values;
  const vm = new Machine(host, "dropped");
  try {
    const made = vm.create({ ...args, virtType: "qemu", host: vm.reference });
    await expect(made).rejects.toThrow(
      new RegExp(`accepted the definition and left out ${properties}\n[\\s\\S]*or upgrade libvirt`),
    );
    expect(vm.id).toBe("");
    expect((await host.virsh("list", "--all", "--name")).trim()).toBe("");
  } finally {
    await vm.context.close();
  }
});

test("limits that disks share, the polling of IOThreads, and trust in MAC filters change in a running guest of libvirt 11.3", async () => {
  const host = lab.hosts[1];
  if (!host) throw new Error("the lab has a second host");
  const vm = new Machine(host, "groups");
  const disk = { volume: await image(host, "grouped.raw", "raw"), iothreadMapping: [{ iothread: 1 }, { iothread: 2 }] };
  await host.exec("ip link set eth1 up");
  const args = (throttleGroups: Values, throttleFilters: string[], pollMax: number) => ({
    iothreads: 2,
    nics: { tap: { direct: { dev: "eth1" }, trustGuestRxFilters: pollMax > 1000 } },
    iothreadPolling: { "1": { max: pollMax, grow: 3 } },
    disks: { a: { ...disk, throttleFilters } },
    throttleGroups,
    waitForAddress: false,
  });
  try {
    await vm.create(args({ gold: { totalIopsSec: 100 }, spare: { readIopsSec: 5 } }, ["gold"], 1000));
    await vm.up(args({ gold: { totalBytesSec: "1 MiB/s" }, fresh: { writeIopsSec: 7 } }, ["gold"], 2000));
    expect(vm.state["pendingRestart"]).toEqual([]);
    const live = await vm.xml();
    expect(live).toMatch(/<total_bytes_sec>1048576</);
    expect(live).toMatch(/<group_name>fresh</);
    expect(live).toMatch(/<poll max='2000' grow='3'/);
    expect(live).toContain("trustGuestRxFilters='yes'");
    expect(await host.virsh("domstats", "--iothread", vm.name)).toContain("iothread.1.poll-max-ns=2000");
    expect(live).not.toMatch(/total_iops_sec>100<|<group_name>spare</);
    expect(await vm.refresh()).toEqual([]);

    // One that stands still does not let go of the disk, and with it of the group.
    await vm.up({ ...args({ gold: { totalBytesSec: "1 MiB/s" }, fresh: {} }, ["gold"], 2000), state: "paused" });
    const without = { ...args({}, [], 2000), disks: {}, state: "paused" };
    await vm.up(without);
    expect(vm.state["pendingRestart"]).toEqual(["disks.a", "throttleGroups.gold"]);
    expect(await vm.xml()).not.toMatch(/<group_name>fresh</);
    await vm.up({ ...without, changePolicy: "restart" });
    expect(vm.state["pendingRestart"]).toEqual([]);
    expect(await vm.xml()).not.toMatch(/throttle/);
  } finally {
    await clearAway([vm]);
  }
}, 60_000);
