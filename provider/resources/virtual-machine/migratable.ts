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

/** Whether the definition has more of them than the running guest seems to have. */
export function lacksDevices(live: Element, config: Element): boolean {
  return those(live).length < those(config).length;
}

/**
 * Gives a guest without a screen the silent audio backend that libvirt adds to every definition: none is as good, and no
 * reason to read a second document.
 */
export function withSilenceOf(live: Element, config: Element): Element {
  const mayHaveSound = devicesOf(live, "graphics").length > 0 || devicesOf(live, "audio").length > 0;
  const silence = devicesOf(config, "audio").filter(({ attributes }) => attributes["type"] === "none");
  if (!mayHaveSound) child(live, "devices")?.children.push(...silence.map(clone));
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
