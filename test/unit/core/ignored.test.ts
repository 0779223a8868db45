import { isIgnored } from "../../../provider/core/ignored";

test.each<[string, string, boolean]>([
  ["memory", "memory", true],
  ["memory", "maxMemory", false],
  ["nics", "nics.lan.link", true],
  ["nics.lan.link", "nics.lan.link", true],
  ["nics.lan.link", "nics.lan", false],
  ["nics.*.link", "nics.lan.link", true],
  ["nics.*.link", "nics.lan.bandwidth", false],
  ["nics.*", "nics", false],
  ['disks["data"].iotune', "disks.data.iotune.totalIopsSec", true],
  ['disks["data.1"].iotune', 'disks["data.1"].iotune.totalIopsSec', true],
  ['disks["a \\"b\\""]', 'disks["a \\"b\\""].size', true],
  ["numa.cells[0].memory", "numa.cells[0].memory", true],
  ["numa.cells[0]", "numa.cells[1].memory", false],
  ["*", "title", true],
])("%s ignores %s: %s", (ignored, property, expected) => {
  expect(isIgnored(property, ["other", ignored])).toBe(expected);
});

test("without the option nothing is ignored", () => {
  expect(isIgnored("memory")).toBe(false);
});
