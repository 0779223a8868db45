import type { Change } from "../../core/diff";
import { KvmError } from "../../core/errors";
import { hasUnknown } from "../../core/unknown";
import type { Domain } from "./domain";
import type { Inputs } from "./rows";

/** Refuses what a guest that is `active` cannot have by this update, before anything is written. */
export function requirePolicy(domain: Domain, news: Inputs, changes: readonly Change[], active: boolean): void {
  if (active) refuseRename(domain.name, news);
  const restarts = restartsOf(changes);
  if (!active || news.changePolicy !== "refuse" || restarts.length === 0) return;
  throw refusedRestart(domain.name, domain.host, restarts);
}

/** A name is nothing that could wait for the next start. */
export function refuseRename(name: string, news: Inputs): void {
  if (news.name === name || hasUnknown(news.name) || news.changePolicy === "restart" || news.state === "stopped")
    return;
  throw new KvmError("invalid", {
    step: `rename VirtualMachine ${name} to ${news.name}`,
    host: news.host.uri,
    reason: "libvirt renames only a domain that is off; nothing was changed",
    remedy: 'set changePolicy: "restart" or state: "stopped" for this update',
  });
}

/** One that was adopted would stay on the host, and be adopted again as it is, at each update. */
export function refuseAnew(changes: readonly Change[], olds: Inputs & { readonly adopted?: boolean }): void {
  // What is not known yet in a preview may turn out to be no change.
  const asking = changes.filter(({ class: kind, next }) => kind === "replace" && !hasUnknown(next));
  if (olds.adopted !== true || olds.deleteAdopted === true || asking.length === 0) return;
  throw new KvmError("unsupported", {
    step: `make VirtualMachine ${olds.name} anew`,
    host: olds.host.uri,
    reason: `${asking.map(({ property }) => property).join(", ")} cannot change otherwise, and what was adopted stays; nothing was changed`,
    remedy:
      "undo the change; where it may be deleted for it, set deleteAdopted: true and run pulumi up before the change",
  });
}

/** Changes that would need a restart. What is not known yet in a preview may turn out to be no change. */
export function restartsOf(changes: readonly Change[]): readonly Change[] {
  return changes.filter((change) => change.class === "restart" && !hasUnknown(change.next));
}

export function refusedRestart(name: string, host: string, restarts: readonly Change[]): KvmError {
  const reasons = restarts.map(({ property, reason }) => (reason ? `${property} (${reason})` : property));
  return new KvmError("invalid", {
    step: `update VirtualMachine ${name}`,
    host,
    reason: `${reasons.join(", ")} would need a restart of the guest, and changePolicy is "refuse"; nothing was changed`,
    remedy:
      'set changePolicy to "stage" (write it for the next start) or "restart", or take the change back; after a new start that pulumi has not seen run pulumi refresh first',
  });
}
