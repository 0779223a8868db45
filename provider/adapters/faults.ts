import type { CheckResult, Handler, Meta, Values } from "../core/handler";
import { isWithin } from "../core/paths";
import { isPlainObject } from "../core/unknown";

/** Shorter texts would be found in any sentence. */
const shortestSecret = 3;

/**
 * Faults as the engine is told them. Beside a property it prints the argument's whole value, secrets in clear, and
 * `<nil>` for one that lies within another: the path stands in the reason, which says what is wrong with the value.
 */
export function toldFaults(
  faults: CheckResult["failures"],
  values: Values,
  handler: Pick<Handler, "secretPaths">,
  meta: Meta | undefined,
): { property: string; reason: string }[] {
  if (faults.length === 0) return [];
  const patterns = [...handler.secretPaths, ...(meta?.secretPaths ?? [])].map((path) => path.split("."));
  const secrets = secretTexts(values, patterns)
    .filter((text) => text.length >= shortestSecret)
    .sort((one, other) => other.length - one.length);
  const hide = (text: string) => secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  return faults.map(({ property, reason }) => ({ property: "", reason: `${property}: ${hide(reason)}` }));
}

/** What is secret of a value, as messages may have it. */
function secretTexts(value: unknown, patterns: readonly string[][], path: readonly string[] = []): string[] {
  if (Array.isArray(value) || isPlainObject(value)) {
    return Object.entries(value).flatMap(([name, item]) => secretTexts(item, patterns, [...path, name]));
  }
  const isSecret = patterns.some((pattern) => isWithin(path, pattern));
  return isSecret && (typeof value === "string" || typeof value === "number") ? [String(value)] : [];
}
