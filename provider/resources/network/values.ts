import { z } from "../../core/attribute";
import { duration } from "../../core/quantities";
import { parseDuration } from "../../core/units";
import {
  formatAddress,
  formatSubnet,
  gatewayOf,
  overlap,
  parseAddress,
  parseCidr,
  type Subnet,
  subnetFrom,
} from "./address";

export const modes = ["nat", "route", "open", "isolated", "bridge", "hostdev"] as const;
export type Mode = (typeof modes)[number];

/** An IPv4 or IPv6 address in its canonical spelling. */
export const address = z.string().transform((value, context) => {
  const parsed = parseAddress(value.trim());
  if (parsed) return formatAddress(parsed);
  context.addIssue({ code: "custom", message: `"${value}" is not an IPv4 or IPv6 address` });
  return z.NEVER;
});

/** Blocks that are no network's: the host would lose them to the bridge, of which libvirt takes no notice. */
const special: readonly (readonly [string, string])[] = [
  ["0.0.0.0/8", "nobody's"],
  ["127.0.0.0/8", "the host's own (loopback)"],
  ["224.0.0.0/4", "of multicast"],
  ["::/16", "the host's own (loopback)"],
  ["ff00::/8", "of multicast"],
];

/** The largest blocks that a network may have: what is larger would take much of the internet from the host. */
const shortest = { 4: 8, 6: 16 } as const;

/** What speaks against a block as such. */
function unusable(block: Subnet): string | undefined {
  const least = shortest[block.family];
  if (block.prefix < least) {
    return `would take much of the internet from the host, which reaches it by its bridge then; the prefix is at least /${least}`;
  }
  const [text, whose] = special.find(([blocked]) => overlap(subnetFrom(blocked), block)) ?? [];
  return text && `has addresses that are ${whose} (${text}); choose private ones, such as 10.20.0.0/24 or fd00:20::/64`;
}

/** A block of addresses in its canonical spelling: the network's own address and the prefix. */
export const subnet = z.string().transform((value, context) => {
  const parsed = parseCidr(value.trim());
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  if (!parsed) return refuse(`"${value}" is not a subnet; write for example "10.20.0.0/24" or "fd00:20::/64"`);
  const canonical = formatSubnet(parsed.subnet);
  if (parsed.address.value !== parsed.subnet.first) {
    const gateway = formatAddress(gatewayOf(parsed.subnet));
    return refuse(
      `"${value}" has bits set behind the prefix; write "${canonical}" (the host itself becomes ${gateway})`,
    );
  }
  const odd = unusable(parsed.subnet);
  if (odd !== undefined) return refuse(`"${value}" ${odd}`);
  const longest = parsed.subnet.family === 4 ? 30 : 126;
  if (parsed.subnet.prefix > longest) {
    return refuse(`"${value}" is too small for the host and a guest; the prefix is at most /${longest}`);
  }
  return canonical;
});

const hostLabel = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";

/** A name as DNS takes it. */
export const hostname = z
  .string()
  .max(253, "must have at most 253 characters")
  .regex(new RegExp(`^${hostLabel}(\\.${hostLabel})*$`), 'is not a DNS name; write for example "db.example"');

/** Name of a network interface of the host. */
export const interfaceName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/,
    "is not the name of a network interface (1 to 15 letters, digits, _ . -)",
  );

/** dnsmasq hands out no lease of less than two minutes. */
const shortestLease = 120;

/** One range of addresses that guests get by DHCP. */
export const dhcpRange = z.strictObject(
  {
    start: address,
    end: address,
    leaseTime: duration
      .refine((value) => parseDuration(value) >= shortestLease, `must be at least ${shortestLease} s`)
      .optional(),
  },
  // What is wrong within one is told by itself.
  { error: ({ code }) => (code === "invalid_type" ? "expected {start, end, leaseTime?}" : undefined) },
);

export type DhcpRange = z.output<typeof dhcpRange>;

export const forwarder = z.union([
  address,
  z
    .strictObject({ address: address.optional(), domain: hostname.optional() })
    .refine((value) => value.address ?? value.domain, "needs an address, a domain, or both"),
]);

export type Forwarder = z.output<typeof forwarder>;

const port = z.int().min(1).max(65535);

export const portRange = z
  .strictObject({ start: port, end: port })
  .refine(({ start, end }) => start <= end, "start must not be above end");
