import type { Libvirt } from "../../libvirt/api";
import { parseAnswer } from "../../schema/answer";
import { child, children, type Element, textOf } from "../../schema/tree";
import { attempt, ifFound } from "../failure";
import { pciText } from "../pci-address";

/** What the host says of one PCI device. */
export interface PciDevice {
  /** Driver of the host that holds it now. */
  readonly driver: string | undefined;
  readonly isBridge: boolean;
  /** A card with a screen. */
  readonly isDisplay: boolean;
  /** A virtual function is made to be given away. */
  readonly isVirtualFunction: boolean;
  /** Addresses of its own virtual functions. */
  readonly virtualFunctions: readonly string[];
  /** Cell of the host that it hangs on, where the host says so. */
  readonly cell: number | undefined;
  readonly group: { readonly number: string; readonly members: readonly string[] } | undefined;
  /** Ids of the mediated devices that can be made of it, with how many more of each. */
  readonly mediatedTypes: ReadonlyMap<string, number>;
}

/** A mediated device, started or only defined. */
export interface MediatedDevice {
  readonly name: string;
  readonly type: string;
  /** PCI address of what it is made of. */
  readonly parent: string;
  readonly isActive: boolean;
}

/** libvirt's name of the PCI device at an address. */
export function pciName(address: string): string {
  return `pci_${address.replace(/[:.]/g, "_")}`;
}

/** Drivers that hold a device for guests: vfio-pci, and its kin for single kinds of cards (mlx5_vfio_pci, libvirt 10.0). */
const forGuests = /^(pci-stub|vfio-pci|[\w-]+[-_]vfio[-_]pci)$/;

/** Whether the host works with the device itself. */
export function isHostsOwn({ driver }: Pick<PciDevice, "driver">): boolean {
  return driver !== undefined && !forGuests.test(driver);
}

/** virConnectListAllNodeDevices: the kinds that are asked for. */
const kinds = { pci: 1 << 1, usb_device: 1 << 2, net: 1 << 4, storage: 1 << 8, mdev: 1 << 14 } as const;
/** Its flag for those alone that are defined and not there now (libvirt 7.3). */
const onlyInactive = 1 << 30;

/** The devices of one host, as libvirt lists them (`virsh nodedev-list`). */
export class NodeDevices {
  constructor(
    private readonly libvirt: Libvirt,
    private readonly host: string,
  ) {}

  /** Cell and IOMMU group of devices, by their addresses; nothing of one that the host does not have. */
  async places(addresses: readonly string[]): Promise<ReadonlyMap<string, { cell?: number; iommuGroup?: number }>> {
    const found = await Promise.all(
      addresses.map(async (address) => {
        const { cell, group } = (await this.pci(address)) ?? {};
        return [
          address,
          { ...(cell !== undefined && { cell }), ...(group && { iommuGroup: Number(group.number) }) },
        ] as const;
      }),
    );
    return new Map(found);
  }

  /** Undefined when the host has no device at that address. */
  async pci(address: string): Promise<PciDevice | undefined> {
    const document = await this.document(pciName(address));
    return document && describe(document);
  }

  /** By libvirt's name of it. */
  async isVirtualFunction(name: string): Promise<boolean> {
    const document = await this.document(name);
    return document !== undefined && describe(document)?.isVirtualFunction === true;
  }

  /** Disks of the host that hang on the PCI device, as files in /dev. */
  async disksOf(address: string): Promise<readonly string[]> {
    const documents = await this.list("storage");
    const found = await Promise.all(
      documents.map(async (document) => {
        const block = child(document, "capability/block");
        return block && (await this.hangsOn(document, pciName(address))) ? [textOf(block)] : [];
      }),
    );
    return found.flat();
  }

  /** Disks of the host, as files in /dev, with the links that lead there. */
  async disks(): Promise<readonly { readonly block: string; readonly links: readonly string[] }[]> {
    return (await this.list("storage")).flatMap((document) => {
      const block = child(document, "capability/block");
      return block ? [{ block: textOf(block), links: children(document, "devnode").map(textOf) }] : [];
    });
  }

  /** How many cards with a screen the host works with. */
  async displays(): Promise<number> {
    return (await this.list("pci")).map(describe).filter((device) => device?.isDisplay && isHostsOwn(device)).length;
  }

  /** Interfaces of the host, with libvirt's name of the device that each is of. */
  async interfaces() {
    const documents = await this.list("net");
    return documents.flatMap((document) => {
      const capability = child(document, "capability");
      const [parent, name] = [child(document, "parent"), capability && child(capability, "interface")];
      const isUp = capability !== undefined && child(capability, "link")?.attributes["state"] === "up";
      return parent && name ? [{ name: textOf(name), parent: textOf(parent), isUp }] : [];
    });
  }

  /** Ids and places of the USB devices that are plugged into the host. */
  async usb() {
    const documents = await this.list("usb_device");
    return documents.map((document) => {
      const id = (name: string) => child(document, `capability/${name}`)?.attributes["id"]?.replace(/^0x/, "");
      const place = (name: string) => Number(textOf(child(document, `capability/${name}`) ?? document));
      return { vendor: id("vendor"), product: id("product"), bus: place("bus"), device: place("device") };
    });
  }

  async hasScsi(adapter: string, bus: number, target: number, unit: number): Promise<boolean> {
    const number = adapter.replace("scsi_host", "");
    return (await this.document(`scsi_${[number, bus, target, unit].join("_")}`)) !== undefined;
  }

  /** Newer versions of libvirt (7.8) put the address of the parent behind the uuid. */
  async mediated(uuid: string): Promise<MediatedDevice | undefined> {
    const prefix = `mdev_${uuid.replaceAll("-", "_")}`;
    const isIts = (name: string) => name === prefix || name.startsWith(`${prefix}_`);
    // Before, libvirt knew none that were only defined.
    const [all, inactive] = await Promise.all([this.names("mdev"), this.inactive("mdev")]);
    const name = [...all, ...inactive].find(isIts);
    const document = name === undefined ? undefined : await this.document(name);
    if (name === undefined || !document) return undefined;
    const parent = /^pci_(\w{4})_(\w\w)_(\w\w)_(\w)$/.exec(textOf(child(document, "parent") ?? document));
    const [, domain, bus, slot, fn] = parent ?? [];
    return {
      name,
      type: child(document, "capability/type")?.attributes["id"] ?? "",
      parent: parent ? `${domain}:${bus}:${slot}.${fn}` : "",
      isActive: !inactive.includes(name),
    };
  }

  private async list(kind: keyof typeof kinds): Promise<readonly Element[]> {
    const documents = await Promise.all((await this.names(kind)).map((name) => this.document(name)));
    return documents.filter(
      (document): document is Element =>
        document !== undefined && child(document, "capability")?.attributes["type"] === kind,
    );
  }

  private async hangsOn(document: Element, name: string): Promise<boolean> {
    const parent = child(document, "parent");
    if (!parent) return false;
    if (textOf(parent) === name) return true;
    const above = await this.document(textOf(parent));
    return above !== undefined && this.hangsOn(above, name);
  }

  /** Before libvirt 7.3 there were none that are only defined. */
  private async inactive(kind: keyof typeof kinds): Promise<readonly string[]> {
    return this.libvirt.version < 7_003_000 ? [] : this.names(kind, onlyInactive);
  }

  private async names(kind: keyof typeof kinds, which = 0): Promise<readonly string[]> {
    const { devices } = await attempt({ step: "list the devices of the host", host: this.host }, () =>
      this.libvirt.call("CONNECT_LIST_ALL_NODE_DEVICES", { needResults: 1, flags: kinds[kind] | which }),
    );
    return devices.map(({ name }) => name);
  }

  /** A device may go while the host is asked. */
  private async document(name: string): Promise<Element | undefined> {
    const found = await ifFound({ step: `read the device ${name}`, host: this.host }, () =>
      this.libvirt.call("NODE_DEVICE_GET_XML_DESC", { name, flags: 0 }),
    );
    return found && parseAnswer(found.xml);
  }
}

function describe(document: Element): PciDevice | undefined {
  const capability = child(document, "capability");
  if (!capability) return undefined;
  const group = child(capability, "iommuGroup");
  const code = textOf(child(capability, "class") ?? capability);
  const driver = child(document, "driver/name");
  const node = child(capability, "numa")?.attributes["node"];
  const capabilities = children(capability, "capability");
  const ofType = (type: string) => capabilities.filter(({ attributes }) => attributes["type"] === type);
  const mediated = ofType("mdev_types");
  const types = mediated.flatMap((item) => children(item, "type"));
  return {
    driver: driver && textOf(driver),
    isBridge: /^0x06/.test(code),
    isDisplay: /^0x03/.test(code),
    isVirtualFunction: ofType("phys_function").length > 0,
    virtualFunctions: ofType("virt_functions").flatMap((item) => children(item, "address").map(pciText)),
    cell: node === undefined ? undefined : Number(node),
    group: group && { number: group.attributes["number"] ?? "", members: children(group, "address").map(pciText) },
    mediatedTypes: new Map(
      types.map((type) => [type.attributes["id"] ?? "", Number(textOf(child(type, "availableInstances") ?? type))]),
    ),
  };
}
