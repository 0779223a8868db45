import * as fc from "fast-check";
import { Identity } from "../../../provider/core/identity";
import { macAddress, objectName, uuid } from "../../../provider/core/quantities";

const origin = {
  organization: "organization",
  project: "shop",
  stack: "dev",
  urn: "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:VirtualMachine::db",
};

test("the vectors that every state depends on never change", () => {
  const identity = new Identity(origin);
  expect(identity.uuid).toBe("9c914058-3033-58f4-919c-b4f65547babc");
  expect(identity.physicalName).toBe("db-9c91405");
  expect(identity.mac("lan")).toBe("52:a8:e7:63:98:b9");
  expect(identity.serial("root")).toBe("b3fa3ffc8a3afaa82400");
  expect(identity.interfaceName("kvm")).toBe("kvm9c914058");
});

test.each(["organization", "project", "stack", "urn"] as const)("another %s is another identity", (part) => {
  const [one, other] = [new Identity(origin), new Identity({ ...origin, [part]: `${origin[part]}x` })];
  expect(other.uuid).not.toBe(one.uuid);
  expect(other.mac("lan")).not.toBe(one.mac("lan"));
  expect(other.serial("root")).not.toBe(one.serial("root"));
});

test("devices of one machine differ by their key", () => {
  const identity = new Identity(origin);
  expect(identity.mac("a")).not.toBe(identity.mac("b"));
  expect(identity.serial("a")).not.toBe(identity.serial("b"));
});

test("whatever a resource is called, libvirt takes what is derived from it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 400 }), fc.string(), (name, key) => {
      const identity = new Identity({ ...origin, urn: `urn:pulumi:dev::shop::type::${name}` });
      expect(uuid.parse(identity.uuid)).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      expect(objectName.safeParse(identity.physicalName)).toMatchObject({ success: true });
      // A shell would take it for an option, and a folder hide it.
      expect(identity.physicalName).not.toMatch(/^[-.]/);
      expect(macAddress.parse(identity.mac(key))).toMatch(/^52:/);
      expect(identity.serial(key)).toMatch(/^[0-9a-f]{20}$/);
      expect(identity.interfaceName("kvm").length).toBeLessThanOrEqual(15);
    }),
  );
});
