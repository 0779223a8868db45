import { setTimeout as sleep } from "node:timers/promises";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { type Element, isElement } from "../../schema/tree";
import { onceFree, Taken } from "../hand-over";
import { makerOf, otherDomains } from "../other-domains";
import type { Domain } from "./domain";

/** What libvirt and QEMU say of an image or a port that somebody has, and which one. */
const inUse = [/Is another process using the image \[(.+)\]\?/, /Failed to reserve port (\d+)/];

/** How often it is tried where nobody has it: whoever had it may be about to end. */
const attempts = 4;

/** Starts the guest; what another machine of the stack still has of its images and ports, that one is given time to let go of. */
export function startOnceFree(domain: Domain, paused: boolean, context: Context): Promise<void> {
  const start = () => domain.start(paused);
  return onceUnused(domain, `start VirtualMachine ${domain.name}`, context, start, ({ message }) => thingIn(message));
}

/** Does to the guest what is refused as long as another one has an image or a port; `thingOf` tells which, by the refusal. */
export function onceUnused(
  domain: Domain,
  step: string,
  context: Context,
  work: () => Promise<void>,
  thingOf: (error: KvmError) => string | undefined,
): Promise<void> {
  return onceFree(step, context, async () => {
    for (let left = attempts; ; left--) {
      try {
        return await work();
      } catch (error) {
        const thing = error instanceof KvmError ? thingOf(error) : undefined;
        if (!(error instanceof KvmError) || thing === undefined) throw error;
        const holder = await holderOf(domain, thing);
        if (holder !== undefined) throw new Taken(error.details, makerOf(holder), error.code);
        // It is none of the host's guests.
        if (left <= 1) throw error;
        await sleep(500);
      }
    }
  });
}

function thingIn(message: string): string | undefined {
  return inUse.flatMap((said) => said.exec(message)?.[1] ?? [])[0];
}

async function holderOf({ libvirt, host, uuid }: Domain, thing: string) {
  const running = await otherDomains(libvirt, host, uuid, true);
  return running.find(({ documents }) => documents.some((document) => mentions(document, thing)));
}

function mentions({ attributes, children }: Element, value: string): boolean {
  return Object.values(attributes).includes(value) || children.some((node) => isElement(node) && mentions(node, value));
}
