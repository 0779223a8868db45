import type { Values } from "../../../provider/core/handler";
import { unknown } from "../../../provider/core/unknown";
import { machine, meta } from "./machine";

test("fills in defaults and identity, and spells values one way", () => {
  const { inputs, failures } = machine.check({ memory: "4096 MiB", disks: { root: { path: "/a" } } }, undefined, meta);
  expect(failures).toEqual([]);
  expect(inputs).toEqual({
    name: expect.stringMatching(/^db-[0-9a-f]{7}$/),
    memory: "4 GiB",
    vcpus: 1,
    label: "label of 4096 MiB",
    disks: { root: { path: "/a", serial: expect.stringMatching(/^[0-9a-f]{20}$/) } },
    defaultsVersion: 1,
  });
});

test("tells all that is wrong at once, each with its path", () => {
  const news = {
    memry: 1,
    memory: "much",
    vcpus: 0,
    cpu: { mode: "custom" },
    disks: { root: { pth: "/a" }, "0bad": { path: "/b" }, "0worse": "text", other: "text" },
  };
  const { failures } = machine.check(news, undefined, meta);
  expect(failures).toHaveLength(9);
  expect(Object.fromEntries(failures.map(({ property, reason }) => [property, reason]))).toEqual({
    memry: 'unknown attribute; did you mean "memory"?',
    memory: expect.stringContaining('"much" is not a size'),
    vcpus: expect.stringContaining(">=1"),
    "cpu.model": "is missing",
    "disks.root.pth": 'unknown attribute; did you mean "path"?',
    "disks.root.path": "is required: Path of the image.",
    "disks.0bad": expect.stringContaining("the name must match"),
    "disks.0worse": expect.stringContaining("the name must match"),
    "disks.other": expect.stringMatching(/^expected an object; known are path\b/),
  });
});

test("what is required and missing is told with what it is", () => {
  expect(machine.check({}, undefined, meta).failures).toEqual([
    { property: "memory", reason: "is required: Its memory." },
  ]);
});

test("what follows a wrong value is not told once more, and what is derived from the name is", () => {
  const { failures } = machine.check({ memory: "much", name: undefined }, undefined, meta);
  expect(failures.map(({ property }) => property)).toEqual(["memory"]);
});

test("a word near to none gets the list of all", () => {
  const { failures } = machine.check({ memory: 1, hypervisor: 1 }, undefined, meta);
  expect(failures[0]?.reason).toBe(
    "unknown attribute; known are name, memory, vcpus, password, label, cpu, disks, defaultsVersion",
  );
});

test("identity is kept from the old inputs, wherever it was derived", () => {
  const args = { memory: "1 GiB", disks: { root: { path: "/a" } } };
  const olds: Values = { ...machine.check(args, undefined, meta).inputs, name: "as-it-was" };
  const moved = { ...meta, urn: meta.urn.replace("::db", "::renamed") };
  expect(machine.check(args, olds, moved).inputs).toEqual(olds);
  expect(machine.check(args, undefined, moved).inputs).not.toMatchObject({ disks: olds["disks"] });
});

test("an old object keeps its table of defaults", () => {
  const { inputs } = machine.check({ memory: 1 }, { defaultsVersion: 1 }, meta);
  expect(inputs["defaultsVersion"]).toBe(1);
  expect(machine.check({ memory: 1, defaultsVersion: 99 }, undefined, meta).failures).toEqual([
    { property: "defaultsVersion", reason: expect.any(String) },
  ]);
});

test("a value that follows others is computed anew", () => {
  const olds = machine.check({ memory: "1 GiB" }, undefined, meta).inputs;
  expect(machine.check({ memory: "2 GiB" }, olds, meta).inputs["label"]).toBe("label of 2 GiB");
});

test("what is not known yet passes, whatever it stands for, and stops the rules that need it", () => {
  const news = {
    name: unknown,
    memory: unknown,
    vcpus: 99,
    cpu: unknown,
    disks: { root: { path: unknown }, b: unknown },
  };
  const { inputs, failures } = machine.check(news, undefined, meta);
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject({
    name: unknown,
    memory: unknown,
    cpu: unknown,
    disks: { root: { path: unknown, serial: expect.any(String) }, b: unknown },
  });
  expect(machine.check({ memory: "1 GiB", disks: unknown }, undefined, meta)).toMatchObject({
    inputs: { disks: unknown },
    failures: [],
  });
});

test("an unknown of the preview before is no identity", () => {
  const olds = { name: unknown, memory: "1 GiB" };
  expect(machine.check({ memory: "1 GiB" }, olds, meta).inputs["name"]).toMatch(/^db-/);
});

test("null is the same as left out", () => {
  const { inputs, failures } = machine.check(
    { memory: 1024, vcpus: null, cpu: null, disks: { a: null } },
    undefined,
    meta,
  );
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject({ vcpus: 1, disks: {} });
  expect(inputs).not.toHaveProperty("cpu");
});

test("checking what was checked changes nothing", () => {
  const once = machine.check({ memory: "4096 MiB", cpu: {}, disks: { root: { path: "/a" } } }, undefined, meta).inputs;
  expect(machine.check(once, once, meta)).toEqual({ inputs: once, failures: [] });
});
