import { XMLParser, XMLValidator } from "fast-xml-parser";

/** Character data. Entities are decoded, CDATA sections are plain text here. */
export interface Text {
  readonly text: string;
}

/** One XML element. Names keep their prefix as written ("qemu:commandline"), xmlns is an attribute like any other. */
export interface Element {
  readonly name: string;
  /** Has no prototype, so that a missing attribute is always undefined and "__proto__" is a name like any other. */
  attributes: Record<string, string>;
  children: Node[];
}

export type Node = Element | Text;

/** The document is not XML that we accept, or the tree holds what XML 1.0 cannot carry. The message names the place. */
export class XmlError extends Error {
  override readonly name = "XmlError";
}

/** Longest document that is read, in characters: libvirt sends and takes no longer string (REMOTE_STRING_MAX). */
export const MAX_LENGTH = 4 * 1024 * 1024;
/** Deepest nesting that is read; libvirt's longest backing chain (200 images) needs two levels an image. */
export const MAX_DEPTH = 512;

const NAME = /^[\p{L}_:][\p{L}\p{N}\p{M}_:.\u00b7-]*$/u;
const FORBIDDEN = /[\p{Surrogate}\ufffe\uffff]|[^\t\n\r -\u{10ffff}]/u;
const CDATA = "#cdata";
const ATTRIBUTES = ":@";
/** Keeps attribute names apart from what JavaScript objects have by birth. */
const PREFIX = "@";

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: PREFIX,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  cdataPropName: CDATA,
  // By default it renames elements such as <valueOf>; they end up in own properties here and do no harm.
  onDangerousProperty: (name) => name,
  maxNestedTags: MAX_DEPTH + 1,
  // Decoded below: the parser knows no numeric references unless it may also accept every HTML entity.
  processEntities: false,
});

type Raw = Record<string, unknown>;

/**
 * Reads one document. Comments, the XML declaration and processing instructions are dropped, and so is the white space
 * between elements; all other text stays as it is.
 *
 * @throws XmlError for malformed documents, any DOCTYPE, unknown entities, and documents over {@link MAX_LENGTH} or
 * {@link MAX_DEPTH}.
 */
export function parse(xml: string): Element {
  const source = sourceOf(xml);
  const verdict = XMLValidator.validate(source);
  if (verdict !== true) {
    const { msg, line, col } = verdict.err;
    throw new XmlError(`XML is malformed at line ${line}, column ${col}: ${shortened(msg)}`);
  }
  return treeOf(source);
}

/** The text of a document, as far as characters and length tell that it may be one. */
export function sourceOf(xml: string): string {
  if (xml.length > MAX_LENGTH) throw new XmlError(`XML of ${xml.length} characters is over the limit of ${MAX_LENGTH}`);
  if (/<!DOCTYPE/i.test(xml)) throw new XmlError("XML with a DOCTYPE is refused: libvirt documents have none");
  const forbidden = FORBIDDEN.exec(xml);
  if (forbidden !== null) throw new XmlError(`XML holds ${codePoint(forbidden[0])} at character ${forbidden.index}`);
  const source = xml
    .replace(/^\ufeff/, "")
    .replace(/\r\n?/g, "\n")
    .trim();
  if (source === "") throw new XmlError("XML is empty");
  return source;
}

/** Reads a document that is known to be well-formed. */
export function treeOf(source: string): Element {
  let wrapped: Node;
  try {
    // Without an element around it the parser drops text beside the root in silence.
    const [document] = parser.parse(`<document>${source}</document>`) as Raw[];
    wrapped = fromRaw(document ?? {}, "", 0);
  } catch (error) {
    if (error instanceof XmlError) throw error;
    throw new XmlError(`XML is refused: ${shortened(String(error instanceof Error ? error.message : error))}`, {
      cause: error,
    });
  }
  const [root, ...others] = isElement(wrapped) ? wrapped.children : [];
  if (!isElement(root) || others.length > 0) throw new XmlError("XML must be exactly one root element");
  return root;
}

/** The parser quotes what it could not read, whole. */
function shortened(message: string): string {
  return message.length > 200 ? `${message.slice(0, 200)}...` : message;
}

function fromRaw(raw: Raw, path: string, depth: number): Node {
  if ("#text" in raw) return { text: decode(String(raw["#text"]), path) };
  if (CDATA in raw) return { text: cdataText(raw[CDATA]) };
  const name = Object.keys(raw).find((key) => key !== ATTRIBUTES) ?? "";
  const here = depth === 0 ? "" : `${path}/${name}`;
  if (depth > MAX_DEPTH) throw new XmlError(`XML is nested deeper than ${MAX_DEPTH} elements`);
  const made = element(name);
  const attributes = raw[ATTRIBUTES] as Raw | undefined;
  for (const key in attributes) {
    const [attribute, value] = [key.slice(PREFIX.length), String(attributes[key])];
    if (value.includes("<")) throw new XmlError(`XML holds an unescaped "<" in ${here}/@${attribute}`);
    // XML turns literal white space of attributes into blanks; only references such as &#10; carry line ends.
    made.attributes[attribute] = decode(value.replace(/[\t\n]/g, " "), `${here}/@${attribute}`);
  }
  made.children = tidy((raw[name] as Raw[]).map((node) => fromRaw(node, here, depth + 1)));
  return made;
}

function cdataText(parts: unknown): string {
  return (parts as Raw[]).map((part) => String(part["#text"])).join("");
}

/** Joins neighbouring texts and drops the white space that only lays out elements. */
function tidy(nodes: readonly Node[]): Node[] {
  const joined: Node[] = [];
  for (const node of nodes) {
    const last = joined.at(-1);
    if (isElement(node)) joined.push(node);
    else if (last !== undefined && !isElement(last)) joined[joined.length - 1] = { text: last.text + node.text };
    else if (node.text !== "") joined.push(node);
  }
  return joined.some(isElement) ? joined.filter((node) => isElement(node) || !isBlank(node)) : joined;
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

function decode(text: string, path: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&]{0,32};?)/g, (reference, body: string) => {
    const name = body.slice(0, -1);
    const numeric = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name);
    const code = numeric === null ? Number.NaN : Number.parseInt(numeric[1] ?? numeric[2] ?? "", numeric[1] ? 16 : 10);
    const decoded = code <= 0x10ffff ? String.fromCodePoint(code) : ENTITIES.get(name);
    if (!body.endsWith(";") || decoded === undefined || FORBIDDEN.test(decoded)) {
      throw new XmlError(`XML holds the unknown or forbidden reference "${reference}" in ${path}`);
    }
    return decoded;
  });
}

/**
 * Writes the element as libvirt does: two blanks a level, attributes in single quotes. An element that holds text is
 * written on one line, so that its text stays as it is.
 *
 * @throws XmlError for characters and names that XML 1.0 cannot carry, naming the place.
 */
export function render(root: Element): string {
  return `${renderElement(root, "", "")}\n`;
}

function renderElement(node: Element, path: string, indent: string | undefined): string {
  const here = `${path}/${node.name}`;
  if (!NAME.test(node.name)) throw new XmlError(`"${node.name}" is no XML name, in ${path || "/"}`);
  const attributes = Object.entries(node.attributes).map(([name, value]) => {
    if (!NAME.test(name)) throw new XmlError(`"${name}" is no XML attribute name, in ${here}`);
    return ` ${name}='${escapeText(value, `${here}/@${name}`).replace(/['"\t\n]/g, reference)}'`;
  });
  const head = `<${node.name}${attributes.join("")}`;
  const children = tidy(node.children);
  if (children.length === 0) return `${head}/>`;
  if (indent === undefined || children.some((child) => !isElement(child))) {
    const inline = children.map((child) =>
      isElement(child) ? renderElement(child, here, undefined) : escapeText(child.text, here),
    );
    return `${head}>${inline.join("")}</${node.name}>`;
  }
  const deeper = `${indent}  `;
  const lines = children.filter(isElement).map((child) => `\n${deeper}${renderElement(child, here, deeper)}`);
  return `${head}>${lines.join("")}\n${indent}</${node.name}>`;
}

const NAMED: ReadonlyMap<string, string> = new Map([...ENTITIES].map(([name, character]) => [character, `&${name};`]));

function reference(character: string): string {
  return NAMED.get(character) ?? `&#${character.codePointAt(0)};`;
}

function escapeText(text: string, path: string): string {
  const forbidden = FORBIDDEN.exec(text);
  if (forbidden !== null) throw new XmlError(`XML cannot carry ${codePoint(forbidden[0])}, found in ${path}`);
  return text.replace(/[&<>\r]/g, reference);
}

function codePoint(character: string): string {
  return `the forbidden character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Builds an element; attributes that are undefined and texts that are empty are left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: readonly (Element | string)[]
): Element {
  const own: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) own[key] = value;
  const nodes = children.map((child) => (typeof child === "string" ? { text: child } : child));
  return { name, attributes: own, children: nodes.filter((node) => isElement(node) || node.text !== "") };
}

export function isElement(node: Node | undefined): node is Element {
  return node !== undefined && "name" in node;
}

function isBlank(node: Text): boolean {
  return /^[ \t\r\n]*$/.test(node.text);
}

/** All child elements of that name, in order; without a name all child elements. */
export function children(parent: Element, name?: string): Element[] {
  return parent.children.filter(
    (node): node is Element => isElement(node) && (name === undefined || node.name === name),
  );
}

/** The first element at a path of names such as "devices/disk/source", trying every branch; undefined without one. */
export function child(parent: Element, path: string): Element | undefined {
  const [first, rest] = splitPath(path);
  for (const candidate of parent.children) {
    if (!isElement(candidate) || candidate.name !== first) continue;
    const found = rest === undefined ? candidate : child(candidate, rest);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first element at the path; what is missing is appended to the first parents that match. */
export function ensure(parent: Element, path: string): Element {
  const found = child(parent, path);
  if (found !== undefined) return found;
  const [first, rest] = splitPath(path);
  let next = child(parent, first);
  if (next === undefined) {
    next = element(first);
    parent.children.push(next);
  }
  return rest === undefined ? next : ensure(next, rest);
}

/**
 * Removes the first element at the path, then each parent on the way (never `parent` itself) that has become empty and
 * carries no attributes. Returns whether there was one.
 */
export function remove(parent: Element, path: string): boolean {
  const [first, rest] = splitPath(path);
  for (const candidate of children(parent, first)) {
    if (rest !== undefined && !remove(candidate, rest)) continue;
    if (rest === undefined || isEmpty(candidate)) parent.children.splice(parent.children.indexOf(candidate), 1);
    return true;
  }
  return false;
}

function isEmpty(node: Element): boolean {
  const bare = Object.keys(node.attributes).length === 0;
  return bare && node.children.every((item) => !isElement(item) && isBlank(item));
}

function splitPath(path: string): [first: string, rest: string | undefined] {
  const slash = path.indexOf("/");
  return slash < 0 ? [path, undefined] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** The text directly inside the element, without that of its child elements; "" without any. */
export function textOf(node: Element): string {
  return node.children.map((item) => (isElement(item) ? "" : item.text)).join("");
}

/** Replaces all content, child elements too, by the text. */
export function setText(node: Element, text: string): void {
  node.children = text === "" ? [] : [{ text }];
}

/** A deep copy that shares nothing with the original. */
export function clone(node: Element): Element {
  return {
    name: node.name,
    attributes: Object.assign(Object.create(null), node.attributes),
    children: node.children.map((item) => (isElement(item) ? clone(item) : { text: item.text })),
  };
}

/**
 * Whether both mean the same to libvirt: white space between elements, the order of attributes, and the order of
 * siblings with different names do not count; the order of siblings with one name does.
 */
export function equal(a: Element, b: Element): boolean {
  if (a === b) return true;
  if (a.name !== b.name || significantText(a) !== significantText(b)) return false;
  const names = Object.keys(a.attributes);
  if (names.length !== Object.keys(b.attributes).length) return false;
  if (!names.every((name) => Object.hasOwn(b.attributes, name) && a.attributes[name] === b.attributes[name]))
    return false;
  const [left, right] = [byName(a), byName(b)];
  return left.length === right.length && left.every((node, i) => right[i] !== undefined && equal(node, right[i]));
}

function significantText(node: Element): string {
  return tidy(node.children)
    .map((item) => (isElement(item) || isBlank(item) ? "" : item.text))
    .join("");
}

function byName(node: Element): Element[] {
  return children(node).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
