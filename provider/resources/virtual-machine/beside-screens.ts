import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import type { Element } from "../../schema/tree";
import { devicesOf, unnamedDevices } from "./alias";
import { drop } from "./single-device";

/**
 * What libvirt adds beside screens goes with them, where the program does not say it: sound that went to spice has
 * nowhere to go without, and libvirt refuses it.
 */
export function renewBesideScreens(document: Element, inputs: Values, olds: Values): void {
  const [before, now] = [screensOf(olds), screensOf(inputs)];
  if (inputs["audio"] === undefined && before.includes("spice") !== now.includes("spice")) {
    const chosen = devicesOf(document, "audio").filter(({ attributes }) => byScreens.includes(attributes["type"]));
    for (const device of chosen) drop(document, device);
  }
  // A machine that somebody else made has the card by choice, for all that we know.
  if (olds["adopted"] !== true && inputs["video"] === undefined && before.length > 0 && now.length === 0) {
    for (const device of unnamedDevices(document, "video")) drop(document, device);
  }
}

const byScreens: readonly unknown[] = ["none", "spice"];

function screensOf({ graphics }: Values): string[] {
  return isPlainObject(graphics) ? Object.keys(graphics) : [];
}
