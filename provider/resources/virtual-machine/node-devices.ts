import type { Libvirt } from "../../libvirt/api";
import { child, children, type Element, parse, textOf } from "../../schema/tree";
import { attempt, ifFound } from "../failure";
import { pciText } from "./pci-address";

/** What the host says of one PCI device. */
export interface PciDevice {
  /** Driver of the host that holds it now. */
  readonly driver: string | undefined;
  readonly isBridge: boolean;
  /** A virtual function is made to be given away. */
  readonly isVirtualFunction: boolean;
  readonly group: { readonly number: string; readonly members: readonly string[] } | undefined;
}

/** virConnectListAllNodeDevices: the kinds that are asked for. */
const kinds = { usb_device: 1 << 2, net: 1 << 4, mdev: 1 << 14 } as const;

/** The devices of one host, as libvirt lists them (`virsh nodedev-list`). */
export class NodeDevices {
  constructor(
    private readonly libvirt: Libvirt,
    private readonly host: string,
  ) {}

  /** Undefined when the host has no device at that address. */
  async pci(address: string): Promise<PciDevice | undefined> {
    const document = await this.document(`pci_${address.replace(/[:.]/g, "_")}`);
    const capability = document && child(document, "capability");
    if (!document || !capability) return undefined;
    const group = child(capability, "iommuGroup");
    const code = child(capability, "class");
    const driver = child(document, "driver/name");
    return {
      driver: driver && textOf(driver),
      isBridge: code !== undefined && /^0x06/.test(textOf(code)),
      isVirtualFunction: children(capability, "capability").some(
        ({ attributes }) => attributes["type"] === "phys_function",
      ),
      group: group && {
        number: group.attributes["number"] ?? "",
        members: children(group, "address").map(pciText),
      },
    };
  }

  /** Names of the interfaces that are up on the host, with the PCI address of their device. */
  async interfacesUp(): Promise<readonly { readonly name: string; readonly parent: string }[]> {
    const documents = await this.list("net");
    return documents.flatMap((document) => {
      const capability = child(document, "capability");
      const [parent, name] = [child(document, "parent"), capability && child(capability, "interface")];
      const isUp = capability && child(capability, "link")?.attributes["state"] === "up";
      return isUp && parent && name ? [{ name: textOf(name), parent: textOf(parent) }] : [];
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
  async hasMdev(uuid: string): Promise<boolean> {
    const name = `mdev_${uuid.replaceAll("-", "_")}`;
    return (await this.names("mdev")).some((found) => found === name || found.startsWith(`${name}_`));
  }

  private async list(kind: keyof typeof kinds): Promise<readonly Element[]> {
    const documents = await Promise.all((await this.names(kind)).map((name) => this.document(name)));
    return documents.filter(
      (document): document is Element =>
        document !== undefined && child(document, "capability")?.attributes["type"] === kind,
    );
  }

  private async names(kind: keyof typeof kinds): Promise<readonly string[]> {
    const { devices } = await attempt({ step: "list the devices of the host", host: this.host }, () =>
      this.libvirt.call("CONNECT_LIST_ALL_NODE_DEVICES", { needResults: 1, flags: kinds[kind] }),
    );
    return devices.map(({ name }) => name);
  }

  /** A device may go while the host is asked. */
  private async document(name: string): Promise<Element | undefined> {
    const found = await ifFound({ step: `read the device ${name}`, host: this.host }, () =>
      this.libvirt.call("NODE_DEVICE_GET_XML_DESC", { name, flags: 0 }),
    );
    return found && parse(found.xml);
  }
}
