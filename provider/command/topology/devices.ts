import { child, children, type Element, textOf } from "../../schema/tree";
import type { SurveyedDevice } from "./survey";

/** PCI base classes that guests are given; bridges and the parts of the chipset are left out. */
const kinds: Readonly<Record<string, SurveyedDevice["kind"]>> = {
  "01": "storage",
  "02": "network",
  "03": "display",
  "0b": "accelerator",
  "10": "accelerator",
  "12": "accelerator",
};

/** The devices worth showing among node device documents (`<device>`, virNodeDeviceGetXMLDesc), by address. */
export function devicesOf(documents: readonly Element[]): SurveyedDevice[] {
  const carried = new Map<string, string[]>();
  for (const document of documents) {
    const [parent, name] = [child(document, "parent"), child(document, "capability/interface")];
    if (typeOf(document) !== "net" || !parent || !name) continue;
    carried.set(textOf(parent), [...(carried.get(textOf(parent)) ?? []), textOf(name)]);
  }
  const found = documents.flatMap((document) => {
    const capability = child(document, "capability");
    const name = child(document, "name");
    if (typeOf(document) !== "pci" || !capability || !name) return [];
    const functions = children(capability, "capability");
    const physical = functions.find(({ attributes }) => attributes["type"] === "phys_function");
    const interfaces = carried.get(textOf(name)) ?? [];
    const kind = kinds[textAt(capability, "class").slice(2, 4)] ?? "other";
    if (kind === "other" && interfaces.length === 0 && physical === undefined) return [];
    const [node, group] = [child(capability, "numa"), child(capability, "iommuGroup")];
    const parent = physical && child(physical, "address");
    const address = addressOf((name) => textAt(capability, name));
    return [
      {
        address,
        kind,
        label: labelOf(capability) || address,
        ...(node && { cell: Number(node.attributes["node"]) }),
        ...(group && { iommuGroup: Number(group.attributes["number"]) }),
        interfaces,
        ...(parent && { physicalFunction: addressOf((name) => parent.attributes[name] ?? "0") }),
      },
    ];
  });
  return found.sort((a, b) => (a.address < b.address ? -1 : 1));
}

function typeOf(document: Element): string | undefined {
  return child(document, "capability")?.attributes["type"];
}

function labelOf(capability: Element): string {
  return ["vendor", "product"]
    .map((name) => textAt(capability, name))
    .filter((name) => name !== "")
    .join(" ");
}

function addressOf(part: (name: string) => string): string {
  const hex = (name: string, width: number) => Number(part(name)).toString(16).padStart(width, "0");
  return `${hex("domain", 4)}:${hex("bus", 2)}:${hex("slot", 2)}.${hex("function", 1)}`;
}

function textAt(element: Element, name: string): string {
  const found = child(element, name);
  return found ? textOf(found).trim() : "";
}
