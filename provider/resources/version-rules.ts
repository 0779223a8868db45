import type { Attribute, NewWord, Rows } from "../core/attribute";
import type { Fault } from "../core/check";
import { valueAt } from "../core/paths";
import { isPlainObject } from "../core/unknown";
import { versionNumber, versionText } from "../schema/version";
import { libvirtOf } from "./facts";

/** The rule of a resource with a host: refuses what the host's libvirt is too old for, and may drop in silence. */
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
    return tooNewIn(row, value, libvirt, at);
  });
}

function tooNewIn({ since, newWords = [] }: Attribute, value: unknown, libvirt: number, at: string): Fault[] {
  const has = `the host has ${versionText(libvirt)}`;
  if (since !== undefined && isOlder(libvirt, since)) {
    return [{ property: at, reason: `needs libvirt ${since}; ${has}. Leave it out, or upgrade the host` }];
  }
  const isSaid = ({ of, word }: NewWord) => valueAt(value, of === undefined ? [] : [of]) === word;
  const found = newWords.filter((entry) => isOlder(libvirt, entry.since) && isSaid(entry));
  return found.map(({ of, word, since: first }) => ({
    property: of === undefined ? at : `${at}.${of}`,
    reason: `${JSON.stringify(word)} needs libvirt ${first}; ${has}. Choose another, or upgrade the host`,
  }));
}

/** Whether that libvirt is older than the version that a row names. */
export function isOlder(libvirt: number, since: string): boolean {
  return libvirt < versionNumber(since);
}
