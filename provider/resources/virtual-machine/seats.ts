import type { Entries } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { withValueAt } from "../../core/paths";
import type { Element } from "../../schema/tree";
import { devicesOf } from "./alias";
import { controllerNameOf, isOnScsi } from "./disk-controllers";
import { diskEntries } from "./disk-entries";
import { cellOf } from "./expander-bus";
import { hostdevEntries } from "./hostdevs";
import { nicEntries } from "./nics";

interface Seat {
  /** The property that says it. */
  readonly name: string;
  readonly entries: Entries<Element>;
  /** As the program says it; null of a device that has no seat of this kind. */
  in(document: Element, device: Element): string | number | undefined | null;
}

/** Where devices hang: the whole document tells, of which the lens of a device sees nothing. */
const seats: Readonly<Record<string, Seat>> = {
  disks: {
    name: "controller",
    entries: diskEntries,
    in: (document, disk) => (isOnScsi(disk) ? controllerNameOf(document, disk) : null),
  },
  nics: { name: "cell", entries: nicEntries, in: cellOf },
  hostDevices: { name: "cell", entries: hostdevEntries, in: cellOf },
};

/** Whether a path is that of such a property. */
export function isSeat([map = "", , name]: readonly string[]): boolean {
  return name !== undefined && seats[map]?.name === name;
}

/** What was read of two documents, with where the devices hang that are in both. */
export function seated(
  [before, after]: readonly [Values, Values],
  [from, to]: readonly [Element, Element],
): readonly [Values, Values] {
  let values = [before, after] as const;
  for (const [map, { name, entries, in: seatIn }] of Object.entries(seats)) {
    const former = entries.list(from);
    for (const [key, device] of entries.list(to)) {
      const old = former.get(key);
      if (!old) continue;
      const path = [map, key, name];
      values = [withValueAt(values[0], path, seatIn(from, old)), withValueAt(values[1], path, seatIn(to, device))];
    }
  }
  return values;
}

/** How many ports of PCI Express the document has, used and free. */
export function rootPortsIn(document: Element): number {
  return devicesOf(document, "controller").filter(({ attributes }) => attributes["model"] === "pcie-root-port").length;
}
