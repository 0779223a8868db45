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

/** The resources of which the program has told what it wants, by urn. */
const asked = new Set<string>();

export function noteAsked(urn: string): void {
  asked.add(urn);
}

/** Whether the program has, in this process, told of the resource. */
export function isAsked(urn: string): boolean {
  return asked.has(urn);
}

/** Whether the program has told of the one resource and not of the other: it comes to that later, or has it no more. */
export function isLeftOut(holder: string, urn: string): boolean {
  return isAsked(urn) && !isAsked(holder);
}
