import { type Attribute, type Row, type Rows, z } from "../../provider/core/attribute";
import { versionRow } from "../../provider/core/defaults-version";
import type { Output } from "../../provider/core/definition";

/** One property as the generators print it. */
export interface Property {
  readonly name: string;
  readonly doc: string;
  readonly required: boolean;
  /** TypeScript of what a program may write. */
  readonly input: string;
  /** TypeScript of what the resource answers. */
  readonly output: string;
  readonly change: string;
  /** What of libvirt it needs, a sentence. */
  readonly needs: string | undefined;
  readonly fallback: string | undefined;
  /** Every object has it, whatever its program says. */
  readonly always: boolean;
}

/** A nested object type. */
export interface Shape {
  readonly name: string;
  readonly doc: string;
  readonly properties: readonly Property[];
}

export interface ResourceModel {
  readonly type: string;
  readonly doc: string;
  readonly args: Shape;
  readonly shapes: readonly Shape[];
  readonly outputs: readonly (Output & { readonly name: string })[];
  readonly secrets: readonly string[];
  /** Arguments with which an object may have any of the others: profiles give values, and what is taken over has some. */
  readonly givers: readonly string[];
  readonly deleteBeforeReplace: boolean;
  /** Classes and types of other files that arguments refer to. */
  readonly references: readonly string[];
}

interface AnyDefinition {
  readonly type: string;
  readonly doc: string;
  readonly rows: Rows;
  readonly outputs: Readonly<Record<string, Output>>;
  readonly presets?: { readonly by: readonly string[] };
  readonly deleteBeforeReplace?: boolean;
}

export function modelOf(definition: AnyDefinition): ResourceModel {
  const shapes: Shape[] = [];
  const references = new Set<string>();

  function shapeOf(name: string, doc: string, rows: Rows): Shape {
    const properties = Object.entries(rows).map(([key, row]) => propertyOf(name, key, row));
    return { name, doc, properties };
  }

  function nested(parent: string, key: string, row: { doc: string; rows: Rows }, singular: boolean): string {
    const name = `${parent}${pascal(singular ? key.replace(/s$/, "") : key)}`;
    shapes.push(shapeOf(name, row.doc, row.rows));
    return name;
  }

  function propertyOf(parent: string, name: string, row: Row): Property {
    if (row.kind === "attribute") return attributeProperty(name, row);
    const shape = nested(parent, name, row, row.kind === "map");
    const input = row.kind === "map" ? `{ readonly [name: string]: pulumi.Input<${shape}> }` : shape;
    const required =
      row.kind === "block" &&
      !row.optional &&
      shapes.some((known) => known.name === shape && known.properties.some((property) => property.required));
    const change = row.kind === "map" && typeof row.change === "string" ? `entries: ${row.change}` : "by field";
    const always = row.kind === "block" && !row.optional;
    return {
      name,
      doc: row.doc,
      required,
      input,
      output: input,
      change,
      needs: undefined,
      fallback: undefined,
      always,
    };
  }

  function attributeProperty(name: string, row: Attribute): Property {
    for (const reference of row.references ?? []) references.add(reference);
    const part = row.document && `documents.${row.document}`;
    if (row.written) references.add(row.written.name);
    const written = part ?? schemaType(row.schema, "input");
    const fallback = row.defaults && JSON.stringify(Object.entries(row.defaults).at(-1)?.[1]);
    const ofNothing = row.schema.safeParse(undefined);
    const isDerived = (row.derive ?? row.defaults) !== undefined || row === versionRow["defaultsVersion"];
    return {
      name,
      doc: row.doc,
      required: row.derive === undefined && row.defaults === undefined && !ofNothing.success,
      input: [...(row.references ?? []), typeWritten(row.written) ?? written].join(" | "),
      output: part ?? schemaType(row.schema, "output"),
      change: typeof row.change === "string" ? row.change : "depends on the values",
      needs: needsOf(row),
      fallback: row.derive ? "derived" : fallback,
      always: isDerived || ofNothing.data !== undefined || !ofNothing.success,
    };
  }

  const args = shapeOf(`${definition.type}Args`, definition.doc, { ...definition.rows, ...versionRow });
  const outputs = Object.entries(definition.outputs).map(([name, output]) => ({ name, ...output }));
  const secretRows = Object.entries(definition.rows).flatMap(([name, row]) =>
    row.kind === "attribute" && row.secret ? [name] : [],
  );
  const secrets = [...secretRows, ...outputs.flatMap((output) => (output.secret ? [output.name] : []))];
  const givers = [...(definition.presets?.by ?? []), ...("adopt" in definition.rows ? ["adopt"] : [])];
  const { type, doc, deleteBeforeReplace = false } = definition;
  return { type, doc, args, shapes, outputs, secrets, givers, deleteBeforeReplace, references: [...references] };
}

function needsOf({ since, newWords = [] }: Attribute): string | undefined {
  const versions = [
    ...(since === undefined ? [] : [since]),
    ...newWords.map(({ of, word, since: first }) => `${first} for ${of ? `\`${of}\` ` : ""}\`${word}\``),
  ];
  return versions.length > 0 ? `Needs libvirt ${versions.join(", ")}.` : undefined;
}

function typeWritten(written: Attribute["written"]): string | undefined {
  return written?.each ? `{ readonly [name: string]: pulumi.Input<${written.name}> }` : written?.name;
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
}

/** TypeScript of what a schema takes or gives. */
function schemaType(schema: z.ZodType, io: "input" | "output"): string {
  // Transforms have no output schema; they canonicalise text and numbers to text.
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const text = typeText(json);
  return io === "output" && text === "string | number" ? "string" : text;
}

function typeText(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map(typeText))].join(" | ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeText({ ...schema, type })).join(" | ");
  switch (schema.type) {
    case "integer":
      return "number";
    case "array":
      return `readonly pulumi.Input<${typeText(schema.items ?? {})}>[]`;
    case "object":
      return objectText(schema);
    case "string":
    case "number":
    case "boolean":
    case "null":
      return schema.type;
    default:
      return "unknown";
  }
}

function objectText(schema: JsonSchema): string {
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? "" : "?";
    return `readonly ${name}${optional}: pulumi.Input<${typeText(field)}>`;
  });
  if (fields.length > 0) return `{ ${fields.join("; ")} }`;
  const values = typeof schema.additionalProperties === "object" ? typeText(schema.additionalProperties) : "unknown";
  return `{ readonly [name: string]: pulumi.Input<${values}> }`;
}

function pascal(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
