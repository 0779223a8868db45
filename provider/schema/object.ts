import { oddWord } from "./kind";
import { expanded, inner, isDeclaration, prefixOf, type Scope } from "./namespaces";
import { type ChildShape, type ElementShape, type FieldShape, shapeOf } from "./shape";
import { type Element, element, isElement, parse, render, textOf } from "./tree";

/** What an attribute or a text may be written as; documents that were read hold text and safe whole numbers. */
export type Scalar = string | number | bigint | boolean;

/**
 * A document, or a part of one, as plain data in libvirt's own names: attributes and child elements are members,
 * `value` is the text beside attributes, `$name` a child element whose name an attribute has too, lists are arrays.
 * `$xml`, `$attrs` and `$text` hold what the schemas do not know, `$order` the names of children where their order
 * counts and is not the schema's.
 */
export interface DocumentObject {
  readonly [member: string]: Scalar | null | undefined | DocumentObject | readonly (Scalar | DocumentObject)[];
}

type Member = Scalar | DocumentObject;

/** The document has a root element that libvirt's schemas do not know. */
export class UnknownRoot extends Error {
  override readonly name = "UnknownRoot";
}

/**
 * Reads a document into plain data. Nothing is lost but comments and the order of siblings with different names where
 * that has no meaning.
 *
 * @param kind Name of the root, or where in a document an element stands: "domain/devices/disk".
 */
export function toObject(root: Element, kind = root.name): DocumentObject {
  const shape = knownShape(kind);
  const member = memberOf(root, shape, {});
  return isObject(member) ? member : { value: member };
}

/** Makes the document of a kind from plain data, in the schema's order. */
export function toElement(kind: string, object: DocumentObject): Element {
  const used = new Set<string>();
  const root = elementOf(kind.slice(kind.lastIndexOf("/") + 1), object, knownShape(kind), used);
  for (const uri of used) root.attributes[`xmlns:${prefixOf(uri)}`] = uri;
  return root;
}

function knownShape(kind: string): ElementShape {
  const shape = shapeOf(kind);
  if (!shape) throw new UnknownRoot(`<${kind}> is no document that libvirt's schemas know`);
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
  const order: string[] = [];
  for (const item of node.children.filter(isElement)) {
    const child = shape.child(expanded(item.name, inner(scope, item.attributes)));
    if (child && put(object, child, memberOf(item, child.shape, scope))) order.push(child.key);
    else strange.push(renderWithin(item, scope));
  }
  if (shape.ordered && !isSchemaOrder(order, shape)) object["$order"] = order;
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

/** False for a second element where the schemas know only one. */
function put(object: Record<string, unknown>, child: ChildShape, member: Member): boolean {
  const present = object[child.key];
  if (child.list && Array.isArray(present)) present.push(member);
  else if (present !== undefined) return false;
  else object[child.key] = child.list ? [member] : member;
  return true;
}

function isSchemaOrder(order: readonly string[], shape: ElementShape): boolean {
  const ranks = new Map([...shape.children.keys()].map((key, index) => [key, index]));
  return order.every((key, index) => index === 0 || (ranks.get(order[index - 1] ?? "") ?? 0) <= (ranks.get(key) ?? 0));
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
function scalarOf(text: string, { isNumeric }: FieldShape): string | number {
  if (!isNumeric || !/^-?\d+$/.test(text)) return text;
  const number = Number(text);
  return Number.isSafeInteger(number) && String(number) === text ? number : text;
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
  const byKey = new Map<string, Element[]>();
  for (const [key, child] of shape.children) {
    const items = itemsOf(object[key], child);
    if (items.length === 0) continue;
    if (child.uri !== "") used.add(child.uri);
    byKey.set(
      key,
      items.map((item) => elementOf(child.written, item, child.shape, used)),
    );
  }
  made.children = inOrder(byKey, object["$order"]);
  addStrangers(made, object, shape);
  const strange = object["$xml"];
  if (Array.isArray(strange)) for (const xml of strange) made.children.push(parse(String(xml)));
  const text = object["$text"] ?? (shape.text && object["value"]);
  if (text !== undefined && text !== null) made.children.push({ text: textFor(text, shape.text) });
  return made;
}

/** Members that the schemas do not have, for a libvirt that may: objects and lists are elements, the rest attributes. */
function addStrangers(made: Element, object: Readonly<Record<string, unknown>>, shape: ElementShape | undefined): void {
  for (const [key, member] of Object.entries(object)) {
    const isKnown = key === "value" || shape?.attributes.has(key) || shape?.children.has(key);
    if (isKnown || key.startsWith("$") || member === undefined || member === null) continue;
    for (const item of Array.isArray(member) ? member : [member]) {
      if (isObject(item)) made.children.push(stranger(key, item));
      else if (Array.isArray(member)) made.children.push(element(key, {}, String(item)));
      else made.attributes[key] = textFor(item, undefined);
    }
  }
}

function stranger(name: string, object: DocumentObject): Element {
  const made = element(name);
  addStrangers(made, object, undefined);
  if (object["value"] !== undefined && object["value"] !== null) made.children.push({ text: String(object["value"]) });
  return made;
}

/** First what `order` names, one by one, then the rest in the schema's order. */
function inOrder(byKey: ReadonlyMap<string, Element[]>, order: unknown): Element[] {
  const first = Array.isArray(order) ? order.flatMap((key) => byKey.get(String(key))?.shift() ?? []) : [];
  return [...first, ...[...byKey.values()].flat()];
}

/** Where no text may stand, `true` means an element that says yes by being there, and `false` none. */
function itemsOf(member: unknown, child: ChildShape): readonly unknown[] {
  if (typeof member === "boolean" && !child.shape.text) return member ? [{}] : [];
  return asList(member);
}

function textFor(value: unknown, field: FieldShape | undefined): string {
  return typeof value === "boolean" ? oddWord(field?.kind ?? {}, value) : String(value);
}

export function isObject(value: unknown): value is DocumentObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member that may stand several times, as the list of those that are there. */
export function asList(member: unknown): readonly unknown[] {
  if (member === undefined || member === null) return [];
  return Array.isArray(member) ? member : [member];
}
