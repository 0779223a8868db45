import type { Entries, Unnamed } from "../../core/attribute";
import type { Values } from "../../core/handler";
import type { ElementLens } from "../../schema/lens";
import { child, children, type Element, element, ensure } from "../../schema/tree";

/** Where libvirt keeps the device's name; names that start with `ua-` are the user's and survive (libvirt 3.9). */
export function aliasOf(device: Element): string | undefined {
  return child(device, "alias")?.attributes["name"];
}

/** Gives the device its name, in place of an earlier one. */
export function setAlias(device: Element, name: string): void {
  ensure(device, "alias").attributes["name"] = name;
}

/** The names by which the running guest's libvirt knows devices that were claimed; it refuses any other. */
const given = new WeakMap<Element, string>();

/** Gives our name to a device that somebody else made, in the document that was read. */
export function claimDevice(device: Element, name: string): void {
  const before = aliasOf(device);
  if (before !== undefined) given.set(device, before);
  setAlias(device, name);
}

/** The name by which libvirt knows the device of the running guest. */
export function liveAlias(device: Element): string | undefined {
  return given.get(device) ?? aliasOf(device);
}

/** Devices that have no name of a program. */
export function unnamedDevices(document: Element, name: string): Element[] {
  return devicesOf(document, name).filter((device) => !aliasOf(device)?.startsWith("ua-"));
}

export function deviceAlias(kind: string, key: string): string {
  return `ua-${kind}-${key}`;
}

/** All devices of the domain, or those with that element name. */
export function devicesOf(document: Element, name?: string): Element[] {
  const devices = child(document, "devices");
  return devices ? children(devices, name) : [];
}

/**
 * The entries of a map of devices: elements that carry our alias `ua-<kind>-<key>`; others are not ours to touch. An
 * element of somebody else's is known by one of the rows `knownBy`, or by its `natural` name; see `Unnamed` for all.
 */
export function deviceEntries(
  elementName: string,
  kind: string,
  knownBy: readonly string[],
  natural?: (device: Element) => string | undefined,
  isSurely?: (device: Element, entry: Values) => boolean,
): Entries<Element> & { readonly unnamed: Unnamed<Element> } {
  const prefix = deviceAlias(kind, "");
  return {
    list(document) {
      const ours = devicesOf(document, elementName).flatMap((device): [string, Element][] => {
        const alias = aliasOf(device);
        return alias?.startsWith(prefix) ? [[alias.slice(prefix.length), device]] : [];
      });
      return new Map(ours);
    },
    add(document, key) {
      const device = element(elementName, {}, element("alias", { name: deviceAlias(kind, key) }));
      ensure(document, "devices").children.push(device);
      return device;
    },
    remove(document, key) {
      removeDevice(document, elementName, deviceAlias(kind, key));
    },
    unnamed: {
      list: (document) => unnamedDevices(document, elementName),
      name: (device, key) => claimDevice(device, deviceAlias(kind, key)),
      knownBy,
      ...(natural && { natural }),
      ...(isSurely && { isSurely }),
    },
  };
}

/** The one device that carries that alias. */
export function deviceNamed(document: Element, alias: string): Element | undefined {
  return devicesOf(document).find((device) => aliasOf(device) === alias);
}

/** A device that is there or not, known by its alias. */
export function optionalDevice(make: () => Element, alias: string): ElementLens<boolean> {
  const { name } = make();
  return {
    get: (document) => deviceNamed(document, alias) !== undefined,
    set(document, value) {
      if (!value) {
        removeDevice(document, name, alias);
        return;
      }
      if (deviceNamed(document, alias)) return;
      const device = make();
      setAlias(device, alias);
      ensure(document, "devices").children.push(device);
    },
    claim(document, value) {
      if (!value || deviceNamed(document, alias)) return;
      const device = unnamedDevices(document, name).find((candidate) => holds(candidate, make()));
      if (device) claimDevice(device, alias);
    },
    claimPlace(document, value) {
      const target = child(make(), "target");
      if (!value || !target || deviceNamed(document, alias)) return;
      const standsThere = (device: Element) => children(device, "target").some((other) => holds(other, target));
      const device = unnamedDevices(document, name).find(standsThere);
      if (device) claimDevice(device, alias);
    },
  };
}

/** Whether an element says all that the other one does. */
function holds(element: Element, part: Element): boolean {
  const attributes = Object.entries(part.attributes).every(([name, value]) => element.attributes[name] === value);
  return attributes && children(part).every((one) => children(element, one.name).some((other) => holds(other, one)));
}

function removeDevice(document: Element, name: string, alias: string): void {
  const devices = child(document, "devices");
  if (!devices) return;
  devices.children = devices.children.filter(
    (node) => !("name" in node && node.name === name && aliasOf(node) === alias),
  );
}
