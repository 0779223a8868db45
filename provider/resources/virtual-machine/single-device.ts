import type { ElementLens } from "../../schema/lens";
import { child, type Element, element, ensure } from "../../schema/tree";
import { claimDevice, deviceNamed, devicesOf, setAlias, unnamedDevices } from "./alias";

/** A device of which a domain has one. Its alias tells it from one that libvirt adds by itself. */
export class SingleDevice {
  constructor(
    private readonly name: string,
    /** Without an alias it is the first of its element: libvirt gives some devices none. */
    private readonly alias?: string,
    /** libvirt adds one where the program has none: that one gives way to ours. */
    private readonly isAddedByLibvirt = false,
  ) {}

  find(document: Element): Element | undefined {
    return this.alias === undefined ? devicesOf(document, this.name)[0] : deviceNamed(document, this.alias);
  }

  /** The value that makes the device by being there, and takes it away by being gone. */
  made<T>(lens: ElementLens<T>): ElementLens<T> {
    return {
      get: this.at(lens).get,
      set: (document, value) => {
        const found = this.find(document);
        if (value === undefined) drop(document, found);
        // Another model needs another place on another bus.
        else if (found && lens.get(found) === value) return;
        else {
          const former = found ?? (this.isAddedByLibvirt ? unnamedDevices(document, this.name)[0] : undefined);
          drop(document, former);
          lens.set(this.add(document), value);
        }
      },
      claim: (document, value) => {
        const { alias } = this;
        if (alias === undefined || this.find(document)) return;
        const devices = unnamedDevices(document, this.name);
        const device = devices.find((candidate) => lens.get(candidate) === value) ?? devices[0];
        if (device) claimDevice(device, alias);
      },
    };
  }

  /** A value of the device; nothing where there is no device. */
  at<T>(lens: ElementLens<T>): ElementLens<T> {
    return {
      get: (document) => {
        const found = this.find(document);
        return found && lens.get(found);
      },
      set: (document, value) => {
        const found = this.find(document);
        if (found) lens.set(found, value);
      },
    };
  }

  private add(document: Element): Element {
    const device = element(this.name);
    if (this.alias !== undefined) setAlias(device, this.alias);
    ensure(document, "devices").children.push(device);
    return device;
  }
}

/** Takes a device out of the domain. */
export function drop(document: Element, device: Element | undefined): void {
  const devices = child(document, "devices");
  if (devices && device) devices.children = devices.children.filter((node) => node !== device);
}
