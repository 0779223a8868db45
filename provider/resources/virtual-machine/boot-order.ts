import { child, type Element } from "../../schema/tree";
import { devicesOf } from "./alias";

const orderOf = (device: Element) => child(device, "boot")?.attributes["order"];

/** libvirt refuses the two ways of giving a boot order together. */
export function arrangeBootOrder(document: Element): void {
  const perDevice = devicesOf(document).some((device) => orderOf(device) !== undefined);
  const os = child(document, "os");
  if (perDevice && os) os.children = os.children.filter((node) => !("name" in node && node.name === "boot"));
}

/** Whether the device can have its place in the boot order of the running guest: what starts first is settled there. */
export function orderIsFree(device: Element, document: Element): boolean {
  const order = orderOf(device);
  if (order === undefined) return true;
  return child(document, "os/boot") === undefined && devicesOf(document).every((other) => orderOf(other) !== order);
}
