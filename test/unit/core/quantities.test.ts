import * as fc from "fast-check";
import { duration, hostPath, macAddress, objectName, rate, size, text, uuid } from "../../../provider/core/quantities";

test.each([
  [size, "1024 MiB", "1 GiB"],
  [size, 4096, "4 KiB"],
  [rate, "1024 KiB/s", "1 MiB/s"],
  [duration, "60 s", "1 min"],
  [duration, 0, "0 s"],
  [duration, "1 ms", "1 ms"],
  [duration, "3650 d", "3650 d"],
  [uuid, "9C914058-3033-58F4-919C-B4F65547BABC", "9c914058-3033-58f4-919c-b4f65547babc"],
  [macAddress, "52:54:00:AB:CD:EF", "52:54:00:ab:cd:ef"],
  [hostPath, "//srv//vms/", "/srv/vms"],
  [hostPath, "/", "/"],
])("case %#: the canonical form of %j... is %j", (schema, written, canonical) => {
  expect(schema.parse(written)).toBe(canonical);
  expect(schema.parse(canonical)).toBe(canonical);
});

test.each([
  [size, "4 GB of RAM", /units: B, KiB/],
  [size, "8 EiB", /is too much: libvirt counts less than 8 EiB/],
  [duration, 1e308, /is too long: the most is 3650 d/],
  [duration, "99999999 d", /is too long/],
  [duration, `${"9".repeat(400)} s`, /is too long/],
  [duration, 0.0004, /is too short: the least above 0 is 1 ms/],
  [size, true, /expected a string with a unit or a plain number/],
  [macAddress, "01:00:5e:00:00:01", /multicast/],
  [macAddress, "52-54-00-12-34-56", /is not a MAC address/],
  [uuid, "{9c914058}", /is not a uuid/],
  [objectName, "", /must not be empty/],
  [objectName, "a/b", /must not contain "\/"/],
  [objectName, "a\u0007b", /control character/],
  [hostPath, "srv/vms", /absolute path/],
  [hostPath, "/srv/../etc", /must not contain "\.\."/],
])("case %#: is refused with a reason", (schema, written, reason) => {
  const result = schema.safeParse(written);
  expect(result.error?.issues.map((issue) => issue.message).join("; ")).toMatch(reason);
});

test("text takes just what XML 1.0 can carry", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff }), (code) => {
      fc.pre(code < 0xd800 || code > 0xdfff);
      const legal = code === 9 || code === 10 || code === 13 || (code >= 0x20 && code < 0xfffe);
      expect(text.safeParse(`a${String.fromCharCode(code)}b`).success).toBe(legal);
    }),
    { numRuns: 2000 },
  );
});

test("half of a surrogate pair is no text", () => {
  expect(text.safeParse("a\ud800b").success).toBe(false);
  expect(text.safeParse("\ud83d\ude00").success).toBe(true);
});
