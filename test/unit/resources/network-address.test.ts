import {
  defaultRange,
  formatAddress,
  formatSubnet,
  gatewayOf,
  isUsable,
  overlap,
  parseAddress,
  parseCidr,
  subnetFrom,
} from "../../../provider/resources/network/address";

test.each([
  ["10.0.0.1", "10.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["FD00:0020::0001", "fd00:20::1"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
  ["10:0:0:0:0:0:0:0", "10::"],
  ["0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"],
])("%s is spelt %s", (text, canonical) => {
  const address = parseAddress(text);
  expect(address && formatAddress(address)).toBe(canonical);
});

test.each(["", "10.0.0", "10.0.0.256", "10.0.0.01", "fe80::1%eth0", "::ffff:10.0.0.1", "1::2::3", "host"])(
  "%p is no address",
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "/24", "10.0.0.0/2 4"])("%p is no subnet", (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

test.each([
  ["10.20.0.0/24", "10.20.0.1", "10.20.0.2", "10.20.0.254"],
  ["10.20.0.0/30", "10.20.0.1", "10.20.0.2", "10.20.0.2"],
  ["10.0.0.0/8", "10.0.0.1", "10.0.0.2", "10.0.255.255"],
  ["10.20.0.0/16", "10.20.0.1", "10.20.0.2", "10.20.255.254"],
  ["fd00:20::/64", "fd00:20::1", "fd00:20::2", "fd00:20::ffff"],
])("%s has the gateway %s and the range %s to %s", (text, gateway, start, end) => {
  const subnet = subnetFrom(text);
  expect(formatSubnet(subnet)).toBe(text);
  expect(formatAddress(gatewayOf(subnet))).toBe(gateway);
  expect(defaultRange(subnet)).toEqual({ start, end });
});

test("guests may have neither the network's own, nor the gateway's, nor the broadcast address", () => {
  const subnet = subnetFrom("10.20.0.0/24");
  const usable = (text: string) => isUsable(subnet, parseAddress(text) ?? { family: 6, value: 0n });
  expect(["10.20.0.0", "10.20.0.1", "10.20.0.255", "10.21.0.2", "::1"].map(usable)).toEqual(Array(5).fill(false));
  expect(["10.20.0.2", "10.20.0.254"].map(usable)).toEqual([true, true]);
});

test("subnets overlap only within one family", () => {
  expect(overlap(subnetFrom("10.0.0.0/8"), subnetFrom("10.20.0.0/24"))).toBe(true);
  expect(overlap(subnetFrom("10.20.0.0/24"), subnetFrom("10.20.1.0/24"))).toBe(false);
  expect(overlap(subnetFrom("0.0.0.0/0"), subnetFrom("::/0"))).toBe(false);
});
