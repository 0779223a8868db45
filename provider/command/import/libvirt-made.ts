import { isSerialConsole } from "../../resources/virtual-machine/serial-console";
import { child, children, clone, type Element, isElement, remove, textOf } from "../../schema/tree";

/** Controllers that libvirt adds for the devices that need them. */
const addedControllers = ["pci", "usb", "sata", "ide", "fdc", "virtio-serial", "scsi", "ccid"];

/** Elements that say where something is, what it is called or how large it has become. */
const placing = ["address", "alias", "backingStore", "metadata", "mirror"];

/** By element, what libvirt writes into a definition that did not say it; `undefined` is the attribute whatever it says. */
const filled: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
  "domain/vcpu": { placement: "static" },
  "domain/os/type": { arch: "x86_64" },
  "domain/cpu": { check: undefined, match: "exact", migratable: "on" },
  "domain/cpu/model": { fallback: undefined },
  "devices/disk/driver": { name: "qemu" },
  "devices/disk/target": { dev: undefined },
  "devices/disk/source": { index: undefined },
  "devices/graphics": { listen: undefined, socket: undefined, autoport: undefined, port: undefined },
  "devices/graphics/listen": { type: "address" },
  "devices/console/target": { port: undefined },
  "devices/hostdev": { mode: "subsystem", managed: "no" },
  "devices/memballoon": { model: "virtio" },
  "devices/video/model": { primary: undefined, heads: "1", vram: "16384", ram: "65536", vgamem: "16384" },
  "devices/redirdev": { bus: "usb" },
  "network/bridge": { macTableManager: undefined },
};

/** Elements that libvirt adds whole. */
function isAdded(element: Element, path: string): boolean {
  const { attributes } = element;
  switch (path) {
    case "domain/resource":
      return child(element, "partition") !== undefined;
    case "domain/seclabel":
      return attributes["type"] === "dynamic";
    case "domain/on_poweroff":
    case "domain/on_crash":
      return textOf(element) === "destroy";
    case "domain/on_reboot":
      return textOf(element) === "restart";
    // The size that our row says, in another unit.
    case "domain/devices/shmem/size":
      return true;
    case "domain/devices/emulator":
    case "domain/devices/hub":
    case "network/mac":
    case "pool/capacity":
    case "pool/allocation":
    case "pool/available":
    case "pool/target/permissions":
      return true;
    case "domain/devices/controller":
      return addedControllers.includes(attributes["type"] ?? "");
    case "domain/devices/input":
      return attributes["bus"] === "ps2";
    case "domain/devices/console":
      return isSerialConsole(element);
    case "domain/devices/audio":
      return ["none", "spice"].includes(attributes["type"] ?? "");
    case "domain/devices/memballoon":
      return attributes["model"] === "virtio" && children(element).every(({ name }) => placing.includes(name));
    case "domain/devices/watchdog":
      return attributes["model"] === "itco";
    case "domain/devices/serial/target":
      return attributes["type"] === "isa-serial";
    case "domain/devices/channel/source":
      return attributes["path"] === undefined || attributes["path"].startsWith("/var/lib/libvirt/qemu/");
    case "domain/devices/disk/source":
      return attributes["volume"] !== undefined;
    case "pool/source":
      return Object.keys(attributes).length === 0 && children(element).length === 0;
    default:
      return false;
  }
}

/** The document without what libvirt would fill in by itself into one that does not say it; our names of devices stay. */
export function withoutMade(document: Element): Element {
  return cleaned(clone(document), document.name);
}

/** The two ways of giving the size of a subnet, and what is meant without a family. */
function respell({ attributes }: Element): void {
  const mask = attributes["netmask"]?.split(".").map((part) => Number(part).toString(2).replaceAll("0", "").length);
  if (mask) attributes["prefix"] = String(mask.reduce((sum, bits) => sum + bits, 0));
  delete attributes["netmask"];
  if (attributes["family"] === "ipv4") delete attributes["family"];
}

function cleaned(element: Element, path: string): Element {
  if (path === "network/ip") respell(element);
  const [boot, ...otherBoots] = path === "domain/os" ? children(element, "boot") : [];
  if (boot?.attributes["dev"] === "hd" && otherBoots.length === 0) remove(element, "boot");
  if (path === "domain/devices/disk" && element.attributes["type"] === "volume") delete element.attributes["type"];
  for (const [place, attributes] of Object.entries(filled)) {
    if (path !== place && !path.endsWith(`/${place}`)) continue;
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || element.attributes[name] === value) delete element.attributes[name];
    }
  }
  element.children = element.children.filter((node) => {
    if (!isElement(node)) return true;
    if (node.name === "alias") return node.attributes["name"]?.startsWith("ua-") === true;
    return !(placing.includes(node.name) && !path.endsWith("/source")) && !isAdded(node, `${path}/${node.name}`);
  });
  for (const node of element.children) if (isElement(node)) cleaned(node, `${path}/${node.name}`);
  return element;
}
