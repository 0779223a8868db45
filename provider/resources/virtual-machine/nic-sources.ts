import { attribute, z } from "../../core/attribute";
import { hostPath, text } from "../../core/quantities";
import { attributeAt, type ElementLens } from "../../schema/lens";
import { child, type Element, element, ensure, remove } from "../../schema/tree";
import { hostOfOther, keptReference } from "../host-reference";
import { pciAddress, pciElement, pciText } from "../pci-address";
import { another, cableChange, networkChange, networkKinds, portGroupChange } from "./nic-cable";
import { userLens, userSchema } from "./nic-user";

export const interfaceName = z.string().regex(/^[A-Za-z0-9_.:-]{1,15}$/, "is not a name of a network interface");

const networkSchema = z.object({
  uuid: z.string().optional(),
  name: z.string(),
  host: hostOfOther.optional(),
  kind: z.enum(networkKinds).optional(),
});
export type NetworkReference = z.infer<typeof networkSchema>;

/** Gives the interface that type; what another one had behind it is forgotten. */
function become(nic: Element, type: string): void {
  if (nic.attributes["type"] === type) return;
  for (const name of ["source", "backend"]) remove(nic, name);
  nic.children = nic.children.filter((node) => !("name" in node && ["portForward", "ip"].includes(node.name)));
  delete nic.attributes["managed"];
  nic.attributes["type"] = type;
}

/** One attribute of the source of one type of interface; libvirt adds others to it in the live document. */
function sourceLens(type: string, name: string): ElementLens<string> {
  return {
    get: (nic) => (nic.attributes["type"] === type ? child(nic, "source")?.attributes[name] : undefined),
    set(nic, value) {
      // Without a value another type has taken over, or will.
      if (value === undefined || this.get(nic) === value) return;
      become(nic, type);
      remove(nic, "source");
      ensure(nic, "source").attributes[name] = value;
    },
  };
}

/** A running guest on a network with a bridge of its own shows that bridge, and the network beside it. */
const networkLens: ElementLens<NetworkReference> = {
  get(nic) {
    const name = child(nic, "source")?.attributes["network"];
    return name === undefined ? undefined : { name };
  },
  set(nic, value) {
    sourceLens("network", "network").set(nic, value?.name);
  },
};

const bridgeLens: ElementLens<string> = {
  get: (nic) => (networkLens.get(nic) ? undefined : sourceLens("bridge", "bridge").get(nic)),
  set: (nic, value) => sourceLens("bridge", "bridge").set(nic, value),
};

const portGroupLens: ElementLens<string> = attributeAt("source", "portgroup");

const modes = ["bridge", "private", "vepa", "passthrough"] as const;
type Direct = { readonly dev: string; readonly mode: (typeof modes)[number] };
const directLens: ElementLens<Direct> = {
  get(nic) {
    const { dev, mode = "vepa", network } = child(nic, "source")?.attributes ?? {};
    if (nic.attributes["type"] !== "direct" || dev === undefined || network !== undefined) return undefined;
    return { dev, mode: modes.find((known) => known === mode) ?? "vepa" };
  },
  set(nic, value) {
    if (value === undefined) return;
    become(nic, "direct");
    ensure(nic, "source").attributes = { ...value };
  },
};

const vhostUserSchema = z.strictObject({
  socket: hostPath,
  mode: z.enum(["client", "server"]),
  reconnect: z.int("must be whole seconds, at least 1").min(1).optional(),
});
type VhostUser = z.infer<typeof vhostUserSchema>;
const vhostUserLens: ElementLens<VhostUser> = {
  get(nic) {
    const source = child(nic, "source");
    const { path, mode } = source?.attributes ?? {};
    if (nic.attributes["type"] !== "vhostuser" || !source || path === undefined) return undefined;
    const timeout = child(source, "reconnect")?.attributes["timeout"];
    const way = mode === "server" ? "server" : "client";
    return { socket: path, mode: way, ...(timeout !== undefined && { reconnect: Number(timeout) }) };
  },
  set(nic, value) {
    if (value === undefined) return;
    become(nic, "vhostuser");
    remove(nic, "source");
    const { socket, mode, reconnect } = value;
    const again = reconnect === undefined ? [] : [element("reconnect", { enabled: "yes", timeout: String(reconnect) })];
    nic.children.push(element("source", { type: "unix", path: socket, mode }, ...again));
  },
};

const ethernetLens: ElementLens<boolean> = {
  get: (nic) => nic.attributes["type"] === "ethernet" || undefined,
  set(nic, value) {
    if (value) become(nic, "ethernet");
  },
};

const hostdevSchema = z.strictObject({ address: pciAddress, managed: z.boolean().default(true) });
type Hostdev = z.infer<typeof hostdevSchema>;
const hostdevLens: ElementLens<Hostdev> = {
  get(nic) {
    const place = child(nic, "source/address");
    if (nic.attributes["type"] !== "hostdev" || !place || child(nic, "source")?.attributes["network"]) return undefined;
    return { address: pciText(place), managed: nic.attributes["managed"] === "yes" };
  },
  set(nic, value) {
    if (value === undefined) return;
    become(nic, "hostdev");
    nic.attributes["managed"] = value.managed ? "yes" : "no";
    remove(nic, "source");
    const address = pciElement(value.address);
    address.attributes = { type: "pci", ...address.attributes };
    nic.children.push(element("source", {}, address));
  },
};

const virtualPortSchema = z.strictObject({
  type: z.enum(["openvswitch", "midonet", "802.1Qbg", "802.1Qbh"]),
  parameters: z.record(z.string(), text).optional(),
});
type VirtualPort = z.infer<typeof virtualPortSchema>;

/** libvirt makes up an interface id for Open vSwitch; it stays unless the program names one. */
const virtualPortLens: ElementLens<VirtualPort> = {
  get(nic) {
    const found = child(nic, "virtualport");
    const type = virtualPortSchema.shape.type.safeParse(found?.attributes["type"]);
    if (!found || !type.success) return undefined;
    const parameters = child(found, "parameters")?.attributes;
    return { type: type.data, ...(parameters && { parameters: { ...parameters } }) };
  },
  set(nic, value) {
    const before = virtualPortLens.get(nic);
    remove(nic, "virtualport");
    if (value === undefined) return;
    const kept = before?.type === value.type ? before.parameters : {};
    const parameters = { ...kept, ...value.parameters };
    const named = Object.keys(parameters).length > 0 ? [element("parameters", parameters)] : [];
    nic.children.push(element("virtualport", { type: value.type }, ...named));
  },
};

/** What an interface is plugged into: exactly one of them, besides the options of its port. */
export const nicSourceRows = {
  network: attribute({
    doc: "The network that it is plugged into (`<interface type='network'>`): one with virtual functions gives it one of them. The `kind` of a reference that is written by hand tells previews how it plugs guests in.",
    schema: networkSchema.optional(),
    references: ["Network"],
    keep: (network) => network && keptReference(network),
    change: networkChange,
    lens: networkLens,
  }),
  portGroup: attribute({
    doc: "Port group of `network`, whose VLAN and bandwidth it gets (`<source portgroup>`). Default: the network's own.",
    schema: z.string().min(1).optional(),
    change: portGroupChange,
    lens: portGroupLens,
  }),
  bridge: attribute({
    doc: "Name of a bridge of the host, in place of `network`.",
    schema: z
      .string()
      .regex(/^[A-Za-z0-9_.:-]{1,15}$/, "is not a name of a bridge")
      .optional(),
    change: cableChange,
    lens: bridgeLens,
  }),
  direct: attribute({
    doc: "An interface of the host that it shares by macvtap (`<interface type='direct'>`): `mode` bridge lets guests reach each other but not the host, vepa sends all through the switch, private isolates, passthrough takes the interface whole. Default mode bridge.",
    schema: z.strictObject({ dev: interfaceName, mode: z.enum(modes).default("bridge") }).optional(),
    change: another,
    lens: directLens,
  }),
  user: attribute({
    doc: "A network of its own behind the host's addresses, without privileges (`<interface type='user'>`): by `passt` (libvirt 9.1: 9.0.0 refuses it; speed and port forwards) or QEMU's `slirp`. Default backend slirp.",
    schema: userSchema.optional(),
    change: another,
    lens: userLens,
  }),
  vhostUser: attribute({
    doc: "A switch in user space, such as OVS-DPDK, through this socket (`<interface type='vhostuser'>`). `mode` says what QEMU is; `reconnect` in seconds is for clients. The guest's memory becomes one that the switch shares.",
    schema: vhostUserSchema.optional(),
    change: another,
    lens: vhostUserLens,
  }),
  vdpa: attribute({
    doc: "A vDPA device of the host, such as /dev/vhost-vdpa-0 (`<interface type='vdpa'>`).",
    schema: hostPath.optional(),
    since: "6.9",
    change: another,
    lens: sourceLens("vdpa", "dev"),
  }),
  ethernet: attribute({
    doc: "A plain tap device that nothing is done with (`<interface type='ethernet'>`); `target` names it.",
    schema: z.literal(true).optional(),
    change: another,
    lens: ethernetLens as ElementLens<true>,
  }),
  hostdev: attribute({
    doc: "A virtual function of an SR-IOV card by its PCI address, with MAC and VLAN set by libvirt (`<interface type='hostdev'>`). `managed` takes it from the host's driver and gives it back. Default managed true.",
    schema: hostdevSchema.optional(),
    change: another,
    lens: hostdevLens,
  }),
  virtualPort: attribute({
    doc: "The port on an Open vSwitch, or of a switch that speaks 802.1Qbg or 802.1Qbh, with its parameters in libvirt's names (`<virtualport>`). Default: none.",
    schema: virtualPortSchema.optional(),
    change: () => ({ class: "restart", reason: "libvirt changes no virtual port of a running guest" }),
    lens: virtualPortLens,
  }),
};
