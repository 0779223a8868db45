import * as fc from "fast-check";
import { nearest } from "../../../provider/core/nearest";

test.each([
  ["memry", "memory"],
  ["MEMORY", "memory"],
  ["vcpu", "vcpus"],
  ["autostrat", "autostart"],
])("%s is a misspelt %s", (word, meant) => {
  expect(nearest(word, ["memory", "vcpus", "disks", "autostart"])).toBe(meant);
});

test("nothing is guessed for a word that is far from all", () => {
  expect(nearest("hypervisor", ["memory", "vcpus", "disks"])).toBeUndefined();
  expect(nearest("x", [])).toBeUndefined();
  expect(nearest("nic", ["cpu", "no"])).toBeUndefined();
});

test("a known word is its own nearest, and one wrong letter does not matter", () => {
  const word = fc.stringMatching(/^[a-z]{4,12}$/);
  fc.assert(
    fc.property(word, fc.nat(), (known, at) => {
      const typo = `${known.slice(0, at % known.length)}#${known.slice((at % known.length) + 1)}`;
      expect(nearest(known, ["0123456789abcdef", known])).toBe(known);
      expect(nearest(typo, ["0123456789abcdef", known])).toBe(known);
    }),
  );
});
