import { child, type Element, remove } from "../../schema/tree";
import { familyOf } from "../machine-types";
import { devicesOf } from "./alias";
import { isPcie } from "./general";
import type { Inputs } from "./rows";

/** Controllers that a board brings along; q35 has a watchdog as well. */
const ofBoard = ["pci", "ide", "sata", "fdc"];

/**
 * Takes the devices off a board of another family of machine types, "pc" and "q35": their buses have nothing in common.
 * libvirt gives the devices their controllers and addresses anew.
 */
export function arrangeBoard(document: Element, { usbController }: Inputs): void {
  const devices = child(document, "devices");
  const root = devicesOf(document, "controller").find(({ attributes }) =>
    /^pcie?-root$/.test(attributes["model"] ?? ""),
  );
  const wanted = rootOf(child(document, "os/type")?.attributes["machine"]);
  if (!devices || !root || wanted === undefined || root.attributes["model"] === wanted) return;
  const goes = ({ name, attributes: { type = "", model } }: Element) =>
    name === "controller"
      ? ofBoard.includes(type) || (type === "usb" && usbController === undefined)
      : name === "watchdog" && model === "itco" && wanted === "pci-root";
  devices.children = devices.children.filter((node) => !("name" in node && goes(node)));
  for (const device of devicesOf(document)) {
    if (child(device, "address")?.attributes["type"] === "pci") remove(device, "address");
  }
}

function rootOf(machine: string | undefined): string | undefined {
  if (isPcie(machine)) return "pcie-root";
  return machine !== undefined && ["pc", "pc-i440fx"].includes(familyOf(machine)) ? "pci-root" : undefined;
}
