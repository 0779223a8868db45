import { type Grammar, type Pattern, type QName, start } from "./rng";

/** What a value may be: words, patterns, whole numbers within bounds, or any text. */
export interface Kind {
  readonly words: ReadonlySet<string>;
  readonly patterns: ReadonlySet<string>;
  /** Bounds as text, as they go beyond doubles; an empty one is none. */
  readonly ranges: ReadonlySet<string>;
  readonly free: boolean;
  /** Words that no schema has, with the libvirt that brought them. */
  readonly since?: ReadonlyMap<string, string>;
}

export interface Field {
  readonly required: boolean;
  readonly kind: Kind;
  /** The libvirt that brought it, where no schema has it. */
  readonly since?: string;
}

export interface Child {
  readonly required: boolean;
  readonly list: boolean;
  readonly shape: Shape;
  /** The libvirt that brought it, where no schema has it. */
  readonly since?: string;
}

/** All that one element may hold, whatever alternative of the schema it follows. */
export interface Shape {
  readonly name: string;
  readonly ns: string;
  /** Names of the definitions that it comes from, for names of types. */
  readonly defines: readonly string[];
  readonly attributes: ReadonlyMap<string, Field>;
  /** By name, `{namespace}name` where there is one, in the schema's order. */
  readonly children: ReadonlyMap<string, Child>;
  readonly text: Field | undefined;
  /** Holds content that the schema leaves open. */
  readonly open: boolean;
  /** The order of children with different names counts. */
  readonly ordered: boolean;
}

type ElementPattern = Extract<Pattern, { kind: "element" }>;

/** What a pattern adds to the element that it stands in. */
interface Parts {
  readonly attributes: Map<string, Field>;
  readonly children: Map<string, { required: boolean; list: boolean; elements: Set<ElementPattern> }>;
  text: Field | undefined;
  open: boolean;
}

/** Turns the patterns of a grammar into shapes; elements that share their parent and their name become one. */
export class Shaper {
  private readonly shapes = new Map<string, Shape>();
  private readonly ids = new Map<ElementPattern, number>();
  private readonly read = new Map<Pattern, Parts>();

  roots(grammar: Grammar): Shape[] {
    const parts = this.parts({ kind: "ref", name: start, grammar });
    return [...parts.children.values()].map(({ elements }) => this.shape(elements));
  }

  private shape(elements: ReadonlySet<ElementPattern>): Shape {
    const key = [...elements]
      .map((element) => this.idOf(element))
      .sort((a, b) => a - b)
      .join(" ");
    const known = this.shapes.get(key);
    if (known) return known;
    const [first] = elements;
    const attributes = new Map<string, Field>();
    const children = new Map<string, Child>();
    const shape = {
      name: first?.name?.name ?? "",
      ns: first?.name?.ns ?? "",
      defines: [...new Set([...elements].map(({ define }) => define))],
      attributes,
      children,
      text: undefined as Field | undefined,
      open: false,
      ordered: false,
    };
    // Known before its children are read: the schema recurses.
    this.shapes.set(key, shape);
    const alternatives = [...elements].map(({ content }) => this.parts(content));
    const all = alternatives.reduce((a, b) => either(a, b));
    for (const [name, field] of all.attributes) attributes.set(name, field);
    for (const [name, child] of all.children) {
      children.set(name, { required: child.required, list: child.list, shape: this.shape(child.elements) });
    }
    return Object.assign(shape, { text: all.text, open: all.open });
  }

  private idOf(element: ElementPattern): number {
    const id = this.ids.get(element) ?? this.ids.size;
    this.ids.set(element, id);
    return id;
  }

  private parts(pattern: Pattern): Parts {
    const known = this.read.get(pattern);
    if (known) return known;
    const made = this.partsOf(pattern);
    this.read.set(pattern, made);
    return made;
  }

  private partsOf(pattern: Pattern): Parts {
    switch (pattern.kind) {
      case "element": {
        if (!pattern.name) return { ...nothing(), open: true };
        const child = { required: true, list: false, elements: new Set([pattern]) };
        return { ...nothing(), children: new Map([[keyOf(pattern.name), child]]) };
      }
      case "attribute":
        if (pattern.name === undefined) return { ...nothing(), open: true };
        return {
          ...nothing(),
          attributes: new Map([[pattern.name, { required: true, kind: kindOf(pattern.content) }]]),
        };
      case "group":
        return pattern.parts.map((part) => this.parts(part)).reduce(both, nothing());
      case "choice": {
        const allowed = pattern.parts.filter((part) => !isForbidden(part));
        if (allowed.length === 0) return nothing();
        return allowed.map((part) => this.parts(part)).reduce((a, b) => either(a, b));
      }
      case "optional":
        return either(this.parts(pattern.part), nothing());
      case "zeroOrMore":
        return repeated(either(this.parts(pattern.part), nothing()));
      case "oneOrMore":
        return repeated(this.parts(pattern.part));
      case "ref":
        return this.parts(pattern.grammar.resolve(pattern.name));
      case "value":
      case "data":
      case "text":
        return { ...nothing(), text: { required: true, kind: kindOf(pattern) } };
      default:
        return nothing();
    }
  }
}

function isForbidden(pattern: Pattern): boolean {
  if (pattern.kind === "ref") return isForbidden(pattern.grammar.resolve(pattern.name));
  return pattern.kind === "notAllowed";
}

function keyOf({ name, ns }: QName): string {
  return ns === "" ? name : `{${ns}}${name}`;
}

function nothing(): Parts {
  return { attributes: new Map(), children: new Map(), text: undefined, open: false };
}

/** One beside the other: an element that both name is a list. */
function both(a: Parts, b: Parts): Parts {
  return combined(a, b, (x, y) => x || y, true);
}

/** One or the other: required is what both require. */
function either(a: Parts, b: Parts): Parts {
  return combined(a, b, (x, y) => x && y, false);
}

function combined(a: Parts, b: Parts, required: (x: boolean, y: boolean) => boolean, beside: boolean): Parts {
  const attributes = new Map<string, Field>();
  for (const name of new Set([...a.attributes.keys(), ...b.attributes.keys()])) {
    const field = mergedField(a.attributes.get(name), b.attributes.get(name), required);
    if (field) attributes.set(name, field);
  }
  const children: Parts["children"] = new Map();
  for (const name of new Set([...a.children.keys(), ...b.children.keys()])) {
    const [x, y] = [a.children.get(name), b.children.get(name)];
    children.set(name, {
      required: required(x?.required ?? false, y?.required ?? false),
      list: (x?.list ?? false) || (y?.list ?? false) || (beside && x !== undefined && y !== undefined),
      elements: new Set([...(x?.elements ?? []), ...(y?.elements ?? [])]),
    });
  }
  const text = mergedField(a.text, b.text, required);
  return { attributes, children, text, open: a.open || b.open };
}

function mergedField(
  a: Field | undefined,
  b: Field | undefined,
  required: (x: boolean, y: boolean) => boolean,
): Field | undefined {
  if (!a && !b) return undefined;
  const kind = a && b ? mergedKind(a.kind, b.kind) : (a?.kind ?? b?.kind ?? anything);
  return { required: required(a?.required ?? false, b?.required ?? false), kind };
}

function repeated(parts: Parts): Parts {
  for (const child of parts.children.values()) child.list = true;
  return parts;
}

const anything: Kind = { words: new Set(), patterns: new Set(), ranges: new Set(), free: true };
const nowhere: Kind = { ...anything, free: false };

function mergedKind(a: Kind, b: Kind): Kind {
  return {
    words: new Set([...a.words, ...b.words]),
    patterns: new Set([...a.patterns, ...b.patterns]),
    ranges: new Set([...a.ranges, ...b.ranges]),
    free: a.free || b.free,
  };
}

/** Bounds of XSD's whole numbers. */
const integers: Readonly<Record<string, readonly [string, string]>> = {
  short: ["-32768", "32767"],
  unsignedShort: ["0", "65535"],
  int: ["-2147483648", "2147483647"],
  unsignedInt: ["0", "4294967295"],
  long: ["-9223372036854775808", "9223372036854775807"],
  unsignedLong: ["0", "18446744073709551615"],
  integer: ["", ""],
  positiveInteger: ["1", ""],
};

/** What the content of an attribute or the text of an element may be. */
function kindOf(pattern: Pattern): Kind {
  switch (pattern.kind) {
    case "value":
      return { ...nowhere, words: new Set([pattern.value]) };
    case "data": {
      const param = (name: string) => pattern.params.find(([key]) => key === name)?.[1];
      const bounds = integers[pattern.type];
      const expression = param("pattern");
      if (expression !== undefined) return { ...nowhere, patterns: new Set([expression.trim()]) };
      if (!bounds) return anything;
      const [low, high] = [param("minInclusive") ?? bounds[0], param("maxInclusive") ?? bounds[1]];
      return { ...nowhere, ranges: new Set([`${low}..${high}`]) };
    }
    case "group":
    case "choice":
      return pattern.parts.map(kindOf).reduce(mergedKind, nowhere);
    case "optional":
    case "zeroOrMore":
    case "oneOrMore":
      return mergedKind(kindOf(pattern.part), pattern.kind === "oneOrMore" ? nowhere : empty);
    case "ref":
      return kindOf(pattern.grammar.resolve(pattern.name));
    case "text":
      return anything;
    case "empty":
      return empty;
    default:
      return nowhere;
  }
}

const empty: Kind = { ...nowhere, words: new Set([""]) };
