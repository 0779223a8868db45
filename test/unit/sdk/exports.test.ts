import * as kvm from "../../../sdk";

test("the default of the package is all that it has", () => {
  expect(kvm.default.Host).toBe(kvm.Host);
  expect({ ...kvm.default, default: kvm.default }).toEqual({ ...kvm });
});
