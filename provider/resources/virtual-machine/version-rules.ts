import type { Rows } from "../../core/attribute";
import type { Fault } from "../../core/check";
import { isPlainObject } from "../../core/unknown";
import { fault } from "./rule-entries";

/** Faults of the values that the host's libvirt is too old for: it would drop them in silence. */
export function tooNew(rows: Rows, values: unknown, libvirt: number, path = ""): Fault[] {
  if (!isPlainObject(values)) return [];
  return Object.entries(rows).flatMap(([name, row]) => {
    const [at, value] = [path === "" ? name : `${path}.${name}`, values[name]];
    if (value === undefined) return [];
    if (row.kind === "block") return tooNew(row.rows, value, libvirt, at);
    if (row.kind === "map") {
      const entries = isPlainObject(value) ? Object.entries(value) : [];
      return entries.flatMap(([key, entry]) => tooNew(row.rows, entry, libvirt, `${at}.${key}`));
    }
    return row.since !== undefined && isOlder(libvirt, row.since)
      ? [
          fault(
            at,
            `needs libvirt ${row.since}; the host has ${versionText(libvirt)}. Leave it out, or upgrade the host`,
          ),
        ]
      : [];
  });
}

/** Whether that libvirt is older than the version that a row names. */
export function isOlder(libvirt: number, since: string): boolean {
  const [major = 0, minor = 0, release = 0] = since.split(".").map(Number);
  return libvirt < major * 1_000_000 + minor * 1000 + release;
}

/** A version as people write it: "9.0.0". */
export function versionText(version: number): string {
  return [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join(".");
}
