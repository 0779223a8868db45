import * as fc from "fast-check";
import type { HostCpu, HostTopology } from "../../../provider/tuning/topology";
import { GiB } from "./hosts";

/** One cell: its cores by their number of threads, how its caches cut them, its pools, CPUs that are off. */
const cell = fc.record({
  cores: fc.array(fc.constantFrom(1, 1, 2, 2, 4, 8), { maxLength: 7 }),
  cacheCores: fc.integer({ min: 1, max: 8 }),
  memoryGiB: fc.constantFrom(0, 1, 4, 64, 4096),
  hugePages: fc.constantFrom(0, 3, 512, 2048),
  giantPages: fc.constantFrom(0, 1, 8),
  skip: fc.integer({ min: 0, max: 3 }),
});

/**
 * Hosts as no one would build them: cores of one to eight threads side by side, cells without CPUs or memory, numbers
 * with holes, CPUs numbered by core or by thread, no cache known, distances that are not symmetric or not there.
 */
export const oddHosts: fc.Arbitrary<HostTopology> = fc
  .record({
    cells: fc.array(cell, { minLength: 1, maxLength: 5 }),
    byThread: fc.boolean(),
    caches: fc.boolean(),
    basePage: fc.constantFrom(4, 16, 64, 0),
    distances: fc.option(fc.array(fc.integer({ min: 10, max: 254 }), { minLength: 25, maxLength: 25 }), {
      nil: undefined,
    }),
  })
  .map(({ cells, byThread, caches, basePage, distances }) => {
    let next = 0;
    let group = 0;
    const groups: number[][] = [];
    let id = 0;
    const list = cells.map((made, position) => {
      id += made.skip + (position === 0 ? 0 : 1);
      const own = id;
      const start = next + made.skip * 5;
      const threads = made.cores.reduce((sum, count) => sum + count, 0);
      next = start + threads;
      const order = made.cores.flatMap((count, core) =>
        Array.from({ length: count }, (_, thread) => ({ core, thread })),
      );
      if (byThread) order.sort((a, b) => a.thread - b.thread || a.core - b.core);
      const ids = new Map(order.map(({ core, thread }, index) => [`${core}.${thread}`, start + index]));
      const cpus: HostCpu[] = [];
      made.cores.forEach((count, core) => {
        const siblings = Array.from({ length: count }, (_, thread) => ids.get(`${core}.${thread}`) ?? 0);
        if (core % made.cacheCores === 0 || groups.length === 0) {
          groups.push([]);
          group++;
        }
        groups[group - 1]?.push(...siblings);
        for (const cpu of siblings) {
          cpus.push({
            id: cpu,
            cell: own,
            socket: position >> 1,
            die: position & 1,
            cluster: core >> 1,
            core,
            siblings,
          });
        }
      });
      const memoryKiB = made.memoryGiB * GiB;
      const pools = [
        { sizeKiB: 2048, total: made.hugePages },
        { sizeKiB: GiB, total: made.giantPages },
      ];
      const base = basePage === 0 ? [] : [{ sizeKiB: basePage, total: memoryKiB / basePage }];
      return {
        id: own,
        memoryKiB,
        pages: [...base, ...pools],
        distances: new Map<number, number>(),
        cpus: cpus.sort((a, b) => a.id - b.id),
      };
    });
    const placedCells = list.map((item, from) => ({
      ...item,
      distances: new Map(
        distances === undefined
          ? []
          : list.map((to, at) => [to.id, from === at ? 10 : (distances[from * 5 + at] ?? 20)]),
      ),
    }));
    const cacheGroups = caches
      ? groups.filter((cpus) => cpus.length > 0)
      : placedCells.filter(({ cpus }) => cpus.length > 0).map(({ cpus }) => cpus.map((cpu) => cpu.id));
    return { cells: placedCells, cacheGroups, offline: [next + 1] };
  });
