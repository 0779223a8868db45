import { type Around, attribute, type Verdict, z } from "../../core/attribute";
import { hostPath } from "../../core/quantities";
import { attributeAt, type ElementLens } from "../../schema/lens";
import { child, element, ensure } from "../../schema/tree";
import { deviceNamed, optionalDevice } from "./alias";
import { isPcie } from "./general";
import type { LiveOperations } from "./live";
import { hasPorts } from "./port-controller";
import { consoleAlias, isSerialConsole } from "./serial-console";

export const agentChannel = "org.qemu.guest_agent.0";
const agentAlias = "ua-channel-agent";

const consoleLens = optionalDevice(
  () => element("serial", { type: "pty" }, element("target", { port: "0" })),
  consoleAlias,
);

const serialLogLens: ElementLens<string> = {
  get(document) {
    const serial = deviceNamed(document, consoleAlias);
    return serial && attributeAt("log", "file").get(serial);
  },
  set(document, value) {
    // The console is the serial port seen once more: libvirt wants both to log to the same file.
    const devices = child(document, "devices")?.children ?? [];
    for (const device of devices) {
      if (!("name" in device) || !["serial", "console"].includes(device.name)) continue;
      const isOurs = device === deviceNamed(document, consoleAlias);
      if (!isOurs && !isSerialConsole(device)) continue;
      device.children = device.children.filter((node) => !("name" in node && node.name === "log"));
      if (value !== undefined) Object.assign(ensure(device, "log").attributes, { file: value, append: "on" });
    }
  },
};

/** Ports that the document has already are left there: a device may have been plugged in. */
function portsChange(old: unknown, next: unknown): Verdict {
  const isFewer = typeof old === "number" && (next === undefined || (typeof next === "number" && next < old));
  return isFewer
    ? { class: "live", reason: "the ports that are there stay" }
    : { class: "restart", reason: "ports cannot be plugged in" };
}

/** Its channel is a port like others, where the guest was started with the controller of those. */
function agentChange(_old: unknown, next: unknown, { whole }: Around): Verdict {
  return next === false || hasPorts(whole)
    ? { class: "live" }
    : { class: "restart", reason: "the guest was started without channels or consoles, and has no controller for one" };
}

export const deviceRows = {
  console: attribute({
    doc: "Serial port and console, for `virsh console`. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: "restart",
    lens: consoleLens,
  }),
  serialLog: attribute({
    doc: "File on the host that keeps what the guest writes to its console.",
    schema: hostPath.optional(),
    change: "restart",
    lens: serialLogLens,
  }),
  agent: attribute({
    doc: "Channel for the QEMU guest agent: addresses and a clean stop, when the guest runs it. It comes as the guest runs if that was started with channels or consoles. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: agentChange,
    lens: optionalDevice(
      () => element("channel", { type: "unix" }, element("target", { type: "virtio", name: agentChannel })),
      agentAlias,
    ),
  }),
  rootPorts: attribute({
    doc: "Free PCI Express ports for devices that are plugged in later (q35 only). Default 8.",
    schema: z.int().min(0).max(200).optional(),
    defaults: { 1: ({ inputs }) => (isPcie(inputs["machine"]) ? 8 : undefined) },
    change: portsChange,
  }),
};

export const deviceOperations: LiveOperations = { agent: (operation) => operation.plugNamed(agentAlias) };
