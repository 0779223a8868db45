import fc from "fast-check";
import {
  type Codec,
  double,
  hyper,
  int,
  list,
  opaque,
  optional,
  string,
  struct,
  text,
  typedParam,
  uhyper,
  uint,
  uuid,
} from "../../../provider/libvirt/codec";
import { XdrReader, XdrWriter } from "../../../provider/libvirt/xdr";

function bytesOf<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new XdrWriter();
  codec.write(writer, value);
  return writer.finish();
}

function through<T>(codec: Codec<T>, value: T): T {
  return codec.read(new XdrReader(bytesOf(codec, value)));
}

const printable = fc.string({ unit: "binary" }).filter((value) => !value.includes("\0"));

describe("values survive the wire", () => {
  const cases: readonly [string, Codec<unknown>, fc.Arbitrary<unknown>][] = [
    ["int", int, fc.integer()],
    ["unsigned int", uint, fc.nat(0xffffffff)],
    ["hyper", hyper, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)],
    ["unsigned hyper", uhyper, fc.bigInt(0n, 2n ** 64n - 1n)],
    ["double", double, fc.double({ noNaN: true })],
    ["string", string, printable],
    ["uuid", uuid, fc.uuid()],
    ["opaque", opaque(1000), fc.uint8Array({ maxLength: 1000 }).map((bytes) => Buffer.from(bytes))],
    ["optional", optional(string), fc.option(printable, { nil: undefined })],
    [
      "list",
      list(struct({ name: string, id: int }), 50),
      fc.array(fc.record({ name: printable, id: fc.integer() }), { maxLength: 50 }),
    ],
  ];

  it.each(cases)("%s", (_name, codec, values) => {
    fc.assert(fc.property(values, (value) => expect(through(codec, value)).toEqual(value)));
  });

  it("typed parameters of every type", () => {
    for (const param of [
      { field: "a", type: "int", value: -1 },
      { field: "b", type: "uint", value: 4_000_000_000 },
      { field: "c", type: "llong", value: -(2n ** 60n) },
      { field: "d", type: "ullong", value: 2n ** 63n },
      { field: "e", type: "double", value: 0.5 },
      { field: "f", type: "boolean", value: true },
      { field: "g", type: "string", value: "text" },
    ] as const) {
      expect(through(typedParam, param)).toEqual(param);
    }
  });
});

describe("the layout is libvirt's", () => {
  it("pads strings to four bytes", () => {
    expect(bytesOf(string, "hello").toString("hex")).toBe("0000000568656c6c6f000000");
  });
});

describe("what libvirt cannot carry is refused here", () => {
  it("NUL in a string", () => expect(() => bytesOf(string, "a\0b")).toThrow(/NUL/));
  it("a string over the limit", () => expect(() => bytesOf(text(3), "four")).toThrow(/4 bytes/));
  it("a list over the limit", () => expect(() => bytesOf(list(int, 2), [1, 2, 3])).toThrow(/3 items/));
  it("a length over the limit in a reply", () => {
    expect(() => text(3).read(new XdrReader(bytesOf(string, "four")))).toThrow(/limit of 3/);
  });
  it("a reply that ends early", () => expect(() => hyper.read(new XdrReader(Buffer.alloc(4)))).toThrow(/message ends/));
});
