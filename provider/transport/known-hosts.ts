import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** One usable line of a known_hosts file. */
export interface KnownHost {
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;
  readonly marker: "none" | "revoked" | "cert-authority";
  /** Comma-separated patterns, or one hashed name (`|1|salt|hash`). */
  readonly names: string;
  readonly keyType: string;
  /** The key as it goes over the wire. */
  readonly key: Buffer;
}

export type Verdict =
  | { readonly kind: "known"; readonly by: KnownHost }
  /** A key of the same type is known, and it is another one. */
  | { readonly kind: "changed"; readonly by: KnownHost }
  | { readonly kind: "revoked"; readonly by: KnownHost }
  /** `others`: keys of other types, and certificate authorities, that are known for the host. */
  | { readonly kind: "unknown"; readonly others: readonly KnownHost[] };

/** Reads known_hosts lines; what is malformed is skipped, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  const entries: KnownHost[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const fields = raw.trim().split(/\s+/);
    if (fields[0] === "" || fields[0]?.startsWith("#")) continue;
    const mark = fields[0]?.startsWith("@") ? fields.shift() : undefined;
    const marker = mark === "@revoked" ? "revoked" : mark === "@cert-authority" ? "cert-authority" : "none";
    const [names, keyType, base64] = fields;
    if ((mark !== undefined && marker === "none") || names === undefined || keyType === undefined) continue;
    const key = Buffer.from(base64 ?? "", "base64");
    if (typeOfKey(key) !== keyType) continue;
    entries.push({ file, line: index + 1, marker, names, keyType, key });
  }
  return entries;
}

/** The name under which a host is written down: `host`, or `[host]:port` for any port but 22. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** Lines that speak about this name. */
export function linesFor(entries: readonly KnownHost[], name: string): KnownHost[] {
  return entries.filter((entry) => matches(entry.names, name));
}

/** What the lines of one host say about the key that it offers. */
export function judge(lines: readonly KnownHost[], key: Buffer): Verdict {
  const same = lines.filter((line) => line.key.equals(key));
  const revoked = same.find((line) => line.marker === "revoked");
  if (revoked !== undefined) return { kind: "revoked", by: revoked };
  const known = same.find((line) => line.marker === "none");
  if (known !== undefined) return { kind: "known", by: known };
  const type = typeOfKey(key);
  const changed = lines.find((line) => line.marker === "none" && line.keyType === type);
  if (changed !== undefined) return { kind: "changed", by: changed };
  return { kind: "unknown", others: lines.filter((line) => line.marker !== "revoked") };
}

/**
 * `supported` with the algorithms of known keys first, so that the server shows a key that we can check.
 * Otherwise a host known by its rsa key alone would show its ed25519 key and be refused.
 */
export function orderAlgorithms<A extends string>(supported: readonly A[], knownTypes: readonly string[]): A[] {
  const known = new Set(knownTypes);
  const isKnown = (algorithm: string) => known.has(/^rsa-sha2-/.test(algorithm) ? "ssh-rsa" : algorithm);
  return [...supported.filter(isKnown), ...supported.filter((algorithm) => !isKnown(algorithm))];
}

/** The type that stands at the beginning of a key blob, such as "ssh-ed25519"; "" when it is none. */
export function typeOfKey(key: Buffer): string {
  if (key.length < 4) return "";
  const length = key.readUInt32BE(0);
  return key.length < 4 + length ? "" : key.toString("latin1", 4, 4 + length);
}

/** As `ssh-keygen -l` prints it: SHA256: and unpadded base64. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The line that makes the key known. */
export function knownHostsLine(name: string, key: Buffer): string {
  return `${name} ${typeOfKey(key)} ${key.toString("base64")}`;
}

function matches(names: string, name: string): boolean {
  if (names.startsWith("|1|")) return matchesHash(names, name);
  let found = false;
  for (const pattern of names.toLowerCase().split(",")) {
    const negated = pattern.startsWith("!");
    if (!wildcard(negated ? pattern.slice(1) : pattern).test(name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

function matchesHash(names: string, name: string): boolean {
  const [, , salt = "", hash = ""] = names.split("|");
  const expected = Buffer.from(hash, "base64");
  const actual = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${source}$`);
}
