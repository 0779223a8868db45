import type { CheckResult } from "../core/handler";

/**
 * Faults as the engine is told them. Beside a property it prints the argument's whole value, secrets in clear, and
 * `<nil>` for one that lies within another: the path stands in the reason, which says what is wrong with the value.
 */
export function toldFaults(
  faults: CheckResult["failures"],
  hide: (text: string) => string,
): { property: string; reason: string }[] {
  return faults.map(({ property, reason }) => ({ property: "", reason: `${property}: ${hide(reason)}` }));
}
