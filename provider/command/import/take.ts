import type { Rows, StateOf } from "../../core/attribute";
import type { Meta, Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { differenceOverlay } from "../../schema/difference";
import { type DocumentObject, toElement, toObject } from "../../schema/object";
import { applyOverlay } from "../../schema/overlay";
import { clone, type Element, equal } from "../../schema/tree";
import { fitted, type RowHandler } from "./inputs";
import { withoutMade } from "./libvirt-made";
import { holdsSecret } from "./secrets";

/** One object of the host, and how its resource writes documents. */
export interface Subject<R extends Rows> {
  readonly handler: RowHandler<R>;
  readonly meta: Meta;
  /** What our rows read in the document. */
  readonly values: Values;
  /** The definition, with our names where devices have them. */
  readonly document: Element;
  /** The document of a new object with these inputs. */
  compose(inputs: StateOf<R>): Element;
  /** What an update with these inputs makes of the document. */
  apply(document: Element, inputs: StateOf<R>): Element;
}

/** The inputs under which nothing of the object changes, or why there are none. */
export type Taken =
  | {
      readonly inputs: Values;
      readonly reasons?: undefined;
      /** What stays in the definition though the program does not say it. */
      readonly unsaid: readonly string[];
    }
  | { readonly inputs?: undefined; readonly reasons: readonly string[] };

/** What an object is known by, and what is not the program's. */
const reserved = ["name", "uuid", "metadata"];

/**
 * Finds inputs that say all that the document says, and proves that writing them into it changes nothing. What no
 * argument says goes into `overlay`.
 */
export function take<R extends Rows>(subject: Subject<R>): Taken {
  const { handler, meta, values, document } = subject;
  const own = fitted(handler, values, meta);
  const refused = own.refused.map(({ property, reason }) => `${property} ${reason}`);
  if (!own.inputs) return { reasons: refused };
  const beyond = differenceOverlay(withoutMade(document), withoutMade(subject.compose(own.inputs)));
  const bare = subject.apply(clone(document), own.inputs);
  const lost = differenceOverlay(document, bare);
  // With all that there is to say, else with no more than what must be said.
  for (const part of [joined(document.name, beyond, lost), lost]) {
    const inputs = withOverlay(subject, own.inputs, part);
    if (!equal(subject.apply(clone(document), inputs), document)) continue;
    const left = differenceOverlay(withoutMade(document), withoutMade(subject.compose(inputs)));
    return { inputs, unsaid: leaves(left).filter((place) => !reserved.some((name) => place.startsWith(`${name}.`))) };
  }
  return { reasons: [...refused, ...alterations(document, bare)] };
}

function withOverlay<R extends Rows, I extends Values & StateOf<R>>(
  { handler, meta }: Subject<R>,
  inputs: I,
  part: DocumentObject | undefined,
) {
  const members = Object.entries(part ?? {}).filter(([name]) => !reserved.includes(name));
  if (members.length === 0) return inputs;
  return fitted(handler, { ...inputs, overlay: Object.fromEntries(members) }, meta).inputs ?? inputs;
}

function joined(
  root: string,
  part: DocumentObject | undefined,
  more: DocumentObject | undefined,
): DocumentObject | undefined {
  return part && more ? toObject(applyOverlay(toElement(root, part), more)) : (part ?? more);
}

/** What an update would make otherwise, by its place in the document. */
function alterations(before: Element, after: Element): string[] {
  const gone = leaves(differenceOverlay(before, after)).map((place) => `${place} would be lost`);
  const new_ = leaves(differenceOverlay(after, before)).map((place) => `${place} would be written`);
  const all = [...gone, ...new_];
  return all.length > 0 ? all : ["the order of its elements would change"];
}

function leaves(value: unknown, path = ""): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item, path));
  // What is listed is printed.
  if (holdsSecret(path.split("."))) return [path];
  if (!isPlainObject(value)) return [`${path}=${JSON.stringify(value)}`];
  return Object.entries(value).flatMap(([name, item]) => leaves(item, path === "" ? name : `${path}.${name}`));
}
