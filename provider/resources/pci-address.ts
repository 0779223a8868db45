import { z } from "../core/attribute";
import { type Element, element } from "../schema/tree";

/** "0000:03:10.0", the domain in front optional; canonical in lower case. */
export const pciAddress = z
  .string()
  .regex(/^([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]$/, 'is not a PCI address like "0000:03:10.0"')
  .transform((value) => (value.length < 12 ? `0000:${value}` : value).toLowerCase());

/** Parts of an address with the hex digits that lspci shows of each. */
const widths = { domain: 4, bus: 2, slot: 2, function: 1 } as const;

/** What an `<address>` of a device of the host says, as lspci writes it; libvirt writes hex and plain numbers. */
export function pciText(address: Element): string {
  const part = (name: keyof typeof widths) =>
    Number(address.attributes[name] ?? 0)
      .toString(16)
      .padStart(widths[name], "0");
  return `${part("domain")}:${part("bus")}:${part("slot")}.${part("function")}`;
}

/** The `<address>` of a canonical address; that of an interface says its type too. */
export function pciElement(text: string): Element {
  const [domain = "", bus = "", slot = "", fn = ""] = text.split(/[:.]/);
  const hex = (digits: string) => `0x${digits}`;
  return element("address", { domain: hex(domain), bus: hex(bus), slot: hex(slot), function: hex(fn) });
}
