import { setTimeout as sleep } from "node:timers/promises";
import { KvmError } from "../../core/errors";
import { parseCpuSet } from "../../tuning/cpu-set";
import type { HostTopology } from "../../tuning/topology";
import { domainClaim } from "../domain-claim";
import { withHostLock } from "../host-lock";
import { hostUsage, othersClaims } from "../host-usage";
import { rivalOf } from "./pin-refusals";
import { concernsOthers, type Placed } from "./placement";
import { plan, type Site } from "./planning";
import { composeRows } from "./render";
import type { Inputs } from "./rows";

/** Times that a guest is placed anew because somebody took its CPUs without the lock. */
const attempts = 12;

/** Writes the definition of a placed guest; answers how to take it back. */
export type Write<T> = (placement: Placed | undefined) => Promise<{
  readonly result: T;
  readonly undo: () => Promise<void>;
}>;

/**
 * Places the guest and writes its definition, which is what others see of it, under the lock of the host. Then it
 * looks again: whoever placed a guest without the lock, by hand or on a host that has none, goes first, and this one is
 * placed anew.
 */
export async function placeAndWrite<T>(site: Site, write: Write<T>): Promise<T> {
  const { inputs, libvirt, context } = site;
  const host = inputs.host.uri;
  if (!concernsOthers(inputs)) return (await write(undefined)).result;
  return withHostLock(libvirt, host, context, async (lock) => {
    for (let left = attempts; ; left--) {
      const usage = await hostUsage(libvirt, inputs.host, site.uuid);
      const placement = await plan(site, usage);
      await lock.renew();
      const { result, undo } = await write(placement);
      const owned = ownedBy(inputs, placement, usage.topology);
      if (owned.length === 0) return result;
      const claims = await othersClaims(libvirt, host, site.uuid, usage.topology);
      const rival = rivalOf(owned, claims, usage.topology, placement && inputs.cpu?.smt);
      if (!rival) return result;
      await undo();
      if (left === 1) {
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

function ownedBy(inputs: Inputs, placement: Placed | undefined, topology: HostTopology): readonly number[] {
  if (placement) return placement.owned === "" ? [] : parseCpuSet(placement.owned);
  return inputs.cpu?.policy === "shared" ? [] : domainClaim(composeRows(inputs), topology).owned;
}
