import { prefixOf, split } from "./namespaces";
import { type Entry, flag, type KindRow, type ShapeRow, type Tables, tables } from "./tables";

/** One attribute or the text of an element. */
export interface FieldShape {
  readonly kind: KindRow;
  readonly required: boolean;
  readonly newer: boolean;
  /** The libvirt that brought it, where that is newer than both schemas. */
  readonly since?: string;
  /** Holds numbers, or text that looks like one. */
  readonly isNumeric: boolean;
}

/** One child element. */
export interface ChildShape {
  /** Name of the tables, `{namespace}local` where there is one. */
  readonly name: string;
  /** Its namespace; "" without one. */
  readonly uri: string;
  /** Name in a document that we write, with the prefix of its namespace. */
  readonly written: string;
  /** Member of the object that holds it. */
  readonly key: string;
  readonly required: boolean;
  readonly list: boolean;
  readonly newer: boolean;
  /** The libvirt that brought it, where that is newer than both schemas. */
  readonly since?: string;
  readonly shape: ElementShape;
}

/** What an element may hold, and under which names an object holds it. */
export class ElementShape {
  readonly attributes: ReadonlyMap<string, FieldShape>;
  /** By member name, in the schema's order. */
  readonly children: ReadonlyMap<string, ChildShape>;
  readonly text: FieldShape | undefined;
  /** Content that the schema leaves open: kept as XML text. */
  readonly open: boolean;
  /** The order of children with different names counts, as that of rules and references in a network filter. */
  readonly ordered: boolean;
  private readonly byName: ReadonlyMap<string, ChildShape>;

  constructor(row: ShapeRow, source: Tables, shapeOf: (number: number, uri: string) => ElementShape, uri: string) {
    const field = ([kind, flags, since]: Entry): FieldShape => ({
      kind: source.kinds[kind] ?? {},
      required: (flags & flag.required) !== 0,
      newer: (flags & flag.newer) !== 0,
      ...(since !== undefined && { since }),
      isNumeric: isNumeric(source.kinds[kind] ?? {}),
    });
    this.attributes = new Map(Object.entries(row.a ?? {}).map(([name, entry]) => [name, field(entry)]));
    this.text = row.t && field(row.t);
    this.open = row.o === 1;
    this.ordered = row.s === 1;
    const found = Object.entries(row.c ?? {}).map(([name, [number, flags, since]]): ChildShape => {
      const own = split(name);
      const plain = own.uri === uri ? own.local : `${prefixOf(own.uri)}:${own.local}`;
      let shape: ElementShape | undefined;
      return {
        name,
        uri: own.uri,
        written: own.uri === "" ? own.local : `${prefixOf(own.uri)}:${own.local}`,
        // An attribute of that name keeps the plain one.
        key: this.attributes.has(plain) ? `$${plain}` : plain,
        required: (flags & flag.required) !== 0,
        list: (flags & flag.list) !== 0,
        newer: (flags & flag.newer) !== 0,
        ...(since !== undefined && { since }),
        // Looked up when asked for: shapes recurse.
        get shape() {
          shape ??= shapeOf(number, own.uri);
          return shape;
        },
      };
    });
    this.children = new Map(found.map((child) => [child.key, child]));
    this.byName = new Map(found.map((child) => [child.name, child]));
  }

  /** The child element of that name of the tables. */
  child(name: string): ChildShape | undefined {
    return this.byName.get(name);
  }

  /** True for an element that is nothing but its text. */
  get isPlain(): boolean {
    return this.text !== undefined && this.attributes.size === 0 && this.children.size === 0;
  }
}

function isNumeric({ r, p }: KindRow): boolean {
  return r !== undefined || p?.some((pattern) => /^\[0-9\]|^\(?0x|^[-+]?\\d/.test(pattern)) === true;
}

/** Shapes of the documents of these tables, by the name of the root element. */
export function shapesOf(source: Tables): (root: string) => ElementShape {
  const made = new Map<string, ElementShape>();
  /** Names of members depend on the namespace that the element itself is in. */
  const shapeAt = (number: number, uri: string): ElementShape => {
    const key = `${number} ${uri}`;
    const known = made.get(key);
    if (known) return known;
    const row = source.shapes[number];
    if (!row) throw new Error(`the tables of libvirt's schemas have no shape ${number}`);
    const shape = new ElementShape(row, source, shapeAt, uri);
    made.set(key, shape);
    return shape;
  };
  return (root) => shapeAt(source.roots[root] ?? -1, "");
}

const known = shapesOf(tables);

/**
 * The shape of a document by the name of its root element, or of a part of one by its path ("domain/devices/disk");
 * undefined where libvirt's schemas have none.
 */
export function shapeOf(path: string): ElementShape | undefined {
  const [root = "", ...names] = path.split("/");
  if (!Object.hasOwn(tables.roots, root)) return undefined;
  return names.reduce<ElementShape | undefined>((shape, name) => shape?.child(name)?.shape, known(root));
}
