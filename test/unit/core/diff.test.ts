import * as fc from "fast-check";
import { diffRows } from "../../../provider/core/diff";
import { equal } from "../../../provider/core/equal";
import { unknown } from "../../../provider/core/unknown";
import { machine, rows } from "./machine";

const old = { name: "a", memory: "1 GiB", vcpus: 2, disks: { root: { path: "/a", serial: "1" } } };

test("nothing changed, nothing said", () => {
  expect(machine.diff("id", { ...old, address: "10.0.0.1", __kvm: {} }, old)).toEqual({
    changes: [],
    lines: [],
    plain: [],
    replaces: [],
    deleteBeforeReplace: true,
  });
});

test.each([
  [{ memory: "2 GiB" }, "memory", "live", undefined],
  [{ vcpus: 4 }, "vcpus", "live", undefined],
  [{ vcpus: 1 }, "vcpus", "restart", "CPUs cannot be unplugged"],
  [{ cpu: { mode: "custom" } }, "cpu.mode", "restart", undefined],
  [{ disks: { root: { path: "/b", serial: "1" } } }, "disks.root.path", "restart", undefined],
  [{ disks: { ...old.disks, data: { path: "/b", serial: "2" } } }, "disks.data", "live", "added"],
  [{ disks: {} }, "disks.root", "live", "removed"],
])("%j changes %s: %s", (change, property, kind, reason) => {
  const changes = diffRows(rows, old, { ...old, ...change });
  expect(changes.map((item) => [item.property, item.class, item.reason])).toEqual([[property, kind, reason]]);
});

test("a zero that the state kept without its sign is the same", () => {
  expect(equal({ offset: 0 }, { offset: -0 })).toBe(true);
});

test("a new object is named by the properties that need it", () => {
  const { replaces, changes } = machine.diff("id", old, { ...old, name: "b", memory: "2 GiB" });
  expect(replaces).toEqual(["name"]);
  expect(changes.map((item) => item.class)).toEqual(["replace", "live"]);
});

test("an unknown in what replaces means a new object, elsewhere it does not", () => {
  expect(machine.diff("id", old, { ...old, name: unknown }).replaces).toEqual(["name"]);
  expect(machine.diff("id", old, { ...old, memory: unknown, disks: unknown, cpu: unknown }).replaces).toEqual([]);
});

test("entries of which nothing is known yet are one change, which takes none of them away", () => {
  const told = (disks: unknown) => machine.diff("id", { ...old, disks }, { ...old, disks: unknown }).lines;
  expect(told({})).toEqual(["disks: live, not known yet"]);
  // One that is there may get any other value.
  expect(told(old.disks)).toEqual(["disks: restart, not known yet"]);
  const [key = ""] = Object.keys(old.disks as object);
  const entry = machine.diff("id", old, { ...old, disks: { ...(old.disks as object), [key]: unknown } }).lines;
  expect(entry).toEqual([`disks.${key}: restart, not known yet`]);
});

test("a class of none is no change", () => {
  expect(machine.diff("id", { ...old, label: "x" }, { ...old, label: "y" }).changes).toEqual([]);
});

const data = fc.jsonValue();

test("equal is reflexive, symmetric, and blind to keys that are undefined", () => {
  fc.assert(
    fc.property(data, data, (a, b) => {
      expect(equal(a, structuredClone(a))).toBe(true);
      expect(equal(a, b)).toBe(equal(b, a));
      if (typeof a === "object" && a !== null && !Array.isArray(a))
        expect(equal(a, { ...a, absent: undefined })).toBe(true);
    }),
  );
});
