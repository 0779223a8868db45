import { attribute, type Verdict, z } from "../core/attribute";
import { equal } from "../core/equal";
import type { HostReference, Values } from "../core/handler";
import { isPlainObject } from "../core/unknown";
import { keptFacts } from "./facts";

// As text, in which form the classes of the SDK hand them on: the shorter state.
const asText = z.preprocess((value) => (isPlainObject(value) ? JSON.stringify(value) : value), z.string().optional());

const schema = z.object({
  uri: z.string(),
  uuid: z.string().optional(),
  hostKey: z.string().optional(),
  identityFile: z.string().optional(),
  identityEnv: z.string().optional(),
  owner: z.string().optional(),
  facts: asText,
  limits: asText,
});

/** What checks see of the host that another object lives on. */
export const hostOfOther = z.object({ uri: z.string().optional(), uuid: z.string().optional() });

/** A reference to another object as state keeps it: checks have seen that it is on the same host, and what is in it. */
export function keptReference<T extends { readonly host?: unknown; readonly encrypted?: unknown }>(reference: T): T {
  const { host: _, encrypted: __, ...others } = reference;
  return others as T;
}

/** A reference as state keeps it, where it stands twice: without what only checks need. */
export function keptHost<T extends Values>(host: T): T {
  const { facts: _, ...others } = host;
  const facts = keptFacts(host);
  return { ...others, ...(facts !== undefined && { facts }) } as unknown as T;
}

/** Row of a resource that names its host itself. Facts and limits take no part in diff; another address of one host is no move. */
export const hostRow = attribute<HostReference>({
  doc: "The Host that it lives on.",
  schema,
  references: ["Host"],
  keep: (host) => keptHost(host as HostReference & Values),
  change: hostChange,
});

/** Class of a change between two references to a host. */
export function hostChange(old: unknown, next: unknown): Verdict {
  if (!isPlainObject(old) || !isPlainObject(next)) return { class: "none" };
  const moved = typeof old["uuid"] === "string" && typeof next["uuid"] === "string" && old["uuid"] !== next["uuid"];
  if (moved) return { class: "replace", reason: "another host" };
  const address = (host: Readonly<Record<string, unknown>>) => [
    host["uri"],
    host["hostKey"],
    host["identityFile"],
    host["identityEnv"],
  ];
  return equal(address(old), address(next)) ? { class: "none" } : { class: "live", reason: "the host's address only" };
}
