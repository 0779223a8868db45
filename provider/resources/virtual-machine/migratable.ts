import { child, clone, type Element } from "../../schema/tree";
import { devicesOf } from "./alias";

/**
 * A running guest is read as a migration takes it, for its CPU as it was asked for. There libvirt leaves out what it
 * takes for its own: a watchdog that is part of q35, sound that goes to the screen, the USB controller of old machines.
 */
function mayBeLeftOut({ name, attributes }: Element): boolean {
  return name === "watchdog" || name === "audio" || (name === "controller" && attributes["type"] === "usb");
}

const those = (document: Element) => devicesOf(document).filter(mayBeLeftOut);

/** The audio backend that libvirt gives every definition, for a guest without a screen: as good as none. */
const silenceOf = (document: Element, live: Element) =>
  devicesOf(live, "graphics").length > 0
    ? []
    : devicesOf(document, "audio").filter(({ attributes }) => attributes["type"] === "none");

/** Whether the definition has more of them than the running guest seems to have, silence aside. */
export function lacksDevices(live: Element, config: Element): boolean {
  const count = (document: Element) => those(document).length - silenceOf(document, live).length;
  return count(live) < count(config);
}

/** Gives a guest that lacks nothing else the silence of its definition: no reason to read a second document. */
export function withSilenceOf(live: Element, config: Element): Element {
  if (devicesOf(live, "audio").length === 0)
    child(live, "devices")?.children.push(...silenceOf(config, live).map(clone));
  return live;
}

/** Gives the guest those devices as the whole document shows them. */
export function withDevicesOf(live: Element, whole: Element): Element {
  const devices = child(live, "devices");
  if (!devices) return live;
  const others = devices.children.filter((node) => !("name" in node && mayBeLeftOut(node)));
  devices.children = [...others, ...those(whole)];
  return live;
}
