import { isSame } from "./list-keys";
import { asList, type DocumentObject, isObject, toElement, toObject } from "./object";
import { type ElementShape, shapeOf } from "./shape";
import type { Element } from "./tree";

type Data = Record<string, unknown>;

/**
 * Merges a part of a document over it: members replace, objects merge, items of lists merge with the one of the same
 * alias, target, address, id or name and are added where there is none, null and false take away.
 */
export function applyOverlay(document: Element, overlay: DocumentObject): Element {
  return toElement(document.name, merged(toObject(document), normal(document.name, overlay)));
}

/**
 * Takes out what an earlier overlay wrote, and nothing that others did; where `own`, the document without it, has the
 * place, its value comes back.
 */
export function withdrawOverlay(document: Element, overlay: DocumentObject, own: Element): Element {
  const part = normal(document.name, overlay);
  return toElement(document.name, withdrawn(toObject(document), part, toObject(own), shapeOf(document.name)));
}

/** What a document says at the places that the overlay names; null where it says nothing. */
export function readOverlay(document: Element, overlay: DocumentObject): DocumentObject {
  return projected(toObject(document), normal(document.name, overlay)) as DocumentObject;
}

/** The overlay in the spelling of documents that were read, but for what takes away. */
function normal(root: string, overlay: DocumentObject): DocumentObject {
  return withRemovals(toObject(toElement(root, overlay)), overlay) as DocumentObject;
}

function withRemovals(written: unknown, overlay: unknown): unknown {
  if (!isObject(overlay)) return written;
  const result: Data = isObject(written) ? { ...written } : written === undefined ? {} : { value: written };
  for (const [key, value] of Object.entries(overlay)) {
    const present = result[key];
    if (value === null || (value === false && present === undefined)) result[key] = null;
    else if (Array.isArray(present)) {
      const items = asList(value);
      result[key] = present.map((item, index) => withRemovals(item, items[index]));
    } else if (isObject(value) && present !== undefined) result[key] = withRemovals(present, value);
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
    // What takes away in an item that is not there has nothing to take.
    if (at < 0) result.push(isObject(item) ? merged(undefined, item) : item);
    else if (isObject(item)) result[at] = merged(result[at], item);
  }
  return result;
}

function withdrawn(base: unknown, overlay: DocumentObject, own: unknown, shape?: ElementShape): DocumentObject {
  const result = asObject(base);
  const kept = asObject(own);
  for (const [key, value] of Object.entries(overlay)) {
    const [present, mine] = [result[key], kept[key]];
    // It took away what nobody of us would write: what is there came from others.
    if (value === null && mine === undefined) continue;
    const inside = shape?.children.get(key)?.shape;
    if (Array.isArray(value)) {
      result[key] = withdrawnList(asList(present), value, asList(mine), inside);
    } else if (isObject(value) && isObject(present) && (isObject(mine) || isContainer(inside))) {
      result[key] = withdrawn(present, value, mine, inside);
    } else result[key] = mine;
    if (mine === undefined && isEmpty(result[key])) delete result[key];
  }
  return result as DocumentObject;
}

function withdrawnList(
  base: readonly unknown[],
  items: readonly unknown[],
  own: readonly unknown[],
  shape: ElementShape | undefined,
): unknown[] {
  const left = [...items];
  return base.flatMap((present) => {
    const at = left.findIndex((candidate) => isSame(present, candidate));
    // As merging does, an item means the first that fits.
    const [item] = at < 0 ? [] : left.splice(at, 1);
    if (item === undefined) return [present];
    const mine = own.find((candidate) => isSame(candidate, item));
    if (mine === undefined) return [];
    return [isObject(item) ? withdrawn(present, item, mine, shape) : present];
  });
}

/** An element that only groups others, such as <cputune>: what else is in it is not the overlay's. */
function isContainer(shape: ElementShape | undefined): boolean {
  return shape !== undefined && !shape.text && shape.attributes.size === 0 && shape.children.size > 0;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || (isObject(value) && Object.keys(value).length === 0);
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

function asObject(value: unknown): Data {
  if (isObject(value)) return { ...value };
  return value === undefined || value === null ? {} : { value };
}
