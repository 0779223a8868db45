import { child, type Element } from "../../schema/tree";
import { aliasOf, devicesOf } from "./alias";
import { drop } from "./single-device";

/** The serial port that the program's `console` is. */
export const consoleAlias = "ua-serial-console";

/** Whether it is a serial port, which libvirt shows as a console once more. */
export function isSerialConsole(device: Element): boolean {
  return device.name === "console" && targetOf(device)["type"] === "serial";
}

/** What a port is in the guest: its number, its type or its name. */
export function targetOf(port: Element): Element["attributes"] {
  return child(port, "target")?.attributes ?? {};
}

/**
 * Puts our port first, for libvirt makes a `<console>` of the first one. A console of a port that is gone goes too:
 * libvirt would make that port again.
 */
export function arrangeConsole(document: Element): void {
  const devices = child(document, "devices");
  if (!devices) return;
  const serials = devicesOf(document, "serial");
  const [first] = serials;
  const wanted = serials.find((serial) => aliasOf(serial) === consoleAlias) ?? first;
  if (first && wanted && wanted !== first) {
    drop(document, wanted);
    devices.children.splice(devices.children.indexOf(first), 0, wanted);
  }
  const port = wanted && targetOf(wanted)["port"];
  for (const device of devicesOf(document, "console")) {
    if (isSerialConsole(device) && targetOf(device)["port"] !== port) drop(document, device);
  }
}
