import type { Meta, Values } from "../../../provider/core/handler";
import { unknown } from "../../../provider/core/unknown";
import { storagePool } from "../../../provider/resources/storage-pool";

const host = { uri: "qemu:///system", uuid: "11111111-2222-3333-4444-555555555555" };
const meta: Meta = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::vms" };

function check(args: Values, olds?: Values) {
  return storagePool.check({ host, ...args }, olds, meta);
}

test("what is left out is filled in", () => {
  expect(check({ path: "/srv//vms/" })).toMatchObject({
    failures: [],
    inputs: { type: "dir", path: "/srv/vms", build: true, format: false, autostart: true, active: true },
  });
  expect(check({ type: "logical", source: { name: "vg0" } }).inputs).toMatchObject({ path: "/dev/vg0" });
  expect(check({ path: "/srv/vms", permissions: { mode: "711" } }).inputs).toMatchObject({
    permissions: { mode: "0711" },
  });
});

test.each<[string, Values, RegExp]>([
  ["no path", {}, /^path: /],
  ["a relative path", { path: "vms" }, /^path: must be an absolute path/],
  ["a way out of the path", { path: "/srv/../etc" }, /^path: must not contain "\.\."/],
  ["the system's own directory", { path: "/var" }, /^path: \/var belongs to the system; choose/],
  [
    "a source of a directory",
    { path: "/srv/a", source: { devices: ["/dev/sdb"] } },
    /^source\.devices: has no meaning for type "dir"/,
  ],
  [
    "fs without a device",
    { type: "fs", path: "/mnt/a" },
    /^source\.devices: is required for type "fs"; write source: /,
  ],
  [
    "fs on two devices",
    { type: "fs", path: "/mnt/a", source: { devices: ["/dev/a", "/dev/b"] } },
    /^source\.devices: .*logical pool/,
  ],
  [
    "fs of an unknown format",
    { type: "fs", path: "/mnt/a", source: { devices: ["/dev/a"], format: "nfs" } },
    /^source\.format: .*known are auto, ext2/,
  ],
  [
    "format of what is not named",
    { type: "fs", path: "/mnt/a", source: { devices: ["/dev/a"] }, format: true },
    /^source\.format: is required/,
  ],
  [
    "netfs without an export",
    { type: "netfs", path: "/mnt/a", source: { host: "nas" } },
    /^source\.directory: is required/,
  ],
  ["logical without a group", { type: "logical", path: "/dev/vg0" }, /^source\.name: is required/],
  [
    "format without devices",
    { type: "logical", source: { name: "vg0" }, format: true },
    /^source\.devices: is required/,
  ],
  ["format of a directory", { path: "/srv/a", format: true }, /^format: .*no device to format/],
  [
    "permissions of a volume group",
    { type: "logical", source: { name: "vg0" }, permissions: { mode: "0711" } },
    /^permissions: /,
  ],
  ["a mode that is none", { path: "/srv/a", permissions: { mode: "rwx" } }, /^permissions\.mode: is not an octal mode/],
  ["bits that libvirt refuses", { path: "/srv/a", permissions: { mode: "2770" } }, /without set-id and sticky bits/],
  ["an unknown attribute", { path: "/srv/a", paht: "/b" }, /^paht: unknown attribute; did you mean "path"\?/],
])("%s is refused with what to do", (_name, args, expected) => {
  const found = check(args).failures.map(({ property, reason }) => `${property}: ${reason}`);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(expected);
});

test("what is not known yet is checked later", () => {
  expect(check({ type: "fs", path: unknown, source: { devices: [unknown] } }).failures).toEqual([]);
});

test("another place is another pool; the rest changes in place", () => {
  const olds = check({ path: "/srv/a" }).inputs;
  const diff = (args: Values) => storagePool.diff("id", olds, check(args, olds).inputs);
  expect(diff({ path: "/srv/b" })).toMatchObject({ replaces: ["path"], deleteBeforeReplace: true });
  expect(diff({ path: "/srv/a", autostart: false, permissions: { mode: "0700" } })).toMatchObject({ replaces: [] });
  expect(diff({ path: "/srv/a", build: false }).changes).toEqual([]);
  const mounted = check({ type: "fs", path: "/mnt/a", source: { devices: ["/dev/sdb"] } }).inputs;
  expect(storagePool.diff("id", mounted, { ...mounted, source: unknown })).toMatchObject({ replaces: ["source"] });
  const moved = { ...olds, host: { ...host, uri: "qemu+ssh://root@other/system" } };
  expect(storagePool.diff("id", olds, moved)).toMatchObject({ replaces: [], changes: [{ property: "host" }] });
});
