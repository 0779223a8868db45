import type { Libvirt } from "../libvirt/api";
import { activeOnly } from "../libvirt/constants";
import { errorCode } from "../libvirt/errors";
import { parseAnswer } from "../schema/answer";
import { child, children, type Element, textOf } from "../schema/tree";
import { ifFound, unlessRefused } from "./failure";
import { pciText } from "./pci-address";

/** A PCI device of the host that a guest could be given, or be reached through. */
export interface HostDevice {
  /** As lspci writes it: "0000:3b:00.0". */
  readonly address: string;
  /** PCI class, such as "0x020000" for Ethernet. */
  readonly class: string;
  readonly vendor: string;
  readonly product: string;
  /** Host cell that it hangs on; absent where the firmware does not say. */
  readonly cell?: number;
  readonly iommuGroup?: number;
  /** Driver of the host that holds it now; it changes when a guest takes the device. */
  readonly driver?: string;
  /** Address of the function that this virtual function belongs to. */
  readonly physicalFunction?: string;
  /** Addresses of the virtual functions that are there, and how many there can be. */
  readonly virtualFunctions?: { readonly addresses: readonly string[]; readonly max: number };
  /** Name of its network interface on the host. */
  readonly interface?: string;
  /** Bridge of the host that the interface is a port of, itself or through a bond or VLAN. */
  readonly bridge?: string;
  /** Kinds of mediated devices that can be made of it. */
  readonly mediatedTypes?: readonly string[];
}

/** virConnectListAllNodeDevices: PCI devices and network interfaces. */
export const kinds = (1 << 1) | (1 << 4);
/**
 * PCI classes of what is no device to give away: memory and its controllers, bridges, and the timers, interrupt
 * controllers and counters of the chipset, of which a server's CPU has a hundred.
 */
const chipset = /^0x(05|06|08|11)/;

/** The devices in the order of their addresses; undefined where the daemon lists none (no node device driver). */
export async function hostDevices(libvirt: Libvirt, host: string): Promise<readonly HostDevice[] | undefined> {
  const documents = await deviceDocuments(libvirt, host);
  return documents && devicesIn(documents, await bridgePorts(libvirt, host));
}

/** What libvirt has of PCI devices and network interfaces; undefined where the daemon lists none. */
export async function deviceDocuments(libvirt: Libvirt, host: string): Promise<Element[] | undefined> {
  const listed = await ifOffered("list the devices of the host", host, () =>
    libvirt.call("CONNECT_LIST_ALL_NODE_DEVICES", { needResults: 1, flags: kinds }),
  );
  if (!listed) return undefined;
  const documents = await Promise.all(
    // A device may go while the host is asked.
    listed.devices.map(({ name }) =>
      ifFound({ step: `read the device ${name}`, host }, () =>
        libvirt.call("NODE_DEVICE_GET_XML_DESC", { name, flags: 0 }),
      ),
    ),
  );
  return documents.flatMap((found) => (found ? [parseAnswer(found.xml)] : []));
}

/** The devices that these documents tell of; `bridges` says the bridge of an interface. */
export function devicesIn(documents: readonly Element[], bridges: ReadonlyMap<string, string>): HostDevice[] {
  const interfaces = new Map(documents.flatMap(interfaceOf));
  return documents
    .flatMap((document) => {
      const pci = child(document, "capability");
      if (pci?.attributes["type"] !== "pci") return [];
      const name = interfaces.get(text(document, "name") ?? "");
      const bridge = name === undefined ? undefined : bridges.get(name);
      const device = pciDevice(document, pci);
      if (chipset.test(device.class)) return [];
      return [{ ...device, ...(name !== undefined && { interface: name }), ...(bridge !== undefined && { bridge }) }];
    })
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}

function pciDevice(document: Element, pci: Element): HostDevice {
  const capabilities = new Map(children(pci, "capability").map((item) => [item.attributes["type"] ?? "", item]));
  const [physical, virtual] = [capabilities.get("phys_function"), capabilities.get("virt_functions")];
  const mediated = capabilities.get("mdev_types");
  const addresses = virtual ? children(virtual, "address").map(pciText) : [];
  const max = Number(virtual?.attributes["maxCount"] ?? addresses.length);
  const parent = physical && child(physical, "address");
  const [cell, group] = [child(pci, "numa")?.attributes["node"], child(pci, "iommuGroup")?.attributes["number"]];
  const driver = text(document, "driver/name");
  return {
    address: pciText(placeOf(pci)),
    class: text(pci, "class") ?? "",
    vendor: text(pci, "vendor") || (child(pci, "vendor")?.attributes["id"] ?? ""),
    product: text(pci, "product") || (child(pci, "product")?.attributes["id"] ?? ""),
    ...(cell !== undefined && { cell: Number(cell) }),
    ...(group !== undefined && { iommuGroup: Number(group) }),
    ...(driver !== undefined && { driver }),
    ...(parent && { physicalFunction: pciText(parent) }),
    ...(max > 0 && { virtualFunctions: { addresses, max } }),
    ...(mediated && { mediatedTypes: children(mediated, "type").map((type) => type.attributes["id"] ?? "") }),
  };
}

/** The parts of a device's own address are elements, those of any other are attributes. */
function placeOf(pci: Element): Element {
  const names = ["domain", "bus", "slot", "function"];
  return { ...pci, attributes: Object.fromEntries(names.map((name) => [name, text(pci, name) ?? "0"])) };
}

/** Name of the parent device of a network interface, and its own; nothing for another device. */
function interfaceOf(document: Element): readonly (readonly [parent: string, name: string])[] {
  const capability = child(document, "capability");
  if (capability?.attributes["type"] !== "net") return [];
  const [parent, name] = [text(document, "parent"), text(capability, "interface")];
  return parent !== undefined && name !== undefined ? [[parent, name]] : [];
}

/** What an interface may be a part of a bridge through. A bond takes it whole; beside a VLAN others may use it. */
type Through = "bond" | "vlan";

/** The bridge of every interface that is part of one, itself or in this way; empty where the daemon has no interface driver. */
export async function bridgePorts(
  libvirt: Libvirt,
  host: string,
  through?: readonly Through[],
): Promise<ReadonlyMap<string, string>> {
  const listed = await ifOffered("list the interfaces of the host", host, () =>
    libvirt.call("CONNECT_LIST_ALL_INTERFACES", { needResults: 1, flags: activeOnly.interfaces }),
  );
  const documents = await Promise.all(
    (listed?.ifaces ?? []).map((iface) =>
      ifFound({ step: `read the interface ${iface.name}`, host }, () =>
        libvirt.call("INTERFACE_GET_XML_DESC", { iface, flags: 0 }),
      ),
    ),
  );
  const found = documents.flatMap((document) => (document ? [parseAnswer(document.xml)] : []));
  return portsOf(found, through);
}

/** The ports of bridges among these documents; what a bond or VLAN is made of counts as the bridge's too. */
export function portsOf(
  documents: readonly Element[],
  through: readonly Through[] = ["bond", "vlan"],
): ReadonlyMap<string, string> {
  const ways: readonly string[] = ["bridge", "interface", ...through];
  const bridges = documents.filter(({ attributes }) => attributes["type"] === "bridge");
  return new Map(
    bridges.flatMap((bridge) =>
      namesBelow(bridge, ways).map((port) => [port, bridge.attributes["name"] ?? ""] as const),
    ),
  );
}

function namesBelow(element: Element, ways: readonly string[]): string[] {
  return element.children.flatMap((node) => {
    if (!("name" in node) || !ways.includes(node.name)) return [];
    const own = node.name === "interface" ? node.attributes["name"] : undefined;
    return [...(own === undefined ? [] : [own]), ...namesBelow(node, ways)];
  });
}

/** Undefined where the daemon has no driver for it, which a host may well do without. */
function ifOffered<T>(step: string, host: string, work: () => Promise<T>): Promise<T | undefined> {
  return unlessRefused({ step, host }, work, (refusal) => {
    if (refusal.code === errorCode.noSupport) return undefined;
    throw refusal;
  });
}

function text(element: Element, path: string): string | undefined {
  const found = child(element, path);
  return found && textOf(found);
}
