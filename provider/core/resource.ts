import { type Packed, pack, unpack } from "./applied";
import { attribute, type Row, type Rows, type StateOf, z } from "./attribute";
import { certainFaults } from "./certain";
import { type CheckContext, checkRows, type Fault } from "./check";
import { type Change, diffRows } from "./diff";
import type { KvmError } from "./errors";
import {
  type Context,
  type DiffResult,
  type Handler,
  type Meta,
  PartialFailure,
  type Stored,
  type Values,
} from "./handler";
import { Identity } from "./identity";
import { isIgnored } from "./ignored";
import { updateAround } from "./left-alone";
import { withEmpty, withoutEmpty } from "./maps";
import { isWithin } from "./paths";
import { whileUnderWay } from "./under-way";
import { Unfinished } from "./unfinished";
import { hasUnknown, isPlainObject } from "./unknown";

/** The newest table of plain defaults; new objects get it, old ones keep theirs. */
export const newestDefaults = 1;
/** The layout of the state that this release writes. */
export const stateVersion = 1;

/** Where the state has a resource's notes, which may repeat any value, be it secret or not: they are a secret as a whole. */
export const memoPath = "__kvm.memo";

/** Bookkeeping that travels with the state of every object. */
export interface Bookkeeping {
  readonly stateVersion: number;
  readonly defaultsVersion: number;
  /** Canonical managed values read back after the last apply. */
  readonly applied?: Values;
  /** What the resource noted for its own next look. */
  readonly memo?: Values;
}

/** An output that the host decides. */
export interface Output {
  readonly doc: string;
  /** TypeScript type of the output. */
  readonly type: string;
  readonly secret?: boolean;
  /** The argument that it repeats values of: it is a secret where any of that is one. */
  readonly repeats?: string;
}

/** A rule over several attributes. It is skipped while one of `needs` is not known yet. */
export interface Rule<R extends Rows> {
  readonly needs: readonly (keyof R & string)[];
  check(inputs: StateOf<R>): readonly Fault[];
}

/**
 * Values for what the program leaves out, block by block, that depend on other arguments of its: they are checked and
 * shown as if it had said them.
 */
export interface Presets {
  /** Arguments without which there are none. */
  readonly by: readonly string[];
  /** A released `defaultsVersion` never gives others. Pure. */
  of(news: Values, olds: Values | undefined, defaultsVersion: number): Values;
}

/** A resource: its rows, and what to do on the host. */
export interface Definition<R extends Rows, O extends Readonly<Record<string, Output>>> {
  /** Class name, frozen for ever. */
  readonly type: string;
  readonly doc: string;
  readonly rows: R;
  readonly outputs: O;
  readonly rules?: readonly Rule<R>[];
  readonly presets?: Presets;
  /** True where old and new object have different names and may exist side by side. */
  readonly createBeforeDelete?: boolean;
  /**
   * True where one that the user has made anew (`up --replace`) goes first: the new one has its identity, and would be
   * found instead of made. Not where data would go with it.
   */
  readonly deleteBeforeReplace?: boolean;
  /** True where it is deleted by way of what it depends on, and so has to go ahead of that. */
  readonly goesAhead?: boolean;
  /** Refuses to make an object anew, and to delete it for that, where no change of its inputs asks for it; pure. */
  whyItIsKept?(inputs: StateOf<R>): KvmError | undefined;
  /** True where the object says on the host which resource it is, and an update makes that follow. */
  readonly isMarked?: boolean;
  /**
   * The inputs as they are in force on the host: with what was decided there and is kept among the outputs, `known`,
   * below what the program says. With `olds`, of a program that is compared with that state. Pure.
   */
  effective?(inputs: StateOf<R>, known: Values, olds?: StateOf<R> & Values): StateOf<R>;
  /** The changes with what no row can tell of them by itself; pure. */
  judge?(changes: readonly Change[], olds: StateOf<R> & Outputs<O>, news: StateOf<R>): readonly Change[];
  /** Refuses a change by throwing; pure. */
  guard?(changes: readonly Change[], olds: StateOf<R>, news: StateOf<R>): void;
  /** What the user should know of a change beside its class and reason; pure. */
  remark?(change: Change, olds: StateOf<R>, news: StateOf<R>): string | undefined;
  /** What the last look found otherwise than the definition, and an update mends whatever else it does. Pure. */
  behind?(olds: Values, news: StateOf<R>): readonly Change[];
  /** What else an update that makes these changes will do; pure. */
  announce?(changes: readonly Change[], olds: StateOf<R> & Outputs<O>, news: StateOf<R>): readonly string[];
  create(inputs: StateOf<R>, context: Context): Promise<Made<O>>;
  /** Undefined only for libvirt's own not-found of this very object. */
  read(id: string, state: State<R, O>, context: Context): Promise<Seen<R, O> | undefined>;
  update(
    id: string,
    olds: State<R, O>,
    news: StateOf<R>,
    changes: readonly Change[],
    context: Context,
  ): Promise<Made<O>>;
  /** `next` is the one that is made anew in its place, where no change of its inputs asks for that. */
  delete(id: string, state: State<R, O>, context: Context, next?: StateOf<R>): Promise<void>;
}

export type Outputs<O> = { readonly [K in keyof O]?: unknown };
export type State<R extends Rows, O> = StateOf<R> & Outputs<O> & { readonly __kvm: Bookkeeping };

/** What create and update leave behind. */
export interface Made<O> {
  readonly id: string;
  readonly outputs: Outputs<O>;
  /** Managed values as the host shows them now: what later drift is measured against. */
  readonly applied?: Values;
  /** Whatever the resource must know at its next look, and no user. */
  readonly memo?: Values;
  /** Of a create that went on with an object which was there already. */
  readonly takenUp?: boolean;
}

/** What read found. */
export interface Seen<R extends Rows, O> extends Made<O> {
  /** The inputs with every drifted value replaced by what the host shows. */
  readonly inputs: StateOf<R>;
}

/** Derives check, diff and the bookkeeping around the operations from the rows. */
export function defineResource<R extends Rows, O extends Readonly<Record<string, Output>>>(
  definition: Definition<R, O>,
): Handler & { readonly definition: Definition<R, O> } {
  const { rows } = definition;
  const maps = Object.entries<Row>(rows).flatMap(([name, row]) => (row.kind === "map" ? [name] : []));

  function store(inputs: StateOf<R>, made: Made<O>, defaultsVersion: number): Stored {
    const values: Values = { ...inputs, ...made.outputs };
    const applied = made.applied && pack(withoutEmpty(maps, made.applied), inForce(values));
    const bookkeeping = { stateVersion, defaultsVersion, ...applied, ...(made.memo && { memo: made.memo }) };
    const takenUp = made.takenUp === true || made.outputs["adopted" as keyof O] === true;
    return { id: made.id, state: { ...values, __kvm: bookkeeping }, takenUp };
  }

  /** What the resource sees of a stored state. */
  function opened(values: Values): State<R, O> {
    const kept = values["__kvm"] as (Packed & Bookkeeping) | undefined;
    if (!kept) return values as State<R, O>;
    const applied = unpack(kept, inForce(values));
    // Of an object that was never looked at nothing is applied, empty maps neither.
    const isFirst = Object.keys(applied).length === 0;
    return { ...values, __kvm: { ...kept, applied: isFirst ? applied : withEmpty(maps, applied) } } as State<R, O>;
  }

  /** A state with the inputs that are in force. */
  function inForce(values: Values): Values {
    return definition.effective?.(values as StateOf<R>, values) ?? values;
  }

  /** Every managed value that the program has otherwise than the state. */
  function changesOf(olds: Values, news: Values): readonly Change[] {
    const next = definition.effective?.(news as StateOf<R>, olds, olds as StateOf<R> & Values) ?? news;
    const changes = diffRows(rows, inForce(olds), next as Values);
    return definition.judge?.(changes, olds as StateOf<R> & Outputs<O>, news as StateOf<R>) ?? changes;
  }

  /** Runs create or update; an object that is left unfinished is given its full state. */
  async function keep(inputs: StateOf<R>, version: number, work: () => Promise<Made<O>>): Promise<Stored> {
    try {
      return store(inputs, await work(), version);
    } catch (error) {
      if (!(error instanceof Unfinished)) throw error;
      const { id, state } = store((error.inputs ?? inputs) as StateOf<R>, error.made as Made<O>, version);
      throw new PartialFailure(id, state, error.cause);
    }
  }

  return {
    definition,
    type: definition.type,
    createBeforeDelete: definition.createBeforeDelete === true,
    goesAhead: definition.goesAhead === true,
    isMarked: definition.isMarked === true,
    whyItIsKept: (inputs) => definition.whyItIsKept?.(inputs as StateOf<R>),
    // In a part of a document null takes away; what was applied repeats it.
    nullable: [
      "__kvm",
      ...Object.entries<Row>(rows).flatMap(([name, row]) => (row.kind === "attribute" && row.document ? [name] : [])),
    ],
    maps,
    secretPaths: [
      ...secretRows(rows),
      ...Object.entries(definition.outputs).flatMap(([name, output]) => (output.secret ? [name] : [])),
    ],
    repeated: Object.fromEntries(
      Object.entries(definition.outputs).flatMap(([name, { repeats }]) => (repeats ? [[name, repeats]] : [])),
    ),

    check(given, olds, meta) {
      const faults: Fault[] = [];
      const defaultsVersion = defaultsVersionOf(given, olds);
      const news = filled(given, definition.presets?.of(given, olds, defaultsVersion) ?? {});
      const context: CheckContext = { identity: identityOf(meta), defaultsVersion, inputs: news };
      const inputs = checkRows({ ...rows, ...versionRow }, news, olds, context, faults) as StateOf<R>;
      // What is wrong by itself says nothing about what it is next to; all else is told in the same round.
      const wrong = new Set(faults.map(topName));
      const isKnown = !hasUnknown(inputs);
      // Of presets that are not known yet nobody knows what they would fill in.
      const isOpen = definition.presets?.by.some((name) => hasUnknown(news[name]));
      for (const rule of definition.rules ?? []) {
        if (isOpen || rule.needs.some((name) => wrong.has(name) || hasUnknown(inputs[name]))) continue;
        const found = isKnown
          ? rule.check(inputs)
          : certainFaults((known: StateOf<R>) => rule.check(known), inputs, maps);
        faults.push(...found.filter((fault) => !wrong.has(topName(fault))));
      }
      return { inputs: { ...kept(rows, inputs), defaultsVersion: context.defaultsVersion }, failures: faults };
    },

    diff(_id, olds, news, meta): DiffResult {
      const asked = changesOf(olds, news).filter((change) => change.class !== "none");
      definition.guard?.(asked, olds as StateOf<R>, news as StateOf<R>);
      const replaces = asked.flatMap((change) => (change.class === "replace" ? [String(change.path[0])] : []));
      // A new object has nothing to be mended.
      const found = replaces.length > 0 ? [] : (definition.behind?.(olds, news as StateOf<R>) ?? []);
      const mends = found.filter(
        ({ path, property }) =>
          !asked.some((change) => isWithin(path, change.path)) && !isIgnored(property, meta?.ignoreChanges),
      );
      const changes = [...asked, ...mends];
      const told = changes.map((change) => {
        const remark = definition.remark?.(change, olds as StateOf<R>, news as StateOf<R>);
        const notes = `${change.reason ? `, ${change.reason}` : ""}${remark ? `; ${remark}` : ""}`;
        const line = `${change.property}: ${change.class}${notes}`;
        return { line, isPlain: change.class === "live" && notes === "" };
      });
      const lines = told.map(({ line }) => line);
      const more = definition.announce?.(changes, olds as State<R, O>, news as StateOf<R>) ?? [];
      if (changes.length > 0) lines.push(...more);
      const deleteBeforeReplace = !definition.createBeforeDelete;
      const onlyMends = asked.length === 0 && mends.length > 0;
      return {
        changes,
        lines,
        plain: told.filter(({ isPlain }) => isPlain).map(({ line }) => line),
        replaces: [...new Set(replaces)],
        deleteBeforeReplace,
        ...(onlyMends && { onlyMends }),
      };
    },

    async create(inputs, context) {
      const wanted = inputs as StateOf<R>;
      return keep(wanted, defaultsVersionOf(inputs, undefined), () => definition.create(wanted, context));
    },

    async read(id, values, context) {
      const seen = await definition.read(id, opened(values), context);
      if (!seen) return undefined;
      const version = defaultsVersionOf(values, values);
      const inputs: Values = { ...seen.inputs, defaultsVersion: version };
      return { ...store(inputs as StateOf<R>, seen, version), inputs };
    },

    async takeOver(id, values, context) {
      const inputs = values as StateOf<R>;
      const version = defaultsVersionOf(values, undefined);
      const bookkeeping = { stateVersion, defaultsVersion: version };
      const seen = await definition.read(id, opened({ ...values, adopted: true, __kvm: bookkeeping }), context);
      return seen && store(inputs, seen, version).state;
    },

    async update(id, olds, news, context) {
      const [old, wanted] = [opened(olds), news as StateOf<R>];
      const changes = changesOf(olds, news);
      const version = defaultsVersionOf(news, olds);
      const work = () => updateAround(definition, id, old, wanted, changes, context);
      return (await whileUnderWay(context.meta?.urn, () => keep(wanted, version, work))).state;
    },

    async delete(id, state, context, next) {
      const anew = next as StateOf<R> | undefined;
      await whileUnderWay(context.meta?.urn, () => definition.delete(id, opened(state), context, anew));
    },
  };
}

/** The inputs among the values of a state. */
export function inputsIn<R extends Rows>(rows: R, state: StateOf<R>): StateOf<R> {
  return Object.fromEntries(Object.keys(rows).map((name) => [name, state[name]])) as StateOf<R>;
}

/** What is given, and below it what is not. */
export function filled(given: Values, below: Values): Values {
  const merged: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(below)) {
    const own = given[name] ?? undefined;
    merged[name] = isPlainObject(own) && isPlainObject(value) ? filled(own, value) : (own ?? value);
  }
  return merged;
}

/** The inputs as the state keeps them. */
function kept(rows: Rows, inputs: Values): Values {
  const shorter = Object.entries<Row>(rows).flatMap(([name, row]) => {
    const value = inputs[name];
    return isPlainObject(value) ? [[name, keptValue(row, value)] as const] : [];
  });
  return { ...inputs, ...Object.fromEntries(shorter) };
}

function keptValue(row: Row, value: Values): unknown {
  if (row.kind === "attribute") return row.keep ? row.keep(value) : value;
  if (row.kind === "block") return kept(row.rows, value);
  const entries = Object.entries(value).map(([key, entry]) => [
    key,
    isPlainObject(entry) ? kept(row.rows, entry) : entry,
  ]);
  return Object.fromEntries(entries);
}

/** Every resource has it, so it is not a row of each. */
export const versionRow: Rows = {
  defaultsVersion: attribute({
    doc: "Table of defaults that this object follows; 0 adds nothing to what the object must have, for one that others made. Default: the newest at creation.",
    schema: z.int().min(0).max(newestDefaults).optional(),
    change: "none",
  }),
};

function defaultsVersionOf(news: Values, olds: Values | undefined): number {
  const [wanted, kept] = [news["defaultsVersion"], olds?.["defaultsVersion"]];
  if (typeof wanted === "number") return wanted;
  return typeof kept === "number" ? kept : newestDefaults;
}

/** The attribute that a property path begins with. */
function topName({ property }: Fault): string {
  return /^[^.[]*/.exec(property)?.[0] ?? property;
}

function identityOf(meta: Meta | undefined): Identity | undefined {
  return meta && new Identity(meta);
}

/** Property paths of the secret rows, with `*` for the names of map entries. */
function secretRows(rows: Rows, path = ""): string[] {
  return Object.entries(rows).flatMap(([name, row]: [string, Row]) => {
    const at = path === "" ? name : `${path}.${name}`;
    if (row.kind === "attribute") return row.secret ? [at] : [];
    return secretRows(row.rows, row.kind === "map" ? `${at}.*` : at);
  });
}
