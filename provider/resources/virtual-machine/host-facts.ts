import { isPlainObject } from "../../core/unknown";

/** The kinds of virtualization that Host found on its machine; empty when it is not known. */
export function knownTypes(host: unknown): readonly unknown[] {
  const facts = isPlainObject(host) ? host["facts"] : undefined;
  const types = isPlainObject(facts) ? facts["virtTypes"] : undefined;
  return Array.isArray(types) ? types : [];
}
