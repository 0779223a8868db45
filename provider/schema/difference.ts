import { contains, isSame, keyMembers } from "./list-keys";
import { asList, type DocumentObject, isObject, toObject } from "./object";
import type { Element } from "./tree";

type Data = Readonly<Record<string, unknown>>;

/** The overlay that says what the document says beyond `own`; undefined where that is nothing. */
export function differenceOverlay(document: Element, own: Element): DocumentObject | undefined {
  return beyond(toObject(document), toObject(own));
}

function beyond(object: DocumentObject, own: unknown): DocumentObject | undefined {
  const base = asObject(own);
  const members = Object.entries(object).flatMap(([name, value]): [string, unknown][] => {
    const rest = Array.isArray(value) ? beyondList(value, asList(base[name])) : beyondMember(value, base[name]);
    return rest === undefined ? [] : [[name, rest]];
  });
  return members.length > 0 ? (Object.fromEntries(members) as DocumentObject) : undefined;
}

function beyondMember(value: unknown, own: unknown): unknown {
  if (!isObject(value)) return contains(own, value) ? undefined : value;
  // An element that says something by being there.
  if (own === undefined && Object.keys(value).length === 0) return value;
  return beyond(value, own);
}

/** Of an item that is in both, what tells it apart stays. Several may bear one name, as parameters of a filter do. */
function beyondList(items: readonly unknown[], own: readonly unknown[]): readonly unknown[] | undefined {
  const missing = items.filter((item) => !own.some((other) => contains(other, item)));
  const rest = missing.flatMap((item): unknown[] => {
    const mate = own.find((other) => isSame(other, item));
    if (mate === undefined) return [item];
    const more = isObject(item) ? beyond(item, mate) : undefined;
    return more === undefined ? [] : [joined(keyMembers(item) ?? {}, more)];
  });
  return rest.length > 0 ? rest : undefined;
}

function joined(key: Data, more: DocumentObject): Data {
  const deep = Object.entries(key).map(([name, value]) => {
    const beside = more[name];
    return [name, isObject(value) && isObject(beside) ? { ...beside, ...value } : value];
  });
  return { ...more, ...Object.fromEntries(deep) };
}

function asObject(value: unknown): Data {
  if (isObject(value)) return value;
  return value === undefined || value === null ? {} : { value };
}
