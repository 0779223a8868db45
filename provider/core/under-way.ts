/**
 * The updates and deletes that are under way in this process, by urn: they may let go of something. Of one that waits
 * itself, for whom.
 */
const underWay = new Map<string, string | undefined>();

export async function whileUnderWay<T>(urn: string | undefined, work: () => Promise<T>): Promise<T> {
  if (urn === undefined) return work();
  underWay.set(urn, undefined);
  try {
    return await work();
  } finally {
    underWay.delete(urn);
  }
}

/** Notes for whom a resource waits, undefined when it goes on. */
export function noteWait(urn: string, holder: string | undefined): void {
  if (underWay.has(urn)) underWay.set(urn, holder);
}

/** Whether that resource, or the one that it waits for, is at work. Those that wait for each other are not. */
export function isAtWork(urn: string): boolean {
  const seen = new Set<string>();
  for (let at = urn; underWay.has(at) && !seen.has(at); ) {
    seen.add(at);
    const next = underWay.get(at);
    if (next === undefined) return true;
    at = next;
  }
  return false;
}
