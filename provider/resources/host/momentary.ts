import { formatBytes } from "../../core/units";
import type { Libvirt } from "../../libvirt/api";
import { ordinarySize } from "../../tuning/capacity";
import type { HostTopology } from "../../tuning/topology";
import { attempt } from "../failure";
import type { HostDevice } from "../host-devices";
import { freePages } from "../host-pages";

/**
 * What is free at this moment (virNodeGetCellsFreeMemory, virNodeGetFreePages). Only look-ups tell it: in the state of
 * a managed Host every refresh would show these figures as changes.
 */
export async function freeNow(libvirt: Libvirt, host: string, topology: HostTopology) {
  const highest = Math.max(0, ...topology.cells.map(({ id }) => id));
  const [memory, pages] = await Promise.all([
    attempt({ step: "read the free memory", host }, () =>
      libvirt.call("NODE_GET_CELLS_FREE_MEMORY", { startCell: 0, maxcells: highest + 1 }),
    ),
    freePages(libvirt, host, topology),
  ]);
  const ordinary = ordinarySize(topology);
  return topology.cells.map(({ id }) => ({
    cell: id,
    memory: formatBytes(memory.cells[id] ?? 0n),
    pages: pages
      .filter(({ cell, sizeKiB }) => cell === id && sizeKiB !== ordinary)
      .map(({ sizeKiB, count }) => ({ size: formatBytes(BigInt(sizeKiB) * 1024n), count })),
  }));
}

/** The devices without what changes as guests take and return them: the driver, and a virtual function's interface. */
export function lasting(devices: readonly HostDevice[]): HostDevice[] {
  return devices.map(({ driver: _driver, interface: name, bridge, ...device }) => ({
    ...device,
    ...(device.physicalFunction === undefined && {
      ...(name !== undefined && { interface: name }),
      ...(bridge !== undefined && { bridge }),
    }),
  }));
}
