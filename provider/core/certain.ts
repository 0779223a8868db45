import { equal } from "./equal";
import type { Fault } from "./faults";
import type { Values } from "./handler";
import { hasUnknown, unknown } from "./unknown";

/**
 * The faults of `inputs` that stand whatever its unknown values turn out to be. `check` compares without a thought for
 * them: any fault of one that read some may be due to them, and is left to the update, which knows them.
 */
export function certainFaults<I extends Values>(
  check: (inputs: I) => readonly Fault[],
  inputs: I,
  maps: readonly string[],
): readonly Fault[] {
  const read: (readonly string[])[] = [];
  let faults: readonly Fault[];
  try {
    faults = check(watched(inputs, [], (path) => read.push(path)));
  } catch (error) {
    if (read.length === 0) throw error;
    return [];
  }
  if (faults.length === 0 || read.length === 0) return faults;
  // Other entries of a map have their faults without the one that is not known.
  const entries = read.filter(([name = "", key]) => maps.includes(name) && key !== undefined);
  if (entries.length < read.length) return [];
  const rest = certainFaults(check, entries.reduce(withoutEntry, inputs) as I, maps);
  return faults.filter((fault) => rest.some((other) => equal(other, fault)));
}

/** The value, which tells when an unknown one in it is read. */
function watched<T>(value: T, path: readonly string[], onRead: (path: readonly string[]) => void): T {
  // What is known all through stays itself: it may be frozen, and then a proxy must not answer with another.
  if (!hasUnknown(value) || typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const [inner, at]: [unknown, string[]] = [Reflect.get(target, key), [...path, String(key)]];
      if (inner === unknown) onRead(at);
      return watched(inner, at, onRead);
    },
  });
}

function withoutEntry(inputs: Values, [name = "", key = ""]: readonly string[]): Values {
  const { [key]: _, ...others } = inputs[name] as Values;
  return { ...inputs, [name]: others };
}
