import { setTimeout as sleep } from "node:timers/promises";
import { KvmError } from "../../core/errors";
import { countIn } from "../../tuning/capacity";
import { cpusIn } from "../../tuning/cpu-set";
import type { CellPages } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import { addForGuest, type GuestPages, withMore } from "../added-pages";
import { domainClaim } from "../domain-claim";
import { onceFree } from "../hand-over";
import { withHostLock } from "../host-lock";
import { type HostUsage, hostUsage, othersClaims } from "../host-usage";
import { pagesOf, pagesText } from "../placed";
import { rivalOf } from "./pin-refusals";
import { concernsOthers, type Placed, smtOf } from "./placement";
import { plan, type Site } from "./planning";
import { composeRows } from "./render";
import type { Inputs } from "./rows";

/** Times that a guest is placed anew because somebody took its CPUs without the lock. */
const attempts = 12;

/**
 * Writes the definition of a placed guest, with the pages of the host that it is to give back some day; answers how to
 * take it back.
 */
export type Write<T> = (
  placement: Placed | undefined,
  added: readonly GuestPages[],
) => Promise<{
  readonly result: T;
  readonly undo: () => Promise<void>;
}>;

/** Places the guest and writes its definition. What others of the stack give up meanwhile is waited for without the lock. */
export function placeAndWrite<T>(site: Site, write: Write<T>): Promise<T> {
  const { inputs, context } = site;
  return onceFree(`place VirtualMachine ${inputs.name}`, context, () => placeUnderLock(site, write));
}

/**
 * Places the guest and writes its definition, which is what others see of it, under the lock of the host. Then it
 * looks again: whoever placed a guest without the lock, by hand or on a host that has none, goes first, and this one is
 * placed anew. Pages that it needs are added last: what was written says how to give them back, whatever happens.
 */
async function placeUnderLock<T>(site: Site, write: Write<T>): Promise<T> {
  const { inputs, libvirt, context } = site;
  const host = inputs.host.uri;
  if (!concernsOthers(inputs) && site.added.length === 0) return (await write(undefined, [])).result;
  return withHostLock(libvirt, host, context, async (lock) => {
    let mayAddPages = true;
    for (let left = attempts; ; left--) {
      const usage = await hostUsage(libvirt, inputs.host, site.uuid);
      const limits = { ...usage.limits, mayAddPages: mayAddPages && usage.limits.mayAddPages === true };
      const placement = await plan(site, { ...usage, limits });
      await lock.renew();
      const more = pagesOf(placement?.addedPages ?? []);
      const pools = { topology: usage.topology, added: usage.added, claims: usage.ledger.claims };
      const added = withMore(site.added, more, pools);
      const { result, undo } = await write(placement && withAdded(placement, added), added);
      const rival = await rivalFor(site, placement, usage.topology);
      if (!rival) {
        const missing = await providePages(site, more, usage, undo);
        if (missing === undefined) return result;
        context.warn(`${missing} for ${inputs.name}: it is placed without pages that would have to be added`);
        mayAddPages = false;
        continue;
      }
      await undo();
      if (left <= 1) {
        throw new KvmError("busy", {
          step: `place VirtualMachine ${inputs.name}`,
          host,
          reason: `others go on taking the CPUs that it is given, ${rival.name} the last ones; nothing was changed`,
          remedy: "run pulumi up again when nobody else defines guests on the host",
        });
      }
      context.info(`${rival.name} took CPUs of ${inputs.name} meanwhile: it is placed anew`);
      await sleep(50 + Math.random() * 400);
    }
  });
}

/** Of the guest's pages all that the host was given for it: the planner tells those that it lacks. */
function withAdded({ addedPages: _lacking, ...placement }: Placed, added: readonly GuestPages[]): Placed {
  const own = pagesOf(placement.pages);
  const told = added.map((pool) => ({ ...pool, count: Math.min(pool.count, countIn(own, pool)) }));
  const used = told.filter(({ count }) => count > 0);
  return { ...placement, ...(used.length > 0 && { addedPages: pagesText(used) }) };
}

/** Adds the pages, or takes back what was written and tells what was missing. */
async function providePages(
  { libvirt, inputs }: Site,
  pages: readonly CellPages[],
  { topology }: HostUsage,
  undo: () => Promise<void>,
): Promise<string | undefined> {
  if (pages.length === 0) return undefined;
  try {
    const missing = await addForGuest(libvirt, inputs.host.uri, pages, topology);
    if (missing !== undefined) await undo();
    return missing;
  } catch (error) {
    await undo().catch(() => undefined);
    throw error;
  }
}

/** Another guest that owns CPUs which this one was just given. */
async function rivalFor(site: Site, placement: Placed | undefined, topology: HostTopology) {
  const { inputs, libvirt, uuid } = site;
  const owned = ownedBy(inputs, placement, topology);
  if (owned.length === 0) return undefined;
  const claims = await othersClaims(libvirt, inputs.host.uri, uuid, topology);
  return rivalOf(owned, claims, topology, placement && smtOf(inputs));
}

function ownedBy(inputs: Inputs, placement: Placed | undefined, topology: HostTopology): readonly number[] {
  if (placement) return cpusIn(placement.owned);
  return inputs.cpu?.policy === "shared" ? [] : domainClaim(composeRows(inputs), topology).owned;
}
