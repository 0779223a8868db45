import { Document, parseDocument, Scalar, visit } from "yaml";
import { SeedError } from "./seed-error";

/** What YAML 1.1 and 1.2 readers alike take for a string without quotes. */
const PLAIN = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z/][\w./@+=-]*( [\w./@+=-]+)*$/i;
/** Text that a block keeps as it is: printable lines, the first of which starts with no blank. */
const BLOCK = /^[!-~\u00a1-\u1fff][\t\n -~\u00a0-\u1fff\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u;
/** What JSON leaves as it is but YAML readers refuse or take for a line break. Occurs in double quotes only. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * YAML for the readers inside guests: PyYAML (1.1) in cloud-init, libyaml in netplan, Go in others. Keys keep their
 * order; undefined members are left out; lines are never folded.
 *
 * @param what names the document in errors, "userData" for one.
 * @throws SeedError naming the path of what YAML cannot carry.
 */
export function renderYaml(value: object, what: string): string {
  assertPlain(value, what, []);
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(key, node) {
      if (typeof node.value === "string") node.type = scalarType(node.value, key === "key");
    },
  });
  const text = document.toString({ lineWidth: 0, doubleQuotedAsJSON: true });
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function scalarType(text: string, isKey: boolean): Scalar.Type {
  if (PLAIN.test(text)) return Scalar.PLAIN;
  return text.includes("\n") && BLOCK.test(text) && !isKey ? Scalar.BLOCK_LITERAL : Scalar.QUOTE_DOUBLE;
}

function assertPlain(value: unknown, path: string, parents: readonly object[]): void {
  if (value === null || value === undefined || typeof value === "boolean") return;
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw new SeedError(`${path} holds half a character (a lone surrogate)`);
    return;
  }
  if (typeof value === "number") {
    if (!/^-?\d+(\.\d+)?$/.test(String(value))) throw new SeedError(`${path} is the number ${value}: write it as text`);
    return;
  }
  if (typeof value !== "object") throw new SeedError(`${path} is a ${typeof value}, which YAML cannot carry`);
  if (parents.includes(value)) throw new SeedError(`${path} contains itself`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new SeedError(`${path} is a ${value.constructor.name}, not plain data`);
  }
  for (const [key, member] of Object.entries(value)) {
    assertPlain(key, `a key of ${path}`, []);
    assertPlain(member, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, [...parents, value]);
  }
}

/** Reads a YAML mapping that a user wrote as text. */
export function parseMapping(text: string, what: string): Record<string, unknown> {
  const { fault, value } = readYaml(text);
  if (fault !== undefined) throw new SeedError(`${what} is no YAML: ${fault}`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SeedError(`${what} must be a YAML mapping such as "local-hostname: db"`);
  }
  return { ...value };
}

/** Reads text as the PyYAML of cloud-init does. The fault names the place alone: what stands there may be secret. */
export function readYaml(text: string): { readonly fault?: string; readonly value?: unknown } {
  // With a key that stands twice it goes on.
  const document = parseDocument(text, { version: "1.1", uniqueKeys: false });
  const [error] = document.errors;
  if (error) {
    const [place] = error.linePos ?? [];
    return { fault: `${error.code}${place ? ` at line ${place.line}, column ${place.col}` : ""}` };
  }
  try {
    return { value: document.toJS() as unknown };
  } catch {
    return { fault: "an alias without its anchor" };
  }
}
