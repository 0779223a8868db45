import type { Meta, Values } from "../../../../provider/core/handler";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };
const host = { uri: "qemu+ssh://rack1/system" };

function check(args: Values) {
  return virtualMachine.check({ host, memory: "2 GiB", vcpus: 4, ...args }, undefined, meta);
}

const inRoom = (memoryDevices: Values, rest: Values = {}) => ({
  memoryHotplug: { limit: "16 GiB" },
  memoryDevices,
  ...rest,
});
const gib = { size: "1 GiB" };
const facts = (libvirt: number) => ({ host: { ...host, facts: JSON.stringify({ libvirt }) } });

test.each<[string, Values, RegExp]>([
  [
    "devices without room",
    { memoryDevices: { a: gib } },
    /^memoryHotplug: is required for memoryDevices: give the most/,
  ],
  [
    "more than the room",
    inRoom({ a: { size: "15 GiB" } }),
    /^memoryHotplug.limit: 16 GiB is less than maxMemory and memoryDevices together \(17 GiB\): raise it/,
  ],
  [
    "no room at all",
    { memoryHotplug: { limit: "2 GiB" } },
    /^memoryHotplug.limit: 2 GiB leaves no room above maxMemory/,
  ],
  ["half a MiB of room", { memoryHotplug: { limit: "17000 kB" } }, /^memoryHotplug.limit: .* whole number of MiB/],
  [
    "more devices than slots",
    { memoryHotplug: { limit: "16 GiB", slots: 1 }, memoryDevices: { a: gib, b: gib } },
    /^memoryHotplug.slots: 1 are fewer than the 2 memoryDevices: raise it/,
  ],
  [
    "a small label",
    inRoom({ a: { model: "nvdimm", size: "1 GiB", path: "/n", labelSize: "64 KiB" } }),
    /^memoryDevices.a.labelSize: 64 KiB must be at least 128 KiB/,
  ],
  [
    "nothing but a label",
    inRoom({ a: { model: "nvdimm", size: "1 GiB", path: "/n", labelSize: "1 GiB" } }),
    /^memoryDevices.a.labelSize: 1 GiB must be .* less than size \(1 GiB\)/,
  ],
  ["257 slots", { memoryHotplug: { limit: "16 GiB", slots: 257 } }, /^memoryHotplug.slots: /],
  [
    "an odd module",
    inRoom({ a: { model: "dimm", size: "101 MiB" } }),
    /^memoryDevices.a.size: 101 MiB is no whole number of blocks of 2 MiB: make it a multiple/,
  ],
  [
    "a module of half a page",
    inRoom({ a: { model: "dimm", size: "512 MiB" } }, { hugePages: [{ size: "1 GiB" }] }),
    /^memoryDevices.a.size: 512 MiB is no whole number of blocks of 1 GiB/,
  ],
  [
    "an odd request",
    inRoom({ a: { size: "1 GiB", requested: "3 MiB" } }),
    /^memoryDevices.a.requested: 3 MiB is no whole number of blocks of 2 MiB/,
  ],
  [
    "a request above the size",
    inRoom({ a: { size: "1 GiB", requested: "2 GiB" } }),
    /^memoryDevices.a.requested: 2 GiB is more than size \(1 GiB\)/,
  ],
  [
    "blocks smaller than pages",
    inRoom({ a: { size: "2 GiB", block: "2 MiB", pageSize: "1 GiB" } }),
    /^memoryDevices.a.block: 2 MiB must be a power of two, and no less than a page: 1 GiB/,
  ],
  ["blocks of 3", inRoom({ a: { size: "3 GiB", block: "3 MiB" } }), /^memoryDevices.a.block: 3 MiB must be a power/],
  ["nothing at all", inRoom({ a: { model: "dimm", size: 0 } }), /^memoryDevices.a.size: must be at least 2 MiB/],
  [
    "a module that grows",
    inRoom({ a: { model: "dimm", size: "1 GiB", requested: "0 B" } }),
    /^memoryDevices.a.requested: is nothing of dimm: leave it out/,
  ],
  [
    "lasting memory of no file",
    inRoom({ a: { model: "nvdimm", ...gib } }),
    /^memoryDevices.a.path: is required for nvdimm/,
  ],
  [
    "a cell that is not there",
    inRoom({ a: { ...gib, cell: 1 } }),
    /^memoryDevices.a.cell: the guest has no NUMA cell 1: add it to numa.cells, or name one below 1/,
  ],
  [
    "encrypted memory that grows",
    inRoom({}, { firmware: "uefi", launchSecurity: { type: "sev" } }),
    /^memoryHotplug: encrypted memory is measured at the start and does not grow: leave it out/m,
  ],
  [
    "locked virtio-mem",
    inRoom({ a: gib }, { memoryBacking: { locked: true }, memoryLimits: { hardLimit: "20 GiB" } }),
    /^memoryDevices.a.model: virtio-mem cannot be locked: choose dimm/,
  ],
  [
    "a limit that the devices break",
    inRoom({ a: { model: "dimm", ...gib } }, { memoryLimits: { hardLimit: "3 GiB" } }),
    /^memoryLimits.hardLimit: 3 GiB is not above maxMemory and memoryDevices \(3 GiB\)/,
  ],
  [
    "a model that is too new",
    inRoom({ a: gib }, facts(7_000_000)),
    /^memoryDevices.a.model: "virtio-mem" needs libvirt 7.9; the host has 7.0.0. Choose another, or upgrade/,
  ],
])("%s is refused", (_name, args, expected) => {
  const faults = check(args).failures.map(({ property, reason }) => `${property}: ${reason}`);
  expect(faults.join("\n")).toMatch(expected);
});

test("a device is given whole, in blocks of its pages, for the first cell", () => {
  const { inputs, failures } = check(inRoom({ a: gib, b: { ...gib, pageSize: "1 GiB" } }));
  expect(failures).toEqual([]);
  expect(inputs["memoryDevices"]).toEqual({
    a: { model: "virtio-mem", size: "1 GiB", requested: "1 GiB", block: "2 MiB", cell: 0 },
    b: { model: "virtio-mem", size: "1 GiB", requested: "1 GiB", block: "1 GiB", cell: 0, pageSize: "1 GiB" },
  });
});

test.each<[string, Values, Values, readonly string[]]>([
  ["a device", inRoom({}), inRoom({ a: gib }), ["memoryDevices.a: live, added"]],
  [
    "a device into no room",
    {},
    inRoom({ a: gib }),
    [
      "memoryHotplug.limit: restart, the room for memory is made at the start of the guest",
      "memoryHotplug.slots: restart, the room for memory is made at the start of the guest",
      "memoryDevices.a: restart, added; the guest was started without room for it",
    ],
  ],
  [
    "lasting memory",
    inRoom({}),
    inRoom({ a: { model: "nvdimm", path: "/n", ...gib } }),
    ["memoryDevices.a: restart, added; QEMU takes an nvdimm only when it was started with one"],
  ],
  ["a device less", inRoom({ a: gib }), inRoom({}), ["memoryDevices.a: live, removed"]],
  [
    "lasting memory less",
    inRoom({ a: { model: "virtio-pmem", path: "/n", ...gib } }),
    inRoom({}),
    ["memoryDevices.a: restart, removed; QEMU unplugs no virtio-pmem"],
  ],
  ["a request", inRoom({ a: gib }), inRoom({ a: { ...gib, requested: "0 B" } }), ["memoryDevices.a.requested: live"]],
  [
    "another model",
    inRoom({ a: { model: "dimm", ...gib } }),
    inRoom({ a: gib }),
    ["model", "requested", "block"].map(
      (name) => `memoryDevices.a.${name}: restart, memory stays as it was plugged in; another name plugs in another`,
    ),
  ],
  [
    "a larger device",
    inRoom({ a: gib }),
    inRoom({ a: { size: "2 GiB" } }),
    [
      "memoryDevices.a.size: restart, memory stays as it was plugged in; another name plugs in another",
      "memoryDevices.a.requested: restart, above size",
    ],
  ],
])("%s changes as the guest runs, or says why it waits", (_name, before, after, expected) => {
  const { changes } = virtualMachine.diff("id", check(before).inputs, check(after).inputs);
  expect(
    changes.map(({ property, class: kind, reason }) => `${property}: ${kind}${reason ? `, ${reason}` : ""}`),
  ).toEqual(expected);
});
