import { createHash } from "node:crypto";
import type { DeriveContext } from "../../core/attribute";
import { hasUnknown, isPlainObject, unknown, unknownText } from "../../core/unknown";

/** The attributes that make up what a guest reads. */
const content = ["userData", "metaData", "networkConfig", "vendorData", "hostname"] as const;

type Values = Readonly<Record<string, unknown>>;

/**
 * The value with the keys of all objects in order. The engine hands objects over with their keys in any order, another
 * one in each run; what depends on it would change from run to run.
 */
export function ordered<T>(value: T): T {
  if (Array.isArray(value)) return value.map(ordered) as T;
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, member]) => [key, ordered(member)])) as T;
}

/** Twelve hexadecimal digits that stand for what a guest reads, its instance-id left aside. */
function contentDigest(values: Values): string {
  return digest(content.map((name) => values[name]));
}

/** Twelve hexadecimal digits that stand for the whole medium: another one is another medium. */
export function mediumDigest(values: Values, instanceId: string): string {
  const { overlay } = values;
  // Media without one have had their names before there was an overlay.
  return digest([...content.map((name) => values[name]), instanceId, ...(overlay === undefined ? [] : [overlay])]);
}

/**
 * The instance-id: the same for the life of the guest, so that cloud-init does not start over. With `reinit` a new
 * content brings a new one, and it stays until the next new content.
 */
export function deriveInstanceId({ identity, siblings, olds }: Omit<DeriveContext, "keys">): string {
  const kept = typeof olds?.["instanceId"] === "string" ? olds["instanceId"] : undefined;
  const { reinit } = siblings;
  if (reinit !== true && reinit !== unknown) return kept ?? identity.uuid;
  if (reinit === unknown || hasUnknownContent(siblings)) return unknownText;
  const next = contentDigest(siblings);
  return kept !== undefined && olds && contentDigest(olds) === next ? kept : `${identity.uuid}-${next}`;
}

/** Name of the volume. A renamed resource keeps the first part; the digest follows the content. */
export function deriveName(context: Omit<DeriveContext, "keys">): string {
  const { identity, siblings, olds } = context;
  const instanceId = siblings["instanceId"] ?? deriveInstanceId(context);
  if (typeof instanceId !== "string" || hasUnknownContent(siblings)) return unknownText;
  const kept = typeof olds?.["name"] === "string" ? /^(.+)-[0-9a-f]{12}\.iso$/.exec(olds["name"])?.[1] : undefined;
  return `${kept ?? identity.physicalName}-${mediumDigest(siblings, instanceId)}.iso`;
}

function hasUnknownContent(values: Values): boolean {
  return [...content, "overlay"].some((name) => hasUnknown(values[name]));
}

function digest(parts: readonly unknown[]): string {
  const text = parts.map((part) => JSON.stringify(ordered(part ?? undefined)) ?? "").join("\0");
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
