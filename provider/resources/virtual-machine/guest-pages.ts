import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import type { Element } from "../../schema/tree";
import { countIn } from "../../tuning/capacity";
import type { CellPages } from "../../tuning/request";
import { addForGuest, type GuestPages, giveBack, stillThere, textOf } from "../added-pages";
import { domainClaim } from "../domain-claim";
import { withHostLock } from "../host-lock";
import { type HostUsage, hostUsage } from "../host-usage";
import { pagesOf } from "../placed";
import { readRecord, recordMetadata } from "../placement-record";
import type { Domain } from "./domain";
import { type Placed, recordOf } from "./placement";
import type { Inputs } from "./rows";

/** Pages of the host that were added for the guest of that definition. */
export function addedIn(document: Element): readonly GuestPages[] {
  return readRecord(document)?.pages ?? [];
}

/** What came to the pages of a guest since they were `before`. */
export function grownBy(pages: readonly GuestPages[], before: readonly CellPages[]): GuestPages[] {
  return pages.flatMap((pool) => {
    const old = countIn(before, pool);
    return pool.count > old ? [{ ...pool, count: pool.count - old, base: pool.base + old }] : [];
  });
}

/** Gives pages back to the host's ordinary memory. What a guest still runs on stays, and is told. */
export async function returnPages(domain: Domain, pages: readonly GuestPages[], context: Context): Promise<void> {
  await underLock(domain, pages, context, (usage) => taken(domain, pages, usage, context));
}

/** Gives back the pages that the guest does without, as it is elsewhere or smaller, and says so in its definition. */
export async function tidyPages(
  domain: Domain,
  inputs: Inputs,
  placement: Placed | undefined,
  context: Context,
): Promise<void> {
  const document = await domain.inactive();
  const added = addedIn(document);
  const placed = pagesOf(placement?.pages ?? []);
  if (added.every((pool) => pool.count <= countIn(placed, pool))) return;
  await underLock(domain, added, context, async (usage) => {
    // With those of memory devices that say their own size.
    const { pages: used } = domainClaim(document, usage.topology);
    const unused = grownBy(added, used);
    if (unused.length === 0) return;
    const left = await taken(domain, unused, usage, context);
    const kept = added.flatMap((pool) => {
      const count = pool.count - countIn(unused, pool) + countIn(left, pool);
      return count > 0 ? [{ ...pool, count }] : [];
    });
    const { xml, key, uri } = recordMetadata(recordOf(inputs, placement, kept));
    await domain.setMetadataElement(xml, key, uri);
  });
}

async function taken(domain: Domain, pages: readonly GuestPages[], usage: HostUsage, context: Context) {
  const pools = { added: usage.added, claims: usage.ledger.claims };
  const left = await giveBack(domain.libvirt, domain.host, pages, pools);
  if (left.length > 0) context.warn(`${left.map(textOf).join(", ")} are in use and were not given back`);
  return left;
}

/** A restart of the host took the pages away: before the guest starts they are added again. */
export async function restorePages(domain: Domain, inputs: Inputs, document: Element, context: Context): Promise<void> {
  await underLock(domain, addedIn(document), context, async (usage) => {
    const pools = { topology: usage.topology, added: usage.added, claims: usage.ledger.claims };
    const gone = addedIn(document).flatMap((pool) => {
      const count = pool.count - stillThere(pool, pools);
      return count > 0 ? [{ ...pool, count }] : [];
    });
    const missing = gone.length > 0 ? await addForGuest(domain.libvirt, domain.host, gone, usage.topology) : undefined;
    if (missing === undefined) return;
    throw new KvmError("busy", {
      step: `start VirtualMachine ${inputs.name}`,
      host: domain.host,
      reason: `its huge pages are gone since the host was started anew, and ${missing}`,
      remedy: "free memory of the host (stop guests, drop its caches) and run pulumi up again",
    });
  });
}

async function underLock(
  domain: Domain,
  pages: readonly GuestPages[],
  context: Context,
  work: (usage: HostUsage) => Promise<unknown>,
): Promise<void> {
  if (pages.length === 0) return;
  const { libvirt, host, uuid } = domain;
  await withHostLock(libvirt, host, context, async () => work(await hostUsage(libvirt, { uri: host }, uuid)));
}
