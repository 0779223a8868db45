import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Element, isElement, parse, textOf } from "../../provider/schema/tree";

/** A name with its namespace; an empty one means none. */
export interface QName {
  readonly name: string;
  readonly ns: string;
}

/** One pattern of RELAX NG, with references left to be resolved, as grammars recurse. */
export type Pattern =
  | { readonly kind: "element"; readonly name: QName | undefined; readonly define: string; readonly content: Pattern }
  | { readonly kind: "attribute"; readonly name: string | undefined; readonly content: Pattern }
  | { readonly kind: "group" | "choice"; readonly parts: readonly Pattern[] }
  | { readonly kind: "optional" | "zeroOrMore" | "oneOrMore"; readonly part: Pattern }
  | { readonly kind: "ref"; readonly name: string; readonly grammar: Grammar }
  | { readonly kind: "value"; readonly value: string }
  | { readonly kind: "data"; readonly type: string; readonly params: readonly (readonly [string, string])[] }
  | { readonly kind: "text" | "empty" | "notAllowed" };

/** The definitions of one `<grammar>` with everything that it includes. */
export class Grammar {
  readonly defines = new Map<string, Pattern>();

  resolve(name: string): Pattern {
    const found = this.defines.get(name);
    if (!found) throw new Error(`the schema refers to ${name}, which it does not define`);
    return found;
  }
}

/** The name under which a grammar's start is kept. */
export const start = "#start";

/** Reads a RELAX NG schema in XML syntax, with all files that it includes. */
export function readGrammar(file: string): Grammar {
  const grammar = new Grammar();
  fill(grammar, parse(readFileSync(file, "utf8")), dirname(file));
  return grammar;
}

function fill(grammar: Grammar, from: Element, folder: string): void {
  for (const part of elements(from)) {
    if (part.name === "include") {
      const path = join(folder, part.attributes["href"] ?? "");
      const included = new Grammar();
      fill(included, parse(readFileSync(path, "utf8")), dirname(path));
      // Included definitions belong to the includer, whose own replace or extend them.
      for (const [name, pattern] of included.defines) grammar.defines.set(name, rebound(pattern, included, grammar));
      for (const override of elements(part)) define(grammar, override, folder, true);
    } else if (part.name === "define" || part.name === "start") {
      define(grammar, part, folder, false);
    } else if (part.name === "div") {
      fill(grammar, part, folder);
    }
  }
}

function define(grammar: Grammar, part: Element, folder: string, override: boolean): void {
  const name = part.name === "start" ? start : (part.attributes["name"] ?? "");
  const content = group(part, { grammar, folder, define: name, ns: "" });
  const before = grammar.defines.get(name);
  const combine = part.attributes["combine"];
  if (!before || override || combine === undefined) grammar.defines.set(name, content);
  else grammar.defines.set(name, { kind: combine === "choice" ? "choice" : "group", parts: [before, content] });
}

/** The same pattern with its references in another grammar. */
function rebound(pattern: Pattern, from: Grammar, to: Grammar): Pattern {
  switch (pattern.kind) {
    case "element":
    case "attribute":
      return { ...pattern, content: rebound(pattern.content, from, to) };
    case "group":
    case "choice":
      return { ...pattern, parts: pattern.parts.map((part) => rebound(part, from, to)) };
    case "optional":
    case "zeroOrMore":
    case "oneOrMore":
      return { ...pattern, part: rebound(pattern.part, from, to) };
    case "ref":
      return pattern.grammar === from ? { ...pattern, grammar: to } : pattern;
    default:
      return pattern;
  }
}

/** Where a pattern stands; a namespace holds for all that is inside. */
interface Place {
  readonly grammar: Grammar;
  readonly folder: string;
  readonly define: string;
  readonly ns: string;
}

function group(parent: Element, outer: Place): Pattern {
  const place = { ...outer, ns: parent.attributes["ns"] ?? outer.ns };
  const parts = elements(parent).filter(({ name }) => name !== "name");
  const read = parts.map((part) => pattern(part, place));
  return read.length === 1 && read[0] ? read[0] : { kind: "group", parts: read };
}

function pattern(from: Element, place: Place): Pattern {
  const { grammar, folder } = place;
  const content = () => group(withoutNameClass(from), place);
  switch (from.name) {
    case "element": {
      const name = from.attributes["name"];
      const qname = name === undefined ? undefined : { name, ns: from.attributes["ns"] ?? place.ns };
      return { kind: "element", name: qname, define: place.define, content: content() };
    }
    case "attribute": {
      const inner = content();
      const bare = inner.kind === "group" && inner.parts.length === 0;
      return { kind: "attribute", name: from.attributes["name"], content: bare ? { kind: "text" } : inner };
    }
    case "group":
    case "interleave":
    case "mixed":
      return content();
    case "choice": {
      const parts = elements(from).map((part) => pattern(part, place));
      return { kind: "choice", parts };
    }
    case "optional":
    case "zeroOrMore":
    case "oneOrMore":
      return { kind: from.name, part: content() };
    case "ref":
      return { kind: "ref", name: from.attributes["name"] ?? "", grammar };
    case "value":
      return { kind: "value", value: textOf(from).trim() };
    case "data": {
      const params = elements(from).filter(({ name }) => name === "param");
      const named = params.map((param) => [param.attributes["name"] ?? "", textOf(param)] as const);
      return { kind: "data", type: from.attributes["type"] ?? "string", params: named };
    }
    case "text":
    case "empty":
    case "notAllowed":
      return { kind: from.name };
    case "grammar": {
      const nested = new Grammar();
      fill(nested, from, folder);
      return { kind: "ref", name: start, grammar: nested };
    }
    default:
      throw new Error(`the schema uses <${from.name}>, which the reader does not know`);
  }
}

/** `<element><anyName/>...` and `<attribute><anyName/></attribute>`: the class of names is no content. */
function withoutNameClass(from: Element): Element {
  const classes = ["anyName", "nsName", "name"];
  return { ...from, children: from.children.filter((node) => !(isElement(node) && classes.includes(node.name))) };
}

function elements(parent: Element): Element[] {
  return parent.children.filter(isElement).filter(({ name }) => !name.includes(":"));
}
