import type { Values } from "../../core/handler";
import type { Bookkeeping } from "../../core/resource";
import { isPlainObject } from "../../core/unknown";
import type { Element } from "../../schema/tree";

/** What the guest has, and what its definition has instead. */
export interface Difference {
  readonly old?: unknown;
  readonly next?: unknown;
}

/** What state keeps of one run of the guest, for the next look at it. */
export interface RunNote {
  /** What was taken out of the program, and the guest gives up with the end of this very run alone. */
  readonly properties?: readonly string[];
  /** What the guest has otherwise than its definition, and the next update mends. */
  readonly behind?: readonly string[];
  /** What was otherwise when an update had done all that it could. */
  readonly left?: Readonly<Record<string, Difference>> | undefined;
  /** Somebody undefined it as it runs: libvirt forgets it when it stops. */
  readonly isUndefined?: true;
}

/** libvirt's number of the run. */
const runOf = (live: Element): string => live.attributes["id"] ?? "";

/** The memo of a state that is to know this of the run; undefined when there is nothing to know. */
export function memoOfRun(live: Element, note: RunNote): Values | undefined {
  const said = Object.entries(note).filter(([, value]) => Object.keys(value ?? {}).length > 0);
  return said.length > 0 ? { run: runOf(live), ...Object.fromEntries(said) } : undefined;
}

/** What the state knows of the run that `live` shows. */
export function noteOf(state: Values, live: Element): RunNote {
  const memo = memoOf(state);
  return memo["run"] === runOf(live) ? memo : {};
}

/** The properties that need a new start of the guest, by what the state says. */
export function waitingIn({ pendingRestart }: Values): readonly unknown[] {
  return Array.isArray(pendingRestart) ? pendingRestart : [];
}

/** What the last refresh noted to be mended. */
export function behindIn(state: Values): readonly string[] {
  return (memoOf(state) as RunNote).behind ?? [];
}

/** Whether the last refresh found the guest without a definition. */
export function isUndefinedIn(state: Values): boolean {
  return (memoOf(state) as RunNote).isUndefined === true;
}

function memoOf(state: Values): Values {
  const memo = (state["__kvm"] as Bookkeeping | undefined)?.memo;
  return isPlainObject(memo) ? memo : {};
}
