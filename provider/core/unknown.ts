/** Stands for a value that is not known during a preview. Adapters translate it from and to their wire form. */
export const unknown: unique symbol = Symbol.for("pulumi-kvm.unknown");
export type Unknown = typeof unknown;

/** The same where a text belongs: it passes through check as it is; a string that stood for it would be taken for one. */
export const unknownText = unknown as unknown as string;

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True when `value` is, or holds anywhere, a value that is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (value === unknown) return true;
  if (Array.isArray(value)) return value.some(hasUnknown);
  return isPlainObject(value) && Object.values(value).some(hasUnknown);
}

/** The value with what is at the path not known. A list of which one item is not known is not known itself. */
export function withUnknown(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined || !isPlainObject(value)) return unknown;
  return { ...value, [name]: withUnknown(value[name], rest) };
}

/** The value without what is not known. */
export function withoutUnknown(value: unknown): unknown {
  if (value === unknown) return undefined;
  if (Array.isArray(value)) return value.map(withoutUnknown);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutUnknown(item)]));
}
