import { attribute, mapOf, z } from "../../core/attribute";
import type { ElementLens } from "../../schema/lens";
import type { Element } from "../../schema/tree";
import { deviceEntries, devicesOf } from "./alias";
import { chardevLens, chardevSchema } from "./chardev";
import { bootOrderRow } from "./device-rows";
import type { LiveOperations } from "./live";
import { drop, SingleDevice } from "./single-device";

const plain = deviceEntries("redirdev", "redirdev", ["source"]);
const redirdevEntries = {
  ...plain,
  add(document: Element, key: string): Element {
    const device = plain.add(document, key);
    device.attributes["bus"] = "usb";
    return device;
  },
};

/** libvirt gives readers no alias of the program. */
const smartcard = new SingleDevice("smartcard");
const smartcardLens: ElementLens<"spice" | "host"> = {
  get({ attributes: { mode, type } }) {
    return mode === "host" ? "host" : mode === "passthrough" && type === "spicevmc" ? "spice" : undefined;
  },
  set(device, value) {
    Object.assign(device.attributes, value === "host" ? { mode: "host" } : { mode: "passthrough", type: "spicevmc" });
  },
};

const readerLens = smartcard.made(smartcardLens);

/** libvirt adds a controller for a reader, which hangs on USB and would stay there. */
function setReader(document: Element, value: "spice" | "host" | undefined): void {
  readerLens.set(document, value);
  if (smartcard.find(document)) return;
  for (const controller of devicesOf(document, "controller")) {
    if (controller.attributes["type"] === "ccid") drop(document, controller);
  }
}

export const redirdevRows = {
  redirdevs: mapOf({
    doc: "Places for USB devices of whoever looks at the guest, under names of your choice (`<redirdev>`). They come and go as the guest runs.",
    change: "live",
    entries: redirdevEntries,
    rows: {
      source: attribute({
        doc: "Where the device comes from: `spicevmc`, or `tcp` of a usbredir server. Default spicevmc.",
        schema: chardevSchema,
        defaults: { 1: { type: "spicevmc" } as const },
        change: "restart",
        lens: chardevLens,
      }),
      bootOrder: bootOrderRow("Place in the firmware's boot order, from 1. Default: not booted from."),
    },
  }),
  smartcard: attribute({
    doc: "Smart card reader (`<smartcard>`): `spice` passes on the viewer's, `host` that of the host. Default: none.",
    schema: z.enum(["spice", "host"]).optional(),
    change: () => ({ class: "restart", reason: "libvirt plugs no smart card reader into a running guest" }),
    lens: { ...readerLens, set: setReader },
  }),
};

export const redirdevOperations: LiveOperations = { "redirdevs.*": (operation) => operation.plug(redirdevEntries) };
