import type { Values } from "./handler";
import { isPlainObject } from "./unknown";

/** What is given, and below it what is not. */
export function filled(given: Values, below: Values): Values {
  const merged: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(below)) {
    const own = given[name] ?? undefined;
    merged[name] = isPlainObject(own) && isPlainObject(value) ? filled(own, value) : (own ?? value);
  }
  return merged;
}
