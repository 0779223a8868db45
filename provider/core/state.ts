import { type Packed, pack, unpack } from "./applied";
import type { AnyDefinition, AnyState, Bookkeeping, Made } from "./definition";
import type { Stored, Values } from "./handler";
import { mapsIn, withEmpty, withoutEmpty } from "./maps";

/** The layout of the state that this release writes. */
export const stateVersion = 1;

/** Where the state has a resource's notes, which may repeat any value, be it secret or not: they are a secret as a whole. */
export const memoPath = "__kvm.memo";

/** The state of an object with these inputs. */
export function store(definition: AnyDefinition, inputs: Values, made: Made<Values>, defaultsVersion: number): Stored {
  const values: Values = { ...inputs, ...made.outputs };
  const applied =
    made.applied && pack(withoutEmpty(mapsIn(definition.rows), made.applied), inForce(definition, values));
  const bookkeeping = { stateVersion, defaultsVersion, ...applied, ...(made.memo && { memo: made.memo }) };
  const takenUp = made.takenUp === true || made.outputs["adopted"] === true;
  return { id: made.id, state: { ...values, __kvm: bookkeeping }, takenUp };
}

/** What the resource sees of a stored state. */
export function opened(definition: AnyDefinition, values: Values): AnyState {
  const kept = values["__kvm"] as (Packed & Bookkeeping) | undefined;
  if (!kept) return values as AnyState;
  const applied = unpack(kept, inForce(definition, values));
  // Of an object that was never looked at nothing is applied, empty maps neither.
  const isFirst = Object.keys(applied).length === 0;
  return {
    ...values,
    __kvm: { ...kept, applied: isFirst ? applied : withEmpty(mapsIn(definition.rows), applied) },
  };
}

/** A state with the inputs that are in force. */
export function inForce(definition: AnyDefinition, values: Values): Values {
  return definition.effective?.(values, values) ?? values;
}
