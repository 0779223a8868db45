import type { Change } from "../core/diff";
import type { Values } from "../core/handler";
import { isIgnored } from "../core/ignored";
import type { Bookkeeping } from "../core/resource";

/**
 * Which top-level properties an update leaves as the host has them: those whose changes the program ignores and does not
 * change itself. A creation that did not get to its end is still brought there.
 */
export function leftAlone(
  olds: Values,
  changes: readonly Change[],
  ignored: readonly string[] = [],
): (name: string) => boolean {
  const { applied = {} } = (olds["__kvm"] ?? {}) as Partial<Bookkeeping>;
  const isMade = Object.keys(applied).length > 0;
  return (name) => isMade && isIgnored(name, ignored) && changes.every(({ path }) => path[0] !== name);
}
