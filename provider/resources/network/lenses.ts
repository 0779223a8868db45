import { attributeAt, type ElementLens } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove } from "../../schema/tree";
import type { Forwarder, Mode } from "./values";

const forwardMode = attributeAt("forward", "mode");

/** No `<forward>` means isolated; one without a mode means nat. */
export const modeLens: ElementLens<Mode> = {
  get(document) {
    if (!child(document, "forward")) return "isolated";
    return (forwardMode.get(document) ?? "nat") as Mode;
  },
  set(document, value) {
    if (value === undefined || value === "isolated") {
      remove(document, "forward");
      return;
    }
    forwardMode.set(document, value);
    if (value !== "nat") remove(document, "forward/nat");
  },
};

const device = attributeAt("forward", "dev");

/** libvirt repeats the device as `<interface>` and refuses the two when they differ. */
export const forwardDeviceLens: ElementLens<string> = {
  get: (document) => device.get(document),
  set(document, value) {
    const forward = child(document, "forward");
    if (!forward) return;
    forward.children = forward.children.filter((node) => !("name" in node && node.name === "interface"));
    device.set(document, value);
  },
};

const physicalFunction = attributeAt("forward/pf", "dev");

/** libvirt lists the functions that it found there beside it, which are its own affair. */
export const physicalFunctionLens: ElementLens<string> = {
  get: (document) => physicalFunction.get(document),
  set(document, value) {
    const forward = child(document, "forward");
    if (!forward) return;
    forward.children = forward.children.filter((node) => !("name" in node && node.name === "address"));
    physicalFunction.set(document, value);
    attributeAt("forward", "managed").set(document, value && "yes");
  },
};

interface PortRange {
  readonly start: number;
  readonly end: number;
}

export const portRangeLens: ElementLens<PortRange> = {
  get(document) {
    const found = child(document, "forward/nat/port");
    return found && { start: Number(found.attributes["start"]), end: Number(found.attributes["end"]) };
  },
  set(document, value) {
    if (value === undefined) {
      if (child(document, "forward/nat/port")) remove(document, "forward/nat/port");
      return;
    }
    const port = ensure(document, "forward/nat/port");
    port.attributes["start"] = String(value.start);
    port.attributes["end"] = String(value.end);
  },
};

export const forwardersLens: ElementLens<readonly Forwarder[]> = {
  get(document) {
    const dns = child(document, "dns");
    return dns ? children(dns, "forwarder").map(readForwarder) : [];
  },
  set(document, value) {
    const dns = value === undefined ? child(document, "dns") : ensure(document, "dns");
    if (!dns) return;
    dns.children = dns.children.filter((node) => !("name" in node && node.name === "forwarder"));
    dns.children.unshift(...(value ?? []).map(writeForwarder));
  },
};

function readForwarder({ attributes }: Element): Forwarder {
  const { addr, domain } = attributes;
  if (addr !== undefined && domain === undefined) return addr;
  return { ...(addr !== undefined && { address: addr }), ...(domain !== undefined && { domain }) };
}

function writeForwarder(forwarder: Forwarder): Element {
  if (typeof forwarder === "string") return element("forwarder", { addr: forwarder });
  return element("forwarder", { domain: forwarder.domain, addr: forwarder.address });
}
