import { child, type Element } from "../../schema/tree";
import { aliasOf, devicesOf } from "./alias";
import { drop } from "./single-device";

/** The serial port that the program's `console` is. */
export const consoleAlias = "ua-serial-console";

/** Whether it is a serial port, which libvirt shows as a console once more. */
export function isSerialConsole(device: Element): boolean {
  return device.name === "console" && child(device, "target")?.attributes["type"] === "serial";
}

export function portOf(serial: Element): string | undefined {
  return child(serial, "target")?.attributes["port"];
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
  const port = wanted && portOf(wanted);
  for (const device of devicesOf(document, "console")) {
    if (isSerialConsole(device) && portOf(device) !== port) drop(document, device);
  }
}
