import type { Handler, Values } from "../core/handler";
import { withoutEmpty } from "../core/maps";
import { isAt, namesIn } from "../core/paths";
import { memoPath } from "../core/state";
import { isPlainObject, type Unknown, unknown } from "../core/unknown";

/** How the engine writes a value that is not known yet, and how it marks a secret. */
const unknownOnWire = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
export const signatureKey = "4dabf18193072939515e22adb298388d";
export const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

type Wire = null | boolean | number | string | Wire[] | { [key: string]: Wire };

/** Values as the handlers see them: unknowns become the sentinel, null becomes absent unless it `isValue`. */
export function fromWire(value: unknown, isValue = false): unknown | Unknown {
  if (value === unknownOnWire) return unknown;
  if (Array.isArray(value)) return value.map((item) => fromWire(item, isValue));
  if (!isPlainObject(value)) return isValue ? value : (value ?? undefined);
  if (value[signatureKey] === secretSignature) return fromWire(value["value"], isValue);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromWire(item, isValue)]));
}

/**
 * Makes a value safe to hand to the engine: no undefined, 64-bit numbers as strings, secrets wrapped. Everything
 * that leaves the provider passes here, because the engine refuses the rest with a message that names no key,
 * after the work is done.
 */
export function seal(values: Readonly<Record<string, unknown>>, secretPaths: readonly string[]): Record<string, Wire> {
  const patterns = secretPaths.map(namesIn);
  return sealObject(values, patterns, []);
}

/**
 * Inputs or state of a resource as the engine is given them: without maps that are empty here and not in `given`, with
 * the resource's own secrets sealed, its notes, and what the program made secret.
 */
export function sealState(
  handler: Handler,
  values: Values,
  programSecrets: readonly string[],
  given?: Values,
): Record<string, Wire> {
  const within = new Set(programSecrets.map((path) => namesIn(path)[0]));
  const repeated = Object.entries(handler.repeated).flatMap(([output, name]) => (within.has(name) ? [output] : []));
  const secrets = [memoPath, ...handler.secretPaths, ...programSecrets, ...repeated];
  const { __kvm, ...rest } = seal(withoutEmpty(handler.maps, values, given), secrets);
  return __kvm === undefined ? rest : { ...rest, __kvm: asText(__kvm) };
}

/** The bookkeeping is one text, a secret where any of it is one: the engine works on each property by itself. */
function asText(bookkeeping: Wire): Wire {
  const text = JSON.stringify(bookkeeping);
  if (!text.includes(secretSignature)) return text;
  return { [signatureKey]: secretSignature, value: JSON.stringify(fromWire(bookkeeping, true)) };
}

/** The values with their bookkeeping read, which older states have as an object. */
export function readNotes(values: Values): Values {
  const { __kvm } = values;
  return typeof __kvm === "string" ? { ...values, __kvm: JSON.parse(__kvm) } : values;
}

function sealObject(
  values: Readonly<Record<string, unknown>>,
  secrets: readonly string[][],
  path: readonly string[],
): Record<string, Wire> {
  const result: Record<string, Wire> = {};
  for (const [key, value] of Object.entries(values)) {
    const sealed = sealValue(value, secrets, [...path, key]);
    if (sealed !== undefined) result[key] = sealed;
  }
  return result;
}

function sealValue(value: unknown, secrets: readonly string[][], path: readonly string[]): Wire | undefined {
  const sealed = cleanValue(value, secrets, path);
  return sealed === undefined || !isSecret(secrets, path) ? sealed : { [signatureKey]: secretSignature, value: sealed };
}

function cleanValue(value: unknown, secrets: readonly string[][], path: readonly string[]): Wire | undefined {
  if (value === undefined) return undefined;
  if (value === unknown) return unknownOnWire;
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value))
    return value.map((item, index) => sealValue(item, secrets, [...path, String(index)]) ?? null);
  if (isRecord(value)) return sealObject(value, secrets, path);
  throw new TypeError(`${path.join(".")} holds ${describe(value)}, which Pulumi's state cannot carry`);
}

/** True for plain data; a Date, a Map or a Buffer would arrive as an empty object. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isPlainObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function describe(value: unknown): string {
  return typeof value === "object" ? `a ${value?.constructor.name}` : `the ${typeof value} ${String(value)}`;
}

/** A path is secret when a pattern names it; `*` stands for any one part, and `applied` repeats the inputs' layout. */
function isSecret(secrets: readonly string[][], path: readonly string[]): boolean {
  const place = path[0] === "__kvm" && path[1] === "applied" ? path.slice(2) : path;
  return secrets.some((pattern) => isAt(place, pattern));
}
