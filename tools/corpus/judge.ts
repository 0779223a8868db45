import { expanded, inner, isDeclaration, isLibvirts, type Scope, split } from "../../provider/schema/namespaces";
import { type DocumentObject, isObject, toElement, toObject } from "../../provider/schema/object";
import { shapeOf } from "../../provider/schema/shape";
import { type Element, element, equal, isElement, parse, render, textOf } from "../../provider/schema/tree";
import { validate } from "../../provider/schema/validate";

export interface Verdict {
  /** Name of the root; where other documents have an element of that name too, where in them it stands. */
  readonly kind: string;
  /** False for a root that libvirt's schemas do not have. */
  readonly known: boolean;
  /** What was lost, or the first name or word that is not known; absent when the document survives. */
  readonly fault?: string;
  /** True when nothing was lost, and the fault is a name or a word alone. */
  readonly kept?: boolean;
}

/** A root may be an element of other documents too: what attach-device or net-update take of a guest or a network. */
const elsewhere: Readonly<Record<string, readonly string[]>> = {
  interface: ["domain/devices/interface", "network/forward/interface"],
};

/** Reads a document, makes it again from the typed model, and looks for what was lost or is not known. */
export function judge(root: Element): Verdict {
  if (!shapeOf(root.name)) return { kind: root.name, known: false };
  const first = judgeAs(root.name, root);
  if (first.fault === undefined) return first;
  const others = (elsewhere[root.name] ?? []).map((kind) => judgeAs(kind, root));
  return others.find(({ fault }) => fault === undefined) ?? first;
}

function judgeAs(kind: string, root: Element): Verdict {
  try {
    const object = toObject(root, kind);
    const before = plain(root, {});
    const lost = firstDifference(before, rebuilt(kind, object)) ?? lostOrder(kind, root, object);
    if (lost !== undefined) return { kind, known: true, fault: lost };
    const own = withoutPassthrough(object) as DocumentObject;
    const unknown = firstDifference(ownContent(before), ownContent(rebuilt(kind, own)));
    if (unknown !== undefined) return { kind, known: true, fault: `not known: ${unknown}`, kept: true };
    const fault = validate(kind, own).find(({ kind: what }) => what === "name" || what === "word");
    return { kind, known: true, ...(fault && { fault: `${fault.path}: ${fault.reason}`, kept: true }) };
  } catch (error) {
    return { kind, known: true, fault: error instanceof Error ? error.message : String(error) };
  }
}

function rebuilt(kind: string, object: DocumentObject): Element {
  return plain(parse(render(toElement(kind, object))), {});
}

/** In a network filter the order of rules and references among each other has a meaning. */
function lostOrder(kind: string, root: Element, object: DocumentObject): string | undefined {
  if (shapeOf(kind)?.ordered !== true) return undefined;
  const names = (node: Element) => node.children.filter(isElement).map(({ name }) => name);
  const [before, after] = [names(root).join(" "), names(toElement(kind, object)).join(" ")];
  return object["$order"] === undefined || before === after
    ? undefined
    : `/${kind}: the order ${before} became ${after}`;
}

/** Names with their namespace instead of a prefix, and no declarations. */
function plain(node: Element, outer: Scope): Element {
  const scope = inner(outer, node.attributes);
  const attributes = Object.entries(node.attributes).filter(([name]) => !isDeclaration(name));
  const made = element(expanded(node.name, scope), Object.fromEntries(attributes));
  made.children = node.children.map((item) => (isElement(item) ? plain(item, scope) : item));
  return made;
}

/** Without metadata and what stands in foreign namespaces. */
function ownContent(node: Element): Element {
  const attributes = Object.entries(node.attributes).filter(([name]) => !name.includes(":"));
  const made = element(node.name, Object.fromEntries(attributes));
  made.children = node.children
    .filter((item) => !isElement(item) || isOwn(item.name))
    .map((item) => (isElement(item) ? ownContent(item) : item));
  return made;
}

function isOwn(name: string): boolean {
  const { uri } = split(name);
  return name !== "metadata" && !name.includes(":", uri.length) && (uri === "" || isLibvirts(uri));
}

function withoutPassthrough(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPassthrough);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([key]) => !["$xml", "$attrs", "$text"].includes(key));
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutPassthrough(item)]));
}

/** Where two documents first differ, in words; undefined when they mean the same. */
function firstDifference(a: Element, b: Element, path = ""): string | undefined {
  if (equal(a, b)) return undefined;
  const here = `${path}/${a.name}`;
  for (const name of new Set([...Object.keys(a.attributes), ...Object.keys(b.attributes)])) {
    const [x, y] = [a.attributes[name], b.attributes[name]];
    if (x !== y)
      return `${here}/@${name}: ${JSON.stringify(x)} became ${y === undefined ? "nothing" : JSON.stringify(y)}`;
  }
  const [left, right] = [sorted(a), sorted(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [x, y] = [left[index], right[index]];
    if (!x || x.name !== y?.name) return `${here}: ${x ? `<${x.name}> is gone` : `<${y?.name}> came from nowhere`}`;
    const inside = firstDifference(x, y, here);
    if (inside !== undefined) return inside;
  }
  return `${here}: the text ${JSON.stringify(textOf(a))} became ${JSON.stringify(textOf(b))}`;
}

function sorted(node: Element): Element[] {
  return node.children.filter(isElement).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
