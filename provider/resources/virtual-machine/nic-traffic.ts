import { type Around, attribute, type Verdict, z } from "../../core/attribute";
import { rate, size, text } from "../../core/quantities";
import { formatBytes, formatRate, parseBytes, parseRate } from "../../core/units";
import { attributeAt, type ElementLens, number, words } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove } from "../../schema/tree";
import { libvirtOf } from "../facts";
import { ofPortGroup, trafficChange } from "./nic-cable";

/** Without the element the link is up. */
const linkLens: ElementLens<boolean> = {
  get: (nic) => child(nic, "link")?.attributes["state"] !== "down",
  set(nic, value) {
    remove(nic, "link");
    if (value !== undefined) ensure(nic, "link").attributes["state"] = value ? "up" : "down";
  },
};

/**
 * libvirt 9.0 says that it is done and does nothing; 11.3 does it. Which one a host has that a program names by its address
 * alone is not known: a preview says the worse. Documents name no host, and are for the daemon to tell.
 */
function trustChange(old: unknown, next: unknown, around: Around): Verdict {
  const { host } = around.whole;
  return host !== undefined && (libvirtOf(host) ?? 0) < 11_003_000
    ? { class: "restart", reason: "libvirt before 11.3 may leave an interface that is plugged in as it is" }
    : trafficChange(old, next, around);
}

const kib = 1024n;
const whole = (bytes: bigint) => bytes > 0n && bytes % kib === 0n;
const speed = rate.refine((value) => whole(parseRate(value)), "must be a whole number of KiB/s, at least 1");
const inboundSchema = z.strictObject({
  average: speed.optional(),
  peak: speed.optional(),
  burst: size.refine((value) => whole(parseBytes(value)), "must be a whole number of KiB, at least 1").optional(),
  floor: speed.optional(),
});
const outboundSchema = inboundSchema.omit({ floor: true });
const bandwidthSchema = z
  .strictObject({ inbound: inboundSchema.optional(), outbound: outboundSchema.optional() })
  .refine(
    ({ inbound, outbound }) =>
      [inbound, outbound].every((way) => way === undefined || way.average !== undefined || "floor" in way),
    "average is required; peak and burst are on top of it",
  );
type Bandwidth = z.infer<typeof bandwidthSchema>;
type Way = z.infer<typeof inboundSchema>;

/**
 * A running guest shows the VLAN and the bandwidth of its port group as if they were the interface's own; those of
 * the configuration are what the program wrote.
 */
function isOfPortGroup(nic: Element): boolean {
  const source = child(nic, "source")?.attributes;
  return source?.["portgroup"] !== undefined && source["portid"] !== undefined;
}

/** libvirt counts in KiB and KiB/s. */
const bandwidthLens: ElementLens<Bandwidth> = {
  get(nic) {
    const found = child(nic, "bandwidth");
    if (!found || isOfPortGroup(nic)) return undefined;
    const [inbound, outbound] = [readWay(child(found, "inbound")), readWay(child(found, "outbound"))];
    if (!inbound && !outbound) return undefined;
    return { ...(inbound && { inbound }), ...(outbound && { outbound }) };
  },
  set(nic, value) {
    remove(nic, "bandwidth");
    if (value === undefined) return;
    const ways = (["inbound", "outbound"] as const).flatMap((name) => {
      const way: Way | undefined = value[name];
      return way ? [writeWay(name, way)] : [];
    });
    if (ways.length > 0) nic.children.push(element("bandwidth", {}, ...ways));
  },
};

function readWay(found: Element | undefined): Way | undefined {
  if (!found) return undefined;
  const entries = (["average", "peak", "burst", "floor"] as const).flatMap((name) => {
    const value = found.attributes[name];
    if (value === undefined || !/^[1-9]\d*$/.test(value)) return [];
    const bytes = BigInt(value) * kib;
    return [[name, name === "burst" ? formatBytes(bytes) : formatRate(bytes)]];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function writeWay(name: string, { average, peak, burst, floor }: Way): Element {
  const speedOf = (value: string | undefined) => (value === undefined ? undefined : String(parseRate(value) / kib));
  const attributes = {
    average: speedOf(average),
    peak: speedOf(peak),
    burst: burst === undefined ? undefined : String(parseBytes(burst) / kib),
    floor: speedOf(floor),
  };
  return element(name, attributes);
}

const vlanSchema = z
  .strictObject({
    tags: z
      .array(z.strictObject({ id: z.int().min(0).max(4095), native: z.enum(["tagged", "untagged"]).optional() }))
      .min(1),
    trunk: z.boolean().optional(),
  })
  .transform(({ tags, trunk }) => ({ tags, trunk: trunk ?? (tags.length > 1 || tags.some((tag) => tag.native)) }))
  .refine(({ tags, trunk }) => tags.length === 1 || trunk, "several tags are a trunk")
  .refine(({ tags }) => tags.filter((tag) => tag.native).length <= 1, "only one VLAN of a trunk is native")
  .refine(({ tags }) => new Set(tags.map((tag) => tag.id)).size === tags.length, "names one VLAN twice");
type Vlan = z.infer<typeof vlanSchema>;

const vlanLens: ElementLens<Vlan> = {
  get(nic) {
    const found = child(nic, "vlan");
    if (!found || isOfPortGroup(nic)) return undefined;
    const tags = children(found, "tag").map(({ attributes: { id, nativeMode } }) => {
      const native = (["tagged", "untagged"] as const).find((mode) => mode === nativeMode);
      return { id: Number(id), ...(native && { native }) };
    });
    return { tags, trunk: found.attributes["trunk"] === "yes" };
  },
  set(nic, value) {
    remove(nic, "vlan");
    if (value === undefined) return;
    const tags = value.tags.map(({ id, native }) => element("tag", { id: String(id), nativeMode: native }));
    nic.children.push(element("vlan", { trunk: value.trunk ? "yes" : undefined }, ...tags));
  },
};

const filterSchema = z.strictObject({
  name: text.min(1, "must not be empty"),
  parameters: z
    .record(
      z.string().regex(/^[A-Za-z0-9_]+$/, "is not a name of a parameter"),
      z.union([z.string(), z.array(z.string())]),
    )
    .optional(),
});
type Filter = z.infer<typeof filterSchema>;

/** A parameter with several values is written once for each of them. */
const filterLens: ElementLens<Filter> = {
  get(nic) {
    const found = child(nic, "filterref");
    const name = found?.attributes["filter"];
    if (!found || name === undefined) return undefined;
    const parameters: Record<string, string | string[]> = {};
    for (const { attributes } of children(found, "parameter")) {
      const { name: key = "", value = "" } = attributes;
      const before = parameters[key];
      parameters[key] = before === undefined ? value : [before, value].flat();
    }
    return { name, ...(Object.keys(parameters).length > 0 && { parameters }) };
  },
  set(nic, value) {
    remove(nic, "filterref");
    if (value === undefined) return;
    const parameters = Object.entries(value.parameters ?? {}).flatMap(([name, values]) =>
      [values].flat().map((item) => element("parameter", { name, value: item })),
    );
    nic.children.push(element("filterref", { filter: value.name }, ...parameters));
  },
};

/** How an interface's packets go; all of it is changed in the running guest. */
export const nicTrafficRows = {
  link: attribute({
    doc: "Whether the cable is plugged in. Default true.",
    schema: z.boolean().optional(),
    change: trafficChange,
    lens: linkLens,
  }),
  bandwidth: attribute({
    doc: "Limits of what the guest gets (`inbound`) and sends (`outbound`), in whole KiB/s: `average`, and `peak` for as much as `burst`; `floor` is guaranteed on networks with a limit of their own (`<bandwidth>`). Default: none.",
    schema: bandwidthSchema.optional(),
    change: (old, next, around) => {
      const unable = ["user", "vhostUser", "hostdev", "vdpa"].filter((name) => around.next[name] !== undefined);
      if (unable.length > 0) return { class: "restart", reason: `${unable[0]} has no live limits` };
      return ofPortGroup(around) ?? trafficChange(old, next, around);
    },
    lens: bandwidthLens,
  }),
  vlan: attribute({
    doc: "VLAN of its packets, or a `trunk` of several with at most one `native` (`<vlan>`): on Open vSwitch and virtual functions, on plain bridges since libvirt 11.0. Default: none.",
    schema: vlanSchema.optional(),
    change: (old, next, around) =>
      around.next["hostdev"] === undefined
        ? (ofPortGroup(around) ?? trafficChange(old, next, around))
        : { class: "restart", reason: "a virtual function gets its VLAN when it is plugged in" },
    lens: vlanLens,
  }),
  portIsolated: attribute({
    doc: "The port of the bridge lets it reach no other isolated port (`<port isolated>`). Default false.",
    schema: z.boolean().optional(),
    since: "6.1",
    change: trafficChange,
    lens: words(attributeAt("port", "isolated"), "yes", "no"),
  }),
  filter: attribute({
    doc: "Filter of its packets by libvirt, with parameters such as IP (`<filterref>`): `clean-traffic` lets no guest forge addresses. Default: none.",
    schema: filterSchema.optional(),
    change: trafficChange,
    lens: filterLens,
  }),
  coalesce: attribute({
    doc: "Packets that the host gathers before it wakes the guest (`<coalesce><rx><frames max>`). Default: the tap device's own.",
    schema: z.int().min(0).max(4294967295).optional(),
    change: trafficChange,
    lens: number(attributeAt("coalesce/rx/frames", "max")),
  }),
  trustGuestRxFilters: attribute({
    doc: "The guest may ask the host for other MAC addresses and multicast on macvtap and virtual functions (`trustGuestRxFilters`); libvirt 9.0 changes it at the next start, 11.3 as the guest runs. Default false.",
    schema: z.boolean().optional(),
    change: trustChange,
    lens: words(attributeAt("", "trustGuestRxFilters"), "yes", "no"),
  }),
};
