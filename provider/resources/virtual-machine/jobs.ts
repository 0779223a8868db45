import { KvmError } from "../../core/errors";
import { child } from "../../schema/tree";
import { devicesOf } from "./alias";
import type { BlockJob, Domain, Look } from "./domain";

/** virDomainJobOperation, by number. */
const operations: readonly string[] = [
  "a job",
  "a start",
  "a save",
  "a restore",
  "an incoming migration",
  "a migration to another host",
  "a snapshot",
  "a revert to a snapshot",
  "a memory dump",
  "a backup",
];

/** virDomainBlockJobType, by number. */
const blockJobs: readonly string[] = ["a block job", "a pull", "a copy", "a commit", "an active commit", "a backup"];
/** Of these kinds: once all is done they go on with what the guest writes, until somebody ends them. */
const endless: readonly number[] = [2, 4];

/**
 * Refuses to change a guest while libvirt works on it (virDomainGetJobStats, virDomainGetBlockJobInfo): a definition
 * that is written under a migration is lost with it, and one under a block copy names the disk that is left.
 */
export async function refuseWhileBusy(
  domain: Domain,
  { live, operation }: Pick<Look, "live" | "operation">,
): Promise<void> {
  if (!live) return;
  const disks = devicesOf(live, "disk").filter((disk) => child(disk, "source"));
  const found = await Promise.all(
    disks.map(async (disk) => {
      const target = child(disk, "target")?.attributes["dev"] ?? "";
      const job = await domain.blockJob(target);
      return job && { job, target };
    }),
  );
  const present = found.filter((one) => one !== undefined);
  const jobs = present.map(({ job, target }) => {
    return `${blockJobs[job.type] ?? blockJobs[0]} of the disk ${target}${progressOf(job)}`;
  });
  const running = operation === undefined ? jobs : [operations[operation] ?? "a job", ...jobs];
  if (running.length === 0) return;
  throw new KvmError("busy", {
    step: `update VirtualMachine ${domain.name}`,
    host: domain.host,
    reason: `${running.join(" and ")} is under way; nothing was changed`,
    remedy: present.some(({ job }) => isReady(job))
      ? `one that is done goes on until it is ended: go over to its image (virsh blockjob ${domain.name} DISK --pivot), or stay on this one (--abort), then run pulumi up again`
      : `wait for its end (virsh domjobinfo ${domain.name}; virsh blockjob ${domain.name} DISK), or end it (virsh domjobabort, virsh blockjob --abort), then run pulumi up again`,
  });
}

function isReady({ type, cur, end }: BlockJob): boolean {
  return endless.includes(type) && cur === end;
}

function progressOf({ cur, end }: BlockJob): string {
  return end === 0n ? "" : ` (${(cur * 100n) / end} % done)`;
}
