import type { Libvirt } from "../libvirt/api";
import type { Fault } from "./check";
import type { Change } from "./diff";
import type { KvmError } from "./errors";
import type { Origin } from "./identity";

export type Values = Readonly<Record<string, unknown>>;

/** How a resource reaches its host: Host's own inputs, plus what Host found out. */
export interface HostReference {
  readonly uri: string;
  readonly uuid?: string | undefined;
  readonly hostKey?: string | undefined;
  readonly identityFile?: string | undefined;
  readonly identityEnv?: string | undefined;
  readonly owner?: string | undefined;
}

/** What the class passes along because the engine does not. */
export interface Meta extends Origin {
  /** The urns that it may have in the state, from `aliases`. */
  readonly aliases?: readonly string[] | undefined;
  /** Seconds, from `customTimeouts`. */
  readonly timeouts?: { readonly create?: number; readonly update?: number; readonly delete?: number } | undefined;
  /** Property paths of arguments that the program marked secret. */
  readonly secretPaths?: readonly string[] | undefined;
  /**
   * Property paths of arguments that come from what has failed, in an update that goes on all the same
   * (`--continue-on-error`). The engine leaves them out, and leaves the object out after it was checked and compared.
   */
  readonly unknownPaths?: readonly string[] | undefined;
  /** Property paths of the option `ignoreChanges`. The engine takes care of inputs; it knows nothing of the running guest. */
  readonly ignoreChanges?: readonly string[] | undefined;
}

/** What an operation that touches the host may use. */
export interface Context {
  readonly meta: Meta | undefined;
  readonly signal: AbortSignal;
  /** The one connection of this process to that host. */
  connect(host: HostReference): Promise<Libvirt>;
  /** Live text in the resource's row; shown at most once a second, gone at the end. */
  progress(message: string): void;
  /** A line that stays under the resource in the output. */
  warn(message: string): void;
  info(message: string): void;
}

export interface CheckResult {
  readonly inputs: Values;
  readonly failures: readonly Fault[];
}

export interface DiffResult {
  readonly changes: readonly Change[];
  /** What the user reads of them, a line each: "memory: restart, above maxMemory; policy stage". */
  readonly lines: readonly string[];
  /** Those of the lines that tell of nothing but a change as it runs. */
  readonly plain: readonly string[];
  /** Top-level properties that force a new object. */
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
  /** The inputs are as they were: the changes are what the last look found to be mended. */
  readonly onlyMends?: true;
}

export interface Stored {
  readonly id: string;
  readonly state: Values;
  /** The object was there before: another resource of the state may be the same one, under a former name. */
  readonly takenUp?: boolean;
}

/** One resource as any Pulumi face (dynamic provider today, plugin later) drives it. Knows nothing of Pulumi. */
export interface Handler {
  readonly type: string;
  /** Property paths (with `*` for entry names) that are always secret. */
  readonly secretPaths: readonly string[];
  /** Outputs that repeat values of an argument, with its name: secrets where any of that is one. */
  readonly repeated: Readonly<Record<string, string>>;
  /** Top-level properties in which null is a value: elsewhere it is as good as absent. */
  readonly nullable: readonly string[];
  /** Top-level properties that hold entries by name: absent is as good as empty. */
  readonly maps: readonly string[];
  /** The object says on the host which resource it is, and an update makes that follow. */
  readonly isMarked: boolean;
  /** Name and uuid derive from the resource's place in the program: one that the user has made anew goes first. */
  readonly isDerived: boolean;
  /** A replaced object stays beside the new one until that is in its place. */
  readonly createBeforeDelete: boolean;
  /** It has to go ahead of what it depends on, where both are made anew: it could not be deleted afterwards. */
  readonly goesAhead: boolean;
  /** Why an object that the program has with these inputs is not made anew but for a change of them. Pure. */
  whyItIsKept(inputs: Values): KvmError | undefined;
  /** Pure; uses no network. */
  check(news: Values, olds: Values | undefined, meta: Meta | undefined): CheckResult;
  /** Pure; uses no network. Throws a KvmError for a change that is refused. */
  diff(id: string, olds: Values, news: Values, meta?: Meta): DiffResult;
  create(inputs: Values, context: Context): Promise<Stored>;
  /** Undefined only when libvirt itself says that this very object does not exist. */
  read(id: string, state: Values, context: Context): Promise<(Stored & { readonly inputs: Values }) | undefined>;
  /** State of an object that others made, as if these inputs had made it; nothing is written. Undefined as for read. */
  takeOver(id: string, inputs: Values, context: Context): Promise<Values | undefined>;
  update(id: string, olds: Values, news: Values, context: Context): Promise<Values>;
  /** `next` are the inputs of the one that is made anew in its place, where no change of them asks for that. */
  delete(id: string, state: Values, context: Context, next?: Values): Promise<void>;
}

/** Thrown when the object exists on the host but is not what was asked for: state is kept, the next `up` goes on. */
export class PartialFailure extends Error {
  override readonly name = "PartialFailure";

  constructor(
    readonly id: string,
    readonly state: Values,
    override readonly cause: Error,
  ) {
    super(cause.message, { cause });
  }
}
