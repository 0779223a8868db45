import * as fc from "fast-check";
import { fromWire, seal, sealState } from "../../../provider/adapters/wire";
import { unknown } from "../../../provider/core/unknown";
import { network } from "../../../provider/resources/network";

const unknownOnWire = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const secret = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

test("undefined goes, big numbers become text, an unknown is spelt as the engine does", () => {
  const sealed = seal(
    { a: undefined, b: { c: undefined, d: 2n ** 64n - 1n }, e: [1, undefined, unknown], f: unknown },
    [],
  );
  expect(sealed).toEqual({ b: { d: "18446744073709551615" }, e: [1, null, unknownOnWire], f: unknownOnWire });
  expect(Object.keys(sealed)).toEqual(["b", "e", "f"]);
});

test.each([
  [["userData"], { userData: secret({ password: "x" }), disks: {}, list: ["a", "b"] }],
  [["disks.*.key"], { userData: { password: "x" }, disks: {}, list: ["a", "b"] }],
  [["userData.password"], { userData: { password: secret("x") }, disks: {}, list: ["a", "b"] }],
  [["list.1"], { userData: { password: "x" }, disks: {}, list: ["a", secret("b")] }],
  [["nothing", "disks"], { userData: { password: "x" }, disks: secret({}), list: ["a", "b"] }],
])("%j is wrapped as a secret", (paths, expected) => {
  expect(seal({ userData: { password: "x" }, disks: {}, list: ["a", "b"] }, paths)).toEqual(expected);
});

test("a secret under a name with a dot is wrapped", () => {
  const values = (value: unknown) => ({ fwCfg: { "opt/a.b": { value } } });
  expect(seal(values("x"), ['fwCfg["opt/a.b"].value'])).toEqual(values(secret("x")));
});

test("secrets below the names of map entries and in the copy that was read back are wrapped too", () => {
  const values = { disks: { root: { key: "k" } }, __kvm: { applied: { disks: { root: { key: "k" } } } } };
  const wrapped = { disks: { root: { key: secret("k") } } };
  expect(seal(values, ["disks.*.key"])).toEqual({ ...wrapped, __kvm: { applied: wrapped } });
});

test.each([
  ["a function", () => 0],
  ["a Buffer", Buffer.from("x")],
  ["a Date", new Date(0)],
  ["a Map", new Map()],
  ["NaN", Number.NaN],
])("%s is refused with its path", (_what, value) => {
  expect(() => seal({ disks: { root: { odd: value } } }, [])).toThrow(/^disks\.root\.odd holds/);
});

test("what arrives is in clear: wrapped secrets are opened, null is nothing", () => {
  expect(fromWire({ a: secret({ b: secret("x") }), c: null, d: [unknownOnWire], e: unknownOnWire })).toEqual({
    a: { b: "x" },
    c: undefined,
    d: [unknown],
    e: unknown,
  });
});

test("null is a value where it says something", () => {
  const part = { title: null, devices: { disk: [{ driver: { io: null } }] } };
  expect(fromWire(part, true)).toEqual(part);
});

test("whatever is sealed comes back as it was", () => {
  const leaf = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant(unknown));
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie("node"), { maxKeys: 4 }),
    ),
  })).node;
  const paths = fc.array(fc.stringMatching(/^([a-z]|\*)(\.([a-z]|\*)){0,2}$/));
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), value), paths, (values, secretPaths) => {
      expect(fromWire(JSON.parse(JSON.stringify(seal(values, secretPaths))))).toEqual(values);
    }),
  );
});

test.each([
  [["subnets"], secret(["10.0.0.1"])],
  [["subnets.0.address"], secret(["10.0.0.1"])],
  [["name"], ["10.0.0.1"]],
])("with the secret %j the outputs that repeat it are secrets", (secrets, gateways) => {
  const state = { name: "lan", subnets: [{ address: "10.0.0.0/24" }], gateways: ["10.0.0.1"] };
  expect(sealState(network, state, secrets)).toMatchObject({ gateways });
});
