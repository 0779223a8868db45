import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { type Element, isElement } from "../../schema/tree";
import { onceFree, Taken } from "../hand-over";
import { makerOf, otherDomains } from "../other-domains";
import type { Domain } from "./domain";

/** What libvirt and QEMU say of an image or a port that somebody has, and which one. */
const inUse = [/Is another process using the image \[(.+)\]\?/, /Failed to reserve port (\d+)/];

/** Starts the guest; what another machine of the stack still has of its images and ports, that one is given time to let go of. */
export async function startOnceFree(domain: Domain, paused: boolean, context: Context): Promise<void> {
  let isLast = false;
  await onceFree(`start VirtualMachine ${domain.name}`, context, async () => {
    for (;;) {
      try {
        return await domain.start(paused);
      } catch (error) {
        const thing = error instanceof KvmError ? thingIn(error.message) : undefined;
        if (!(error instanceof KvmError) || thing === undefined) throw error;
        const holder = await holderOf(domain, thing);
        if (holder !== undefined) throw new Taken(error.details, makerOf(holder), error.code);
        // Whoever had it has let go meanwhile, or it is none of the host's guests.
        if (isLast) throw error;
        isLast = true;
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
