import { type ErrorDetails, KvmError } from "../core/errors";
import type { Element } from "../schema/tree";

const lookup = "lookup:";

/** The name or uuid that a look-up asks for; undefined for the id of an object in state. */
export function lookupKey(id: string): string | undefined {
  return id.startsWith(lookup) ? id.slice(lookup.length) : undefined;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** Where objects with a definition are found. */
interface Definitions {
  byName(name: string): Promise<string | undefined>;
  definition(uuid: string): Promise<Element | undefined>;
}

/** The object that a look-up asks for. @throws KvmError with these details where there is none. */
export async function definedAs(
  key: string,
  definitions: Definitions,
  absent: ErrorDetails,
): Promise<{ readonly uuid: string; readonly definition: Element }> {
  const uuid = isUuid(key) ? key.toLowerCase() : await definitions.byName(key);
  const definition = uuid === undefined ? undefined : await definitions.definition(uuid);
  if (uuid === undefined || !definition) throw new KvmError("not-found", absent);
  return { uuid, definition };
}
