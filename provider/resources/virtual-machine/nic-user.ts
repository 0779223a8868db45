import { z } from "../../core/attribute";
import type { ElementLens } from "../../schema/lens";
import { child, children, type Element, element, ensure } from "../../schema/tree";

const port = z.int().min(1).max(65535);
const address = z.union([z.ipv4("is not an IP address"), z.ipv6("is not an IP address")]);
const forwardSchema = z.strictObject({
  protocol: z.enum(["tcp", "udp"]),
  address: address.optional(),
  dev: z.string().optional(),
  ranges: z
    .array(
      z.strictObject({
        start: port,
        end: port.optional(),
        to: port.optional(),
        exclude: z.boolean().optional(),
      }),
    )
    .optional(),
});

export const userSchema = z.strictObject({
  backend: z.enum(["passt", "slirp"]).default("slirp"),
  /** Interface of the host whose addresses passt copies. */
  dev: z.string().optional(),
  addresses: z.array(z.strictObject({ address, prefix: z.int().min(1).max(128).optional() })).optional(),
  portForwards: z.array(forwardSchema).optional(),
});
type User = z.infer<typeof userSchema>;
type Forward = z.infer<typeof forwardSchema>;

/** `<interface type='user'>` with the server that is behind it. */
export const userLens: ElementLens<User> = {
  get(nic) {
    if (nic.attributes["type"] !== "user") return undefined;
    const dev = child(nic, "source")?.attributes["dev"];
    const addresses = children(nic, "ip").map(({ attributes }) => ({
      address: attributes["address"] ?? "",
      ...(attributes["prefix"] !== undefined && { prefix: Number(attributes["prefix"]) }),
    }));
    const forwards = children(nic, "portForward").map(readForward);
    return {
      backend: child(nic, "backend")?.attributes["type"] === "passt" ? "passt" : "slirp",
      ...(dev !== undefined && { dev }),
      ...(addresses.length > 0 && { addresses }),
      ...(forwards.length > 0 && { portForwards: forwards }),
    };
  },
  set(nic, value) {
    if (value === undefined) return;
    const replaced = ["source", "backend", "ip", "portForward"];
    nic.children = nic.children.filter((node) => !("name" in node && replaced.includes(node.name)));
    delete nic.attributes["managed"];
    nic.attributes["type"] = "user";
    if (value.dev !== undefined) ensure(nic, "source").attributes["dev"] = value.dev;
    if (value.backend === "passt") ensure(nic, "backend").attributes["type"] = "passt";
    const addresses = (value.addresses ?? []).map(({ address: ip, prefix }) =>
      element("ip", {
        family: ip.includes(":") ? "ipv6" : "ipv4",
        address: ip,
        prefix: prefix === undefined ? undefined : String(prefix),
      }),
    );
    nic.children.push(...addresses, ...(value.portForwards ?? []).map(writeForward));
  },
};

function readForward(found: Element): Forward {
  const { proto, address: at, dev } = found.attributes;
  const ranges = children(found, "range").map(({ attributes: { start, end, to, exclude } }) => ({
    start: Number(start),
    ...(end !== undefined && { end: Number(end) }),
    ...(to !== undefined && { to: Number(to) }),
    ...(exclude === "yes" && { exclude: true }),
  }));
  return {
    protocol: proto === "udp" ? "udp" : "tcp",
    ...(at !== undefined && { address: at }),
    ...(dev !== undefined && { dev }),
    ...(ranges.length > 0 && { ranges }),
  };
}

function writeForward({ protocol, address: at, dev, ranges = [] }: Forward): Element {
  const text = (value: number | undefined) => (value === undefined ? undefined : String(value));
  const made = ranges.map(({ start, end, to, exclude }) =>
    element("range", { start: text(start), end: text(end), to: text(to), exclude: exclude ? "yes" : undefined }),
  );
  return element("portForward", { proto: protocol, address: at, dev }, ...made);
}
