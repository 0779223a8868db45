import generated from "./generated/tables.json";

/** What a value may be; a row without any member allows every text. */
export interface KindRow {
  /** Words. */
  readonly w?: readonly string[];
  /** Those of the words that the older schema does not know. */
  readonly n?: readonly string[];
  /** Those of the words that came after the newer schema, with the libvirt that brought them. */
  readonly s?: Readonly<Record<string, string>>;
  /** XSD patterns, which match the whole value. */
  readonly p?: readonly string[];
  /** Whole numbers as "low..high"; a bound may be missing. */
  readonly r?: readonly string[];
}

/** Number of a kind or shape, flags, and the libvirt that brought it where that is newer than both schemas. */
export type Entry = readonly [number: number, flags: number, since?: string];

export const flag = { required: 1, list: 2, newer: 4 } as const;

/** All that an element may hold, whatever alternative it follows. */
export interface ShapeRow {
  readonly a?: Readonly<Record<string, Entry>>;
  /** Children in the schema's order, `{namespace}name` where they have one. */
  readonly c?: Readonly<Record<string, Entry>>;
  readonly t?: Entry;
  /** Content that the schema leaves open. */
  readonly o?: 1;
  /** The order of children with different names counts. */
  readonly s?: 1;
}

/** libvirt's schemas in short form; `npm run generate:schema` writes them. */
export interface Tables {
  readonly kinds: readonly KindRow[];
  readonly shapes: readonly ShapeRow[];
  /** Shape by the name of the root element. */
  readonly roots: Readonly<Record<string, number>>;
}

/** libvirt whose schema knows what is marked as newer, and the one whose does not. What came later has its version. */
export const versions = { newer: "11.3.0", older: "9.0.0" } as const;

/** Everything that the schemas say. */
export const tables = generated as unknown as Tables;
