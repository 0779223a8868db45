import type { Rows, StateOf } from "./attribute";
import type { Fault } from "./check";
import type { Change } from "./diff";
import type { KvmError } from "./errors";
import type { Context, Values } from "./handler";

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
   * found instead of made. Where data would go with it, `whyItIsKept` refuses that.
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

/** A definition as the operations around it see it: what the engine hands on is as its rows say, `check` has seen to that. */
export type AnyDefinition = Definition<Rows, Readonly<Record<string, Output>>>;
export type AnyState = State<Rows, Values>;
