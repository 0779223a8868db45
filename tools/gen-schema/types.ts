import type { ElementShape, FieldShape } from "../../provider/schema/shape";
import { versions } from "../../provider/schema/tables";

type Age = Pick<FieldShape, "newer" | "since">;

/** Writes TypeScript types of whole documents, in which everything may be left out, from the shapes of their roots. */
export function typesOf(roots: readonly (readonly [name: string, shape: ElementShape])[]): string {
  const names = nameAll(roots);
  const interfaces = [...names].map(([shape, name]) => interfaceOf(name, shape, names));
  return [
    "// Written by `npm run generate:schema` from libvirt's schemas. Names are libvirt's; everything may be left out.",
    "",
    "type Text = string | number | bigint;",
    "type Many<T> = T | readonly T[] | null;",
    ...interfaces,
    "",
  ].join("\n");
}

/** Elements with members of their own, named by as few parents as tell them apart. */
export function nameAll(roots: readonly (readonly [string, ElementShape])[]): Map<ElementShape, string> {
  const names = new Map<ElementShape, string>();
  const taken = new Set<string>();
  const waiting = roots.map(([name, shape]) => ({ shape, path: [name] }));
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { shape, path } = next;
    if (names.has(shape) || !hasMembers(shape)) continue;
    const name = freeName(path, taken);
    taken.add(name);
    names.set(shape, name);
    for (const child of shape.children.values()) waiting.push({ shape: child.shape, path: [...path, child.key] });
  }
  return names;
}

function freeName(path: readonly string[], taken: ReadonlySet<string>): string {
  const [root = "", ...rest] = path.map(pascal);
  for (let count = Math.min(1, rest.length); count <= rest.length; count++) {
    const name = root + rest.slice(rest.length - count).join("");
    if (!taken.has(name)) return name;
  }
  const full = root + rest.join("");
  for (let number = 2; ; number++) if (!taken.has(full + number)) return full + number;
}

function interfaceOf(name: string, shape: ElementShape, names: ReadonlyMap<ElementShape, string>): string {
  const lines = [
    ...[...shape.attributes].map(([key, field]) => member(key, `${scalar(field)} | null`, field)),
    ...(shape.text ? [member("value", `${scalar(shape.text)} | null`, { newer: false })] : []),
    ...[...shape.children.values()].map((child) => {
      const type = elementType(child.shape, names);
      return member(child.key, child.list ? `Many<${type}>` : `${type} | null`, child);
    }),
  ];
  return [`export interface ${name} {`, ...lines, "}"].join("\n");
}

function member(key: string, type: string, { newer, since }: Age): string {
  const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
  const age = since === undefined ? `Not known to libvirt ${versions.older}.` : `Needs libvirt ${since}.`;
  return `${newer || since !== undefined ? `  /** ${age} */\n` : ""}  readonly ${name}?: ${type};`;
}

function elementType(shape: ElementShape, names: ReadonlyMap<ElementShape, string>): string {
  const own = names.get(shape);
  if (own !== undefined) return shape.text ? `${own} | ${scalar(shape.text)}` : own;
  if (shape.open) return "string";
  return shape.text ? scalar(shape.text) : "boolean | Readonly<Record<string, never>>";
}

function hasMembers(shape: ElementShape): boolean {
  return !shape.open && (shape.attributes.size > 0 || shape.children.size > 0);
}

function scalar({ kind }: FieldShape): string {
  const words = (kind.w ?? []).filter((word) => word !== "");
  if (kind.p !== undefined || kind.r !== undefined || words.length === 0) return "Text";
  const truths = words.some((word) => ["yes", "no", "on", "off"].includes(word)) ? ["boolean"] : [];
  const numbers = words.filter((word) => /^(0|[1-9]\d*)$/.test(word));
  return [...words.map((word) => JSON.stringify(word)), ...numbers, ...truths].join(" | ");
}

function pascal(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
}
