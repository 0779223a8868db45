import { formatCpuSet, parseCpuSet } from "../../../provider/tuning/cpu-set";

it.each([
  ["0-3", [0, 1, 2, 3]],
  ["8,0-2", [0, 1, 2, 8]],
  ["0-4,^2", [0, 1, 3, 4]],
  [" 1 , 1 ", [1]],
])("reads %s", (text, expected) => {
  expect(parseCpuSet(text)).toEqual(expected);
});

it.each(["", "3-1", "a", "1-", "^1-2", "0-9999999", "-1"])("refuses %j", (text) => {
  expect(() => parseCpuSet(text)).toThrow(RangeError);
});

it("writes the shortest form", () => {
  expect(formatCpuSet([9, 0, 1, 2, 5, 2])).toBe("0-2,5,9");
  expect(formatCpuSet([])).toBe("");
});
