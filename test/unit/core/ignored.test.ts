import { isIgnored } from "../../../provider/core/ignored";

test.each<[string, readonly string[], boolean]>([
  ["memory", ["memory"], true],
  ["memory", ["maxMemory"], false],
  ["nics", ["nics", "lan", "link"], true],
  ["nics.lan.link", ["nics", "lan", "link"], true],
  ["nics.lan.link", ["nics", "lan"], false],
  ["nics.*.link", ["nics", "lan", "link"], true],
  ["nics.*.link", ["nics", "lan", "bandwidth"], false],
  ['disks["data.1"].iotune', ["disks", "data.1", "iotune", "totalIopsSec"], true],
  ['disks["a \\"b\\""]', ["disks", 'a "b"', "size"], true],
  ["*", ["title"], true],
])("%s ignores %j: %s", (ignored, path, expected) => {
  expect(isIgnored(path, ["other", ignored])).toBe(expected);
});

test("without the option nothing is ignored", () => {
  expect(isIgnored(["memory"])).toBe(false);
});
