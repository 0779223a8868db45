import { attribute, z } from "../../core/attribute";
import { mapped, number, textAt } from "../../schema/lens";
import { child, children, type Element, remove } from "../../schema/tree";
import type { LiveOperations } from "./live";

const countLens = number(
  mapped(
    textAt("iothreads"),
    // libvirt writes none and 0 for the same.
    (value) => (value.trim() === "0" ? undefined : value),
    (value) => value,
  ),
);

/** Numbers above the count would raise it again. */
function dropNumbersAbove(document: Element, count: number): void {
  const ids = child(document, "iothreadids");
  if (!ids) return;
  ids.children = children(ids, "iothread").filter(({ attributes }) => Number(attributes["id"]) <= count);
  if (ids.children.length === 0) remove(document, "iothreadids");
}

export const iothreadRows = {
  iothreads: attribute({
    doc: "Threads of QEMU, numbered from 1, that serve disks beside its main loop: disks and SCSI controllers name theirs (`<iothreads>`). Default: none.",
    schema: z.int().min(0).max(256).optional(),
    change: "live",
    lens: {
      get: countLens.get,
      set(document: Element, value: number | undefined) {
        dropNumbersAbove(document, value ?? 0);
        countLens.set(document, value === 0 ? undefined : value);
      },
    },
  }),
};

/** libvirt keeps a thread that a disk or controller still uses, and says so. */
export const iothreadOperations: LiveOperations = {
  iothreads: async ({ domain, change }) => {
    const [old, next] = [Number(change.old ?? 0), Number(change.next ?? 0)];
    for (let id = old + 1; id <= next; id++) await domain.addIothread(id);
    for (let id = old; id > next; id--) await domain.deleteIothread(id);
  },
};
