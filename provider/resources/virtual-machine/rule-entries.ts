import type { Fault } from "../../core/check";
import type { Rule } from "../../core/definition";
import { hasUnknown, isPlainObject } from "../../core/unknown";
import type { Inputs, rows } from "./rows";

export type MachineRule = Rule<typeof rows>;
export type Disk = Inputs["disks"][string];
export type Nic = Inputs["nics"][string];
export type Filesystem = Inputs["filesystems"][string];

export const fault = (property: string, reason: string): Fault => ({ property, reason });

/** Whether nothing but the arguments makes the guest: an overlay may add what is missing, an adopted one may have it. */
export const saysAll = ({ overlay, adopt }: Inputs): boolean => overlay === undefined && adopt !== true;

/** What a rule says of one entry of a map. */
export type EntryCheck<T> = (entry: T, at: string, inputs: Inputs) => readonly Fault[];

/** A rule of one entry of a map; entries that are not known yet are left for the next check. */
export function eachEntry<T>(map: "disks" | "nics" | "filesystems", check: EntryCheck<T>): MachineRule {
  return {
    needs: ["machine"],
    check: (inputs) => entriesOf<T>(inputs[map]).flatMap(([key, entry]) => check(entry, `${map}.${key}`, inputs)),
  };
}

/** The entries of a map that are known. */
export function entriesOf<T>(map: unknown): [string, T][] {
  if (!isPlainObject(map)) return [];
  return Object.entries(map).flatMap(([key, entry]): [string, T][] =>
    isPlainObject(entry) ? [[key, entry as T]] : [],
  );
}

/** Names of the values that are given. */
export function given(entry: object, names: readonly string[]): string[] {
  return names.filter((name) => (entry as Readonly<Record<string, unknown>>)[name] !== undefined);
}

/** Whether both are known numbers and the first is the greater. */
export function isMore(value: unknown, most: unknown): boolean {
  return typeof value === "number" && typeof most === "number" && value > most;
}

/** Faults of the later ones among entries that share a value which must be theirs alone. */
export function duplicates(values: readonly (readonly [at: string, value: unknown])[], what: string): Fault[] {
  const seen = new Map<unknown, string>();
  return values.flatMap(([at, value]) => {
    if (value === undefined || hasUnknown(value)) return [];
    const first = seen.get(value);
    if (first === undefined) seen.set(value, at);
    return first === undefined ? [] : [fault(at, `${what} is taken by ${first}; give another one`)];
  });
}
