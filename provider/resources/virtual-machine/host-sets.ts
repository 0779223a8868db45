import type { ElementLens } from "../../schema/lens";
import { mapped } from "../../schema/lens";
import { child, children, type Element, ensure, remove } from "../../schema/tree";
import { formatCpuSet, parseCpuSet } from "../../tuning/cpu-set";

/** The set at a place, in its shortest spelling. */
export function setAt(lens: ElementLens<string>): ElementLens<string> {
  return mapped(
    lens,
    (value) => formatCpuSet(parseCpuSet(value)),
    (value) => value,
  );
}

/** The bit map of a set on the wire: CPU 0 is the lowest bit of the first byte. */
export function bitMap(text: string): Buffer {
  const cpus = parseCpuSet(text);
  const map = Buffer.alloc(Math.floor(Math.max(0, ...cpus) / 8) + 1);
  for (const cpu of cpus) map[cpu >> 3] = (map[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return map;
}

/** The elements of one name below `parent`, taken together as one value. */
export function elementsAt<T>(
  parent: string,
  name: string,
  read: (found: readonly Element[]) => T,
  write: (value: T) => readonly Element[],
): ElementLens<T> {
  return {
    get(document) {
      const at = child(document, parent);
      const found = at ? children(at, name) : [];
      return found.length > 0 ? read(found) : undefined;
    },
    set(document, value) {
      const at = child(document, parent);
      if (at) at.children = at.children.filter((node) => !("name" in node && node.name === name));
      if (value !== undefined) ensure(document, parent).children.push(...write(value));
      else if (at && at.children.length === 0 && Object.keys(at.attributes).length === 0) remove(document, parent);
    },
  };
}
