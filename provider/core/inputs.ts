import type { Row, Rows } from "./attribute";
import { certainFaults } from "./certain";
import { checkRows, type Fault } from "./check";
import { defaultsVersionOf, versionRow } from "./defaults-version";
import type { AnyDefinition } from "./definition";
import { filled } from "./filled";
import type { CheckResult, Meta, Values } from "./handler";
import { Identity } from "./identity";
import { mapsIn } from "./maps";
import { hasUnknown, isPlainObject } from "./unknown";

/** The canonical inputs for what a program gives, and all that is wrong with it. Pure. */
export function checkInputs(
  definition: AnyDefinition,
  given: Values,
  olds: Values | undefined,
  meta: Meta | undefined,
): CheckResult {
  const { rows, presets } = definition;
  const defaultsVersion = defaultsVersionOf(given, olds);
  const news = filled(given, presets?.of(given, olds, defaultsVersion) ?? {});
  const context = { identity: meta && new Identity(meta), defaultsVersion, inputs: news };
  const { values: inputs, faults } = checkRows({ ...rows, ...versionRow }, { news, olds }, context);
  // Of presets that are not known yet nobody knows what they would fill in.
  const isOpen = presets?.by.some((name) => hasUnknown(news[name])) === true;
  const more = isOpen ? [] : ruleFaults(definition, inputs, faults);
  return { inputs: { ...kept(rows, inputs), defaultsVersion }, failures: [...faults, ...more] };
}

/** What is wrong by itself says nothing about what it is next to; all else is told in the same round. */
function ruleFaults({ rows, rules = [] }: AnyDefinition, inputs: Values, faults: readonly Fault[]): Fault[] {
  const wrong = new Set(faults.map(topName));
  const isKnown = !hasUnknown(inputs);
  const maps = mapsIn(rows);
  return rules
    .filter(({ needs }) => !needs.some((name) => wrong.has(name) || hasUnknown(inputs[name])))
    .flatMap((rule) => (isKnown ? rule.check(inputs) : certainFaults((known) => rule.check(known), inputs, maps)))
    .filter((fault) => !wrong.has(topName(fault)));
}

/** The attribute that a property path begins with. */
function topName({ property }: Fault): string {
  return /^[^.[]*/.exec(property)?.[0] ?? property;
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
