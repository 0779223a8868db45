import { formatBytes } from "../core/units";
import type { Libvirt } from "../libvirt/api";
import { countIn } from "../tuning/capacity";
import type { CellPages, Claim } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { attempt } from "./failure";
import { addPages, freePages, setPages } from "./host-pages";
import { readTopology } from "./host-topology";

/** Huge pages that were added to a pool for one guest, and what the pool has without those of any guest. */
export interface GuestPages extends CellPages {
  readonly base: number;
}

type Pool = Pick<CellPages, "cell" | "sizeKiB">;

/** What a host has, and what other guests took and added: what the own pages are reckoned against. */
export interface Pools {
  readonly topology: HostTopology;
  /** Pages that other guests added. */
  readonly added: readonly CellPages[];
  readonly claims: readonly Claim[];
}

/** How many pages a pool has, taken or not. */
export function totalOf(topology: HostTopology, { cell, sizeKiB }: Pool): number {
  const pools = topology.cells.find(({ id }) => id === cell)?.pages ?? [];
  return pools.find((pool) => pool.sizeKiB === sizeKiB)?.total ?? 0;
}

/**
 * What of a guest's pages is there still. A run that ended between the record and the pages left fewer than it says, and
 * so did a restart of the machine.
 */
export function stillThere(pages: GuestPages, { topology, added }: Pools): number {
  const own = totalOf(topology, pages) - pages.base - countIn(added, pages);
  return Math.max(0, Math.min(pages.count, own));
}

/** What the record of a guest says that has pages added already and is to have more. */
export function withMore(kept: readonly GuestPages[], more: readonly CellPages[], pools: Pools): GuestPages[] {
  const there = kept.map((pages) => ({ ...pages, count: stillThere(pages, pools) })).filter(({ count }) => count > 0);
  const all = new Map([...there, ...more].map(({ cell, sizeKiB }) => [`${cell}/${sizeKiB}`, { cell, sizeKiB }]));
  return [...all.values()].map((pool) => {
    const own = countIn(there, pool);
    const base = totalOf(pools.topology, pool) - countIn(pools.added, pool) - own;
    return { ...pool, count: own + countIn(more, pool), base: Math.max(0, base) };
  });
}

/**
 * Adds pages to pools (virNodeAllocPages). The kernel may find no room for them: then what it gave goes back, and the
 * answer tells what was missing.
 */
export async function addForGuest(
  libvirt: Libvirt,
  host: string,
  wanted: readonly CellPages[],
  before: HostTopology,
): Promise<string | undefined> {
  const done: CellPages[] = [];
  const undo = async (now: HostTopology) => {
    for (const pool of done) {
      const surplus = Math.min(pool.count, totalOf(now, pool) - totalOf(before, pool));
      if (surplus > 0) await setPages(libvirt, { ...pool, count: totalOf(now, pool) - surplus });
    }
  };
  try {
    const said: string[] = [];
    for (const pool of wanted) {
      done.push(pool);
      const answer = await attempt({ step: `add ${textOf(pool)}`, host }, () => addPages(libvirt, pool));
      if (answer !== undefined) said.push(answer);
    }
    const now = await readTopology(libvirt, host);
    const missing = wanted.filter((pool) => totalOf(now, pool) < totalOf(before, pool) + pool.count);
    if (missing.length === 0) return undefined;
    const found = missing.map((pool) => {
      return `${Math.max(0, totalOf(now, pool) - totalOf(before, pool))} of ${textOf(pool)}`;
    });
    await undo(now);
    return `the kernel gave ${found.join(", ")}${said.length > 0 ? ` (libvirt said: ${said.join("; ")})` : ""}`;
  } catch (error) {
    await readTopology(libvirt, host)
      .then(undo)
      .catch(() => undefined);
    throw error;
  }
}

/**
 * Gives back the pages that were added for a guest, as far as they are there, nobody uses them, and no other guest
 * counts on them. Answers what stays.
 */
export async function giveBack(
  libvirt: Libvirt,
  host: string,
  pages: readonly GuestPages[],
  pools: Omit<Pools, "topology">,
): Promise<CellPages[]> {
  if (pages.length === 0) return [];
  const topology = await readTopology(libvirt, host);
  const free = await freePages(libvirt, host, topology);
  const left: CellPages[] = [];
  for (const pool of pages) {
    const { cell, sizeKiB } = pool;
    const total = totalOf(topology, pool);
    const claimed = countIn(
      pools.claims.flatMap((claim) => claim.pages),
      pool,
    );
    const own = stillThere(pool, { topology, ...pools });
    const count = Math.max(0, Math.min(own, countIn(free, pool), total - claimed));
    if (count > 0) {
      const answer = await attempt({ step: `give back ${textOf({ ...pool, count })}`, host }, () =>
        setPages(libvirt, { cell, sizeKiB, count: total - count }),
      );
      if (answer === undefined && count === own) continue;
    }
    if (own > count) left.push({ cell, sizeKiB, count: own - count });
  }
  return left;
}

/** For people: "512 pages of 2 MiB in cell 0". */
export function textOf({ cell, sizeKiB, count }: CellPages): string {
  return `${count} pages of ${formatBytes(BigInt(sizeKiB) * 1024n)} in cell ${cell}`;
}

/** For a document: cell, size in KiB, count and base of each pool. */
export function formatPages(pages: readonly GuestPages[]): string {
  return pages.map(({ cell, sizeKiB, count, base }) => [cell, sizeKiB, count, base].join(":")).join(" ");
}

/** What `formatPages` wrote; whatever else it is says nothing. */
export function parsePages(text: string): GuestPages[] {
  return text.split(" ").flatMap((entry) => {
    const numbers = /^\d+:\d+:\d+:\d+$/.test(entry) ? entry.split(":").map(Number) : [];
    const [cell, sizeKiB, count, base] = numbers;
    return cell === undefined || sizeKiB === undefined || count === undefined || base === undefined
      ? []
      : [{ cell, sizeKiB, count, base }];
  });
}
