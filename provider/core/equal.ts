import { isPlainObject } from "./unknown";

/** Deep equality of plain data; a key that is absent equals a key that is undefined. */
export function equal(a: unknown, b: unknown): boolean {
  // JSON knows no -0.
  if (a === b || Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (!isPlainObject(a) || !isPlainObject(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => equal(a[key], b[key]));
}
