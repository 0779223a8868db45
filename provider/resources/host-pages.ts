import type { Libvirt } from "../libvirt/api";
import { LibvirtError } from "../libvirt/errors";
import type { CellPages } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { attempt } from "./failure";

/**
 * Pages of every pool, ordinary ones included, that are free now (virNodeGetFreePages). A page that a guest has asked
 * for and not touched yet counts as free: only guests that take their memory at start show up at once.
 */
export async function freePages(libvirt: Libvirt, host: string, topology: HostTopology): Promise<CellPages[]> {
  // Cells are asked one by one: their numbers may have gaps, and not each has every pool.
  const cells = topology.cells.filter(({ pages }) => pages.length > 0);
  const found = await attempt({ step: "read the free pages", host }, () =>
    Promise.all(
      cells.map(({ id, pages }) =>
        libvirt.call("NODE_GET_FREE_PAGES", {
          pages: pages.map(({ sizeKiB }) => sizeKiB),
          startCell: id,
          cellCount: 1,
          flags: 0,
        }),
      ),
    ),
  );
  return cells.flatMap(({ id, pages }, index) =>
    pages.map(({ sizeKiB }, at) => ({ cell: id, sizeKiB, count: Number(found[index]?.counts[at] ?? 0n) })),
  );
}

/**
 * Adds pages to one pool (virNodeAllocPages). The kernel may find fewer, of which libvirt's answer tells: undefined
 * when all were added. What the pool has by then is in the capabilities.
 */
export function addPages(libvirt: Libvirt, pages: CellPages): Promise<string | undefined> {
  return allocate(libvirt, pages, 0);
}

/** Sets how many pages one pool has; like `addPages`. */
export function setPages(libvirt: Libvirt, pages: CellPages): Promise<string | undefined> {
  return allocate(libvirt, pages, allocPagesSet);
}

/** VIR_NODE_ALLOC_PAGES_SET: the count is that of the whole pool, not of pages to add. */
const allocPagesSet = 1;

async function allocate(libvirt: Libvirt, { cell, sizeKiB, count }: CellPages, flags: number) {
  try {
    const pool = { pageSizes: [sizeKiB], pageCounts: [BigInt(count)], startCell: cell, cellCount: 1 };
    await libvirt.call("NODE_ALLOC_PAGES", { ...pool, flags });
    return undefined;
  } catch (error) {
    if (error instanceof LibvirtError) return error.message;
    throw error;
  }
}
