import { child, type Element, element, ensure } from "../../schema/tree";
import { devicesOf } from "./alias";
import { isPcie } from "./general";

/**
 * Writes into a document that we made what libvirt fills in by itself as it defines it, of what a program may spell as
 * well: a value that says the same is no other one.
 */
export function fillIn(document: Element): Element {
  for (const disk of devicesOf(document, "disk")) if (disk.attributes["device"] === "cdrom") ensure(disk, "readonly");
  for (const model of devicesOf(document, "video").flatMap((card) => child(card, "model") ?? []))
    model.attributes["heads"] ??= "1";
  const devices = ensure(document, "devices");
  if (!devicesOf(document, "controller").some(({ attributes }) => attributes["type"] === "usb")) {
    const model = isPcie(child(document, "os/type")?.attributes["machine"]) ? "qemu-xhci" : "piix3-uhci";
    devices.children.push(element("controller", { type: "usb", index: "0", model }));
  }
  const hasSpice = devicesOf(document, "graphics").some(({ attributes }) => attributes["type"] === "spice");
  if (hasSpice && devicesOf(document, "audio").length === 0)
    devices.children.push(element("audio", { id: "1", type: "spice" }));
  return document;
}
