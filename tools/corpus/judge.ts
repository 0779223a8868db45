import { expanded, inner, isDeclaration, type Scope } from "../../provider/schema/namespaces";
import { type DocumentObject, isObject, toElement, toObject, UnknownRoot } from "../../provider/schema/object";
import { type Element, element, equal, isElement, parse, render, textOf } from "../../provider/schema/tree";
import { validate } from "../../provider/schema/validate";

export interface Verdict {
  /** Name of the root element; empty for what is no XML. */
  readonly kind: string;
  /** False for a root that libvirt's schemas do not have, and for what is no XML. */
  readonly known: boolean;
  /** Why the document does not survive; absent when it does. */
  readonly fault?: string;
}

/** Reads a document, makes it again from the typed model, and looks for what was lost or is not known. */
export function judge(bytes: Buffer): Verdict {
  let root: Element;
  try {
    root = parse(bytes.toString("utf8"));
  } catch (error) {
    return { kind: "", known: false, fault: messageOf(error) };
  }
  const kind = root.name;
  try {
    const object = toObject(root);
    const again = parse(render(toElement(kind, object)));
    const difference = firstDifference(plain(root, {}), plain(again, {}));
    if (difference !== undefined) return { kind, known: true, fault: difference };
    const bare = parse(render(toElement(kind, withoutPassthrough(object) as DocumentObject)));
    const lost = firstDifference(ownContent(plain(root, {})), ownContent(plain(bare, {})));
    if (lost !== undefined) return { kind, known: true, fault: `not known: ${lost}` };
    const [fault] = validate(kind, object).filter(({ kind: what }) => what === "name" || what === "word");
    return { kind, known: true, ...(fault && { fault: `${fault.path}: ${fault.reason}` }) };
  } catch (error) {
    if (error instanceof UnknownRoot) return { kind, known: false };
    return { kind, known: true, fault: messageOf(error) };
  }
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
  const kept = node.children.filter(
    (item) => !isElement(item) || !(item.name === "metadata" || item.name.startsWith("{")),
  );
  return { ...node, children: kept.map((item) => (isElement(item) ? ownContent(item) : item)) };
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
    if (x !== y) return `${here}/@${name}: ${JSON.stringify(x)} became ${JSON.stringify(y)}`;
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
