import { type Around, attribute, mapOf, type Verdict, z } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { text } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, oneOf } from "../../schema/lens";
import { child, type Element, ensure, remove } from "../../schema/tree";
import { deviceEntries, devicesOf } from "./alias";
import { type Chardev, chardevDoc, chardevLens, chardevLog, chardevSchema } from "./chardev";
import { isPcie } from "./general";
import type { LiveOperations } from "./live";
import { hasPorts } from "./port-controller";
import { isSerialConsole, targetOf } from "./serial-console";

const serialModels = ["isa-serial", "pci-serial", "usb-serial"] as const;
const plugged = () =>
  ({ class: "restart", reason: "a port stays as it was plugged in; another name plugs in another" }) as const;

/** Adding and removing whole serial ports. */
function serialChange(old: unknown, next: unknown, { whole }: Around): Verdict {
  const word = next === undefined ? "removed" : "added";
  const port = next ?? old;
  const model = isPlainObject(port) ? port["model"] : undefined;
  if (model === "usb-serial" || (model === "pci-serial" && !isPcie(whole["machine"])))
    return { class: "live", reason: word };
  return { class: "restart", reason: `${word}; only usb-serial has hot-plug, and pci-serial on a pc machine` };
}

/** The model and the type of the target go together. */
const serialModelLens: ElementLens<(typeof serialModels)[number]> = {
  get: oneOf(attributeAt("target/model", "name"), serialModels).get,
  set(serial, value) {
    if (value === undefined) return;
    const target = ensure(serial, "target");
    // Ports of one kind are none of another: it is numbered and placed anew.
    if (target.attributes["type"] !== value) {
      delete target.attributes["port"];
      remove(serial, "address");
    }
    target.attributes["type"] = value;
    ensure(serial, "target/model").attributes["name"] = value;
  },
};

/** ISA has room for these ports; the first is that of `console`. */
const isaPorts = 4;

/**
 * Numbers the ports that have no number of their own: libvirt 9.0 gives each of them 0, and cannot read its own document
 * then. Those that have one keep it, because the guest knows an ISA port (ttyS1) by it.
 */
export function arrangeSerials(document: Element): void {
  const serials = devicesOf(document, "serial");
  const taken = new Set<string>();
  const unnumbered = serials.filter((serial) => {
    const { port } = targetOf(serial);
    if (port === undefined || taken.has(port)) return true;
    taken.add(port);
    return false;
  });
  for (const serial of unnumbered) {
    let port = (serialModelLens.get(serial) ?? "isa-serial") === "isa-serial" ? 1 : isaPorts;
    while (taken.has(String(port))) port++;
    taken.add(String(port));
    ensure(serial, "target").attributes["port"] = String(port);
  }
}

/** A port of somebody else's goes by its number; those of channels say nothing. */
function portName(device: Element): string | undefined {
  const { port } = targetOf(device);
  return port === undefined ? undefined : `${device.name}${port}`;
}

/** The guest finds a port by its name. */
function hasNameOf(device: Element, { name }: Values): boolean {
  return name !== undefined && name === targetOf(device)["name"];
}

/** Adds to each new device what makes it a virtio port. */
function virtioPorts(name: "channel" | "console") {
  const entries = deviceEntries(name, name, name === "channel" ? ["name"] : ["source"], portName, hasNameOf);
  return {
    ...entries,
    unnamed: {
      ...entries.unnamed,
      // The console of a serial port is that port once more.
      list: (document: Element) => entries.unnamed.list(document).filter((device) => !isSerialConsole(device)),
    },
    add(document: Element, key: string): Element {
      const device = entries.add(document, key);
      ensure(device, "target").attributes["type"] = "virtio";
      return device;
    },
  };
}

const ownSocket: Chardev = { type: "unix", mode: "bind" };
const serialEntries = deviceEntries("serial", "serials", ["source"], portName);
const consoleEntries = virtioPorts("console");
const channelEntries = virtioPorts("channel");
/** The guest agent's channel has a row of its own. */
const otherChannels = {
  ...channelEntries,
  list(document: Element): ReadonlyMap<string, Element> {
    return new Map([...channelEntries.list(document)].filter(([key]) => key !== "agent"));
  },
};

const source = attribute({
  doc: `The host's end: ${chardevDoc}. Default: a pty.`,
  schema: chardevSchema,
  defaults: { 1: { type: "pty" } as const },
  change: plugged,
  lens: chardevLens,
});
const log = attribute({
  doc: "File on the host that keeps what the guest writes; `append` (default true) keeps that of earlier runs (`<log>`).",
  schema: chardevLog.schema.optional(),
  change: plugged,
  lens: chardevLog.lens,
});

/** A controller of an earlier port may be there. */
function portChange(_old: unknown, next: unknown, { whole }: Around): Verdict {
  if (next === undefined || hasPorts(whole)) return { class: "live" };
  return { class: "live", reason: "added, where the guest has a virtio-serial controller" };
}

export const serialRows = {
  serials: mapOf({
    doc: "Serial ports beside the one of `console`, under names of your choice (`<serial>`). A usb-serial comes and goes as the guest runs, a pci-serial on a pc machine.",
    change: serialChange,
    entries: serialEntries,
    rows: {
      source,
      model: attribute({
        doc: "What the guest sees: `isa-serial`, `pci-serial` or `usb-serial` (`<target>`). Default isa-serial, of which there are four with that of `console`. The first isa-serial is ttyS1.",
        schema: z.enum(serialModels),
        defaults: { 1: "isa-serial" },
        change: plugged,
        lens: serialModelLens,
      }),
      log,
    },
  }),
  consoles: mapOf({
    doc: "Paravirtual consoles, /dev/hvcN in the guest, under names of your choice (`<console>`, target virtio). They come and go as the guest runs, as `channels` do.",
    change: portChange,
    entries: consoleEntries,
    rows: { source, log },
  }),
  channels: mapOf({
    doc: "Ports between programs of guest and host beside that of `agent`, under names of your choice (`<channel>`). They come and go as the guest runs, if it was started with `agent`, a console or one of them, which brings the controller.",
    key: /^(?!agent$)[A-Za-z][A-Za-z0-9_-]{0,31}$/,
    change: portChange,
    entries: otherChannels,
    rows: {
      source: attribute({
        doc: `The host's end: ${chardevDoc}. Default: a unix socket of libvirt's own.`,
        schema: chardevSchema,
        defaults: { 1: ownSocket },
        change: plugged,
        lens: chardevLens,
      }),
      name: attribute({
        doc: "Name of the port in the guest, /dev/virtio-ports/NAME; `com.redhat.spice.0` is the spice agent's.",
        schema: text.min(1).max(200),
        change: plugged,
        lens: {
          get: (device) => child(device, "target")?.attributes["name"],
          set: attributeAt("target", "name").set,
        },
      }),
      log,
    },
  }),
};

export const serialOperations: LiveOperations = {
  "serials.*": (operation) => operation.plug(serialEntries),
  "consoles.*": (operation) => operation.plug(consoleEntries),
  "channels.*": (operation) => operation.plug(otherChannels),
};
