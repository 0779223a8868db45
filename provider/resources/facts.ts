import { isPlainObject } from "../core/unknown";

/** The digest of a host's capabilities that Host made and its reference carries as text; empty when it is not known. */
export function factsOf(host: unknown): Readonly<Record<string, unknown>> {
  const text = isPlainObject(host) ? host["facts"] : undefined;
  const facts: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
  return isPlainObject(facts) ? facts : {};
}

/** libvirt of the host, as 1000000 * major + 1000 * minor + release. */
export function libvirtOf(host: unknown): number | undefined {
  const { libvirt } = factsOf(host);
  return typeof libvirt === "number" ? libvirt : undefined;
}
