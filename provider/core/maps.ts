import type { Row, Rows } from "./attribute";
import type { Values } from "./handler";
import { isPlainObject } from "./unknown";

// The engine writes the state of all objects at every step, and most machines have entries in few of their dozen maps:
// in state, one that is empty is absent.

/** The names of the maps among the rows. */
export function mapsIn(rows: Rows): string[] {
  return Object.entries<Row>(rows).flatMap(([name, row]) => (row.kind === "map" ? [name] : []));
}

/** The values without those of the `maps` that hold nothing, but for what `given` holds too. */
export function withoutEmpty(maps: readonly string[], values: Values, given: Values = {}): Values {
  const isEmpty = (value: unknown) => isPlainObject(value) && Object.keys(value).length === 0;
  const idle = new Set(maps.filter((name) => given[name] === undefined && isEmpty(values[name])));
  return idle.size === 0 ? values : Object.fromEntries(Object.entries(values).filter(([name]) => !idle.has(name)));
}

/** The values with all of the `maps`. */
export function withEmpty(maps: readonly string[], values: Values): Values {
  return { ...values, ...Object.fromEntries(maps.map((name) => [name, values[name] ?? {}])) };
}
