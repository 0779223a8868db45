import type { Entry, KindRow, ShapeRow, Tables } from "../../provider/schema/tables";
import { flag } from "../../provider/schema/tables";
import type { Field, Kind, Shape } from "./shapes";

/** A shape of the newer schema beside what the older one knows of the same element. */
interface Pair {
  readonly shape: Shape;
  /** Undefined below what the older schema does not know at all: there nothing is marked again. */
  readonly older: Shape | undefined;
}

/** Writes the roots of both schemas into one set of tables; what only the newer one knows is marked. */
export function makeTables(newer: readonly Shape[], older: readonly Shape[]): { tables: Tables; shapes: Shape[] } {
  const pairs = collect(newer.map((shape) => ({ shape, older: older.find(({ name }) => name === shape.name) })));
  const classes = minimise(pairs);
  const kinds = new KindTable();
  const first = firstOfEach(pairs, classes);
  const rows = first.map((pair) => shapeRow(pair, kinds, (child) => classOf(child, pairs, classes)));
  const roots = newer.map((shape): [string, number] => {
    const at = pairs.findIndex((pair) => pair.shape === shape);
    return [shape.name, classes[at] ?? 0];
  });
  return {
    tables: { kinds: kinds.rows, shapes: rows, roots: Object.fromEntries(roots) },
    shapes: first.map(({ shape }) => shape),
  };
}

/** All pairs that can be reached, roots first. */
function collect(roots: readonly Pair[]): Pair[] {
  const found: Pair[] = [];
  const waiting = [...roots];
  for (let pair = waiting.shift(); pair; pair = waiting.shift()) {
    if (indexOf(pair, found) >= 0) continue;
    found.push(pair);
    waiting.push(...childrenOf(pair).map(([, child]) => child));
  }
  return found;
}

const indices = new WeakMap<Shape, Map<Shape | undefined, number>>();

function indexOf(pair: Pair, pairs: readonly Pair[]): number {
  const byOlder = indices.get(pair.shape) ?? new Map<Shape | undefined, number>();
  indices.set(pair.shape, byOlder);
  const known = byOlder.get(pair.older);
  if (known !== undefined) return known;
  byOlder.set(pair.older, pairs.length);
  return -1;
}

function childrenOf({ shape, older }: Pair): [string, Pair][] {
  return [...shape.children].map(([key, child]) => [
    key,
    { shape: child.shape, older: older?.children.get(key)?.shape },
  ]);
}

function classOf(pair: Pair, pairs: readonly Pair[], classes: readonly number[]): number {
  return classes[indexOf(pair, pairs)] ?? 0;
}

/** Shapes that cannot be told apart, whatever definition they come from, get one number. */
function minimise(pairs: readonly Pair[]): number[] {
  const local = pairs.map((pair) => localSignature(pair));
  let classes = numbered(local);
  for (;;) {
    const current = classes;
    const refined = numbered(
      pairs.map((pair, index) =>
        [local[index], ...childrenOf(pair).map(([key, child]) => `${key}=${classOf(child, pairs, current)}`)].join(
          "\n",
        ),
      ),
    );
    if (new Set(refined).size === new Set(classes).size) return refined;
    classes = refined;
  }
}

function numbered(signatures: readonly string[]): number[] {
  const numbers = new Map<string, number>();
  return signatures.map((signature) => {
    const number = numbers.get(signature) ?? numbers.size;
    numbers.set(signature, number);
    return number;
  });
}

function localSignature(pair: Pair): string {
  const scratch = new KindTable();
  const { c = {}, ...row } = shapeRow(pair, scratch, () => 0);
  return JSON.stringify([row, Object.entries(c), scratch.rows]);
}

function firstOfEach(pairs: readonly Pair[], classes: readonly number[]): Pair[] {
  const first: Pair[] = [];
  pairs.forEach((pair, index) => {
    first[classes[index] ?? 0] ??= pair;
  });
  return first;
}

function shapeRow(pair: Pair, kinds: KindTable, numberOf: (child: Pair) => number): ShapeRow {
  const { shape, older } = pair;
  if (older) refuseLost(shape, older);
  const attributes = [...shape.attributes].map(([name, field]) => {
    const before = older?.attributes.get(name);
    return [name, fieldRow(field, before, older !== undefined && !before, kinds)] as const;
  });
  const children = childrenOf(pair).map(([key, child]) => {
    const { required = false, list = false, since } = shape.children.get(key) ?? {};
    const isNew = older !== undefined && since === undefined && !older.children.has(key);
    return [key, entry(numberOf(child), flags(required, list, isNew), since)] as const;
  });
  return {
    ...(attributes.length > 0 && { a: Object.fromEntries(attributes) }),
    ...(children.length > 0 && { c: Object.fromEntries(children) }),
    ...(shape.text && { t: fieldRow(shape.text, older?.text, false, kinds) }),
    ...(shape.open && { o: 1 as const }),
    ...(shape.ordered && { s: 1 as const }),
  };
}

function fieldRow(field: Field, before: Field | undefined, isNew: boolean, kinds: KindTable): Entry {
  const isMarked = isNew && field.since === undefined;
  return entry(kinds.numberOf(field.kind, before?.kind), flags(field.required, false, isMarked), field.since);
}

function entry(number: number, marks: number, since: string | undefined): Entry {
  return since === undefined ? [number, marks] : [number, marks, since];
}

function flags(required: boolean, list: boolean, isNew: boolean): number {
  return (required ? flag.required : 0) | (list ? flag.list : 0) | (isNew ? flag.newer : 0);
}

/** The merge relies on it: what the newer schema lacks would be lost. */
function refuseLost(shape: Shape, older: Shape): void {
  const lost = [
    ...[...older.attributes.keys()].filter((name) => !shape.attributes.has(name)),
    ...[...older.children.keys()].filter((name) => !shape.children.has(name)),
  ];
  if (lost.length > 0) throw new Error(`the newer schema of <${shape.name}> has no ${lost.join(", ")} any more`);
}

/** Every kind of value once. */
class KindTable {
  readonly rows: KindRow[] = [];
  private readonly numbers = new Map<string, number>();

  numberOf(kind: Kind, before: Kind | undefined): number {
    const dated = Object.fromEntries(kind.since ?? []);
    const isNew = (word: string) => !before?.words.has(word) && dated[word] === undefined;
    const newer = before && !before.free ? [...kind.words].filter(isNew) : [];
    const row: KindRow = kind.free
      ? {}
      : {
          ...(kind.words.size > 0 && { w: [...kind.words] }),
          ...(newer.length > 0 && { n: newer }),
          ...(kind.since && { s: dated }),
          ...(kind.patterns.size > 0 && { p: [...kind.patterns] }),
          ...(kind.ranges.size > 0 && { r: [...kind.ranges] }),
        };
    const key = JSON.stringify(row);
    const number = this.numbers.get(key) ?? this.rows.length;
    if (number === this.rows.length) {
      this.numbers.set(key, number);
      this.rows.push(row);
    }
    return number;
  }
}
