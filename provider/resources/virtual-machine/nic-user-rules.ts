import { libvirtOf } from "../facts";
import { type EntryCheck, fault, given, isMore, type Nic } from "./rule-entries";

type Address = NonNullable<NonNullable<Nic["user"]>["addresses"]>[number];

const isV6 = ({ address }: Address) => address.includes(":");

/** What is wrong with the prefix of an address; slirp's DHCP server needs some room, and its IPv6 has one size. */
function prefixFault(address: Address, backend: string): string | undefined {
  const { prefix } = address;
  if (prefix === undefined) return undefined;
  if (backend === "slirp" && isV6(address)) return prefix === 64 ? undefined : "must be 64 for IPv6";
  if (backend === "slirp") return prefix >= 4 && prefix <= 27 ? undefined : "must be from 4 to 27 for IPv4";
  return prefix > 32 && !isV6(address) ? "must be at most 32 for IPv4" : undefined;
}

/** Faults of a network that QEMU makes up by itself. */
export const userFaults: EntryCheck<Nic> = ({ user, queues }, at, { host }) => {
  if (user === undefined) return [];
  const { backend, addresses = [] } = user;
  const version = libvirtOf(host);
  const isPasst = backend === "passt";
  const surplus = [false, true].flatMap((six) => addresses.filter((address) => isV6(address) === six).slice(1));
  return [
    ...(isPasst ? [] : given(user, ["dev", "portForwards"])).map((name) =>
      fault(`${at}.user.${name}`, 'needs backend: "passt"'),
    ),
    ...(isPasst && version !== undefined && version < 9_001_000
      ? [fault(`${at}.user.backend`, "passt needs a libvirt above 9.0; use slirp, or upgrade the host")]
      : []),
    ...(isMore(queues, 1) ? [fault(`${at}.queues`, "a user network has one queue")] : []),
    ...addresses.flatMap((address, index) => {
      const wrong = prefixFault(address, backend);
      return [
        ...(wrong === undefined ? [] : [fault(`${at}.user.addresses[${index}].prefix`, wrong)]),
        ...(!isPasst && surplus.includes(address)
          ? [fault(`${at}.user.addresses[${index}]`, "there is one IPv4 and one IPv6 address; leave it out")]
          : []),
      ];
    }),
  ];
};
