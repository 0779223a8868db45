import type { Entries } from "../../core/attribute";
import type { Change } from "../../core/diff";
import { formatPath } from "../../core/faults";
import type { Element } from "../../schema/tree";
import { devicesOf } from "./alias";
import { controllerOf, isOnScsi } from "./disk-controllers";
import { diskEntries } from "./disk-entries";
import { cellOf } from "./expander-bus";
import { hostdevEntries } from "./hostdevs";
import { nicEntries } from "./nics";

interface Seat {
  /** The property that says it. */
  readonly name: string;
  readonly entries: Entries<Element>;
  /** Null of a device that has no seat of this kind. */
  in(document: Element, device: Element): string | number | undefined | null;
}

/** Where devices hang: the whole document tells, of which the lens of a device sees nothing. */
const seats: Readonly<Record<string, Seat>> = {
  // libvirt hangs a disk without a place on controller 0.
  disks: {
    name: "controller",
    entries: diskEntries,
    in: (_, disk) => (isOnScsi(disk) ? (controllerOf(disk) ?? "0") : null),
  },
  nics: { name: "cell", entries: nicEntries, in: cellOf },
  hostDevices: { name: "cell", entries: hostdevEntries, in: cellOf },
};

/** Whether a path is that of such a property. */
export function isSeat([map = "", , name]: readonly string[]): boolean {
  return name !== undefined && seats[map]?.name === name;
}

/** The devices of both documents that hang elsewhere in the second. None changes its place as the guest runs. */
export function moved(from: Element, to: Element): Change[] {
  return Object.entries(seats).flatMap(([map, seat]) => {
    const former = seat.entries.list(from);
    return [...seat.entries.list(to)].flatMap(([key, device]) => {
      const before = former.get(key);
      const [old, next] = [before ? seat.in(from, before) : null, seat.in(to, device)];
      const path = [map, key, seat.name];
      const isSame = old === null || next === null || old === next;
      return isSame ? [] : [{ path, property: formatPath(path), old, next, class: "restart" as const }];
    });
  });
}

/** How many ports of PCI Express the document has, used and free. */
export function rootPortsIn(document: Element): number {
  return devicesOf(document, "controller").filter(({ attributes }) => attributes["model"] === "pcie-root-port").length;
}
