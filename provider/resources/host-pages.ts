import type { Libvirt } from "../libvirt/api";
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
