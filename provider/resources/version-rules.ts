import type { Rows } from "../core/attribute";
import type { Fault } from "../core/check";
import { isPlainObject } from "../core/unknown";
import { versionNumber, versionText } from "../schema/version";
import { libvirtOf } from "./facts";

/** The rule of a resource with a host: refuses what the host's libvirt is too old for, and would drop in silence. */
export function versionRule(rows: Rows) {
  return {
    needs: ["host" as const],
    check(inputs: { readonly host: unknown }): Fault[] {
      const libvirt = libvirtOf(inputs.host);
      return libvirt === undefined ? [] : tooNew(rows, inputs, libvirt);
    },
  };
}

function tooNew(rows: Rows, values: unknown, libvirt: number, path = ""): Fault[] {
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
          {
            property: at,
            reason: `needs libvirt ${row.since}; the host has ${versionText(libvirt)}. Leave it out, or upgrade the host`,
          },
        ]
      : [];
  });
}

/** Whether that libvirt is older than the version that a row names. */
export function isOlder(libvirt: number, since: string): boolean {
  return libvirt < versionNumber(since);
}
