import { place } from "../../../provider/tuning/place";
import { claimOf, placeAll } from "../../../provider/tuning/place-all";
import { GiB, host, owner, request, unlimited } from "./hosts";

const nothing = { claims: [] };

it("places the biggest first, so that all fit", () => {
  const small = [request("a", 1), request("b", 1)];
  const cells = { cells: [{ vcpus: [0, 1, 2, 3], memoryKiB: GiB }] };
  const set = placeAll(host(2, 4, 1), unlimited, nothing, [...small, request("big", 4, cells)]);
  expect(set.placements.map((item) => [item.name, item.fits])).toEqual([
    ["a", true],
    ["b", true],
    ["big", true],
  ]);
  expect(set.gap).toBe(0);
});

it("says how many more a better arrangement could hold at most", () => {
  const set = placeAll(host(1, 4, 1), unlimited, nothing, [request("a", 3), request("b", 3), request("c", 9)]);
  expect(set.placements.map((item) => item.fits)).toEqual([true, false, false]);
  expect(set.gap).toBe(1);
});

it("counts pages that are free now once", () => {
  const pages = () => [{ sizeKiB: 2048, total: 1024 }];
  const limits = { ...unlimited, freePages: [{ cell: 0, sizeKiB: 2048, count: 512 }] };
  const wishes = [request("a", 1, { pages: 2048 }), request("b", 1, { pages: 2048 })];
  const set = placeAll(host(1, 4, 1, { pages }), limits, nothing, wishes);
  expect(set.placements.map((item) => item.fits)).toEqual([true, false]);
});

it("keeps placed guests where they are beside a bigger new one", () => {
  const previous = { cells: [0], vcpus: [[2]], emulator: [2], iothreads: [], pages: [] };
  const set = placeAll(host(1, 4, 1), unlimited, nothing, [request("big", 3), request("old", 1, { previous })]);
  expect(set.placements.map((item) => item.vcpus.flat())).toEqual([[0, 1, 3], [2]]);
});

it("binds no guest that floated over the host to cells that have room by now", () => {
  const on = host(3, 1, 1);
  const guest = request("floating", 2, { policy: "shared" });
  const previous = place(on, unlimited, { claims: [owner("a", [0]), owner("b", [1])] }, guest);
  expect(previous).toMatchObject({ fits: true, cells: [], vcpus: [[2], [2]] });
  const later = place(on, unlimited, { claims: [owner("b", [1])] }, { ...guest, previous });
  expect(later).toMatchObject({
    fits: true,
    cells: [],
    vcpus: [
      [0, 2],
      [0, 2],
    ],
  });
  expect(later.explain).toEqual(["goes on floating over the host as before; its memory is bound to no cell"]);
});

it("floats no guest over CPUs that another of the set owns", () => {
  const set = [
    request("a", 2, { policy: "mixed", dedicatedVcpus: [0], emulator: "isolate" }),
    request("b", 2, { policy: "mixed", dedicatedVcpus: [0] }),
    request("c", 1),
  ];
  const { placements } = placeAll(host(1, 3, 1), unlimited, nothing, set);
  const owners = new Map(placements.flatMap(({ name, owned }) => owned.map((cpu) => [cpu, name] as const)));
  for (const { name, vcpus } of placements) for (const cpu of vcpus.flat()) expect(owners.get(cpu) ?? name).toBe(name);
});

it("writes a claim that keeps the next guest off", () => {
  const one = host(1, 4, 2);
  const wish = request("a", 1);
  const claim = claimOf(one, wish, place(one, unlimited, nothing, wish));
  expect(claim).toMatchObject({ owned: [0], smt: "whole-core", memory: [{ cell: 0, memoryKiB: GiB }], pages: [] });
  expect(place(one, unlimited, { claims: [claim] }, request("b", 7)).fits).toBe(false);
});

it("plans 200 guests on a host of 256 CPUs in time", () => {
  const big = host(8, 16, 2, { cacheCores: 8, memoryKiB: 256 * GiB });
  const wishes = Array.from({ length: 200 }, (_, index) => request(`vm${index}`, 1 + (index % 3), { smt: "any" }));
  const from = performance.now();
  const set = placeAll(big, unlimited, nothing, wishes);
  expect(performance.now() - from).toBeLessThan(20_000);
  const owned = set.placements.flatMap((item) => item.owned);
  expect(new Set(owned).size).toBe(owned.length);
  expect(owned.length).toBeGreaterThan(240);
}, 60_000);
