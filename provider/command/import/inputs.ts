import type { Row, Rows, StateOf } from "../../core/attribute";
import { versionRow } from "../../core/defaults-version";
import { equal } from "../../core/equal";
import type { Handler, Meta, Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";

/** A handler with the rows that it is made of. */
export type RowHandler<R extends Rows = Rows> = Handler & { readonly definition: { readonly rows: R } };

/** Inputs that the rules of a resource accept, and what they did not. */
export interface Fitted<R extends Rows> {
  /** Undefined where it cannot be without something that is refused. */
  readonly inputs: (Values & StateOf<R>) | undefined;
  /** Each value that no argument can say, with the reason. */
  readonly refused: readonly { readonly property: string; readonly reason: string }[];
}

/** Where the resource stands tells nothing here: every name that counts is the host's own. */
export function metaOf(handler: Handler, name: string): Meta {
  const urn = `urn:pulumi:stack::project::pulumi-nodejs:dynamic/kvm:${handler.type}::${name}`;
  return { organization: "organization", project: "project", stack: "stack", urn };
}

/** The canonical inputs of these values; what the rules refuse is left out, one value after the other. */
export function fitted<R extends Rows>(handler: RowHandler<R>, values: Values, meta: Meta): Fitted<R> {
  const rows = { ...handler.definition.rows, ...versionRow };
  const refused: { property: string; reason: string }[] = [];
  let rest = values;
  for (;;) {
    const { inputs, failures } = handler.check(rest, undefined, meta);
    const [first] = failures;
    if (!first) return { inputs: inputs as Values & StateOf<R>, refused };
    const less = without(
      rows,
      rest,
      first.property.split(/[.[\]]+/).filter((part) => part !== ""),
    );
    if (!less || equal(less, rest)) return { inputs: undefined, refused: [...refused, ...failures] };
    refused.push(...failures.filter(({ property }) => property === first.property));
    rest = less;
  }
}

/**
 * The values without the one at the path, which may lead into it. Where there is none, something that is required is
 * missing, and what it belongs to goes. Undefined where that is all.
 */
function without(rows: Rows, values: Values, [name = "", ...path]: readonly string[]): Values | undefined {
  const { [name]: value, ...others } = values;
  const row = rows[name];
  if (value === undefined || !row) return undefined;
  if (row.kind === "attribute" || path.length === 0) {
    // What is left of a partial document is told by the part at fault.
    return name === "overlay" && path.length > 0 ? { ...others, [name]: cut(value, path) } : others;
  }
  const inner = isPlainObject(value) ? value : {};
  if (row.kind === "block") {
    const less = without(row.rows, inner, path);
    return less && Object.keys(less).length > 0 ? { ...others, [name]: less } : others;
  }
  const [key = "", ...rest] = path;
  const { [key]: entry, ...entries } = inner;
  const less = rest.length > 0 && isPlainObject(entry) ? without(row.rows, entry, rest) : undefined;
  return { ...others, [name]: less ? { ...inner, [key]: less } : entries };
}

function cut(value: unknown, [part = "", ...path]: readonly string[]): unknown {
  if (Array.isArray(value)) {
    if (path.length === 0) return value.filter((_, index) => String(index) !== part);
    return value.map((item, index) => (String(index) === part ? cut(item, path) : item));
  }
  if (!isPlainObject(value)) return value;
  const { [part]: inner, ...others } = value;
  return path.length === 0 || inner === undefined ? others : { ...others, [part]: cut(inner, path) };
}

/** The arguments that a program has to say for these inputs; all others follow from them. */
export function argumentsFor(handler: RowHandler, inputs: Values, meta: Meta): Values {
  let args = inputs;
  for (const path of paths({ ...handler.definition.rows, ...versionRow }, inputs)) {
    const less = drop(args, path);
    const { inputs: made, failures } = handler.check(less, undefined, meta);
    if (failures.length === 0 && equal(made, inputs)) args = less;
  }
  return args;
}

/** Paths of all values, what is in a block before the block. The names of entries stay. */
function paths(rows: Rows, values: Values): string[][] {
  return Object.entries<Row>(rows).flatMap(([name, row]): string[][] => {
    const value = values[name];
    if (value === undefined) return [];
    if (row.kind === "attribute") return [[name]];
    const inner = isPlainObject(value) ? value : {};
    if (row.kind === "block") return [...paths(row.rows, inner).map((path) => [name, ...path]), [name]];
    const entries = Object.entries(inner).flatMap(([key, entry]) =>
      paths(row.rows, isPlainObject(entry) ? entry : {}).map((path) => [name, key, ...path]),
    );
    return [...entries, ...(Object.keys(inner).length === 0 ? [[name]] : [])];
  });
}

function drop(values: Values, [name = "", ...path]: readonly string[]): Values {
  const { [name]: value, ...others } = values;
  if (path.length === 0 || !isPlainObject(value)) return others;
  // In its place, so that what is left keeps its order.
  return Object.fromEntries(
    Object.entries(values).map(([key, item]) => [key, key === name ? drop(value, path) : item]),
  );
}
