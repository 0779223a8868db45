import { attribute, block, type DeriveContext, z } from "../../core/attribute";
import { hostPath, macAddress } from "../../core/quantities";
import { attributeAt, type ElementLens, mapped, number, oneOf, textAt, words } from "../../schema/lens";
import { child, type Element, element, ensure, remove } from "../../schema/tree";
import { mostQueues } from "../../tuning/profiles";
import { factsOf } from "../facts";
import { deviceAlias } from "./alias";
import { bootOrderRow, ringSize } from "./device-rows";
import { interfaceName } from "./nic-sources";

const models = ["virtio", "e1000e", "e1000", "rtl8139", "igb", "vmxnet3"] as const;

const plugged = () =>
  ({ class: "restart", reason: "libvirt changes no hardware of an interface that is plugged in" }) as const;
const driver = (name: string) => attributeAt("driver", name);
const onOff = (name: string) => words(driver(name), "on", "off");
const ring = ringSize(64);

/** Sources whose packets QEMU gets without a tap device or switch that could serve several queues. */
const singleQueue: readonly string[] = ["user", "hostdev", "ethernet", "vdpa", "vhostUser"];

/** CPUs of the host, where Host told of them: more queues than that wait for each other. */
function cpusOf(host: unknown): number {
  return factsOf(host).cells?.reduce((sum, { cpus }) => sum + cpus, 0) ?? Infinity;
}

/**
 * As many queues as vCPUs, up to some. Decided when the interface is made and kept: vCPUs that are added in the running
 * guest must not ask for a restart. Fewer vCPUs at most take queues away.
 */
function automatic({ siblings, olds, inputs, defaultsVersion }: DeriveContext): number | undefined {
  if (defaultsVersion === 0) return undefined;
  const { vcpus = 1, maxVcpus = vcpus } = inputs;
  const isVirtio = (siblings["model"] ?? "virtio") === "virtio";
  const hasQueues = isVirtio && !singleQueue.some((name) => siblings[name] !== undefined);
  if (!hasQueues || typeof vcpus !== "number" || typeof maxVcpus !== "number") return undefined;
  const kept = olds?.["queues"];
  return typeof kept === "number"
    ? Math.min(kept, maxVcpus)
    : Math.max(1, Math.min(vcpus, mostQueues(inputs["profile"]), cpusOf(inputs["host"])));
}

/** One queue is what libvirt means by none. */
const queuesLens: ElementLens<number> = {
  get(nic) {
    const isVirtio = child(nic, "model")?.attributes["type"] === "virtio";
    return number(driver("queues")).get(nic) ?? (isVirtio ? 1 : undefined);
  },
  set: (nic, value) => number(driver("queues")).set(nic, value === 1 ? undefined : value),
};

/** libvirt names the taps of running guests by itself; those names are never the program's. */
const targetLens: ElementLens<string> = {
  get: mapped(
    attributeAt("target", "dev"),
    (value) => (/^(vnet|macvtap|macvlan)\d+$/.test(value) ? undefined : value),
    (value) => value,
  ).get,
  set: attributeAt("target", "dev").set,
};

const offloads = (side: "host" | "guest", names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, words(attributeAt(`driver/${side}`, name), "on", "off")]));
const hostLenses = offloads("host", ["csum", "gso", "tso4", "tso6", "ecn", "ufo", "mrg_rxbuf"]);
const guestLenses = offloads("guest", ["csum", "tso4", "tso6", "ecn", "ufo"]);

function offload(lenses: Readonly<Record<string, ElementLens<boolean>>>, name: string, what: string) {
  return attribute<boolean | undefined, Element>({
    doc: `${what} (\`${name}\`). Default: QEMU's own, on.`,
    schema: z.boolean().optional(),
    change: plugged,
    ...(lenses[name] && { lens: lenses[name] }),
  });
}

export const romSchema = z
  .strictObject({
    enabled: z.boolean().optional(),
    file: hostPath.optional(),
    bar: z.boolean().optional(),
  })
  .refine((rom) => Object.values(rom).some((value) => value !== undefined), "must say something; leave it out instead")
  .refine(
    ({ enabled, file, bar }) => enabled !== false || (file === undefined && bar === undefined),
    "that is not enabled has neither file nor bar",
  );
type Rom = z.infer<typeof romSchema>;
export const romLens: ElementLens<Rom> = {
  get(nic) {
    const found = child(nic, "rom")?.attributes;
    if (!found) return undefined;
    const { enabled, bar, file } = found;
    return {
      ...(enabled !== undefined && { enabled: enabled === "yes" }),
      ...(bar !== undefined && { bar: bar === "on" }),
      ...(file !== undefined && { file }),
    };
  },
  set(nic, value) {
    remove(nic, "rom");
    if (value === undefined) return;
    const { enabled, bar, file } = value;
    const word = (is: boolean | undefined, yes: string, no: string) => (is === undefined ? undefined : is ? yes : no);
    nic.children.push(element("rom", { enabled: word(enabled, "yes", "no"), bar: word(bar, "on", "off"), file }));
  },
};

type Teaming = { readonly role: "persistent" } | { readonly role: "transient"; readonly partner: string };
const teamingLens: ElementLens<Teaming> = {
  get(nic) {
    const { type, persistent = "" } = child(nic, "teaming")?.attributes ?? {};
    if (type === "persistent") return { role: "persistent" };
    const prefix = deviceAlias("nic", "");
    return type === "transient" ? { role: type, partner: persistent.replace(prefix, "") } : undefined;
  },
  set(nic, value) {
    remove(nic, "teaming");
    if (value === undefined) return;
    const { attributes } = ensure(nic, "teaming");
    attributes["type"] = value.role;
    if (value.role === "transient") attributes["persistent"] = deviceAlias("nic", value.partner);
  },
};

const written = oneOf(attributeAt("model", "type"), models);

/** A virtual function is what the guest sees of it, whatever the model says: others leave it out, and so does libvirt. */
const modelLens: ElementLens<(typeof models)[number]> = {
  get: (nic) => written.get(nic) ?? (isFunctionOnly(nic) ? "virtio" : undefined),
  set: (nic, value) => {
    if (value !== "virtio" || !isFunctionOnly(nic)) written.set(nic, value);
  },
};

function isFunctionOnly(nic: Element): boolean {
  return nic.attributes["type"] === "hostdev" && child(nic, "model") === undefined;
}

/** What the guest sees of an interface, and what serves it. */
export const nicHardwareRows = {
  model: attribute({
    doc: "Hardware that the guest sees. Default virtio; the others are for guests without its driver, e1000e first (igb: libvirt 9.3, QEMU 8.0).",
    schema: z.enum(models),
    defaults: { 1: "virtio" },
    change: plugged,
    lens: modelLens,
  }),
  mac: attribute({
    doc: "MAC address. Default: derived, the same for ever.",
    schema: macAddress,
    derive: ({ identity, keys }) => identity.mac(keys.join("/")),
    change: plugged,
    lens: attributeAt("mac", "address"),
  }),
  queues: attribute({
    doc: "Pairs of queues of a virtio interface, at most `maxVcpus` and 256 (`<driver queues>`). Default: one for each vCPU, at most 8 (4 with profile `general`) and as many as the host has CPUs, decided when the interface is made and kept.",
    schema: z.int().min(1).max(256).optional(),
    derive: automatic,
    follows: true,
    change: () => ({ class: "restart", reason: "the number of queues is part of the hardware" }),
    lens: queuesLens,
  }),
  rxQueueSize: attribute({
    doc: "Packets that fit into a receive queue of a virtio interface: 256, 512 or 1024 (`<driver rx_queue_size>`). Default: QEMU's own, 256.",
    schema: ring.optional(),
    change: plugged,
    lens: number(driver("rx_queue_size")),
  }),
  txQueueSize: attribute({
    doc: "Packets that fit into a send queue; QEMU honours it for vhost-user and vDPA only (`<driver tx_queue_size>`). Default: QEMU's own, 256.",
    schema: ring.optional(),
    change: plugged,
    lens: number(driver("tx_queue_size")),
  }),
  driver: attribute({
    doc: "Who moves the packets of a virtio interface (`<driver name>`): `vhost` in the kernel, or `qemu`. Default: vhost where the host has it.",
    schema: z.enum(["vhost", "qemu"]).optional(),
    change: plugged,
    lens: oneOf(driver("name"), ["vhost", "qemu"] as const),
  }),
  ioeventfd: attribute({
    doc: "Whether sends leave the vCPU at once (`<driver ioeventfd>`). Default: QEMU's own, on.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: onOff("ioeventfd"),
  }),
  eventIdx: attribute({
    doc: "Whether needless interrupts are suppressed (`<driver event_idx>`). Default: QEMU's own, on.",
    schema: z.boolean().optional(),
    change: plugged,
    lens: onOff("event_idx"),
  }),
  packed: attribute({
    doc: "Packed layout of the virtio rings (`<driver packed>`). Default: QEMU's own, off.",
    schema: z.boolean().optional(),
    since: "6.3",
    change: plugged,
    lens: onOff("packed"),
  }),
  rss: attribute({
    doc: "Lets the guest spread received packets over its queues by their hash (`<driver rss>`). Default: QEMU's own, off.",
    schema: z.boolean().optional(),
    since: "8.3",
    change: plugged,
    lens: onOff("rss"),
  }),
  hostOffloads: block({
    doc: "What the host's side of a virtio interface takes over from the guest (`<driver><host>`).",
    rows: {
      csum: offload(hostLenses, "csum", "Checksums"),
      gso: offload(hostLenses, "gso", "Segmentation of any protocol"),
      tso4: offload(hostLenses, "tso4", "TCP segmentation for IPv4"),
      tso6: offload(hostLenses, "tso6", "TCP segmentation for IPv6"),
      ecn: offload(hostLenses, "ecn", "Segmentation of packets with congestion marks"),
      ufo: offload(hostLenses, "ufo", "UDP fragmentation"),
      mergeableBuffers: offload(hostLenses, "mrg_rxbuf", "One packet in several receive buffers"),
    },
  }),
  guestOffloads: block({
    doc: "What the guest accepts to receive unfinished from the host (`<driver><guest>`).",
    rows: {
      csum: offload(guestLenses, "csum", "Packets without checksum"),
      tso4: offload(guestLenses, "tso4", "Large TCP packets for IPv4"),
      tso6: offload(guestLenses, "tso6", "Large TCP packets for IPv6"),
      ecn: offload(guestLenses, "ecn", "Large packets with congestion marks"),
      ufo: offload(guestLenses, "ufo", "Large UDP packets"),
    },
  }),
  sndbuf: attribute({
    doc: "Bytes that the tap device takes before the guest waits (`<tune><sndbuf>`). Default: 0, no limit.",
    schema: z.int().min(0).max(4294967295).optional(),
    change: plugged,
    lens: number(textAt("tune/sndbuf")),
  }),
  mtu: attribute({
    doc: "Largest packet in bytes, told to the guest too (`<mtu size>`). Default: the network's.",
    schema: z.int().min(68).max(65535).optional(),
    change: () => ({ class: "restart", reason: "libvirt: cannot modify MTU" }),
    lens: number(attributeAt("mtu", "size")),
  }),
  target: attribute({
    doc: "Name of the interface on the host's side (`<target dev>`). Default: libvirt's own, vnetN.",
    schema: interfaceName
      .refine((value) => !/^(vnet|vif|macvtap|macvlan)\d+$/.test(value), "is a name that libvirt gives by itself")
      .optional(),
    change: plugged,
    lens: targetLens,
  }),
  cell: attribute({
    doc: "Cell of the guest (`numa.cells`), from 0, on whose PCI bus an interface with `hostdev` hangs (`<controller model='pcie-expander-bus'>`). Needs q35. Default: in a placed guest of several cells that of the device, else the common bus.",
    schema: z.int().min(0).max(127).optional(),
    change: () => ({ class: "restart", reason: "a bus of a cell cannot be plugged in" }),
  }),
  bootOrder: bootOrderRow("Place in the firmware's boot order, from 1 (PXE). Default: not booted from."),
  rom: attribute({
    doc: "The option ROM that boots from the network (`<rom>`): whether there is one, its `file` on the host, whether it shows in the guest's memory (`bar`). Default: QEMU's own.",
    schema: romSchema.optional(),
    change: plugged,
    lens: romLens,
  }),
  acpiIndex: attribute({
    doc: "Number in the guest's ACPI tables, from 1: systemd names the interface enoN (`<acpi index>`). Default: none.",
    schema: z.int().min(1).max(16383).optional(),
    since: "7.3",
    change: plugged,
    lens: number(attributeAt("acpi", "index")),
  }),
  teaming: attribute({
    doc: "Half of a failover pair (`<teaming>`): the virtio interface is `persistent`, the virtual function `transient` with the name of its `partner`; it goes before a migration. Default: none.",
    schema: z
      .union([
        z.strictObject({ role: z.literal("persistent") }),
        z.strictObject({ role: z.literal("transient"), partner: z.string() }),
      ])
      .optional(),
    change: plugged,
    lens: teamingLens,
  }),
};
