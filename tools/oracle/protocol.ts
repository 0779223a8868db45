/** Number, arguments and result of one procedure, in the letters that our codecs describe themselves with. */
export interface Layout {
  readonly number: number;
  readonly args: string;
  readonly result: string;
}

/** What a protocol file declares, by name. */
interface Declarations {
  readonly constants: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
}

const primitives: Readonly<Record<string, string>> = {
  int: "i",
  "unsigned int": "u",
  unsigned: "u",
  hyper: "I",
  int64_t: "I",
  uint64_t: "U",
  "unsigned hyper": "U",
  double: "d",
  char: "c",
  "unsigned char": "c",
  short: "i",
  "unsigned short": "u",
  bool: "i",
};

/** Reads one of libvirt's .x files and answers the layout of every procedure in it. */
export function readProtocol(source: string, prefix: string): Map<string, Layout> {
  const text = source
    .replace(/\/\*[\s\S]*?\*\//g, " ")
    .replace(/^%.*$/gm, "")
    .replace(/\/\/.*$/gm, "");
  const declarations = declarationsOf(text);
  const layoutOf = resolver(declarations);
  const rows = new Map<string, Layout>();
  for (const [name, number] of enumMembers(text, `${prefix}procedure`)) {
    const bare = name.replace(new RegExp(`^${prefix}PROC_`, "i"), "");
    const struct = `${prefix}${bare.toLowerCase()}`;
    const of = (suffix: string) =>
      declarations.types.has(`${struct}${suffix}`) ? layoutOf(`${struct}${suffix}`) : "()";
    rows.set(bare, { number, args: of("_args"), result: of("_ret") });
  }
  return rows;
}

/** What the protocol file takes from libvirt's public headers. */
const headerConstants: Readonly<Record<string, number>> = {
  VIR_UUID_BUFLEN: 16,
  VIR_SECURITY_MODEL_BUFLEN: 257,
  VIR_SECURITY_DOI_BUFLEN: 257,
};

function declarationsOf(text: string): Declarations {
  const constants = new Map(Object.entries(headerConstants));
  const value = (word: string) => constants.get(word) ?? Number(word);
  for (const [, name = "", word = ""] of text.matchAll(/\bconst\s+(\w+)\s*=\s*(\w+)\s*;/g))
    constants.set(name, value(word));
  const types = new Map<string, string>();
  for (const [, name = "", body = ""] of text.matchAll(/\bstruct\s+(\w+)\s*\{([^}]*)\}\s*;/g))
    types.set(name, `struct ${body}`);
  for (const [, name = "", body = ""] of text.matchAll(/\bunion\s+(\w+)\s+switch\s*\([^)]*\)\s*\{([^}]*)\}\s*;/g)) {
    types.set(name, `union ${body}`);
  }
  for (const [, declaration = ""] of text.matchAll(/\btypedef\s+([^;]+);/g)) {
    const name = /(\w+)\s*(?:[[<][^\]>]*[\]>])?\s*$/.exec(declaration)?.[1] ?? "";
    types.set(name, `typedef ${declaration}`);
  }
  for (const [, name = ""] of text.matchAll(/\benum\s+(\w+)\s*\{/g)) types.set(name, "typedef int it");
  return { constants, types };
}

/** Spells the layout of a named type. */
function resolver({ constants, types }: Declarations): (name: string) => string {
  const bound = (word: string) => (/^\d+$/.test(word) ? word : String(constants.get(word) ?? word));
  const cases = (word: string) => (/^\d+$/.test(word) ? Number(word) : typedParamTags[word]);

  function named(name: string): string {
    const primitive = primitives[name];
    if (primitive !== undefined) return primitive;
    const found = types.get(name);
    if (found === undefined) throw new Error(`the protocol names an unknown type ${name}`);
    const [kind = "", ...rest] = found.split(" ");
    const body = rest.join(" ");
    if (kind === "struct") return `(${fieldsOf(body).map(field).join("")})`;
    if (kind === "union") return union(body);
    return field(body);
  }

  function union(body: string): string {
    const arms = [...body.matchAll(/case\s+(\w+)\s*:\s*([^;]+);/g)];
    return `{${arms.map(([, tag = "", declaration = ""]) => `${cases(tag) ?? tag}:${field(declaration)}`).join("|")}}`;
  }

  function field(declaration: string): string {
    const match = /^\s*(.+?)\s*(\*?)\s*(\w+)\s*(?:([[<])\s*(\w*)\s*[\]>])?\s*$/.exec(declaration.replace(/\s+/g, " "));
    if (!match) throw new Error(`cannot read the declaration "${declaration}"`);
    const [, type = "", star, , bracket, size = ""] = match;
    if (type === "string") return `s${bound(size)}`;
    if (type === "opaque") return bracket === "[" ? `o[${bound(size)}]` : `o<${bound(size)}>`;
    if (type === "char" && bracket !== undefined) return bracket === "[" ? `C[${bound(size)}]` : `C<${bound(size)}>`;
    const inner = named(type.replace(/^(struct|enum) /, ""));
    if (star === "*") return `?${inner}`;
    if (bracket === undefined) return inner;
    return bracket === "[" ? `${inner}[${bound(size)}]` : `${inner}<${bound(size)}>`;
  }

  return named;
}

/** VIR_TYPED_PARAM_*, which the protocol file takes from the public header. */
const typedParamTags: Readonly<Record<string, number>> = {
  VIR_TYPED_PARAM_INT: 1,
  VIR_TYPED_PARAM_UINT: 2,
  VIR_TYPED_PARAM_LLONG: 3,
  VIR_TYPED_PARAM_ULLONG: 4,
  VIR_TYPED_PARAM_DOUBLE: 5,
  VIR_TYPED_PARAM_BOOLEAN: 6,
  VIR_TYPED_PARAM_STRING: 7,
};

/** Fields of a struct; the switch of a nested union keeps its type name. */
function fieldsOf(body: string): string[] {
  return body
    .split(";")
    .map((declaration) => declaration.trim())
    .filter((declaration) => declaration !== "");
}

function enumMembers(text: string, name: string): [string, number][] {
  const body = new RegExp(`\\benum\\s+${name}\\s*\\{([^}]*)\\}`).exec(text)?.[1] ?? "";
  return [...body.matchAll(/(\w+)\s*=\s*(\d+)/g)].map(([, member = "", number]) => [member, Number(number)]);
}
