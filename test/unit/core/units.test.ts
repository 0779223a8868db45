import * as fc from "fast-check";
import {
  formatBytes,
  formatDuration,
  formatRate,
  parseBytes,
  parseDuration,
  parseRate,
} from "../../../provider/core/units";

test.each([
  ["40 GiB", 40n * 1024n ** 3n],
  ["40GiB", 40n * 1024n ** 3n],
  ["  1.5 TiB ", (3n * 1024n ** 4n) / 2n],
  ["500 MB", 500_000_000n],
  ["0.5 KiB", 512n],
  ["7", 7n],
  [7, 7n],
  ["16 EiB", 16n * 1024n ** 6n],
])("parseBytes(%j)", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each([
  "",
  "GiB",
  "4 gib",
  "4 Gb",
  "-1 GiB",
  "1e3",
  "4 GiB/s",
  "0.3 B",
  "1,5 GiB",
  "0x10",
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
])("parseBytes refuses %j", (value) => {
  expect(() => parseBytes(value)).toThrow(RangeError);
});

test.each([
  ["500 MiB/s", "500 MiB/s"],
  [1000, "1000 B/s"],
  ["1 GB/s", "1000000000 B/s"],
])("a rate %j is written %j", (text, canonical) => {
  expect(formatRate(parseRate(text))).toBe(canonical);
});

test("a rate needs its /s", () => {
  expect(() => parseRate("500 MiB")).toThrow(/"500 MiB" is not a rate; write for example "500 MiB\/s"/);
});

test.each([
  ["30 s", "30 s"],
  [90, "90 s"],
  ["5min", "5 min"],
  ["120 s", "2 min"],
  ["24 h", "1 d"],
  ["1.5 h", "90 min"],
  [0, "0 s"],
  [0.25, "250 ms"],
])("a duration %j is written %j", (value, canonical) => {
  expect(formatDuration(parseDuration(value))).toBe(canonical);
});

test.each(["", "s", "5 minutes", "-1 s", -1, Number.NaN])("parseDuration refuses %j", (value) => {
  expect(() => parseDuration(value)).toThrow(RangeError);
});

test("a size survives its canonical spelling, and the spelling is a fixed point", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bytes) => {
      const text = formatBytes(bytes);
      expect(parseBytes(text)).toBe(bytes);
      expect(formatBytes(parseBytes(text))).toBe(text);
    }),
  );
});

test("the canonical spelling uses the largest unit that divides the size", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 1023n }), fc.integer({ min: 0, max: 5 }), (count, power) => {
      const unit = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][power] ?? "";
      expect(formatBytes(count * 1024n ** BigInt(power))).toBe(`${count} ${unit}`);
    }),
  );
});

test("a duration survives its canonical spelling", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (milliseconds) => {
      const text = formatDuration(milliseconds / 1000);
      expect(Math.round(parseDuration(text) * 1000)).toBe(milliseconds);
      expect(formatDuration(parseDuration(text))).toBe(text);
    }),
  );
});
