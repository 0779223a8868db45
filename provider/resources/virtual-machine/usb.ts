import { attribute, z } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { attributeAt, type ElementLens, oneOf } from "../../schema/lens";
import { type Element, element, ensure } from "../../schema/tree";
import { devicesOf } from "./alias";
import { entriesOf, fault, type MachineRule } from "./rule-entries";

const models = ["none", "qemu-xhci", "nec-xhci", "piix3-uhci"] as const;
type Model = (typeof models)[number];

const controllersOf = (document: Element) =>
  devicesOf(document, "controller").filter(({ attributes }) => attributes["type"] === "usb");
const modelAt = oneOf(attributeAt("", "model"), models);

/** The one that libvirt adds by itself is nobody's value; without any in the document it adds one. */
const modelLens: ElementLens<Model> & { get(document: Element, managed?: unknown): Model | undefined } = {
  get(document, managed?: unknown) {
    const [first] = controllersOf(document);
    const model = first && modelAt.get(first);
    return model === "none" || typeof managed === "string" ? model : undefined;
  },
  set(document, value) {
    const [first] = controllersOf(document);
    const model = first && modelAt.get(first);
    if (model === value || (value === undefined && model !== "none")) return;
    const devices = ensure(document, "devices");
    const old = new Set<unknown>(controllersOf(document));
    devices.children = devices.children.filter((node) => !old.has(node));
    if (value !== undefined) devices.children.push(element("controller", { type: "usb", index: "0", model: value }));
  },
};

export const usbRows = {
  usbController: attribute({
    doc: "Controller that the guest's USB devices hang on (`<controller type='usb' model>`): `qemu-xhci`, `nec-xhci`, `piix3-uhci`, or `none`, which leaves the guest without USB. Default: libvirt's own for the machine type.",
    schema: z.enum(models).optional(),
    change: () => ({ class: "restart", reason: "libvirt plugs no USB controller into a running guest" }),
    lens: modelLens,
  }),
};

/** Devices of a program that hang on USB, by their paths; whatever is not known yet is none. */
export function usbDevicesOf(values: Values): string[] {
  const among = (map: string, isUsb: (entry: Values) => boolean) =>
    entriesOf<Values>(values[map]).flatMap(([key, entry]) => (isUsb(entry) ? [`${map}.${key}`] : []));
  const { sound } = values;
  return [
    ...among("disks", ({ bus }) => bus === "usb"),
    ...among(
      "inputs",
      ({ bus, type }) => bus === "usb" || (bus === undefined && type !== "evdev" && type !== "passthrough"),
    ),
    ...among("hostDevices", ({ usb }) => usb !== undefined),
    ...among("redirdevs", () => true),
    ...among("serials", ({ model }) => model === "usb-serial"),
    ...(sound === "usb" ? ["sound"] : []),
    ...(values["smartcard"] === undefined ? [] : ["smartcard"]),
  ];
}

export const usbRule: MachineRule = {
  needs: ["usbController"],
  check: (inputs) =>
    inputs.usbController === "none"
      ? usbDevicesOf(inputs as unknown as Values).map((at) =>
          fault(at, 'hangs on USB, and usbController is "none": leave out one of the two'),
        )
      : [],
};
