import type { ElementLens } from "../../schema/lens";
import { child, type Element, remove } from "../../schema/tree";
import { devicesOf } from "./alias";

/** What makes up the place of a device on its bus, be it a slot of PCI or a unit of a controller for disks. */
const parts = ["type", "domain", "bus", "slot", "function", "controller", "target", "unit", "port"];

function placeOf(address: Element | undefined): string {
  return parts.map((name) => address?.attributes[name]).join(" ");
}

/** Whether a device of the document is at that address. */
export function isOccupied(address: Element, document: Element): boolean {
  return devicesOf(document).some((other) => placeOf(child(other, "address")) === placeOf(address));
}

/**
 * Whether the device can have in the running guest the place that it has in the configuration. It should: names in
 * the guest (enp5s0) come from it and would change at the next start.
 */
export function addressIsFree(device: Element, document: Element): boolean {
  const wanted = child(device, "address");
  // A slot of memory is nothing that the guest knows it by.
  if (wanted?.attributes["type"] === "dimm") return false;
  if (wanted === undefined || wanted.attributes["type"] === "drive") return true;
  if (wanted.attributes["type"] !== "pci") return !isOccupied(wanted, document);
  const bus = Number(wanted.attributes["bus"]);
  const hasBus = devicesOf(document, "controller").some(
    ({ attributes }) => attributes["type"] === "pci" && Number(attributes["index"]) === bus,
  );
  return hasBus && !isOccupied(wanted, document);
}

/** A value that says what the device hangs on: with another one it cannot stay where it was. */
export function placing<T>(lens: ElementLens<T>): ElementLens<T> {
  return {
    ...lens,
    set(device, value) {
      if (lens.get(device) !== value) remove(device, "address");
      lens.set(device, value);
    },
  };
}
