import { isPlainObject } from "../../core/unknown";

/** TypeScript that stands in a program as it is: a variable, or a look into the configuration. */
export class Code {
  constructor(readonly text: string) {}
}

/** A call of a function of the program with a value. */
export class Call {
  constructor(
    readonly callee: string,
    readonly argument: unknown,
  ) {}
}

const width = 120;

/** A value as a person would write it in a program; `column` is where it begins on its line. */
export function literal(value: unknown, indent = "", column = indent.length): string {
  const short = inline(value);
  if (column + short.length < width - 2 && depthOf(value) < 3) return short;
  if (value instanceof Call) {
    const head = `${value.callee}(`;
    return `${head}${literal(value.argument, indent, column + head.length)})`;
  }
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => `${deeper}${literal(item, deeper)},\n`).join("")}${indent}]`;
  }
  if (!isPlainObject(value) || value instanceof Code) return short;
  const lines = Object.entries(value).map(([name, item]) => {
    if (item instanceof Code && item.text === name) return `${deeper}${name},\n`;
    const head = `${deeper}${key(name)}: `;
    return `${head}${literal(item, deeper, head.length)},\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function inline(value: unknown): string {
  if (value instanceof Code) return value.text;
  if (value instanceof Call) return `${value.callee}(${inline(value.argument)})`;
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (!isPlainObject(value)) return JSON.stringify(value) ?? "undefined";
  const members = Object.entries(value).map(([name, item]) => {
    return item instanceof Code && item.text === name ? name : `${key(name)}: ${inline(item)}`;
  });
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function depthOf(value: unknown): number {
  if (value instanceof Code) return 0;
  if (value instanceof Call) return depthOf(value.argument);
  if (Array.isArray(value)) return 1 + Math.max(0, ...value.map(depthOf));
  return isPlainObject(value) ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
}

const reserved = new Set(
  "abstract arguments await break case catch class config const continue debugger default delete do else enum eval export exports extends false finally for function globalThis if implements import imported in instanceof interface kvm let module new null package private protected public pulumi require return static super switch this throw true try typeof undefined var void while with yield".split(
    " ",
  ),
);

/** Names for variables, each once. */
export class Variables {
  private readonly taken = new Set(reserved);

  /** A variable for an object of that name; `kind` helps where the name is none, or taken. */
  name(object: string, kind: string): Code {
    const words = object.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
    const camel = words.map((word, index) => (index === 0 ? lower(word) : upper(word))).join("");
    const plain = /^[A-Za-z]/.test(camel) ? camel : `${kind}${upper(camel)}`;
    const candidates = [plain, ...(plain.toLowerCase().endsWith(kind.toLowerCase()) ? [] : [plain + upper(kind)])];
    let name = candidates.find((candidate) => !this.taken.has(candidate));
    for (let number = 2; name === undefined; number++) {
      const numbered = `${candidates.at(-1)}${number}`;
      if (!this.taken.has(numbered)) name = numbered;
    }
    this.taken.add(name);
    return new Code(name);
  }
}

function lower(word: string): string {
  return word.charAt(0).toLowerCase() + word.slice(1);
}

function upper(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
