import { child, type Element, element, ensure, remove, textOf } from "../../schema/tree";
import { aliasOf, deviceAlias, devicesOf } from "./alias";
import type { Inputs } from "./rows";
import { entriesOf } from "./rule-entries";

type Placed = { readonly cell?: number | undefined };

/**
 * Hangs devices of the host that name a cell of the guest on a bus of that cell (`pcie-expander-bus`, with a root port
 * for each), where the guest's kernel sees what they are near to. What hangs there without being asked for comes back
 * to the ordinary bus, at a place that libvirt finds.
 */
export function arrangeExpanders(document: Element, inputs: Pick<Inputs, "hostDevices" | "nics">): void {
  const { hostDevices, nics } = inputs;
  const wanted = [
    ...entriesOf<Placed>(hostDevices).map(([key, { cell }]) => ["hostdev", deviceAlias("hostdev", key), cell] as const),
    ...entriesOf<Placed>(nics).map(([key, { cell }]) => ["interface", deviceAlias("nic", key), cell] as const),
  ];
  for (const [name, alias, cell] of wanted) {
    const device = devicesOf(document, name).find((candidate) => aliasOf(candidate) === alias);
    if (!device || cellOf(document, device) === cell) continue;
    remove(device, "address");
    if (cell === undefined) continue;
    // The bus goes first: libvirt wants a controller's number to be above that of the bus that it hangs on.
    const bus = busOf(document, cell);
    const port = addController(document, "pcie-root-port");
    port.children.push(place(bus, freeSlot(document, bus)));
    device.children.push(place(Number(port.attributes["index"]), 0));
  }
}

const pciControllers = (document: Element) =>
  devicesOf(document, "controller").filter(({ attributes }) => attributes["type"] === "pci");
const indexOf = ({ attributes }: Element) => Number(attributes["index"] ?? 0);
const busOfAddress = (device: Element) => {
  const bus = child(device, "address")?.attributes["bus"];
  return bus === undefined ? undefined : Number(bus);
};

/** The cell whose bus the device hangs on. */
function cellOf(document: Element, device: Element): number | undefined {
  const above = (bus: number | undefined) => pciControllers(document).find((item) => indexOf(item) === bus);
  const port = above(busOfAddress(device));
  const expander = port && above(busOfAddress(port));
  return expander && nodeOf(expander);
}

function nodeOf(controller: Element): number | undefined {
  const node = child(controller, "target/node");
  return node && Number(textOf(node));
}

/** Index of the bus of a cell, made where there is none. */
function busOf(document: Element, cell: number): number {
  const present = pciControllers(document).find(
    (item) => item.attributes["model"] === "pcie-expander-bus" && nodeOf(item) === cell,
  );
  if (present) return indexOf(present);
  const expander = addController(document, "pcie-expander-bus");
  expander.children.push(element("target", {}, element("node", {}, String(cell))));
  return indexOf(expander);
}

function addController(document: Element, model: string): Element {
  const index = Math.max(0, ...pciControllers(document).map(indexOf)) + 1;
  const controller = element("controller", { type: "pci", index: String(index), model });
  ensure(document, "devices").children.push(controller);
  return controller;
}

function freeSlot(document: Element, bus: number): number {
  const onBus = pciControllers(document).filter((item) => busOfAddress(item) === bus);
  const taken = new Set(onBus.map((item) => Number(child(item, "address")?.attributes["slot"])));
  let slot = 0;
  while (taken.has(slot)) slot++;
  return slot;
}

function place(bus: number, slot: number): Element {
  const hex = (value: number) => `0x${value.toString(16).padStart(2, "0")}`;
  return element("address", { type: "pci", domain: "0x0000", bus: hex(bus), slot: hex(slot), function: "0x0" });
}
