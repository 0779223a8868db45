import type { Meta, Values } from "../../../provider/core/handler";
import { unknown } from "../../../provider/core/unknown";
import { volume } from "../../../provider/resources/volume";

const host = { uri: "qemu:///system", uuid: "11111111-2222-3333-4444-555555555555", owner: "0".repeat(32) };
const pool = { uuid: "22222222-2222-3333-4444-555555555555", name: "vms", type: "dir", path: "/srv/vms", host };
const logical = { ...pool, type: "logical", path: "/dev/vg0" };
const backing = { pool: pool.uuid, name: "base.qcow2", path: "/srv/vms/base.qcow2", format: "qcow2" };
const meta: Meta = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::root" };

function check(args: Values, olds?: Values, where = meta) {
  return volume.check({ pool, ...args }, olds, where);
}

/** Class of each change, by property. */
function classes(olds: Values, news: Values): Record<string, string> {
  const { changes } = volume.diff("id", olds, news);
  return Object.fromEntries(changes.map(({ property, class: kind }) => [property, kind]));
}

test("what is left out is filled in", () => {
  const { inputs, failures } = check({ size: "1024 MB" });
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject({ format: "qcow2", size: "1000000 KiB", onReplace: "refuse" });
  expect(inputs["name"]).toMatch(/^root-[0-9a-f]{7}\.qcow2$/);
  expect(inputs["path"]).toBe(`/srv/vms/${inputs["name"]}`);
  expect(check({ pool: logical, size: 512 }).inputs).toMatchObject({
    format: "raw",
    path: expect.stringMatching(/^\/dev\/vg0\/root-[0-9a-f]{7}$/),
  });
  const looked = { ...pool, type: "iscsi", path: "/dev/disk/by-path" };
  expect(check({ pool: looked, size: 512 })).toMatchObject({ inputs: { format: "raw" }, failures: [] });
  expect(check({ pool: looked, size: 512, format: "qcow2" }).failures).toEqual([
    { property: "format", reason: 'volumes of a pool of type "iscsi" are raw' },
  ]);
  expect(check({ size: "1 GiB", mode: "640" }).inputs).toMatchObject({ mode: "0640" });
});

test.each<[string, Values, RegExp]>([
  ["no size", {}, /^size: is required for an empty volume; write for example "40 GiB"/],
  ["a size without a sense", { size: "40 gigs" }, /^size: "40 gigs" is not a size; write for example "40 GiB"/],
  ["a size of nothing", { size: 0 }, /^size: must be at least 512 B/],
  ["image and base at once", { source: { path: "/a" }, backing }, /^backing: .*not both/],
  ["an image from nowhere", { source: {} }, /^source: give either path or url/],
  ["an image from two places", { source: { path: "/a", url: "https://x/y" } }, /^source: give either path or url/],
  ["an image by ftp", { source: { url: "ftp://x/y" } }, /^source\.url: must be an http or https address/],
  ["a checksum that is none", { source: { path: "/a", sha256: "12" } }, /^source\.sha256: is not a sha256/],
  ["a raw overlay", { backing, format: "raw" }, /^format: an overlay must be qcow2/],
  ["a base of itself", { backing, name: "base.qcow2" }, /^backing: a volume cannot be based on itself/],
  ["qcow2 in a volume group", { pool: logical, format: "qcow2", size: "1 GiB" }, /^format: .*"logical" are raw/],
  ["another format", { format: "vmdk", size: "1 GiB" }, /^format: /],
  ["a path of its own", { size: "1 GiB", path: "/etc/x" }, /^path: is given by pool and name \(\/srv\/vms\/root-/],
  ["a name with a slash", { size: "1 GiB", name: "a/b" }, /^name: must not contain "\/"/],
  ["a mode that is none", { size: "1 GiB", mode: "rw" }, /^mode: is not an octal mode/],
  [
    "libvirt's names misspelt",
    { size: "1 GiB", overlay: { target: { featurs: {} } } },
    /^overlay\.target\.featurs: is not known; did you mean features\?/,
  ],
  ["a size by overlay", { size: "1 GiB", overlay: { capacity: 5 } }, /^overlay\.capacity: is the attribute `size`/],
  [
    "a format by overlay",
    { size: "1 GiB", overlay: { target: { format: { type: "raw" } } } },
    /^overlay\.target\.format: is the attribute `format`/,
  ],
  [
    "what the image brings",
    { source: { path: "/a" }, overlay: { target: { compat: "0.10" } } },
    /^overlay\.target\.compat: the image of `source` brings its own/,
  ],
  [
    "an image that is to be encrypted",
    { source: { path: "/a" }, format: "raw", overlay: { target: { encryption: { format: "luks" } } } },
    /^overlay\.target\.encryption: nothing encrypts the image of `source`/,
  ],
  ["an unknown attribute", { size: "1 GiB", fromat: "raw" }, /^fromat: unknown attribute; did you mean "format"\?/],
])("%s is refused with what to do", (_name, args, expected) => {
  const found = check(args).failures.map(({ property, reason }) => `${property}: ${reason}`);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(expected);
});

test("what XML cannot carry is refused", () => {
  const reasons = check({ size: "1 GiB", name: "a\u0001b" }).failures.map(({ reason }) => reason);
  expect(new Set(reasons)).toEqual(new Set(["holds a control character that XML cannot carry"]));
});

test("what is not known yet is checked later, and makes no name of its own", () => {
  const { inputs, failures } = check({ pool: unknown, size: unknown });
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject({ pool: unknown, path: unknown });
  expect(check({ size: "1 GiB", name: unknown }).inputs).toMatchObject({ name: unknown, path: unknown });
});

test("what hangs on the type of a pool that is not known yet is not known, and changes nothing", () => {
  const inPool = (pool: unknown, args: Values = {}, olds?: Values) =>
    check({ pool, size: "1 GiB", ...args }, olds).inputs;
  for (const known of [pool, logical]) {
    for (const someday of [unknown, { ...known, type: unknown }]) {
      expect(inPool(someday)).toMatchObject({ format: unknown, name: unknown, path: unknown });
      expect(inPool(someday, { format: "qcow2" })["name"]).toMatch(/^root-[0-9a-f]{7}\.qcow2$/);
      expect(inPool(someday, { format: "raw" })["name"]).toBe(unknown);
      const olds = { ...inPool(known), capacity: "1 GiB" };
      expect(classes(olds, inPool(someday, {}, olds))).toEqual({});
    }
  }
});

test("a renamed resource keeps the name; the path follows name and pool", () => {
  const olds = check({ size: "1 GiB" }).inputs;
  const renamed = { ...meta, urn: "urn:pulumi:s::p::t::other" };
  expect(check({ size: "1 GiB" }, olds, renamed).inputs).toEqual(olds);
  const moved = { ...pool, path: "/mnt" };
  expect(check({ size: "1 GiB", pool: moved }, olds).inputs["path"]).toBe(`/mnt/${olds["name"]}`);
  expect(check({ size: "1 GiB", name: "x" }, olds).inputs["path"]).toBe("/srv/vms/x");
});

test("a volume cannot be told anything more once it is made: another overlay is another volume", () => {
  const overlay = { target: { features: { lazy_refcounts: true } } };
  const olds = { ...check({ size: "1 GiB", overlay }).inputs, capacity: "1 GiB" };
  expect(classes(olds, check({ size: "1 GiB", overlay }, olds).inputs)).toEqual({});
  expect(() => classes(olds, check({ size: "1 GiB" }, olds).inputs)).toThrow(
    /overlay cannot change without a new volume, and the data in this one would be lost/,
  );
  const { inputs } = check({ size: "1 GiB", onReplace: "destroyData" }, olds);
  expect(classes(olds, inputs)).toEqual({ overlay: "replace", onReplace: "live" });
  const line = (state: Values) => volume.diff("id", state, inputs).lines.find((text) => text.startsWith("overlay:"));
  const first = "data goes first, which is refused while a machine has it in its disks";
  expect(line(olds)).toMatch(`overlay: replace, libvirt reads it only when it makes a volume; its ${first}`);
  expect(line({ ...olds, adopted: true })).not.toContain(first);
});

test("what is not known yet may be no change: it is not refused for the data, nor does the data go for it", () => {
  const common = { size: "1 GiB", name: "data", mode: "0640", overlay: { target: { nocow: {} } } };
  const cases = { backing: { backing }, name: {}, format: { format: "raw" }, mode: {}, overlay: {} };
  for (const [name, more] of Object.entries(cases)) {
    for (const onReplace of ["refuse", "destroyData"] as const) {
      const args = { ...common, ...more, onReplace };
      const olds = { ...check(args).inputs, capacity: "1 GiB" };
      // As Pulumi asks whether it has to go ahead of what it depends on.
      const { changes, replaces } = volume.diff("id", olds, check({ ...args, [name]: unknown }, olds).inputs);
      const kept = { class: "live", reason: "not known yet; one that needs a new volume is refused" };
      expect(changes[0]).toMatchObject(onReplace === "refuse" ? kept : { property: name, class: "replace" });
      expect(replaces).toEqual(onReplace === "refuse" ? [] : [name]);
    }
  }
});

test("each change is of its class", () => {
  const olds = { ...check({ size: "1 GiB" }).inputs, capacity: "1 GiB" };
  expect(classes(olds, check({ size: "2 GiB" }, olds).inputs)).toEqual({ size: "live" });
  expect(classes(olds, check({ size: "1024 MiB" }, olds).inputs)).toEqual({});
  expect(classes(olds, check({ size: "1 GiB", onReplace: "destroyData", adopt: true }, olds).inputs)).toEqual({
    onReplace: "live",
    adopt: "live",
  });
  const there = { ...pool, host: { ...host, uri: "qemu+ssh://elsewhere/system" } };
  expect(classes(olds, check({ size: "1 GiB", pool: there }, olds).inputs)).toEqual({ pool: "live" });
  expect(() => classes(olds, check({ size: "512 MiB" }, olds).inputs)).toThrow(/1 GiB cannot shrink to 512 MiB/);
});

test("an image that the program moved is no other image, one with another checksum is", () => {
  const sha256 = "a".repeat(64);
  const olds = { ...check({ source: { path: "/a", sha256 } }).inputs, capacity: "1 GiB" };
  const news = (source: Values, more: Values = {}) => check({ source, ...more }, olds).inputs;
  expect(classes(olds, news({ url: "https://x/y", sha256: sha256.toUpperCase() }))).toEqual({});
  expect(classes(olds, news({ path: "/b" }))).toEqual({});
  expect(classes(olds, news({ path: "/a", sha256 }, { size: "1 GiB" }))).toEqual({});
  expect(classes(olds, news({ path: "/a", sha256 }, { size: "2 GiB" }))).toEqual({ size: "live" });
  expect(() => classes(olds, news({ path: "/a", sha256 }, { size: "1 MiB" }))).toThrow(/1 GiB cannot shrink to 1 MiB/);
  expect(() => classes(olds, news({ path: "/a", sha256: "b".repeat(64) }))).toThrow(/source\.sha256 cannot change/);
});

test("what was not finished is finished by the next run", () => {
  const { path: _none, ...olds } = check({ size: "1 GiB" }).inputs;
  expect(classes(olds, check({ size: "1 GiB" }, olds).inputs)).toEqual({ path: "live" });
});
