import { formatBytes, parseBytes } from "../../core/units";
import { countIn } from "../../tuning/capacity";
import type { CellPages } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import { totalOf } from "../added-pages";
import { type DeclaredPages, eachCell } from "../host-limits";

/** Pages that a Host added to one pool, and how many the pool had before. */
export interface AddedPages {
  readonly cell: number;
  readonly size: string;
  readonly before: number;
  readonly count: number;
}

type Pool = Pick<CellPages, "cell" | "sizeKiB">;

/** What is to become of one pool of pages. */
export interface PoolPlan extends Pool {
  /** Pages that it has, taken or not, and is to have. */
  readonly total: number;
  readonly target: number;
  /** Pages that would be given back if nobody used them or counted on them. */
  readonly busy: number;
  /** Pages that it had before the Host added any, and those that the Host added and that are still there. */
  readonly before: number;
  readonly added: number;
}

/**
 * Brings each pool up to the wanted pages, beside those that were added for guests. What is beyond them is given back as far
 * as the Host added it, nobody uses it and no guest counts on it for its next start: those that the pool had before are
 * others'.
 */
export function planPages(
  wanted: readonly DeclaredPages[],
  kept: readonly AddedPages[],
  topology: HostTopology,
  free: readonly CellPages[],
  guests: readonly CellPages[] = [],
  claimed: readonly CellPages[] = [],
): PoolPlan[] {
  const ours = new Map(stillAdded(kept, topology).map((item) => [keyOf(poolOf(item)), item]));
  const needed = new Map(eachCell(wanted, topology).map((pool) => [keyOf(pool), pool]));
  const pools = new Map([...[...ours.values()].map(poolOf), ...needed.values()].map((pool) => [keyOf(pool), pool]));
  return [...pools].map(([key, { cell, sizeKiB }]) => {
    const total = totalOf(topology, { cell, sizeKiB });
    // Pages that were added for guests go back with them.
    const theirs = Math.min(total, countIn(guests, { cell, sizeKiB }));
    const { before, count: added } = ours.get(key) ?? { before: total - theirs, count: 0 };
    const count = (needed.get(key)?.count ?? 0) + theirs;
    const surplus = Math.min(added, Math.max(0, total - count));
    const idle = free.find((pool) => keyOf(pool) === key)?.count ?? 0;
    const spare = Math.max(0, total - countIn(claimed, { cell, sizeKiB }));
    const give = Math.min(surplus, idle, spare);
    return { cell, sizeKiB, total, target: Math.max(count, total - give), busy: surplus - give, before, added };
  });
}

/** What the Host has added to the pools, now that they are as `topology` says. */
export function addedAfter(plans: readonly PoolPlan[], topology: HostTopology): AddedPages[] {
  const added = plans.map((plan) => ({ ...plan, added: plan.added + totalOf(topology, plan) - plan.total }));
  return stillAdded(added.map(asAdded), topology);
}

/** What it may have added when nobody knows how far it came; the next look at the machine tells. */
export function addedAtMost(plans: readonly PoolPlan[]): AddedPages[] {
  return plans
    .map((plan) => asAdded({ ...plan, added: plan.added + Math.max(0, plan.target - plan.total) }))
    .filter(({ count }) => count > 0);
}

/** What is left of the pages that were added: a restart of the machine, or somebody else, takes them away. */
export function stillAdded(added: readonly AddedPages[], topology: HostTopology): AddedPages[] {
  return added.flatMap((item) => {
    const count = Math.min(item.count, totalOf(topology, poolOf(item)) - item.before);
    return count > 0 ? [{ ...item, count }] : [];
  });
}

/** The wanted pages as far as the machine has them: an entry for each cell says what the poorest cell has. */
export function present(wanted: readonly DeclaredPages[], topology: HostTopology): DeclaredPages[] | undefined {
  const found = wanted.flatMap((entry) => {
    const has = eachCell([entry], topology).map((pool) => totalOf(topology, pool));
    const count = Math.min(entry.count, ...has);
    return count > 0 ? [{ ...entry, count }] : [];
  });
  return found.length > 0 ? found : undefined;
}

/** The pools that have fewer pages than wanted, for people. */
export function shortfalls(wanted: readonly DeclaredPages[], topology: HostTopology): string[] {
  return eachCell(wanted, topology).flatMap((pool) => {
    const has = totalOf(topology, pool);
    return has >= pool.count ? [] : [`cell ${pool.cell} has ${has} of ${pool.count} pages of ${sizeOf(pool)}`];
  });
}

/** Size of a pool's pages, for people. */
export function sizeOf({ sizeKiB }: Pick<Pool, "sizeKiB">): string {
  return formatBytes(BigInt(sizeKiB) * 1024n);
}

function asAdded({ cell, sizeKiB, before, added }: PoolPlan): AddedPages {
  return { cell, size: sizeOf({ sizeKiB }), before, count: added };
}

function poolOf({ cell, size }: AddedPages): Pool {
  return { cell, sizeKiB: Number(parseBytes(size) / 1024n) };
}

function keyOf({ cell, sizeKiB }: Pool): string {
  return `${cell}/${sizeKiB}`;
}
