import * as fc from "fast-check";
import { hostState } from "../../provider/tuning/capacity";
import { rate } from "../../provider/tuning/cores";
import { compareCosts, costOf } from "../../provider/tuning/cost";
import { choosePages, isRefusal } from "../../provider/tuning/feasibility";
import { place } from "../../provider/tuning/place";
import { placeAll } from "../../provider/tuning/place-all";
import type { Placement } from "../../provider/tuning/placement";
import type { Claim, Request } from "../../provider/tuning/request";
import { type Shape, shapesOf } from "../../provider/tuning/shape";
import type { HostTopology } from "../../provider/tuning/topology";
import { GiB, host, owner, request, unlimited } from "../unit/tuning/hosts";
import { oddHosts } from "../unit/tuning/odd-hosts";

const pools = () => [
  { sizeKiB: 4, total: 2 * GiB },
  { sizeKiB: 2048, total: 2048 },
];
const hosts = fc
  .record({
    cells: fc.integer({ min: 1, max: 3 }),
    cores: fc.integer({ min: 1, max: 6 }),
    threads: fc.integer({ min: 1, max: 2 }),
    cacheCores: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ cells, cores, threads, cacheCores }) => host(cells, cores, threads, { cacheCores, pages: pools }));
const wishes = fc
  .array(
    fc.record({
      maxVcpus: fc.integer({ min: 1, max: 6 }),
      memoryKiB: fc.constantFrom(GiB / 2, GiB, 3 * GiB),
      pages: fc.constantFrom<Request["pages"]>("none", "any", "large", 2048),
      smt: fc.constantFrom<Request["smt"]>("whole-core", "isolate", "any"),
      policy: fc.constantFrom<Request["policy"]>("dedicated", "mixed", "shared"),
      emulator: fc.constantFrom<Request["emulator"]>("share", "isolate", "housekeeping"),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((list) => list.map((more, index) => request(`vm${index}`, more.maxVcpus, { ...more, dedicatedVcpus: [0] })));

const plan = (on: HostTopology, list: readonly Request[]) => placeAll(on, unlimited, { claims: [] }, list);

it("owns no CPU twice and no whole core beside another", () => {
  fc.assert(
    fc.property(hosts, wishes, (on, list) => {
      const { placements } = plan(on, list);
      const owner = new Map<number, string>();
      for (const answer of placements) {
        for (const cpu of answer.owned) {
          expect(owner.get(cpu)).toBeUndefined();
          owner.set(cpu, answer.name);
        }
      }
      for (const answer of placements) {
        for (const cpu of answer.vcpus.flat()) expect(owner.get(cpu) ?? answer.name).toBe(answer.name);
      }
      const smt = new Map(list.map((item) => [item.name, item.smt]));
      for (const cpu of on.cells.flatMap((cell) => cell.cpus)) {
        const names = new Set(cpu.siblings.flatMap((id) => owner.get(id) ?? []));
        if (names.size > 1) for (const name of names) expect(smt.get(name)).toBe("any");
      }
    }),
  );
});

it("pins each vCPU inside the host cell of its memory and hands out no page twice", () => {
  fc.assert(
    fc.property(hosts, wishes, (on, list) => {
      const taken = new Map<number, number>();
      for (const answer of plan(on, list).placements) {
        answer.cells.forEach((cell, index) => {
          const guest = answer.guestCells[index];
          const pages = answer.pages[index];
          const cpus = new Set(on.cells[cell]?.cpus.map((cpu) => cpu.id));
          for (const vcpu of guest?.vcpus ?? []) {
            expect(answer.vcpus[vcpu]?.length).toBeGreaterThan(0);
            for (const cpu of answer.vcpus[vcpu] ?? []) expect(cpus.has(cpu)).toBe(true);
          }
          expect((pages?.count ?? 0) * (pages?.sizeKiB ?? 0)).toBe(guest?.memoryKiB);
          if (pages?.sizeKiB === 2048) taken.set(cell, (taken.get(cell) ?? 0) + pages.count);
        });
      }
      for (const count of taken.values()) expect(count).toBeLessThanOrEqual(2048);
    }),
  );
});

it("gives a topology that multiplies to the vCPUs", () => {
  fc.assert(
    fc.property(hosts, wishes, (on, list) => {
      const answers = plan(on, list).placements.flatMap(({ topology }, index) =>
        topology === undefined ? [] : [{ topology, vcpus: list[index]?.maxVcpus }],
      );
      fc.pre(answers.length > 0);
      for (const { topology, vcpus } of answers) {
        const { sockets, dies, clusters, cores, threads } = topology;
        expect(sockets * dies * clusters * cores * threads).toBe(vcpus);
        for (const size of [sockets, dies, clusters, cores, threads]) expect(Number.isInteger(size)).toBe(true);
      }
    }),
  );
});

it("answers the same for the requests in any order", () => {
  fc.assert(
    fc.property(hosts, wishes, (on, list) => {
      const byName = (set: readonly Placement[]) => new Map(set.map((item) => [item.name, item]));
      expect(byName(plan(on, [...list].reverse()).placements)).toEqual(byName(plan(on, list).placements));
    }),
  );
});

it("moves nobody when asked again", () => {
  fc.assert(
    fc.property(hosts, wishes, (on, list) => {
      const first = plan(on, list).placements;
      const placed = list.flatMap((item, index) => {
        const previous = first[index];
        return previous?.fits ? [{ ...item, previous }] : [];
      });
      const own = (set: readonly Placement[]) =>
        set.filter((item) => item.fits).map((item) => [item.name, item.owned, item.cells]);
      expect(own(plan(on, placed).placements)).toEqual(own(first));
    }),
  );
});

/** All ways to choose some of the items, in order where `ordered`. */
function choices<T>(items: readonly T[], size: number, ordered: boolean): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) => {
    const rest = ordered ? items.filter((_, other) => other !== index) : items.slice(index + 1);
    return choices(rest, size - 1, ordered).map((more) => [item, ...more]);
  });
}

/** The lowest cost over every assignment of cells and every set of CPUs that the hard rules let pass. */
function oracle(on: HostTopology, claims: readonly Claim[], wish: Request): readonly number[] | undefined {
  const state = hostState(on, unlimited, { claims });
  let best: readonly number[] | undefined;
  const tryShape = (shape: Shape): void => {
    for (const cells of choices(state.cells, shape.cells.length, true)) {
      const perCell = shape.cells.map((need, index) => {
        const cell = cells[index];
        if (cell === undefined) return [];
        const pages = choosePages(state, cell, need, wish.pages, true);
        if (isRefusal(pages)) return [];
        const cores = cell.cores.filter((core) => core.whole || (wish.smt === "any" && core.joinable));
        const cpus = cores.flatMap((core) => core.free);
        return choices(cpus, need.dedicated.length, false)
          .filter((set) => {
            const used = cores
              .map((core) => ({ core, count: core.cpus.filter((cpu) => set.includes(cpu)).length }))
              .filter(({ count }) => count > 0);
            if (shape.use === "spread") return used.every(({ count }) => count === 1);
            // Given cells and packed ones fill their cores: at most one core is left half used.
            if (shape.use !== "pack") return true;
            return used.filter(({ core, count }) => count < core.cpus.length).length <= 1;
          })
          .map((set) => ({ state: cell, need, pick: rate(cell, set), floating: [], ...pages }));
      });
      const walk = (chosen: (typeof perCell)[number]): void => {
        if (chosen.length < perCell.length) {
          for (const fit of perCell[chosen.length] ?? []) walk([...chosen, fit]);
          return;
        }
        const cost = costOf(state, wish, shape, chosen);
        if (best === undefined || compareCosts(cost, best) < 0) best = cost;
      };
      walk([]);
    }
  };
  for (const shape of shapesOf(state, wish)) tryShape(shape);
  return best;
}

/** Compares the planner's answer with the oracle's; false where neither finds a place. */
function isCheapest(on: HostTopology, claims: readonly Claim[], wish: Request): boolean {
  const answer = place(on, unlimited, { claims }, wish);
  const best = oracle(on, claims, wish);
  expect(answer.fits).toBe(best !== undefined);
  if (best === undefined) return false;
  expect(answer.cost.map((item) => item.value)).toEqual(best);
  return true;
}

it("finds the cheapest placement that an exhaustive search finds on small hosts", () => {
  const small = fc.record({
    cells: fc.integer({ min: 1, max: 2 }),
    cores: fc.integer({ min: 1, max: 4 }),
    threads: fc.integer({ min: 1, max: 2 }),
    cacheCores: fc.integer({ min: 1, max: 3 }),
    vcpus: fc.integer({ min: 1, max: 4 }),
    smt: fc.constantFrom<Request["smt"]>("whole-core", "isolate", "any"),
    taken: fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 4 }),
    given: fc.boolean(),
    prefers: fc.option(fc.integer({ min: 0, max: 1 }), { nil: undefined }),
  });
  let placed = 0;
  fc.assert(
    fc.property(small, ({ cells, cores, threads, cacheCores, vcpus, smt, taken, given, prefers }) => {
      const on = host(cells, cores, threads, { cacheCores });
      const claims = taken.length > 0 ? [owner("old", [...new Set(taken)], "any")] : [];
      const ids = Array.from({ length: vcpus }, (_, id) => id);
      const wish = request("vm", vcpus, {
        smt,
        ...(given ? { cells: [{ vcpus: ids, memoryKiB: GiB }] } : {}),
        devices: prefers === undefined ? [] : [{ address: "0000:01:00.0", cell: prefers, locality: "preferred" }],
      });
      if (isCheapest(on, claims, wish)) placed++;
    }),
    { numRuns: 150 },
  );
  expect(placed).toBeGreaterThan(20);
});

it("finds the cheapest placement on small hosts that no one would build", () => {
  const wide = fc.record({
    on: oddHosts
      .filter(({ cells }) => {
        const cpus = cells.reduce((sum, cell) => sum + cell.cpus.length, 0);
        return cells.length <= 3 && cpus > 0 && cpus <= 9;
      })
      // One cache a cell: the number of groups that cores need says nothing where cores are of several widths.
      .map((on) => ({ ...on, cacheLevel: 3, cacheGroups: on.cells.map(({ cpus }) => cpus.map(({ id }) => id)) })),
    vcpus: fc.integer({ min: 1, max: 4 }),
    smt: fc.constantFrom<Request["smt"]>("whole-core", "isolate", "any"),
    taken: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 3 }),
    given: fc.boolean(),
  });
  let placed = 0;
  fc.assert(
    fc.property(wide, ({ on, vcpus, smt, taken, given }) => {
      const claims = taken.length > 0 ? [owner("old", [...new Set(taken)], "any")] : [];
      const cells = [{ vcpus: Array.from({ length: vcpus }, (_, id) => id), memoryKiB: GiB }];
      // Cells that are given are filled core by core; how many vCPUs then share cores is not counted.
      const wish = request("vm", vcpus, { smt, ...(given || smt === "whole-core" ? { cells } : {}) });
      if (isCheapest(on, claims, wish)) placed++;
    }),
    { numRuns: 100 },
  );
  expect(placed).toBeGreaterThan(20);
});
