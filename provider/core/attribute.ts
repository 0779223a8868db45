import type { Values } from "./handler";
import type { Identity } from "./identity";
import { unknownReason } from "./nearest";
import * as z from "./zod";

export { z };

// Of keys that an object within a value does not have: a line for each, in their order.
z.config({
  customError(issue) {
    if (issue.code !== "unrecognized_keys" || !(issue.inst instanceof z.ZodObject)) return undefined;
    const known = Object.keys(issue.inst.shape);
    return issue.keys.map((key) => unknownReason(key, known)).join("\n");
  },
});

/**
 * What has to happen before a changed value is in force:
 * `live` in the running guest, `next-boot` at the next reset of the same QEMU process, `restart` in a new
 * QEMU process, `replace` in a new object, `none` nothing on the host.
 */
export type ChangeClass = "none" | "live" | "next-boot" | "restart" | "replace";

/** A class with the reason that the user reads, e.g. "above maxMemory". */
export interface Verdict {
  readonly class: ChangeClass;
  readonly reason?: string;
}

/** The values beside a changed one, before and after: what its verdict may depend on. */
export interface Around {
  readonly old: Readonly<Record<string, unknown>>;
  readonly next: Readonly<Record<string, unknown>>;
  /** All values of the resource before. */
  readonly whole: Readonly<Record<string, unknown>>;
  /** All values of the resource after. */
  readonly wanted: Readonly<Record<string, unknown>>;
}

/** How a change takes effect: always the same, or by what changes into what. */
export type ChangeRule = ChangeClass | ((old: unknown, next: unknown, around: Around) => Verdict);

/** The rule of a value that changes as the guest runs, and that no call takes away: `instead` says why, and what helps. */
export function unlessTakenAway(instead: string): ChangeRule {
  return (_old, next) => (next === undefined ? { class: "restart", reason: instead } : { class: "live" });
}

/** Reads and writes one value in a document of type `Doc`. `set` with undefined removes what `get` would find. */
export interface Lens<T, Doc> {
  /** `managed` is the value that state or program give: of an open-ended value only what it names is read. */
  get(document: Doc, managed?: unknown): T | undefined;
  set(document: Doc, value: T | undefined): void;
  /** Gives our name to an element that has none and is what the value says: one that somebody else made. */
  claim?(document: Doc, value: T): void;
  /** The same for one that stands where ours would, whatever else it is: a second could not stand there. */
  claimPlace?(document: Doc, value: T): void;
}

export type ReferenceClass = "Host" | "Network" | "StoragePool" | "Volume" | "CloudInitDisk";

/** What a default may depend on: values as the user wrote them, which may be unknown. */
export interface DefaultContext {
  readonly siblings: Readonly<Record<string, unknown>>;
  /** The inputs of the whole resource. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** What a derived default may depend on. */
export interface DeriveContext {
  readonly identity: Identity;
  /** Names of the maps' entries that lead to this row: `["root"]` for `disks.root.serial`. */
  readonly keys: readonly string[];
  /** The raw sibling values, as the user wrote them. */
  readonly siblings: Readonly<Record<string, unknown>>;
  /** The inputs of the whole resource, as the user wrote them. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The siblings' old values: a value that follows others still keeps what it has of the identity. */
  readonly olds: Readonly<Record<string, unknown>> | undefined;
  /** 0 for an object that is taken as it is: what it can do without is not derived. */
  readonly defaultsVersion: number;
}

/** A value that came to libvirt after the attribute. */
export interface NewWord {
  readonly word: string | boolean;
  /** First libvirt that has it. */
  readonly since: string;
  /** Property of the attribute's value that has the word. Default: it is the value. */
  readonly of?: string;
}

/** One attribute: the only place where it is named. Types, check, diff, rendering, refresh and docs come from here. */
export interface Attribute<T = unknown, Doc = unknown> {
  readonly kind: "attribute";
  /** Accepts what a user may write, answers the one canonical form. */
  readonly schema: z.ZodType<T>;
  /** One sentence with units, range and default, and the libvirt element or call behind it. */
  readonly doc: string;
  /** First libvirt that has it, where that is newer than 6.0. */
  readonly since?: string;
  /** Values that are newer than the attribute; libvirt's own schema knows of no version of a word. */
  readonly newWords?: readonly NewWord[];
  /** Value for an object that was made under a defaults version from that number on. */
  readonly defaults?: Readonly<Record<number, NoInfer<T> | ((context: DefaultContext) => NoInfer<T> | undefined)>>;
  /** Value computed from identity and siblings; kept from the old inputs whenever they have one. */
  derive?(context: DeriveContext): T | undefined;
  /** The derived value follows the other values on every check, instead of being kept for the object's life. */
  readonly follows?: boolean;
  /** How a change takes effect. */
  change: ChangeRule;
  /** What the state keeps of a checked value, which may hold what is not known yet: the rules see all of it. Default: all. */
  keep?(value: T): T;
  /** Encrypted in state wherever it stands. */
  readonly secret?: boolean;
  /** Classes of the SDK that a program may pass here instead of a plain reference object. */
  readonly references?: readonly ReferenceClass[];
  /** The generated type of libvirt's document of which the value is a part; programs are given it. */
  readonly document?: "Domain" | "Network" | "Pool" | "Volume";
  /** Type of the SDK that a program writes where the schema does not tell it: of the value, or of each in a map. */
  readonly written?: { readonly name: string; readonly each: boolean };
  /** Where in the libvirt document it lives; without it the resource handles the value itself. */
  readonly lens?: Lens<T, Doc>;
}

/** A named group of rows. */
export interface Block<R extends Rows = Rows> {
  readonly kind: "block";
  readonly doc: string;
  readonly rows: R;
  readonly optional: boolean;
}

/** Entries under names that the user picks; adding one never touches the others. */
export interface MapOf<R extends Rows = Rows, Doc = unknown> {
  readonly kind: "map";
  readonly doc: string;
  readonly rows: R;
  /** What a name of an entry must look like. */
  readonly key: RegExp;
  /** How an added or removed entry takes effect. */
  readonly change: ChangeRule;
  /** The elements of the document that carry the entries. */
  readonly entries?: Entries<Doc>;
}

/** Finds and makes the element of each entry of a map. */
export interface Entries<Doc> {
  list(document: Doc): ReadonlyMap<string, Doc>;
  add(document: Doc, key: string): Doc;
  remove(document: Doc, key: string): void;
  /** Whether libvirt gives such an element to a running guest by itself, so that none in the configuration answers to it. */
  implied?(entry: Doc): boolean;
  /** How entries are found among elements that somebody else made, and that have no name of ours. */
  readonly unnamed?: Unnamed<Doc>;
}

/** Elements without a name of ours, and what tells which of them an entry means. */
export interface Unnamed<Doc> {
  list(document: Doc): readonly Doc[];
  name(element: Doc, key: string): void;
  /** The name that an entry is given when its element is described: by it the element is known at once. */
  natural?(element: Doc): string | undefined;
  /** Rows of which one must agree for an element to be an entry. Without any, every element may be. */
  readonly knownBy: readonly string[];
  /** Whether an element cannot be but this entry, however it differs otherwise: a second one could not live beside it. */
  isSurely?(element: Doc, entry: Values): boolean;
}

export type Row = Attribute | Block | MapOf;
export interface Rows {
  readonly [name: string]: Row;
}

/** The canonical value that a row holds after check. */
export type ValueOf<R extends Row> =
  R extends Attribute<infer T>
    ? T
    : R extends Block<infer B>
      ? StateOf<B> | undefined
      : R extends MapOf<infer M>
        ? Readonly<Record<string, StateOf<M>>>
        : never;

/** The canonical inputs of a resource with these rows. */
export type StateOf<R extends Rows> = { readonly [K in keyof R]: ValueOf<R[K]> };

export function attribute<T, Doc = unknown>(row: Omit<Attribute<T, Doc>, "kind">): Attribute<T> {
  // The document type matters only between a row and the resource that renders it.
  return { kind: "attribute", ...row } as Attribute<T>;
}

export function block<R extends Rows>(row: Omit<Block<R>, "kind" | "optional"> & { optional?: boolean }): Block<R> {
  return { kind: "block", optional: true, ...row };
}

/** Names of map entries: they become aliases, file names and parts of property paths. */
const entryName = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

export function mapOf<R extends Rows, Doc = unknown>(
  row: Omit<MapOf<R, Doc>, "kind" | "key" | "change"> & { key?: RegExp; change?: ChangeRule },
): MapOf<R> {
  return { kind: "map", key: entryName, change: "live", ...row } as MapOf<R>;
}
