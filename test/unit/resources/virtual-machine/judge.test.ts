import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filled } from "../../../../provider/core/filled";
import type { Values } from "../../../../provider/core/handler";
import { unknown } from "../../../../provider/core/unknown";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { residue } from "../../../../provider/resources/virtual-machine/pending";
import { compose } from "../../../../provider/resources/virtual-machine/render";
import { rows } from "../../../../provider/resources/virtual-machine/rows";
import { checked, meta } from "./checked";

/** What the whole of old and new inputs tells of changes. */
const base = {
  host: { uri: "qemu:///system" },
  memory: "1 GiB",
  disks: { root: { path: "/root.raw", format: "raw" } },
  nics: { lan: { network: { name: "lan" } } },
};

function lines(before: Values, change: Values, known: Values = {}): readonly string[] {
  const olds = { ...checked(filled(before, base)), ...known };
  const news = checked(filled(change, filled(before, base)), olds);
  return virtualMachine.diff("id", olds, news).lines;
}

/** Values that a new machine has anyway. */
const spelled: Values = {
  audio: "none",
  crypto: false,
  clock: {
    offset: "utc",
    timers: { hpet: { present: false }, rtc: { tickPolicy: "catchup" }, pit: { tickPolicy: "delay" } },
  },
  memoryBacking: { locked: false, mergePages: true, discard: false },
  features: { hyperv: { stimerDirect: false, tlbflushDirect: false, tlbflushExtended: false } },
};
const already = (property: string) => `${property}: live, the guest has it so already`;

const cases = readdirSync(join(__dirname, "../../../golden/virtual-machine")).flatMap((file) =>
  file.endsWith(".json") ? [file] : [],
);

test.each(cases)("nothing waits for what says of %s what it is anyway", (file) => {
  const args = JSON.parse(readFileSync(join(__dirname, "../../../golden/virtual-machine", file), "utf8")) as Values;
  const { inputs: olds } = virtualMachine.check(args, undefined, meta);
  for (const [name, value] of Object.entries(spelled)) {
    const { inputs: news, failures } = virtualMachine.check(filled(olds, { [name]: value }), olds, meta);
    if (failures.length > 0) continue;
    const { changes } = virtualMachine.diff("id", olds, news);
    expect([file, changes.filter(({ class: kind }) => kind !== "live")]).toEqual([file, []]);
  }
});

test("a default that a program comes to spell, or spells no more, is a change for the state alone", () => {
  const disk = { disks: { root: { readonly: false, shareable: false, transient: false } } };
  const names = ["readonly", "shareable", "transient"].map((name) => `disks.root.${name}`);
  expect(lines({}, disk)).toEqual(names.map(already));
  expect(lines(disk, { disks: { root: { readonly: undefined } } })).toEqual([]);
  const hpet = { clock: { timers: { hpet: { present: false } } } };
  const olds = checked({ ...base, ...hpet });
  expect(virtualMachine.diff("id", olds, checked(base, olds)).lines).toEqual([already("clock.timers.hpet.present")]);
  const more = { hugePages: "none", cpu: { migratable: true } };
  expect(lines({}, more)).toEqual([already("cpu.migratable"), already("hugePages")]);
  const refuse = { changePolicy: "refuse" };
  expect(lines(refuse, { ...hpet, title: "t" })).toEqual(["title: live", already("clock.timers.hpet.present")]);
});

test.each<[string, Values, Values, readonly string[]]>([
  ["a CD-ROM", { disks: { cd: { device: "cdrom" } } }, { disks: { cd: { readonly: true } } }, ["disks.cd.readonly"]],
  ["a screen", { graphics: { vnc: {} }, video: { model: "virtio" } }, { video: { heads: 1 } }, ["video.heads"]],
  ["USB", {}, { usbController: "qemu-xhci" }, ["usbController"]],
  ["the USB of old machines", { machine: "pc" }, { usbController: "piix3-uhci" }, ["usbController"]],
  ["sound beside spice", { graphics: { spice: {} } }, { audio: "spice" }, ["audio"]],
])("a value that libvirt fills in for %s is there before a program spells it", (_name, before, change, names) => {
  expect(lines(before, change)).toEqual(names.map(already));
});

test("another value than libvirt fills in waits", () => {
  for (const change of [{ usbController: "nec-xhci" }, { disks: { root: { readonly: true } } }])
    expect(lines({}, change)).toEqual([expect.stringMatching(/: restart, /)]);
  expect(lines({ graphics: { spice: {} } }, { audio: "none" })).toEqual([expect.stringMatching(/^audio: restart/)]);
});

test("what the document shows waits, whatever else only spells a default", () => {
  expect(lines({}, { crypto: false, biosSerial: true })).toEqual([
    "biosSerial: restart; policy stage",
    already("crypto"),
  ]);
  expect(lines({ crypto: true }, { crypto: false })).toEqual(["crypto: restart; policy stage"]);
  expect(lines({ clock: { timers: { hpet: { present: true } } } }, {})).toEqual([]);
  // libvirt chooses another image of the firmware by it.
  expect(lines({ firmware: "uefi" }, { enrolledKeys: false })).toEqual([
    expect.stringMatching(/^enrolledKeys: restart/),
  ]);
});

test("what already waits for the next start goes on waiting", () => {
  expect(lines({}, { crypto: false }, { pendingRestart: ["crypto"] })).toEqual(["crypto: restart; policy stage"]);
});

const noted = (room: Values) => ({ pendingRestart: Object.keys(room), __kvm: { memo: { room } } });

test("what is taken back before the next start was never in force", () => {
  const still = "the guest has it still, unless it was started anew since";
  const [staged, before] = [{ video: { model: "vga" } }, { video: { model: "virtio" } }];
  const known = noted({ "video.model": { old: "virtio" } });
  expect(lines(staged, before, known)).toEqual([`video.model: live, ${still}`]);
  expect(lines({ ...staged, changePolicy: "refuse" }, before, known)).toHaveLength(1);
  expect(lines({ ...staged, changePolicy: "restart" }, before, known)).toEqual([
    "video.model: restart, only if the guest was started anew since, it has it still otherwise; policy restart",
  ]);
  // What the program said before, and no document tells of any more.
  expect(lines({}, { biosSerial: true }, noted({ biosSerial: { old: true } }))).toEqual([`biosSerial: live, ${still}`]);
  expect(lines(staged, { video: { model: "bochs" } }, known)).toEqual([expect.stringMatching(/^video.model: restart/)]);
});

test.each<[string, Values, unknown]>([
  ["memoryBacking.mergePages", { memoryBacking: { mergePages: false } }, true],
  ["clock.offset", { clock: { offset: "localtime" } }, "utc"],
  ["clock.timers.hpet.present", { clock: { timers: { hpet: { present: true } } } }, false],
  ["disks.root.readonly", { disks: { root: { ...base.disks.root, readonly: true } } }, false],
  ["usbController", { usbController: "none" }, "qemu-xhci"],
])("%s is taken back by a program that leaves it out, as it did before", (property, staged, old) => {
  const olds = { ...checked({ ...base, ...staged }), ...noted({ [property]: { old } }) };
  const told = (args: Values) => virtualMachine.diff("id", olds, checked({ ...base, ...args }, olds)).lines;
  const line = `${property}: live, the guest has it still, unless it was started anew since`;
  expect(told({})).toEqual([line]);
  expect(told({ changePolicy: "refuse" })).toContain(line);
});

test("a drive without hot-plug that is back before the next start is there still", () => {
  const drive = { device: "cdrom", bus: "sata", volume: { name: "a.iso", path: "/a.iso", format: "iso" } };
  const inputs = checked({ ...base, disks: { ...base.disks, drive } });
  const staged = checked(base, inputs);
  const live = compose(inputs as never);
  const [found] = residue(rows, staged as never, live, compose(staged as never));
  const state = { ...staged, ...noted({ "disks.drive": { old: found?.old } }) };
  expect(virtualMachine.diff("id", state, inputs).lines).toEqual([
    "disks.drive: live, the guest has it still, unless it was started anew since",
  ]);
});

test("what libvirt is told of an interface waits with a move that the guest has refused", () => {
  const moved = noted({ "nics.lan.network": { old: { name: "tap" } } });
  const to = (name: string, more: Values = {}) => ({ nics: { lan: { network: { name }, ...more } } });
  expect(lines(to("nat"), to("nat", { link: false }), moved)).toEqual([
    "nics.lan.link: restart, waits with what it is plugged into; policy stage",
  ]);
  expect(lines(to("nat"), to("tap", { link: false }), moved)).toEqual([
    "nics.lan.network: live, unless a network of macvtap or hostdev is left or joined",
    "nics.lan.link: live",
  ]);
  expect(lines(to("nat"), to("nat", { link: false }), noted({ "nics.lan.mtu": { old: 1400 } }))).toEqual([
    "nics.lan.link: live",
  ]);
});

const dimm = { model: "dimm", size: "1 GiB" };
const elastic = (size: string, requested: string) => ({ memoryDevices: { elastic: { size, requested } } });
const noRoom = "restart, added; the guest was started without room for it; policy stage";

test.each<[string, Values, Values, Values, readonly string[]]>([
  [
    "a module",
    { memoryHotplug: { limit: "8 GiB" } },
    { "memoryHotplug.limit": {}, "memoryHotplug.slots": {} },
    { memoryDevices: { module: dimm } },
    [`memoryDevices.module: ${noRoom}`],
  ],
  [
    "a device that waits itself",
    { memoryHotplug: { limit: "8 GiB" }, ...elastic("2 GiB", "1 GiB") },
    { "memoryHotplug.limit": {}, "memoryHotplug.slots": {}, "memoryDevices.elastic": {} },
    elastic("2 GiB", "2 GiB"),
    [`memoryDevices.elastic.requested: ${noRoom}`],
  ],
  [
    "a grown device",
    { memoryHotplug: { limit: "8 GiB" }, ...elastic("2 GiB", "512 MiB") },
    { "memoryDevices.elastic.size": { old: "1 GiB" } },
    elastic("2 GiB", "2 GiB"),
    ["memoryDevices.elastic.requested: restart, above size; policy stage"],
  ],
  [
    "memory",
    { maxMemory: "4 GiB" },
    { maxMemory: { old: "2 GiB" } },
    { memory: "3 GiB" },
    ["memory: restart, above maxMemory; policy stage"],
  ],
  ["memory that fits", { maxMemory: "4 GiB" }, { maxMemory: { old: "2 GiB" } }, { memory: "2 GiB" }, ["memory: live"]],
  [
    "fewer vCPUs than wait",
    { vcpus: 4, maxVcpus: 4 },
    { vcpus: { old: 2 }, maxVcpus: { old: 2 } },
    { vcpus: 3 },
    ["vcpus: restart, above maxVcpus; policy stage"],
  ],
  [
    "another cell",
    { numaTune: { mode: "restrictive", nodes: "0" } },
    { "numaTune.mode": {}, "numaTune.nodes": {} },
    { numaTune: { nodes: "1" } },
    [expect.stringMatching(/^numaTune.nodes: restart, .* only in mode restrictive; policy stage/)],
  ],
  [
    "a second share",
    { filesystems: { first: { source: "/a" } } },
    { "filesystems.first": {}, "memoryBacking.access": {} },
    { filesystems: { second: { source: "/b" } } },
    ["filesystems.second: restart, added; the guest's memory is not shared yet; policy stage"],
  ],
])("%s is measured by what the running guest has, not by what waits for its next start", (_name, ...args) => {
  const [before, room, change, expected] = args;
  // The state goes through JSON.
  const state = { pendingRestart: Object.keys(room), __kvm: { stateVersion: 1, memo: { room } } };
  expect(lines(before, change, state)).toEqual(expected);
  const refused = () => lines({ ...before, changePolicy: "refuse" }, change, state);
  if (expected[0] !== "memory: live") expect(refused).toThrow(/would need a restart of the guest/);
  else expect(refused()).toEqual(expected);
});

test("a machine that others made may have what its inputs do not say", () => {
  expect(lines({}, { crypto: false }, { adopted: true })).toEqual(["crypto: restart; policy stage"]);
  expect(lines({ defaultsVersion: 0 }, { crypto: false })).toEqual(["crypto: restart; policy stage"]);
});

test("of what is not known yet, and what stands beside it, nobody can say whether it is there already", () => {
  const found = lines({}, { disks: { root: { path: unknown, readonly: false } } });
  expect(found).toContainEqual(expect.stringMatching(/^disks\.root\.readonly: restart/));
});

test("what is not known yet keeps no change elsewhere from being told", () => {
  const spelled = { crypto: false, memoryBacking: { locked: false } };
  const idle = ["memoryBacking.locked", "crypto"].map(already);
  expect(lines({}, { title: unknown, ...spelled })).toEqual([expect.stringMatching(/^title: live/), ...idle]);
  const disks = { seed: { device: "cdrom", path: unknown }, root: { readonly: false } };
  expect(lines({ changePolicy: "refuse" }, { disks, ...spelled })).toEqual(
    expect.arrayContaining([...idle, already("disks.root.readonly")]),
  );
});

test("pages that are still to be found for a guest may be others than it has", () => {
  expect(lines({}, { hugePages: "preferred" })).toEqual(["hugePages: restart; policy stage"]);
});

const withOrders = { disks: { root: { bootOrder: 1 }, seed: { path: "/seed.raw", bootOrder: 2 } } };
const settled = "restart, what the guest boots from was settled at its start";

test.each<[string, Values, Values, readonly string[]]>([
  ["where no device had one", {}, { nics: { pxe: { user: {}, bootOrder: 1 } } }, [`nics.pxe.bootOrder: ${settled}`]],
  ["in a free place", withOrders, { nics: { pxe: { user: {}, bootOrder: 3 } } }, []],
  [
    "in a place that another device gives up",
    withOrders,
    { disks: { root: { bootOrder: 3 } }, nics: { pxe: { user: {}, bootOrder: 1 } } },
    [`nics.pxe.bootOrder: ${settled}`],
  ],
])("a device that is plugged in with a boot order, %s", (_name, before, change, waiting) => {
  const found = lines(before, change).filter((line) => line.startsWith("nics.pxe."));
  expect(found).toEqual(waiting.map((line) => `${line}; policy stage`));
});

test("a boot order that waits itself is none that the running guest has", () => {
  const known = { pendingRestart: ["disks.root.bootOrder", "disks.seed.bootOrder"] };
  expect(lines(withOrders, { nics: { pxe: { user: {}, bootOrder: 3 } } }, known)).toEqual([
    "nics.pxe: live, added",
    `nics.pxe.bootOrder: ${settled}; policy stage`,
  ]);
});

test("a boot order that goes with its device is free for another one", () => {
  const olds = checked(filled(withOrders, base));
  const disks = { root: { ...base.disks.root, bootOrder: 1 }, next: { path: "/next.raw", bootOrder: 2 } };
  const { changes } = virtualMachine.diff("id", olds, checked({ ...base, disks }, olds));
  expect(changes.map(({ property }) => property)).toEqual(["disks.seed", "disks.next"]);
});

test("a disk that names its SCSI controller no more stays on it, unless that goes", () => {
  const on = (controller: string | undefined, names = ["a", "b"]) => ({
    ...base,
    scsiControllers: Object.fromEntries(names.map((name) => [name, {}])),
    disks: { data: { path: "/data", format: "raw", bus: "scsi", ...(controller && { controller }) } },
  });
  const olds = checked(on("b"));
  const said = (news: Values) => virtualMachine.diff("id", olds, checked(news, olds)).lines;
  expect(said(on(undefined))).toEqual([already("disks.data.controller")]);
  const waits = expect.stringMatching(/^disks\.data\.controller: restart/);
  expect(said(on("a"))).toEqual([waits]);
  expect(said(on(undefined, ["a"]))).toContainEqual(waits);
  expect(said(on(undefined, ["b"]))).toContainEqual(already("disks.data.controller"));
});

test("a SCSI controller that a disk hangs on until the next start waits with its IOThread, and is there when taken back", () => {
  const on = (controller: string, names: readonly string[], iothreads: number) => ({
    iothreads,
    scsiControllers: Object.fromEntries(names.map((name, index) => [name, { iothread: index + 1 }])),
    disks: { data: { path: "/data", format: "raw", bus: "scsi", controller } },
  });
  const [before, after] = [on("b", ["a", "b"], 2), on("a", ["a"], 1)];
  const told = (olds: Values, news: Values, known: Values = {}) => {
    const state = { ...checked({ ...base, ...olds }), ...known };
    const { changes } = virtualMachine.diff("id", state, checked({ ...base, ...news }, state));
    return Object.fromEntries(changes.map(({ property, class: kind }) => [property, kind]));
  };
  const waits = { iothreads: "restart", "scsiControllers.b": "restart", "disks.data.controller": "restart" };
  expect(told(before, after)).toEqual(waits);
  expect(told(before, { ...after, disks: {} })).toEqual({
    ...{ iothreads: "live", "scsiControllers.b": "live", "disks.data": "live" },
  });
  // As an update finds it in the documents, and notes it.
  const inputs = checked({ ...base, ...after }) as never;
  const found = residue(rows, inputs, compose(checked({ ...base, ...before }) as never), compose(inputs));
  expect(Object.fromEntries(found.map(({ property, class: kind }) => [property, kind]))).toEqual(waits);
  const room = Object.fromEntries(found.map(({ property, old, next }) => [property, { old, next }]));
  expect(told(after, before, noted(room))).toEqual({
    ...{ iothreads: "live", "scsiControllers.b": "live", "disks.data.controller": "live" },
  });
  // What came for a move that waits goes as the guest runs: the disk is not on it yet.
  const moved = noted({ "disks.data.controller": { old: "a", next: "b" } });
  const free = { iothreads: "live", "scsiControllers.b": "live", "disks.data.controller": "live" };
  expect(told(before, after, moved)).toEqual(free);
  const state = { ...checked({ ...base, ...before }), ...moved };
  const { lines: shown } = virtualMachine.diff("id", state, checked({ ...base, ...after }, state));
  expect(shown).toContainEqual("iothreads: live");
  expect(told(before, { ...after, changePolicy: "refuse" }, moved)).toMatchObject(free);
  expect(told(before, { ...after, changePolicy: "restart" }, moved)).toMatchObject(waits);
});

test("a SCSI controller under another name waits for the place of the former one, while a disk hangs on that", () => {
  const on = (names: readonly string[], disks: Readonly<Record<string, string>> = {}) => ({
    ...base,
    scsiControllers: Object.fromEntries(names.map((name) => [name, {}])),
    disks: Object.fromEntries(
      Object.entries(disks).map(([key, controller]) => [
        key,
        { path: `/${key}`, format: "raw", bus: "scsi", ...(controller && { controller }) },
      ]),
    ),
  });
  const told = (before: Values, after: Values) => {
    const olds = checked(before);
    const { lines: all } = virtualMachine.diff("id", olds, checked(after, olds));
    return all.filter((line) => line.startsWith("scsiControllers"));
  };
  const wait = [
    "scsiControllers.a: restart, removed; a disk that stays hangs on it until then; policy stage",
    "scsiControllers.b: restart, added in place of a, which a disk that stays hangs on until then; policy stage",
  ];
  const live = ["scsiControllers.a: live, removed", "scsiControllers.b: live, added"];
  expect(told(on(["a"], { data: "a" }), on(["b"], { data: "b" }))).toEqual(wait);
  expect(told(on(["a"], { data: "a" }), on(["b"]))).toEqual(live);
  expect(told(on(["a"], { data: "a" }), on(["b"], { other: "b" }))).toEqual(live);
  expect(told(on(["a"], { data: "a" }), on(["a", "b"], { data: "b" }))).toEqual([live[1]]);
  // It may be on the one that it had before there was this.
  expect(told(on(["a"], { data: "" }), on([], { data: "" }))).toEqual([
    "scsiControllers.a: live, removed, unless a disk that names none hangs on it",
  ]);
});
