import type { Libvirt } from "../../provider/libvirt/api";
import { topologyOf } from "../../provider/resources/host-topology";
import { parse } from "../../provider/schema/tree";

const sizeKiB = 2048;
/** VIR_NODE_ALLOC_PAGES_SET */
const set = 1;

/**
 * Runs `work` with that many free pages of 2 MiB in the host's first cell, and leaves the host with as many as it had.
 * Undefined where the host has not got so many together.
 */
export async function withHugePages<T>(
  libvirt: Libvirt,
  count: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const total = async () => {
    const { capabilities } = await libvirt.call("CONNECT_GET_CAPABILITIES", {});
    const [cell] = topologyOf(parse(capabilities)).cells;
    return cell?.pages.find((pages) => pages.sizeKiB === sizeKiB)?.total;
  };
  const free = async () => {
    const request = { pages: [sizeKiB], startCell: 0, cellCount: 1, flags: 0 };
    return Number((await libvirt.call("NODE_GET_FREE_PAGES", request)).counts[0] ?? 0n);
  };
  const before = await total();
  if (before === undefined) return undefined;
  const resize = (pages: number) =>
    libvirt.call("NODE_ALLOC_PAGES", {
      pageSizes: [sizeKiB],
      pageCounts: [BigInt(pages)],
      startCell: 0,
      cellCount: 1,
      flags: set,
    });
  const lacking = count - (await free());
  try {
    if (lacking > 0) await resize(before + lacking);
    return (await free()) >= count ? await work() : undefined;
  } finally {
    if (lacking > 0) await resize(before);
  }
}
