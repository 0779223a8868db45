import type { Attribute, Entries, MapOf, Rows, Unnamed } from "../core/attribute";
import { diffRows } from "../core/diff";
import type { Values } from "../core/handler";
import { isPlainObject } from "../core/unknown";
import type { Element } from "../schema/tree";
import { readRows } from "./document";

/**
 * Gives our names to elements that have none and are what the values say: those of an object that somebody else made.
 * Otherwise they would be added a second time. Names that none of the `programs` uses are those of another program, which
 * had the object before.
 */
export function claimRows(rows: Rows, values: Values, document: Element, programs: readonly Values[] = [values]): void {
  claim(rows, values, document, distanceOf, programs);
}

/** The same for an object of ours, where the elements without a name are others': of entries alone, and where it is sure. */
export function claimSure(rows: Rows, values: Values, document: Element): void {
  const maps = Object.entries(rows).filter(([, { kind }]) => kind === "map");
  claim(Object.fromEntries(maps), values, document, (_rows, { isSurely }, _key, entry, element) =>
    isSurely?.(element, entry) ? 0 : undefined,
  );
}

/** The same for what an object of ours has had: an element that has lost its name, and one of which there is no second. */
export function claimLost(rows: Rows, values: Values, document: Element): void {
  claim(rows, values, document, (inside, unnamed, key, entry, element) => {
    const { natural: _, ...byValues } = unnamed;
    if (unnamed.isSurely?.(element, entry)) return 0;
    const isAlike = unnamed.knownBy.length > 0 && distanceOf(inside, byValues, key, entry, element) === 0;
    return isAlike ? 0 : undefined;
  });
  claimPlaces(rows, values, document);
}

/** Gives our names to elements that stand where those of the values would. */
export function claimPlaces(rows: Rows, values: Values, document: Element): void {
  for (const [name, row] of Object.entries(rows)) {
    if (row.kind !== "attribute" || values[name] === undefined) continue;
    (row as Attribute<unknown, Element>).lens?.claimPlace?.(document, values[name]);
  }
}

type Distance = typeof distanceOf;

function claim(
  rows: Rows,
  values: Values,
  document: Element,
  distance: Distance,
  programs: readonly Values[] = [],
): void {
  for (const [name, row] of Object.entries(rows)) {
    const value = values[name];
    if (value === undefined) continue;
    if (row.kind === "attribute") (row as Attribute<unknown, Element>).lens?.claim?.(document, value);
    else if (!isPlainObject(value)) continue;
    else {
      const inside = programs.map(({ [name]: part }) => (isPlainObject(part) ? part : {}));
      if (row.kind === "block") claim(row.rows, value, document, distance, inside);
      else claimEntries(row, value, document, distance, inside);
    }
  }
}

interface Pair {
  readonly key: string;
  readonly element: Element;
  readonly distance: number;
}

/** Entry and element that differ in the least find each other first. */
function claimEntries(
  row: MapOf,
  wanted: Values,
  document: Element,
  measure: Distance,
  programs: readonly Values[],
): void {
  const entries = row.entries as Entries<Element> | undefined;
  const unnamed = entries?.unnamed;
  if (!entries || !unnamed) return;
  const present = entries.list(document);
  const open = Object.entries(wanted).filter(([key]) => !present.has(key));
  const isStrange = (key: string) => programs.length > 0 && programs.every((program) => !Object.hasOwn(program, key));
  const strange = [...present].flatMap(([key, element]) => (isStrange(key) ? [element] : []));
  const pairs = open.flatMap(([key, entry]) =>
    [...unnamed.list(document), ...strange].flatMap((element): Pair[] => {
      const distance = measure(row.rows, unnamed, key, isPlainObject(entry) ? entry : {}, element);
      return distance === undefined ? [] : [{ key, element, distance }];
    }),
  );
  const taken = new Set<string | Element>();
  for (const { key, element } of pairs.sort((a, b) => a.distance - b.distance)) {
    if (taken.has(key) || taken.has(element)) continue;
    unnamed.name(element, key);
    taken.add(key).add(element);
  }
}

/** In how many values the element is not the entry; undefined where it is another thing. */
function distanceOf(
  rows: Rows,
  { natural, knownBy }: Unnamed<Element>,
  key: string,
  entry: Values,
  element: Element,
): number | undefined {
  if (natural?.(element) === key) return -1;
  const changes = diffRows(rows, entry, readRows(rows, entry, element)).filter((change) => change.class !== "none");
  const agrees = (name: string) => entry[name] !== undefined && !changes.some(({ path }) => path[0] === name);
  // An entry that says nothing of what tells elements apart, such as an empty drive, must agree in all that it says.
  const isSilent = knownBy.every((name) => entry[name] === undefined);
  const isIt = knownBy.length === 0 || knownBy.some(agrees) || (isSilent && changes.length === 0);
  return isIt ? changes.length : undefined;
}
