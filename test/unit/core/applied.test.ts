import fc from "fast-check";
import { pack, unpack } from "../../../provider/core/applied";

test("what the state says anyway is kept as a path only", () => {
  const state = { memory: "1 GiB", machine: "q35", cpu: { mode: "maximum" }, disks: { a: { bus: "virtio", size: 1 } } };
  const applied = { memory: "1 GiB", machine: "pc-q35-7.2", cpu: { mode: "maximum" }, disks: { a: { bus: "virtio" } } };
  expect(pack(applied, state)).toEqual({ same: "memory cpu disks.a.bus", applied: { machine: "pc-q35-7.2" } });
  expect(unpack(pack(applied, state), state)).toEqual(applied);
});

test("what one of them lacks stays apart", () => {
  const applied = { disks: {}, nics: { lan: {} }, title: undefined };
  expect(unpack(pack(applied, { disks: { a: { bus: "virtio" } }, title: "x" }), {})).toEqual(applied);
  expect(unpack({}, { memory: "1 GiB" })).toEqual({});
});

const name = fc
  .stringMatching(/^[a-z][A-Za-z0-9_-]{0,4}$/)
  .filter((text) => !["__proto__", "constructor"].includes(text));
const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 2 }));
const { values } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, leaf, tie("values")),
  values: fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true }),
}));

test("nothing is lost, whatever stands in the state", () => {
  fc.assert(
    fc.property(values, values, fc.boolean(), (some, others, alike) => {
      const applied = some as Record<string, unknown>;
      const state = alike ? { ...(others as object), ...applied } : (others as Record<string, unknown>);
      expect(unpack(pack(applied, state), state)).toEqual(applied);
    }),
  );
});
