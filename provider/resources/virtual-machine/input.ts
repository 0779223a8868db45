import { attribute, mapOf, type Verdict, z } from "../../core/attribute";
import { hostPath } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, oneOf, words } from "../../schema/lens";
import { child, ensure, remove } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { placing } from "./device-address";
import type { LiveOperations } from "./live";

const types = ["tablet", "mouse", "keyboard", "passthrough", "evdev"] as const;
const buses = ["usb", "virtio", "ps2"] as const;
const toggles = ["ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"] as const;

/** The attribute is `evdev` for passthrough and `dev` for evdev. */
const sourceLens: ElementLens<string> = {
  get(input) {
    const { dev, evdev } = child(input, "source")?.attributes ?? {};
    return dev ?? evdev;
  },
  set(input, value) {
    if (value === undefined) {
      remove(input, "source");
      return;
    }
    const { attributes } = ensure(input, "source");
    const name = input.attributes["type"] === "passthrough" ? "evdev" : "dev";
    delete attributes[name === "dev" ? "evdev" : "dev"];
    attributes[name] = value;
  },
};

const grabLens: ElementLens<true> = {
  get: (input) => (child(input, "source")?.attributes["grab"] === "all" ? true : undefined),
  set: (input, value) => attributeAt("source", "grab").set(input, value && "all"),
};

const inputEntries = deviceEntries("input", "input", ["type"]);

/** Adding and removing whole devices. */
function entryChange(old: unknown, next: unknown): Verdict {
  const word = next === undefined ? "removed" : "added";
  const input = isPlainObject(next) ? next : isPlainObject(old) ? old : {};
  if (input["bus"] === "usb" || input["bus"] === "virtio") return { class: "live", reason: word };
  return { class: "restart", reason: `${word}; only usb and virtio have hot-plug` };
}

export const inputRows = {
  inputs: mapOf({
    doc: "Keyboards, mice and tablets beside those that libvirt adds, under names of your choice (`<input>`). Those on usb and virtio come and go as the guest runs.",
    change: entryChange,
    entries: inputEntries,
    rows: {
      type: attribute({
        doc: "`tablet` (the pointer is where the viewer's is), `mouse`, `keyboard`, `passthrough` of a device of the host, or `evdev`, which shares one with the host.",
        schema: z.enum(types),
        newWords: [{ word: "evdev", since: "7.4" }],
        change: "restart",
        lens: oneOf(attributeAt("", "type"), types),
      }),
      bus: attribute({
        doc: "`usb`, `virtio` or `ps2`. Default usb; virtio for passthrough, none for evdev.",
        schema: z.enum(buses).optional(),
        defaults: {
          1: ({ siblings }) =>
            siblings["type"] === "evdev" ? undefined : siblings["type"] === "passthrough" ? "virtio" : "usb",
        },
        change: "restart",
        lens: placing(oneOf(attributeAt("", "bus"), buses)),
      }),
      source: attribute({
        doc: "Device of the host for passthrough and evdev, such as /dev/input/by-id/NAME (`<source>`).",
        schema: hostPath.optional(),
        change: "restart",
        lens: sourceLens,
      }),
      grabAll: attribute({
        doc: "Whether an evdev device grabs all others with it (`grab`). Default false.",
        schema: z.literal(true).optional(),
        change: "restart",
        lens: grabLens,
      }),
      grabToggle: attribute({
        doc: "Keys that hand an evdev device between host and guest (`grabToggle`). Default ctrl-ctrl.",
        schema: z.enum(toggles).optional(),
        change: "restart",
        lens: oneOf(attributeAt("source", "grabToggle"), toggles),
      }),
      repeat: attribute({
        doc: "Whether keys of an evdev device repeat (`repeat`). Default false.",
        schema: z.boolean().optional(),
        change: "restart",
        lens: words(attributeAt("source", "repeat"), "on", "off"),
      }),
    },
  }),
};

export const inputOperations: LiveOperations = { "inputs.*": (operation) => operation.plug(inputEntries) };
