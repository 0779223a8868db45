import type { Change } from "../core/diff";
import type { Context, Values } from "../core/handler";
import { isIgnored } from "../core/ignored";
import type { Bookkeeping } from "../core/resource";

/**
 * Which top-level properties an update leaves as the host has them: those whose changes the program ignores and does not
 * change itself. A creation that did not get to its end is still brought there.
 */
export function leftAlone(olds: Values, changes: readonly Change[], { meta }: Context): (name: string) => boolean {
  const { applied = {} } = (olds["__kvm"] ?? {}) as Partial<Bookkeeping>;
  const isMade = Object.keys(applied).length > 0;
  return (name) => isMade && isIgnored(name, meta?.ignoreChanges) && changes.every(({ path }) => path[0] !== name);
}

/** How a network or pool of the host is asked whether it runs, now and after a start of the machine. */
interface Calls {
  isActive(uuid: string): Promise<boolean>;
  autostart(uuid: string): Promise<boolean>;
}

/** The wish for such an object, with what is left to others as it is. */
export async function asFound<I>(calls: Calls, uuid: string, news: I, isLeft: (name: string) => boolean): Promise<I> {
  return {
    ...news,
    ...(isLeft("active") && { active: await calls.isActive(uuid) }),
    ...(isLeft("autostart") && { autostart: await calls.autostart(uuid) }),
  };
}
