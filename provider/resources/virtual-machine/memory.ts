import { attribute } from "../../core/attribute";
import { size } from "../../core/quantities";
import { formatBytes, parseBytes } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import type { ElementLens } from "../../schema/lens";
import { child, children, type Element, element, ensure } from "../../schema/tree";
import { sizeAt } from "../document";
import type { LiveOperations } from "./live";
import { currentOfDevices, memoryOfDevices, memoryOfModules } from "./memory-devices";
import type { Inputs } from "./rows";

/** Whether the balloon of a guest with these limits reaches `wanted`. */
function within(wanted: unknown, most: unknown): boolean {
  return typeof wanted === "string" && typeof most === "string" && parseBytes(wanted) <= parseBytes(most);
}

/** A total of libvirt's without the part of the memory devices, which it counts among it. */
function without(path: string, part: (document: Element) => bigint): ElementLens<string> {
  const whole = sizeAt(path, "KiB");
  return {
    get(document) {
      const found = whole.get(document);
      return found && formatBytes(parseBytes(found) - part(document));
    },
    set(document, value) {
      whole.set(document, value && formatBytes(parseBytes(value) + part(document)));
    },
  };
}

const current = without("currentMemory", currentOfDevices);

/** They come after the devices, whose sizes they add. */
export const memoryRows = {
  memory: attribute({
    doc: "Memory of the guest, without `memoryDevices`. May be changed in the running guest up to `maxMemory`, by the balloon (`<currentMemory>`).",
    schema: size,
    change(_old, next, { old: { maxMemory, balloon } }) {
      if (!within(next, maxMemory)) return { class: "restart", reason: "above maxMemory" };
      const isFixed = isPlainObject(balloon) && balloon["model"] === "none";
      return isFixed ? { class: "restart", reason: "the guest has no balloon" } : { class: "live" };
    },
    lens: current,
  }),
  maxMemory: attribute({
    doc: "Memory that the guest starts with and the most that the balloon can give it, without `memoryDevices` (`<memory>`). Default: `memory`.",
    schema: size,
    defaults: { 1: ({ inputs }) => inputs["memory"] as string | undefined },
    change: "restart",
    lens: without("memory", memoryOfDevices),
  }),
};

/**
 * Gives a guest with room for more memory the NUMA cell without which libvirt before 9.6 refuses it; newer ones add
 * the same by themselves. It holds all vCPUs and all memory that is there at the start.
 */
export function arrangeCells(document: Element, { numa, maxMemory, maxVcpus }: Inputs): void {
  if (numa !== undefined || !child(document, "maxMemory")) return;
  const table = ensure(document, "cpu/numa");
  const [first = element("cell", { id: "0" }), second] = children(table, "cell");
  if (second) return;
  if (!table.children.includes(first)) table.children.push(first);
  Object.assign(first.attributes, {
    cpus: maxVcpus === 1 ? "0" : `0-${maxVcpus - 1}`,
    memory: String(parseBytes(maxMemory) / 1024n),
    unit: "KiB",
  });
}

export const memoryOperations: LiveOperations = {
  memory: async (operation) => {
    const { domain, change } = operation;
    // The balloon counts modules as its own, virtio-mem not.
    const modules = memoryOfModules(await domain.liveInFull());
    await domain.setMemory((parseBytes(String(change.next)) + modules) / 1024n);
    // A guest that is slow, or has no balloon, is asked no more for now (behind.ts).
    await operation.soon((live) => current.get(live) === change.next);
  },
};
