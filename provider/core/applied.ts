import { equal } from "./equal";
import type { Values } from "./handler";
import { isPlainObject } from "./unknown";

/** The values read back after the last apply, as state keeps them: most are what the state says already. */
export interface Packed {
  /** Paths of the values that equal those beside them in the state, separated by blanks. */
  readonly same?: string;
  /** The values that differ. */
  readonly applied?: Values;
}

/**
 * Leaves out of `applied` what `state` holds anyway. The engine writes the whole state at every step of a
 * deployment, so its size is what a large stack waits for.
 */
export function pack(applied: Values, state: Values): Packed {
  const same: string[] = [];
  const rest = differing(applied, state, "", same);
  return { ...(same.length > 0 && { same: same.join(" ") }), ...(rest && { applied: rest }) };
}

function differing(values: Values, state: Values, path: string, same: string[]): Values | undefined {
  const rest = Object.entries(values).flatMap(([name, value]): [string, unknown][] => {
    const beside = state[name];
    if (beside !== undefined && equal(value, beside)) {
      same.push(path + name);
      return [];
    }
    if (!isPlainObject(value) || !isPlainObject(beside)) return [[name, value]];
    const inner = differing(value, beside, `${path}${name}.`, same);
    // An object of which nothing is left is made again from its parts, an empty one would not be.
    return inner || Object.keys(value).length === 0 ? [[name, inner ?? value]] : [];
  });
  return rest.length > 0 ? Object.fromEntries(rest) : undefined;
}

/** All the values that were packed beside this state. */
export function unpack({ same = "", applied = {} }: Packed, state: Values): Values {
  const values = structuredClone(applied) as Record<string, unknown>;
  for (const path of same.split(" ").filter((part) => part !== "")) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    let [into, beside]: [Record<string, unknown>, unknown] = [values, state];
    for (const name of names) {
      const inner = isPlainObject(into[name]) ? (into[name] as Record<string, unknown>) : {};
      into[name] = inner;
      into = inner;
      beside = isPlainObject(beside) ? beside[name] : undefined;
    }
    into[last] = isPlainObject(beside) ? beside[last] : undefined;
  }
  return values;
}
