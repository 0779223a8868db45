import type { Bookkeeping } from "../../core/definition";
import type { Values } from "../../core/handler";
import { isSameAt, valueAt, withValueAt } from "../../core/paths";
import { isPlainObject } from "../../core/unknown";

/** What the guest has, and what its definition has instead. */
export interface Difference {
  readonly old?: unknown;
  readonly next?: unknown;
}

/** What state keeps of the running guest, for the next look at it. */
export interface RunNote {
  /** What the guest has otherwise than its definition, and the next update mends. */
  readonly behind?: readonly string[];
  /** What was otherwise when an update had done all that it could. */
  readonly left?: Readonly<Record<string, Difference>> | undefined;
  /** What waits for its next start: changes are measured by what the guest has, and how much fits into it. */
  readonly room?: Readonly<Record<string, Difference>> | undefined;
  /** Somebody undefined it as it runs: libvirt forgets it when it stops. */
  readonly isUndefined?: true;
  /** Nobody has looked at it since it was adopted: where the program differs, the engine sees the same inputs as then. */
  readonly isAsAdopted?: true;
}

/** The memo of a state that is to know this of the guest; undefined when there is nothing to know. */
export function memoOf(note: RunNote): Values | undefined {
  const said = Object.entries(note).filter(([, value]) => Object.keys(value ?? {}).length > 0);
  return said.length > 0 ? Object.fromEntries(said) : undefined;
}

/** What the state knows of the running guest. */
export function noteOf(state: Values): RunNote {
  const memo = (state["__kvm"] as Bookkeeping | undefined)?.memo;
  return isPlainObject(memo) ? memo : {};
}

/** The inputs as the running guest has them. */
export function inRun<I extends Values>(inputs: I, state: Values): I {
  const { room = {} } = noteOf(state);
  const inForce = Object.entries(room).reduce<Values>(
    (values, [property, { old }]) => withValueAt(values, property.split("."), old),
    inputs,
  );
  return inForce as I;
}

/**
 * The inputs, and with them what the guest alone still has of values that neither they nor `news` name: a refresh that
 * finds them out of the definition, as after an update that was cut off, takes them out of the state.
 */
export function withRest(inputs: Values, state: Values, news: Values = inputs): Values {
  const { room = {} } = noteOf(state);
  return Object.entries(room).reduce((values, [property, { old }]) => {
    const path = property.split(".");
    const isNamed = [values, news].some((named) => valueAt(named, path) !== undefined);
    return old === undefined || isNamed ? values : withValueAt(values, path, old);
  }, inputs);
}

/** What the guest has of values that the program says no more: a later look cannot tell, and goes by the state. */
export function leftIn(
  state: Values,
  properties: readonly { readonly property: string; readonly old?: unknown }[],
): Readonly<Record<string, Difference>> {
  const { room = {} } = noteOf(state);
  const found = properties.map((gone) => {
    const { property, old } = gone;
    return [property, "old" in gone ? { ...(old !== undefined && { old }) } : room[property]] as const;
  });
  return Object.fromEntries(found.filter((pair): pair is [string, Difference] => pair[1] !== undefined));
}

/** The properties that need a new start of the guest, by what the state says. */
export function waitingIn({ pendingRestart }: Values): readonly unknown[] {
  return Array.isArray(pendingRestart) ? pendingRestart : [];
}

/** What an earlier run has asked of the guest, which has not done it, and the program says as it did. */
export function stillLeftIn(state: Values, news: Values): readonly string[] {
  return Object.keys(noteOf(state).left ?? {}).filter((property) => isSameAt(state, news, property.split(".")));
}

/** What the last refresh noted to be mended. */
export function behindIn(state: Values): readonly string[] {
  return noteOf(state).behind ?? [];
}

/** Whether the last refresh found the guest without a definition. */
export function isUndefinedIn(state: Values): boolean {
  return noteOf(state).isUndefined === true;
}

/** Whether the state shows the machine as it was when it was adopted. */
export function isAsAdoptedIn(state: Values): boolean {
  return noteOf(state).isAsAdopted === true;
}
