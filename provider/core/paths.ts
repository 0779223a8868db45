import { equal } from "./equal";
import type { Values } from "./handler";
import { isPlainObject } from "./unknown";

/** The names of a path that is text, as Pulumi writes them: `nics.lan.link`, `fwCfg["opt/com.example"].value`, `list[0]`. */
export function namesIn(path: string): string[] {
  return [...path.matchAll(/"((?:\\"|[^"])*)"|[^.[\]]+/g)].map(
    ([name, quoted]) => quoted?.replaceAll('\\"', '"') ?? name,
  );
}

/** Whether the path is `outer` or leads into it, where `*` stands for any one name. */
export function isWithin(path: readonly string[], outer: readonly string[]): boolean {
  return outer.length <= path.length && outer.every((name, index) => name === "*" || name === path[index]);
}

/** Whether it is the very path, where `*` stands for any one name. */
export function isAt(path: readonly string[], pattern: readonly string[]): boolean {
  return pattern.length === path.length && isWithin(path, pattern);
}

/** What is at the path, through maps and lists; undefined where there is nothing. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => {
    if (Array.isArray(at)) return at[Number(key)];
    return isPlainObject(at) ? at[String(key)] : undefined;
  }, value);
}

/** Whether both say the same at the path. */
export function isSameAt(a: unknown, b: unknown, path: readonly PropertyKey[]): boolean {
  return equal(valueAt(a, path), valueAt(b, path));
}

/** A copy with another value at the path, through maps; nothing is there when it is undefined. */
export function withValueAt(values: Values, [name = "", ...rest]: readonly string[], value: unknown): Values {
  const inner = values[name];
  const { [name]: _former, ...others } = values;
  const next = rest.length === 0 ? value : withValueAt(isPlainObject(inner) ? inner : {}, rest, value);
  return next === undefined ? others : { ...others, [name]: next };
}
