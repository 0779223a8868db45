import { child, children, type Element, element, ensure, remove, textOf } from "../../schema/tree";
import { aliasOf, deviceAlias, devicesOf } from "./alias";
import type { Inputs } from "./rows";
import { entriesOf } from "./rule-entries";

type Placed = { readonly cell?: number | undefined };

/**
 * Hangs devices of the host that name a cell of the guest on a bus of that cell (`pcie-expander-bus` with a root port),
 * where the guest's kernel sees what they are near to. What hangs there without being asked for comes back to the
 * ordinary bus, at a place that libvirt finds. Each device has a bus of its own: libvirt numbers these buses two apart,
 * which leaves room for one port, and behind a second one the guest finds nothing.
 */
export function arrangeExpanders(document: Element, inputs: Pick<Inputs, "hostDevices" | "nics">): void {
  const { hostDevices, nics } = inputs;
  const wanted = [
    ...entriesOf<Placed>(hostDevices).map(([key, { cell }]) => ["hostdev", deviceAlias("hostdev", key), cell] as const),
    ...entriesOf<Placed>(nics).map(([key, { cell }]) => ["interface", deviceAlias("nic", key), cell] as const),
  ];
  for (const [name, alias, cell] of wanted) {
    const device = devicesOf(document, name).find((candidate) => aliasOf(candidate) === alias);
    if (!device) continue;
    const seat = seatOf(document, device);
    if (seat === undefined ? cell === undefined : seat.isFirst && seat.cell === cell) continue;
    remove(device, "address");
    if (cell === undefined) continue;
    const port = freePort(document, cell) ?? addPort(document, cell);
    device.children.push(place(indexOf(port)));
  }
}

const pciControllers = (document: Element) =>
  devicesOf(document, "controller").filter(({ attributes }) => attributes["type"] === "pci");
const indexOf = ({ attributes }: Element) => Number(attributes["index"] ?? 0);
const busOfAddress = (device: Element) => {
  const bus = child(device, "address")?.attributes["bus"];
  return bus === undefined ? undefined : Number(bus);
};

/** The cell whose bus a device hangs on; undefined on any other bus. */
export function cellOf(document: Element, device: Element): number | undefined {
  return seatOf(document, device)?.cell;
}

/** The cell whose bus a device hangs on, and whether its port is the first of that bus; undefined on any other bus. */
function seatOf(document: Element, device: Element): { cell: number; isFirst: boolean } | undefined {
  const controllers = pciControllers(document);
  const port = controllers.find((item) => indexOf(item) === busOfAddress(device));
  const expander = port && controllers.find((item) => indexOf(item) === busOfAddress(port));
  const cell = expander && nodeOf(expander);
  if (expander === undefined || cell === undefined) return undefined;
  return { cell, isFirst: controllers.find((item) => busOfAddress(item) === indexOf(expander)) === port };
}

function nodeOf(controller: Element): number | undefined {
  const node = child(controller, "target/node");
  return node && Number(textOf(node));
}

/** A port of that cell on which nothing hangs any more. */
function freePort(document: Element, cell: number): Element | undefined {
  const taken = new Set(children(ensure(document, "devices")).map(busOfAddress));
  return pciControllers(document).find((item) => {
    if (item.attributes["model"] !== "pcie-root-port" || taken.has(indexOf(item))) return false;
    const seat = seatOf(document, element("device", {}, place(indexOf(item))));
    return seat?.isFirst === true && seat.cell === cell;
  });
}

/** A new bus of that cell with its port. The bus goes first: libvirt wants a port's number to be above that of its bus. */
function addPort(document: Element, cell: number): Element {
  const expander = addController(document, "pcie-expander-bus");
  expander.children.push(element("target", {}, element("node", {}, String(cell))));
  const port = addController(document, "pcie-root-port");
  port.children.push(place(indexOf(expander)));
  return port;
}

function addController(document: Element, model: string): Element {
  const index = Math.max(0, ...pciControllers(document).map(indexOf)) + 1;
  const controller = element("controller", { type: "pci", index: String(index), model });
  ensure(document, "devices").children.push(controller);
  return controller;
}

/** The first place of a bus. */
function place(bus: number): Element {
  const hex = `0x${bus.toString(16).padStart(2, "0")}`;
  return element("address", { type: "pci", domain: "0x0000", bus: hex, slot: "0x00", function: "0x0" });
}
