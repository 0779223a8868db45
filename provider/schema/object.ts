import { oddWord } from "./kind";
import { expanded, inner, isDeclaration, prefixOf, type Scope, split } from "./namespaces";
import { type ChildShape, type ElementShape, type FieldShape, rootShape } from "./shape";
import { type Element, element, isElement, parse, render, textOf } from "./tree";

/** What an attribute or a text may be written as; documents that were read hold text and safe whole numbers. */
export type Scalar = string | number | bigint | boolean;

/**
 * A document, or a part of one, as plain data in libvirt's own names: attributes and child elements are members,
 * `value` is the text beside attributes, `$name` a child element whose name an attribute has too, lists are arrays.
 * `$xml` and `$attrs` hold what the schemas do not know.
 */
export interface DocumentObject {
  readonly [member: string]: Scalar | null | undefined | DocumentObject | readonly (Scalar | DocumentObject)[];
}

type Member = Scalar | DocumentObject;

/** The document has a root element that libvirt's schemas do not know. */
export class UnknownRoot extends Error {
  override readonly name = "UnknownRoot";
}

/** Reads a document into plain data. Nothing is lost but comments and the order of siblings with different names. */
export function toObject(root: Element): DocumentObject {
  const shape = knownRoot(root.name);
  const member = memberOf(root, shape, {});
  return isObject(member) ? member : { value: member };
}

/** Makes the document of the root `name` from plain data, in the schema's order. */
export function toElement(name: string, object: DocumentObject): Element {
  const used = new Set<string>();
  const root = elementOf(name, object, knownRoot(name), used);
  for (const uri of used) root.attributes[`xmlns:${prefixOf(uri)}`] = uri;
  return root;
}

function knownRoot(name: string): ElementShape {
  const shape = rootShape(name);
  if (!shape) throw new UnknownRoot(`<${name}> is no document that libvirt's schemas know`);
  return shape;
}

function memberOf(node: Element, shape: ElementShape, outer: Scope): Member {
  const scope = inner(outer, node.attributes);
  if (shape.open) return openText(node, scope);
  const object: Record<string, unknown> = {};
  const strangeAttributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(node.attributes)) {
    const field = shape.attributes.get(name);
    if (field) object[name] = scalarOf(value, field);
    else if (!isDeclaration(name)) strangeAttributes[name] = value;
  }
  const strange: string[] = [];
  for (const item of node.children.filter(isElement)) {
    const child = shape.child(expanded(item.name, inner(scope, item.attributes)));
    if (!child) strange.push(renderWithin(item, scope));
    else put(object, child, memberOf(item, child.shape, scope), () => strange.push(renderWithin(item, scope)));
  }
  if (Object.keys(strangeAttributes).length > 0) object["$attrs"] = strangeAttributes;
  if (strange.length > 0) object["$xml"] = strange;
  const text = textOf(node);
  if (!shape.text || text.trim() === "") {
    if (shape.text && Object.keys(object).length === 0 && (shape.isPlain || text !== "")) return text;
    if (!shape.text && text.trim() !== "") object["$text"] = text;
    return object as DocumentObject;
  }
  const value = scalarOf(text, shape.text);
  return Object.keys(object).length === 0 && shape.isPlain ? value : ({ ...object, value } as DocumentObject);
}

/** A second element where the schemas know only one is kept as it is. */
function put(object: Record<string, unknown>, child: ChildShape, member: Member, spare: () => void): void {
  const present = object[child.key];
  if (child.list) object[child.key] = [...(Array.isArray(present) ? present : []), member];
  else if (present === undefined) object[child.key] = member;
  else spare();
}

/** Content that the schemas leave open is kept as XML text, with the prefixes that it uses. */
function openText(node: Element, scope: Scope): string {
  return node.children
    .map((item) => (isElement(item) ? renderWithin(item, scope) : item.text.trim()))
    .filter((text) => text !== "")
    .join("");
}

function renderWithin(node: Element, scope: Scope): string {
  const used = new Set(prefixesOf(node));
  const declared = Object.entries(scope).flatMap(([prefix, uri]): [string, string][] => {
    const name = prefix === "" ? "xmlns" : `xmlns:${prefix}`;
    return used.has(prefix) && node.attributes[name] === undefined ? [[name, uri]] : [];
  });
  const attributes = { ...Object.fromEntries(declared), ...node.attributes };
  return render({ ...node, attributes }).trim();
}

function prefixesOf(node: Element): string[] {
  const names = [node.name, ...Object.keys(node.attributes).filter((name) => name.includes(":"))];
  const prefixes = names.map((name) => (name.includes(":") ? name.slice(0, name.indexOf(":")) : ""));
  return [...prefixes, ...node.children.filter(isElement).flatMap(prefixesOf)];
}

/** A number where the schema wants one and nothing is lost by it: 0744 and 18446744073709551615 stay text. */
function scalarOf(text: string, { kind }: FieldShape): string | number {
  const numeric = kind.r !== undefined || kind.p?.some((pattern) => /^\[0-9\]|^\(?0x|^[-+]?\\d/.test(pattern)) === true;
  const number = Number(text);
  return numeric && /^-?\d+$/.test(text) && Number.isSafeInteger(number) && String(number) === text ? number : text;
}

function elementOf(name: string, member: unknown, shape: ElementShape, used: Set<string>): Element {
  const made = element(name);
  if (shape.open) {
    made.children = typeof member === "string" ? parse(`<open>${member}</open>`).children : [];
    return made;
  }
  const object: Readonly<Record<string, unknown>> = isObject(member) ? member : { value: member };
  for (const [attribute, field] of shape.attributes) {
    const value = object[attribute];
    if (value !== undefined && value !== null) made.attributes[attribute] = textFor(value, field);
  }
  Object.assign(made.attributes, object["$attrs"]);
  for (const [key, child] of shape.children) {
    const { uri, local } = split(child.name);
    if (uri !== "" && object[key] !== undefined) used.add(uri);
    const childName = uri === "" ? local : `${prefixOf(uri)}:${local}`;
    for (const item of itemsOf(object[key], child.shape))
      made.children.push(elementOf(childName, item, child.shape, used));
  }
  const strange = object["$xml"];
  if (Array.isArray(strange)) made.children.push(...strange.map((xml) => parse(String(xml))));
  const text = object["$text"] ?? (shape.text && object["value"]);
  if (text !== undefined && text !== null) made.children.push({ text: textFor(text, shape.text) });
  return made;
}

/** Where no text may stand, `true` means an element that says yes by being there, and `false` none. */
function itemsOf(member: unknown, shape: ElementShape): readonly unknown[] {
  if (member === undefined || member === null) return [];
  if (typeof member === "boolean" && !shape.text) return member ? [{}] : [];
  return Array.isArray(member) ? member : [member];
}

function textFor(value: unknown, field: FieldShape | undefined): string {
  return typeof value === "boolean" ? oddWord(field?.kind ?? {}, value) : String(value);
}

export function isObject(value: unknown): value is DocumentObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
