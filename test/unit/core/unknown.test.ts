import { unknown, withoutUnknown, withUnknown } from "../../../provider/core/unknown";

test.each([
  [{ a: { b: 1, c: 2 } }, "a.b", { a: { b: unknown, c: 2 } }],
  [{ a: {} }, "a.b", { a: { b: unknown } }],
  [{ a: 1 }, "b.c", { a: 1, b: unknown }],
  [{ a: [1] }, "a.1", { a: unknown }],
])("in %j, what is at %s is not known", (value, path, expected) => {
  expect(withUnknown(value, path.split("."))).toEqual(expected);
});

test("what is not known is left out", () => {
  expect(withoutUnknown({ a: unknown, b: { c: unknown, d: [1, { e: unknown }] } })).toEqual({ b: { d: [1, {}] } });
});
