import { setTimeout as sleep } from "node:timers/promises";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { type Element, isElement } from "../../schema/tree";
import { onceFree, Taken } from "../hand-over";
import { makerOf, otherDomains } from "../other-domains";
import type { Domain } from "./domain";
import { cidIn, cidTaken } from "./vsock-cid";

/** What libvirt and QEMU say of an image or a port that somebody has, and which one. */
const inUse = [/Is another process using the image \[(.+)\]\?/, /Failed to reserve port (\d+)/];

/** Whether a guest has what somebody was refused, by its document as it runs. */
type Has = (other: Element) => boolean;

/** How often it is tried where nobody has it: whoever had it may be about to end. */
const attempts = 4;

/**
 * Starts the guest; what another machine of the stack still has of its images, ports and vsock CID, that one is given time
 * to let go of.
 */
export function startOnceFree(domain: Domain, paused: boolean, context: Context): Promise<void> {
  const start = () => domain.start(paused);
  return onceUnused(domain, `start VirtualMachine ${domain.name}`, context, start, (error) => refusedIn(domain, error));
}

/** Does to the guest what is refused as long as another one has something of it; `hasIt` tells who, by the refusal. */
export function onceUnused(
  domain: Domain,
  step: string,
  context: Context,
  work: () => Promise<void>,
  hasIt: (error: KvmError) => Has | undefined | Promise<Has | undefined>,
): Promise<void> {
  return onceFree(step, context, async () => {
    for (let left = attempts; ; left--) {
      try {
        return await work();
      } catch (error) {
        const has = error instanceof KvmError ? await hasIt(error) : undefined;
        if (!(error instanceof KvmError) || has === undefined) throw error;
        const holder = await holderOf(domain, has);
        if (holder !== undefined) throw new Taken(error.details, makerOf(holder), error.code);
        // It is none of the host's guests.
        if (left <= 1) throw error;
        await sleep(500);
      }
    }
  });
}

/** By what libvirt and QEMU say. The number of a CID is for the definition to tell. */
export async function refusedIn(domain: Domain, { message }: KvmError): Promise<Has | undefined> {
  const thing = inUse.flatMap((said) => said.exec(message)?.[1] ?? [])[0];
  if (thing !== undefined) return mentioning(thing);
  const cid = cidTaken.test(message) ? cidIn(await domain.inactive()) : undefined;
  return cid === undefined ? undefined : (other) => cidIn(other) === cid;
}

export function mentioning(thing: string): Has {
  return (other) => mentions(other, thing);
}

async function holderOf({ libvirt, host, uuid }: Domain, has: Has) {
  const running = await otherDomains(libvirt, host, uuid, true);
  return running.find(({ documents }) => documents.some(has));
}

function mentions({ attributes, children }: Element, value: string): boolean {
  return Object.values(attributes).includes(value) || children.some((node) => isElement(node) && mentions(node, value));
}
