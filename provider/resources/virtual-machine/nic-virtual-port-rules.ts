import { type EntryCheck, fault, given, type Nic, saysAll } from "./rule-entries";

type Type = NonNullable<Nic["virtualPort"]>["type"];

interface Value {
  readonly isValid: (value: string) => boolean;
  readonly reason: string;
}

/** As C reads it: a leading 0 means octal. */
const number = (most: number): Value => ({
  isValid(text) {
    const value = Number(text.replace(/^0(?=[0-7]+$)/, "0o"));
    return Number.isInteger(value) && value >= 0 && value <= most;
  },
  reason: `must be a number from 0 to ${most}`,
});
const uuid: Value = {
  isValid: (value) => /^[0-9a-fA-F]{32}$/.test(value.replaceAll(/[\s-]/g, "")),
  reason: "must be a UUID",
};
const profile: Value = {
  isValid: (value) => Buffer.byteLength(value) < 40,
  reason: "must have at most 39 characters",
};

/** Parameters that a port of this type takes. */
const known: Readonly<Record<Type, Readonly<Record<string, Value>>>> = {
  openvswitch: { interfaceid: uuid, profileid: profile },
  midonet: { interfaceid: uuid },
  "802.1Qbg": { managerid: number(255), typeid: number(0xffffff), typeidversion: number(255), instanceid: uuid },
  "802.1Qbh": { profileid: profile },
};

/** Those without which libvirt knows no port; of a network the others may come from its definition. */
const required: Readonly<Record<Type, readonly string[]>> = {
  openvswitch: [],
  midonet: ["interfaceid"],
  "802.1Qbg": ["managerid", "typeid", "typeidversion"],
  "802.1Qbh": ["profileid"],
};

/** Faults of the port that an interface has on a switch. */
export const virtualPortFaults: EntryCheck<Nic> = (nic, path, inputs) => {
  const { virtualPort, network } = nic;
  if (virtualPort === undefined) return [];
  const { type, parameters = {} } = virtualPort;
  const at = `${path}.virtualPort`;
  return [
    ...given(nic, ["user", "vhostUser", "vdpa", "ethernet"]).map((name) =>
      fault(at, `${name} has no port on a switch; leave out one of the two`),
    ),
    ...Object.entries(parameters).flatMap(([name, value]) => {
      const rule = known[type][name];
      if (rule === undefined)
        return [fault(`${at}.parameters.${name}`, `${type} has ${Object.keys(known[type]).join(", ")} only`)];
      return rule.isValid(value) ? [] : [fault(`${at}.parameters.${name}`, rule.reason)];
    }),
    ...(network === undefined && saysAll(inputs) ? required[type] : [])
      .filter((name) => parameters[name] === undefined)
      .map((name) => fault(`${at}.parameters.${name}`, `is required for ${type}`)),
  ];
};
