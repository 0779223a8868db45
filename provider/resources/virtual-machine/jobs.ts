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
const blockJobs: readonly string[] = ["block job", "pull", "copy", "commit", "active commit", "backup"];

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
      return job && `a ${blockJobs[job.type] ?? "block job"} of the disk ${target}${progressOf(job)}`;
    }),
  );
  const jobs = found.filter((job) => job !== undefined);
  const running = operation === undefined ? jobs : [operations[operation] ?? "a job", ...jobs];
  if (running.length === 0) return;
  throw new KvmError("busy", {
    step: `update VirtualMachine ${domain.name}`,
    host: domain.host,
    reason: `${running.join(" and ")} is under way; nothing was changed`,
    remedy: `wait for its end (virsh domjobinfo ${domain.name}; virsh blockjob ${domain.name} DISK), or end it (virsh domjobabort, virsh blockjob --abort), then run pulumi up again`,
  });
}

function progressOf({ cur, end }: BlockJob): string {
  return end === 0n ? "" : ` (${(cur * 100n) / end} % done)`;
}
