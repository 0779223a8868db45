import type { Values } from "../../core/handler";
import { clone, type Element, element, render as renderTree } from "../../schema/tree";
import { applyRows, readRows } from "../document";
import { overlay, withdraw } from "../overlay";
import { type Inputs, rows } from "./rows";

/** The document of a pool that does not exist yet. */
export function render(inputs: Inputs): string {
  return renderTree(compose(element("pool"), inputs, {}));
}

/** A copy of the document with every managed value in it. */
export function compose(document: Element, news: Inputs, olds: Partial<Inputs>): Element {
  const result = clone(document);
  withdraw(result, olds, news, () => {
    const own = element("pool");
    applyRows(rows, news, {}, own);
    return own;
  });
  applyRows(rows, news, olds, result);
  overlay(result, news);
  return result;
}

/** The managed values as the document shows them. */
export function observe(document: Element, inputs: Inputs): Values {
  return readRows(rows, inputs, document);
}

/** The inputs that would make a pool like the one of the document. */
export function describe(document: Element): Values {
  const everything = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => {
      const inner = row.kind === "block" ? Object.fromEntries(Object.keys(row.rows).map((key) => [key, true])) : true;
      return [name, inner];
    }),
  );
  return readRows(rows, everything, document);
}
