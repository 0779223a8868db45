import { attribute, type Verdict } from "../../core/attribute";
import { KvmError } from "../../core/errors";
import type { Libvirt } from "../../libvirt/api";
import type { HostTopology } from "../../tuning/topology";
import { attempt } from "../failure";
import type { DeclaredPages } from "../host-limits";
import { addPages, freePages, setPages } from "../host-pages";
import { claimsOf, guestPagesOf } from "../host-usage";
import { otherDomains } from "../other-domains";
import { pageCounts } from "./limits";
import { type AddedPages, type PoolPlan, planPages, shortfalls, sizeOf, stillAdded } from "./page-plan";

const atRunTime: Verdict = { class: "live", reason: "pages are added and given back at run time" };

export const hugePageRows = {
  hugePages: attribute<readonly DeclaredPages[] | undefined>({
    doc: 'Huge pages that the machine is to have at least, as `[{ cell: 0, size: "2 MiB", count: 1024 }]`; without `cell` in each cell. What is missing is added at run time (virNodeAllocPages), and given back with the Host but for pages that guests use or need for their next start. Declare them in one stack of the machine: each takes what another added for what was there before. They are gone after a restart of the machine, until `pulumi up --refresh` adds them again: reserve those of guests that start with the machine on its kernel\'s command line. Default: none.',
    schema: pageCounts.optional(),
    change: () => atRunTime,
  }),
};

/** What has to be done for the wanted pages; reads only. */
export async function pagePlans(
  libvirt: Libvirt,
  host: string,
  wanted: readonly DeclaredPages[],
  kept: readonly AddedPages[],
  topology: HostTopology,
): Promise<PoolPlan[]> {
  const isOwn = stillAdded(kept, topology).length > 0;
  if (!isOwn && wanted.length === 0) return [];
  const [free, domains] = await Promise.all([
    isOwn ? freePages(libvirt, host, topology) : [],
    otherDomains(libvirt, host, ""),
  ]);
  const claimed = claimsOf(domains, topology).flatMap(({ pages }) => [...pages]);
  return planPages(wanted, kept, topology, free, guestPagesOf(domains), claimed);
}

/** Gives back, then adds, the largest pages first: they need most memory in one piece. Answers what libvirt refused. */
export async function carryOut(libvirt: Libvirt, host: string, plans: readonly PoolPlan[]): Promise<string[]> {
  const byNeed = [...plans].sort((a, b) => b.sizeKiB - a.sizeKiB);
  const said: string[] = [];
  for (const { total, target, ...pool } of byNeed.filter((plan) => plan.target < plan.total)) {
    const answer = await changed(host, pool, () => setPages(libvirt, { ...pool, count: target }));
    if (answer !== undefined) said.push(answer);
  }
  for (const { total, target, ...pool } of byNeed.filter((plan) => plan.target > plan.total)) {
    const answer = await changed(host, pool, () => addPages(libvirt, { ...pool, count: target - total }));
    if (answer !== undefined) said.push(answer);
  }
  return said;
}

function changed<T>(host: string, pool: Pick<PoolPlan, "cell" | "sizeKiB">, work: () => Promise<T>): Promise<T> {
  return attempt({ step: `change the pages of ${sizeOf(pool)} in cell ${pool.cell}`, host }, work);
}

/** What stays because somebody uses it, for people. */
export function busyPages(plans: readonly PoolPlan[]): string | undefined {
  const busy = plans.filter((plan) => plan.busy > 0);
  const list = busy.map((plan) => `${plan.busy} pages of ${sizeOf(plan)} in cell ${plan.cell}`);
  return list.length === 0
    ? undefined
    : `${list.join(", ")} are in use, or needed by guests that are off, and were not given back`;
}

/** Refuses a machine that has fewer pages than wanted: no guest may find out later. */
export function requirePages(
  host: string,
  wanted: readonly DeclaredPages[],
  topology: HostTopology,
  said: readonly string[],
): void {
  const missing = shortfalls(wanted, topology);
  if (missing.length === 0) return;
  const answers = said.length > 0 ? `; libvirt said: ${said.join("; ")}` : "";
  const isBarred = said.some((answer) => /Permission denied|Read-only file system/.test(answer));
  throw new KvmError("busy", {
    step: "add huge pages",
    host,
    reason: `hugePages: ${missing.join(", ")}: the kernel gave no more${answers}. What it gave stays, and the state tells it`,
    remedy: isBarred
      ? "its libvirt may not write there: a daemon of one user (qemu:///session) never may, and in a container /sys has to be writable; reserve the pages on the machine (sysctl vm.nr_hugepages=N, or hugepagesz= and hugepages= on its kernel's command line), then run pulumi up again"
      : "ask for fewer; or free memory (stop guests, or on the machine: sync; echo 3 > /proc/sys/vm/drop_caches; echo 1 > /proc/sys/vm/compact_memory) and run pulumi up again; or reserve the pages on its kernel's command line (hugepagesz=, hugepages=)",
  });
}
