import type { Attribute, Row, Rows } from "../core/attribute";
import { equal } from "../core/equal";
import type { Values } from "../core/handler";
import { formatBytes, parseBytes } from "../core/units";
import { isPlainObject } from "../core/unknown";
import { attributeAt, type ElementLens, textAt } from "../schema/lens";
import { child, type Element, textOf } from "../schema/tree";
import { unitBytes } from "../schema/units";

/**
 * Writes every managed value of `values` into the document. A value that `olds` had and `values` has no more is
 * removed; whatever neither of them names is left alone. An entry of a map that neither names is a former program's in
 * an object of ours, and goes; in one that was adopted (`olds` says so) it is others', whatever its name, and stays.
 */
export function applyRows(rows: Rows, values: Values, olds: Values, document: Element): void {
  applyEach(rows, values, olds, document, olds["adopted"] === true);
}

function applyEach(rows: Rows, values: Values, olds: Values, document: Element, isAdopted: boolean): void {
  for (const [name, row] of Object.entries(rows)) applyRow(row, values[name], olds[name], document, isAdopted);
}

function applyRow(row: Row, value: unknown, old: unknown, document: Element, isAdopted: boolean): void {
  if (row.kind === "attribute") {
    const { lens } = row as Attribute<unknown, Element>;
    // What the document says already stays as it is written there: others spell and complete it in their own way.
    const says = value !== undefined && equal(lens?.get(document, value), value);
    if (!says && (value !== undefined || old !== undefined)) lens?.set(document, value);
    return;
  }
  const [next, previous] = [object(value), object(old)];
  if (row.kind === "block") {
    applyEach(row.rows, next, previous, document, isAdopted);
    return;
  }
  const entries = row.entries;
  if (!entries) return;
  const present = entries.list(document) as ReadonlyMap<string, Element>;
  for (const key of present.keys()) {
    const isTheirs = isAdopted && !Object.hasOwn(previous, key);
    if (!Object.hasOwn(next, key) && !isTheirs) entries.remove(document, key);
  }
  for (const [key, entry] of Object.entries(next)) {
    const target = present.get(key) ?? (entries.add(document, key) as Element);
    applyEach(row.rows, object(entry), object(previous[key]), target, isAdopted);
  }
}

/** The managed values as the document shows them: only what `managed` names, in the rows' canonical form. */
export function readRows(rows: Rows, managed: Values, document: Element): Values {
  const found = Object.entries(rows).map(([name, row]) => [name, readRow(row, managed[name], document)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

function readRow(row: Row, managed: unknown, document: Element): unknown {
  if (managed === undefined) return undefined;
  if (row.kind === "attribute") return (row as Attribute<unknown, Element>).lens?.get(document, managed);
  if (row.kind === "block") return readRows(row.rows, object(managed), document);
  const present = row.entries?.list(document) as ReadonlyMap<string, Element> | undefined;
  const wanted = object(managed);
  return Object.fromEntries(
    [...(present ?? [])].flatMap(([key, entry]) =>
      Object.hasOwn(wanted, key) ? [[key, readRows(row.rows, object(wanted[key]), entry)]] : [],
    ),
  );
}

/**
 * The inputs with every drifted value replaced by what the host shows. Drift is a managed value that differs from
 * the one read back at the last apply; what libvirt filled in by itself then is no drift now.
 */
export function withDrift(rows: Rows, inputs: Values, applied: Values, observed: Values): Values {
  const result: Record<string, unknown> = { ...inputs };
  for (const [name, row] of Object.entries(rows)) {
    const [was, is] = [applied[name], observed[name]];
    if (equal(was, is) || inputs[name] === undefined) continue;
    if (row.kind === "attribute") result[name] = is;
    else if (row.kind === "block") result[name] = withDrift(row.rows, object(inputs[name]), object(was), object(is));
    else result[name] = withEntryDrift(row.rows, object(inputs[name]), object(was), object(is));
  }
  return result;
}

function withEntryDrift(rows: Rows, inputs: Values, applied: Values, observed: Values): Values {
  const kept = Object.entries(inputs).filter(([key]) => !Object.hasOwn(applied, key) || Object.hasOwn(observed, key));
  return Object.fromEntries(
    kept.map(([key, entry]) => [key, withDrift(rows, object(entry), object(applied[key]), object(observed[key]))]),
  );
}

/**
 * What either program names: a value that was taken out of the program is still to be taken out of the guest. An entry
 * that only `before` has is left out, but with `isWhole`: its element is known by the name that it has.
 */
export function namedByEither(rows: Rows, before: Values, wanted: Values, isWhole = false): Values {
  return Object.fromEntries(
    Object.entries(rows).map(([name, row]) => {
      const [old, next] = [before[name], wanted[name]];
      if (!isPlainObject(old) || !isPlainObject(next)) return [name, next ?? old];
      if (row.kind === "block") return [name, namedByEither(row.rows, old, next, isWhole)];
      // Entries that no element has the name of are known by what they say: nobody else would take them out.
      if (row.kind === "map" && (isWhole || !row.entries)) return [name, { ...old, ...next }];
      return [name, row.kind === "attribute" && row.document ? merged(old, next) : next];
    }),
  );
}

function merged(old: Values, next: Values): Values {
  const both = Object.entries(next).map(([name, value]) => {
    const former = old[name];
    return [name, isPlainObject(former) && isPlainObject(value) ? merged(former, value) : value] as const;
  });
  return { ...old, ...Object.fromEntries(both) };
}

/** Bytes of an element with a `unit` attribute, such as `<memory unit='KiB'>`; `bare` is its unit when none is given. */
function scaledBytes(element: Element, text: string, bare: "KiB" | "bytes"): bigint | undefined {
  const factor = unitBytes[element.attributes["unit"] ?? bare];
  return factor === undefined || !/^\d+$/.test(text.trim()) ? undefined : BigInt(text.trim()) * factor;
}

/** A canonical size held by an element with a `unit` attribute; written in `unit`. */
export function sizeAt(path: string, unit: "KiB" | "bytes"): ElementLens<string> {
  const text = textAt(path);
  return {
    get(document) {
      const found = child(document, path);
      const bytes = found && scaledBytes(found, textOf(found), unit);
      return bytes === undefined ? undefined : formatBytes(bytes);
    },
    set(document, value) {
      text.set(document, value === undefined ? undefined : String(parseBytes(value) / (unit === "KiB" ? 1024n : 1n)));
      if (value !== undefined) attributeAt(path, "unit").set(document, unit);
    },
  };
}

function object(value: unknown): Values {
  return isPlainObject(value) ? value : {};
}
