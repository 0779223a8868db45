import { type Around, attribute, mapOf, type Verdict, z } from "../../core/attribute";
import { hostPath, text } from "../../core/quantities";
import { attributeAt, type ElementLens, number, oneOf, words } from "../../schema/lens";
import { child, type Element, element, ensure, remove } from "../../schema/tree";
import { devicesOf } from "./alias";
import type { LiveOperations } from "./live";

const restart = () => ({ class: "restart", reason: "libvirt changes only the password of running graphics" }) as const;
/** A guest that had a password must not be open to all in the time until it starts again; QEMU gives others none. */
function passwordChange(old: unknown, next: unknown): Verdict {
  if (next === undefined) return restart();
  return old === undefined
    ? { class: "restart", reason: "a screen that was started without a password takes none" }
    : { class: "live" };
}

/** The end changes with a password that was there and stays. */
const endChange = (_old: unknown, _next: unknown, { old: before, next: after }: Around) =>
  passwordChange(before["password"], after["password"]);

/** A domain has one of each type, and libvirt gives graphics no alias: the type is the name. */
const graphicsEntries = {
  list(document: Element): ReadonlyMap<string, Element> {
    const found = devicesOf(document, "graphics").map((device) => [device.attributes["type"] ?? "", device] as const);
    return new Map(found.filter(([type]) => type === "vnc" || type === "spice"));
  },
  add(document: Element, key: string): Element {
    const device = element("graphics", { type: key, autoport: "yes" });
    ensure(document, "devices").children.push(device);
    return device;
  },
  remove(document: Element, key: string): void {
    const devices = child(document, "devices");
    const found = graphicsEntries.list(document).get(key);
    if (devices) devices.children = devices.children.filter((node) => node !== found);
  },
};

const ports = ["port", "tlsPort"] as const;

/**
 * The running guest shows the ports that it was given. libvirt chooses both of spice or none: with one that is named it
 * must choose neither, and without a name there is no such port then.
 */
function portAt(name: "port" | "tlsPort"): ElementLens<number> {
  const at = number(attributeAt("", name));
  return {
    get(device) {
      const value = at.get(device);
      return value === -1 || device.attributes["autoport"] === "yes" ? undefined : value;
    },
    set(device, value) {
      const { attributes } = device;
      // Those that libvirt chose.
      if (attributes["autoport"] === "yes") for (const port of ports) delete attributes[port];
      at.set(device, value);
      const isNamed = ports.some((port) => ![undefined, "-1"].includes(attributes[port]));
      if (child(device, "listen")?.attributes["type"] !== "socket") attributes["autoport"] = isNamed ? "no" : "yes";
    },
  };
}

const modes = ["any", "secure", "insecure"] as const;
type Mode = (typeof modes)[number];
const modeAt = oneOf(attributeAt("", "defaultMode"), modes);

/** libvirt leaves out what is the default. */
const modeLens: typeof modeAt & { get(device: Element, managed?: unknown): Mode | undefined } = {
  get: (device, managed?: unknown) => modeAt.get(device) ?? (managed === "any" ? "any" : undefined),
  set: modeAt.set,
};

const listenSchema = z.union([
  z.strictObject({ address: text.min(1) }),
  z.strictObject({ socket: hostPath }),
  z.strictObject({ network: text.min(1) }),
]);
type Listen = z.infer<typeof listenSchema>;

const listenLens: ElementLens<Listen> = {
  get(device) {
    const { type, address, socket, network } = child(device, "listen")?.attributes ?? {};
    // A running guest may show that attribute alone.
    const at = type === undefined ? device.attributes["socket"] : socket;
    if (type === "socket" || at !== undefined) return at === undefined ? undefined : { socket: at };
    // The address of a network is filled in when the guest runs.
    if (type === "network") return network === undefined ? undefined : { network };
    return address === undefined ? undefined : { address };
  },
  set(device, value) {
    // libvirt repeats the first listener in attributes, and refuses the two when they differ.
    for (const name of ["listen", "socket"]) delete device.attributes[name];
    remove(device, "listen");
    if (value === undefined) return;
    const type = "socket" in value ? "socket" : "network" in value ? "network" : "address";
    device.children.push(element("listen", { type, ...value }));
    if (type === "socket") for (const name of ["port", "autoport"]) delete device.attributes[name];
  },
};

export const graphicsRows = {
  graphics: mapOf({
    doc: "Screens that are reached over the network, under the names `vnc` and `spice` (`<graphics>`). TLS of VNC is the host's to set (vnc_tls in qemu.conf); that of spice has `tlsPort` and `defaultMode`. Default: none; the guest has its serial console.",
    key: /^(vnc|spice)$/,
    change: restart,
    entries: graphicsEntries,
    rows: {
      port: attribute({
        doc: "TCP port. Default: a free one at each start, which `virsh domdisplay` shows; none beside a `tlsPort` that is named.",
        schema: z.int().min(1).max(65535).optional(),
        change: restart,
        lens: portAt("port"),
      }),
      listen: attribute({
        doc: "Where it listens (`<listen>`): an `address`, a unix `socket` (in a folder that QEMU's user may write to, not in libvirt's own), or the host's address in a `network`. Default: the host's qemu.conf says, 127.0.0.1.",
        schema: listenSchema.optional(),
        change: restart,
        lens: listenLens,
      }),
      tlsPort: attribute({
        doc: "Encrypted TCP port of spice (`tlsPort`); the host's qemu.conf must have spice_tls. With it and without `port` there is no other. Default: a free one where the host has it, none beside a `port` that is named.",
        schema: z.int().min(1).max(65535).optional(),
        change: restart,
        lens: portAt("tlsPort"),
      }),
      defaultMode: attribute({
        doc: "Whether spice takes connections without TLS (`defaultMode`): `any`, `secure` or `insecure`. Default any.",
        schema: z.enum(modes).optional(),
        change: restart,
        lens: modeLens,
      }),
      websocket: attribute({
        doc: "TCP port for VNC in browsers (`websocket`). Default: none.",
        schema: z.int().min(1).max(65535).optional(),
        change: restart,
        lens: number(attributeAt("", "websocket")),
      }),
      sharePolicy: attribute({
        doc: "Who else may look on by VNC: `allow-exclusive`, `force-shared` or `ignore` (`sharePolicy`). Default allow-exclusive.",
        schema: z.enum(["allow-exclusive", "force-shared", "ignore"]).optional(),
        change: restart,
        lens: oneOf(attributeAt("", "sharePolicy"), ["allow-exclusive", "force-shared", "ignore"] as const),
      }),
      password: attribute({
        doc: "Password of those who connect, at most 8 characters with VNC (`passwd`); changed in the running guest where that was started with one. Default: none.",
        schema: text.min(1, "must not be empty: libvirt would let nobody in; leave it out instead").max(60).optional(),
        secret: true,
        change: passwordChange,
        lens: attributeAt("", "passwd"),
      }),
      passwordValidTo: attribute({
        doc: "When the password ends, in UTC, as 2027-04-09T15:51:00 (`passwdValidTo`); changed in the running guest. Default: never.",
        schema: z
          .string()
          .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/, 'is not a time like "2027-04-09T15:51:00"')
          .optional(),
        change: endChange,
        lens: attributeAt("", "passwdValidTo"),
      }),
      keymap: attribute({
        doc: "Layout of the keyboard, such as `de` (`keymap`). Default: the client's.",
        schema: z
          .string()
          .regex(/^[A-Za-z-]{2,16}$/, "is not a layout like de or en-us")
          .optional(),
        change: restart,
        lens: attributeAt("", "keymap"),
      }),
      openGl: attribute({
        doc: "Whether spice draws by the host's GPU, for a local client (`<gl enable>`). Default false.",
        schema: z.boolean().optional(),
        change: restart,
        lens: words(attributeAt("gl", "enable"), "yes", "no"),
      }),
    },
  }),
};

function copyPassword(live: Element, configured: Element): void {
  for (const name of ["passwd", "passwdValidTo"]) {
    const value = configured.attributes[name];
    if (value === undefined) delete live.attributes[name];
    else live.attributes[name] = value;
  }
}

const changePassword: LiveOperations[string] = (operation) => operation.updateDevice(graphicsEntries, copyPassword);

export const graphicsOperations: LiveOperations = {
  "graphics.*.password": changePassword,
  "graphics.*.passwordValidTo": changePassword,
};
