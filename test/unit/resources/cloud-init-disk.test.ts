import fc from "fast-check";
import type { Meta, Values } from "../../../provider/core/handler";
import { unknown } from "../../../provider/core/unknown";
import { cloudInitDisk } from "../../../provider/resources/cloud-init-disk";
import { ordered } from "../../../provider/resources/cloud-init-disk/content";

const host = { uri: "qemu:///system", uuid: "11111111-2222-3333-4444-555555555555" };
const pool = { uuid: "22222222-2222-3333-4444-555555555555", name: "vms", type: "dir", path: "/srv/vms", host };
const meta: Meta = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::seed" };

function check(args: Values, olds?: Values, where = meta) {
  const { inputs, failures } = cloudInitDisk.check({ pool, ...args }, olds, where);
  expect(failures).toEqual([]);
  return inputs;
}

function reasons(args: Values): string[] {
  return cloudInitDisk
    .check({ pool, ...args }, undefined, meta)
    .failures.map(({ property, reason }) => `${property}: ${reason}`);
}

test("the name holds a digest of everything that the guest reads, and of nothing else", () => {
  const base = { userData: { hostname: "a", b: { c: 1, d: [1, 2] } } };
  const { name, path } = check(base);
  expect(name).toMatch(/^seed-[0-9a-f]{7}-[0-9a-f]{12}\.iso$/);
  expect(path).toBe(`/srv/vms/${name}`);
  expect(check({ userData: { b: { d: [1, 2], c: 1 }, hostname: "a" } })["name"]).toBe(name);
  expect(check({ ...base, hostname: null, reinit: false })["name"]).toBe(name);
  const others = [
    { userData: { hostname: "a", b: { c: 1, d: [2, 1] } } },
    { ...base, hostname: "x" },
    { ...base, metaData: { a: 1 } },
    { ...base, vendorData: { a: 1 } },
    { ...base, networkConfig: { a: 1 } },
    { ...base, instanceId: "i-1" },
    { ...base, overlay: { target: { permissions: { owner: 64055 } } } },
  ].map((args) => check(args)["name"]);
  expect(new Set([name, ...others]).size).toBe(others.length + 1);
});

test("keys in whatever order make the same medium", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const shuffled = Object.fromEntries(Object.entries(value).reverse());
      expect(JSON.stringify(ordered(shuffled))).toBe(JSON.stringify(ordered(value)));
      expect(ordered(value)).toEqual(value);
    }),
  );
});

test("the instance-id changes only with reinit and a new content, and then stays", () => {
  const first = check({ userData: "a" });
  const second = check({ userData: "b" }, first);
  expect(second["instanceId"]).toBe(first["instanceId"]);
  expect(second["name"]).not.toBe(first["name"]);
  // Saying reinit alone starts nothing over.
  const armed = check({ userData: "b", reinit: true }, second);
  expect(armed).toEqual({ ...second, reinit: true });
  const third = check({ userData: "c", reinit: true }, armed);
  expect(third["instanceId"]).not.toBe(first["instanceId"]);
  expect(check({ userData: "c", reinit: true }, third)).toEqual(third);
  // Nor does taking it back, nor a rename.
  const renamed = { ...meta, urn: "urn:pulumi:s::p::t::other" };
  const fourth = check({ userData: "d" }, third, renamed);
  expect(fourth["instanceId"]).toBe(third["instanceId"]);
  expect(String(fourth["name"]).slice(0, 12)).toBe(String(first["name"]).slice(0, 12));
});

test("content that is not known yet leaves the name open", () => {
  const olds = check({ userData: "a" });
  const inputs = check({ userData: { ssh_authorized_keys: [unknown] } }, olds);
  expect(inputs).toMatchObject({ name: unknown, path: unknown, instanceId: olds["instanceId"] });
  expect(check({ userData: unknown, reinit: true }, olds)).toMatchObject({ instanceId: unknown, name: unknown });
  expect(check({ userData: "a", pool: { ...pool, path: unknown } })).toMatchObject({ path: unknown });
});

test("another content is another medium beside the old one; reinit and the host's address are no new medium", () => {
  const olds = check({ userData: "a" });
  const diff = (args: Values) => cloudInitDisk.diff("id", olds, check({ userData: "a", ...args }, olds));
  expect(diff({ userData: "b" })).toMatchObject({ replaces: ["userData", "name"], deleteBeforeReplace: false });
  expect(diff({ reinit: true })).toMatchObject({ replaces: [], changes: [{ property: "reinit", class: "live" }] });
  expect(diff({}).changes).toEqual([]);
  const { path: _none, ...unfinished } = olds;
  expect(cloudInitDisk.diff("id", unfinished, olds).changes).toMatchObject([{ property: "path", class: "live" }]);
});

test("what cannot be is refused with what to do", () => {
  expect(reasons({ userData: "a", name: "mine.iso" })).toContainEqual(
    "name: is derived from the content; leave it out",
  );
  expect(reasons({ userData: "a", path: "/etc/x" })).toEqual(["path: is given by pool and name; leave it out"]);
  expect(reasons({})).toEqual([expect.stringMatching(/^userData: is required/)]);
  expect(reasons({ userData: 5 })).toEqual([expect.stringMatching(/^userData: expected text, an object or a list/)]);
  expect(reasons({ userData: "a", instanceId: "a b" })).toEqual([
    expect.stringMatching(/^instanceId: .*without blanks/),
  ]);
  expect(reasons({ userData: "a", hostname: "my_db" })).toEqual([
    expect.stringMatching(/^hostname: .*is no host name/),
  ]);
  expect(reasons({ userData: "a", userdata: "b" })).toEqual([expect.stringMatching(/did you mean "userData"\?/)]);
});

test("user data is secret wherever it stands", () => {
  expect(cloudInitDisk.secretPaths).toEqual(["userData"]);
});
