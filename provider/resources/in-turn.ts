import type { HostReference } from "../core/handler";

/** The end of what was begun last, by host. */
const ends = new Map<string, Promise<unknown>>();

/** Looks at what others have on the host and takes what is free, one after another: two at a time would both find it free. */
export function inTurn<T>({ uuid, uri }: HostReference, work: () => Promise<T>): Promise<T> {
  const host = uuid ?? uri;
  const result = (ends.get(host) ?? Promise.resolve()).then(work);
  const end = result.catch(() => undefined);
  ends.set(host, end);
  return result;
}
