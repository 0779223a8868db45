import type { XdrReader, XdrWriter } from "./xdr";

/** Writes and reads values of one wire type. `layout` is compared with libvirt's protocol files by a test. */
export interface Codec<T> {
  /** i int32, u uint32, I int64, U uint64, d double, c char, sN string, o opaque, ?x optional, (..) struct, x<n> array. */
  readonly layout: string;
  write(writer: XdrWriter, value: T): void;
  read(reader: XdrReader): T;
}

export type TypeOf<C> = C extends Codec<infer T> ? T : never;

/** REMOTE_STRING_MAX of libvirt's remote_protocol.x. */
const stringLimit = 4_194_304;

export const int: Codec<number> = { layout: "i", write: (w, v) => w.int(v), read: (r) => r.int() };
export const uint: Codec<number> = { layout: "u", write: (w, v) => w.uint(v), read: (r) => r.uint() };
export const hyper: Codec<bigint> = { layout: "I", write: (w, v) => w.hyper(v), read: (r) => r.hyper() };
export const uhyper: Codec<bigint> = { layout: "U", write: (w, v) => w.uhyper(v), read: (r) => r.uhyper() };
export const double: Codec<number> = { layout: "d", write: (w, v) => w.double(v), read: (r) => r.double() };
/** An unsigned char travels as four bytes. */
export const char: Codec<number> = { layout: "c", write: (w, v) => w.uint(v), read: (r) => r.uint() };

export function text(limit = stringLimit): Codec<string> {
  return {
    layout: `s${limit}`,
    write(writer, value) {
      if (value.includes("\0")) throw new RangeError("a string holds a NUL character, which libvirt cannot carry");
      const bytes = Buffer.from(value, "utf8");
      if (bytes.length > limit)
        throw new RangeError(`a string has ${bytes.length} bytes, libvirt takes ${limit} at most`);
      writer.uint(bytes.length);
      writer.opaque(bytes);
    },
    read(reader) {
      return reader.opaque(bounded(reader.uint(), limit, "string")).toString("utf8");
    },
  };
}
export const string = text();

/** A UUID in its canonical text form. */
export const uuid: Codec<string> = {
  layout: "o[16]",
  write: (writer, value) => writer.opaque(Buffer.from(value.replaceAll("-", ""), "hex")),
  read: (reader) =>
    reader
      .opaque(16)
      .toString("hex")
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
};

export function opaque(limit: number): Codec<Buffer> {
  return {
    layout: `o<${limit}>`,
    write(writer, value) {
      writer.uint(value.length);
      writer.opaque(value);
    },
    read: (reader) => Buffer.from(reader.opaque(bounded(reader.uint(), limit, "opaque"))),
  };
}

export function optional<T>(item: Codec<T>): Codec<T | undefined> {
  return {
    layout: `?${item.layout}`,
    write(writer, value) {
      writer.uint(value === undefined ? 0 : 1);
      if (value !== undefined) item.write(writer, value);
    },
    read: (reader) => (reader.uint() === 0 ? undefined : item.read(reader)),
  };
}

export function list<T>(item: Codec<T>, limit: number): Codec<readonly T[]> {
  return {
    layout: `${item.layout}<${limit}>`,
    write(writer, values) {
      if (values.length > limit)
        throw new RangeError(`a list has ${values.length} items, libvirt takes ${limit} at most`);
      writer.uint(values.length);
      for (const value of values) item.write(writer, value);
    },
    read: (reader) => Array.from({ length: bounded(reader.uint(), limit, "list") }, () => item.read(reader)),
  };
}

export type Fields = Readonly<Record<string, Codec<unknown>>>;
export type StructOf<F> = { readonly [K in keyof F]: TypeOf<F[K]> };

export function struct<F extends Fields>(fields: F): Codec<StructOf<F>> {
  const entries = Object.entries(fields);
  return {
    layout: `(${entries.map(([, codec]) => codec.layout).join("")})`,
    write(writer, value) {
      for (const [name, codec] of entries) codec.write(writer, (value as Record<string, unknown>)[name]);
    },
    read: (reader) => Object.fromEntries(entries.map(([name, codec]) => [name, codec.read(reader)])) as StructOf<F>,
  };
}

/** One typed parameter (virTypedParameter). The type says how the number travels. */
export interface TypedParam {
  readonly field: string;
  readonly type: "int" | "uint" | "llong" | "ullong" | "double" | "boolean" | "string";
  readonly value: number | bigint | boolean | string;
}

const bool: Codec<boolean> = { layout: "i", write: (w, v) => w.int(v ? 1 : 0), read: (r) => r.int() !== 0 };
const paramTypes: readonly (readonly [TypedParam["type"], Codec<unknown>])[] = [
  ["int", int],
  ["uint", uint],
  ["llong", hyper],
  ["ullong", uhyper],
  ["double", double],
  ["boolean", bool],
  ["string", string],
];

export const typedParam: Codec<TypedParam> = {
  layout: `(${string.layout}{${paramTypes.map(([, codec], index) => `${index + 1}:${codec.layout}`).join("|")}})`,
  write(writer, { field, type, value }) {
    string.write(writer, field);
    const index = paramTypes.findIndex(([name]) => name === type);
    writer.int(index + 1);
    paramTypes[index]?.[1].write(writer, value);
  },
  read(reader) {
    const field = string.read(reader);
    const tag = reader.int();
    const found = paramTypes[tag - 1];
    if (!found) throw new RangeError(`typed parameter ${field} has the unknown type ${tag}`);
    return { field, type: found[0], value: found[1].read(reader) as TypedParam["value"] };
  },
};

export const params = (limit: number): Codec<readonly TypedParam[]> => list(typedParam, limit);

function bounded(length: number, limit: number, what: string): number {
  if (length > limit) throw new RangeError(`a ${what} of ${length} is over libvirt's limit of ${limit}`);
  return length;
}
