import { type DocumentObject, isObject, toElement, toObject } from "./object";
import type { Element } from "./tree";

type Data = Record<string, unknown>;

/** Members by which items of a list are told apart, the first that the overlay names decides. */
const keys: readonly (readonly string[])[] = [
  ["alias", "name"],
  ["target", "dev"],
  ["mac", "address"],
  ["id"],
  ["vcpu"],
  ["iothread"],
  ["cellid"],
  ["vcpus"],
  ["name"],
  ["index"],
  ["dev"],
  ["type"],
];

/**
 * Merges a part of a document over it: members replace, objects merge, items of lists merge with the one of the same
 * alias, target, address, id or name and are added where there is none, null and false take away.
 */
export function applyOverlay(document: Element, overlay: DocumentObject): Element {
  return toElement(document.name, merged(toObject(document), normal(document.name, overlay)));
}

/** Takes out what an earlier overlay wrote; where `own`, the document without it, has the place, its value comes back. */
export function withdrawOverlay(document: Element, overlay: DocumentObject, own: Element): Element {
  const without = withdrawn(toObject(document), normal(document.name, overlay), toObject(own));
  return toElement(document.name, without);
}

/** What a document says at the places that the overlay names; null where it says nothing. */
export function readOverlay(document: Element, overlay: DocumentObject): DocumentObject {
  return projected(toObject(document), normal(document.name, overlay)) as DocumentObject;
}

/** The overlay in the spelling of documents that were read, but for what takes away. */
function normal(root: string, overlay: DocumentObject): DocumentObject {
  const written = toObject(toElement(root, overlay));
  return withRemovals(written, overlay) as DocumentObject;
}

function withRemovals(written: unknown, overlay: unknown): unknown {
  if (!isObject(overlay)) return written;
  const result: Data = isObject(written) ? { ...written } : written === undefined ? {} : { value: written };
  for (const [key, value] of Object.entries(overlay)) {
    if (value === null || (value === false && result[key] === undefined)) result[key] = null;
    else if (Array.isArray(result[key])) {
      const items = asList(value);
      result[key] = asList(result[key]).map((item, index) => withRemovals(item, items[index]));
    } else if (isObject(value)) result[key] = withRemovals(result[key], value);
  }
  return result;
}

function merged(base: unknown, overlay: DocumentObject): DocumentObject {
  const result = asObject(base);
  for (const [key, value] of Object.entries(overlay)) {
    const present = result[key];
    if (value === null) delete result[key];
    else if (Array.isArray(value) || Array.isArray(present)) result[key] = mergedList(present, asList(value));
    else if (isObject(value)) result[key] = merged(present, value);
    else result[key] = isObject(present) ? { ...present, value } : value;
  }
  return result as DocumentObject;
}

function mergedList(base: unknown, items: readonly unknown[]): unknown[] {
  const result = [...asList(base)];
  for (const item of items) {
    const at = result.findIndex((other) => isSame(other, item));
    if (at < 0) result.push(item);
    else if (isObject(item)) result[at] = merged(result[at], item);
  }
  return result;
}

function withdrawn(base: unknown, overlay: DocumentObject, own: unknown): DocumentObject {
  const result = asObject(base);
  const kept = asObject(own);
  for (const [key, value] of Object.entries(overlay)) {
    const [present, mine] = [result[key], kept[key]];
    if (mine === undefined) delete result[key];
    else if (Array.isArray(mine)) result[key] = withdrawnList(asList(present), asList(value), mine);
    else if (isObject(value) && isObject(mine)) result[key] = withdrawn(present, value, mine);
    else result[key] = mine;
  }
  return result as DocumentObject;
}

function withdrawnList(base: readonly unknown[], items: readonly unknown[], own: readonly unknown[]): unknown[] {
  return base.flatMap((present) => {
    const item = items.find((candidate) => isSame(present, candidate));
    if (!isObject(item)) return [present];
    const mine = own.find((candidate) => isSame(candidate, item));
    return mine === undefined ? [] : [withdrawn(present, item, mine)];
  });
}

function projected(base: unknown, overlay: unknown): unknown {
  if (Array.isArray(overlay)) {
    const items = asList(base);
    return overlay.map((item) => projected(items.find((other) => isSame(other, item)) ?? null, item));
  }
  if (!isObject(overlay)) return isObject(base) ? (base["value"] ?? null) : (base ?? null);
  if (base === undefined || base === null) return null;
  const source = asObject(base);
  return Object.fromEntries(Object.entries(overlay).map(([key, value]) => [key, projected(source[key], value)]));
}

/** Whether an item of the overlay means this one; without a telling member it must hold all that the overlay says. */
function isSame(base: unknown, item: unknown): boolean {
  if (!isObject(item)) return base === item;
  for (const path of keys) {
    const wanted = at(item, path);
    if (wanted !== undefined) return String(at(base, path)) === String(wanted);
  }
  return contains(base, item);
}

function contains(base: unknown, item: unknown): boolean {
  if (!isObject(item)) return String(isObject(base) ? base["value"] : base) === String(item);
  const source = asObject(base);
  return Object.entries(item).every(([key, value]) =>
    Array.isArray(value)
      ? value.every((part) => asList(source[key]).some((other) => contains(other, part)))
      : contains(source[key], value),
  );
}

function at(object: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((found, name) => (isObject(found) ? found[name] : undefined), object);
}

function asObject(value: unknown): Data {
  if (isObject(value)) return { ...value };
  return value === undefined || value === null ? {} : { value };
}

function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
