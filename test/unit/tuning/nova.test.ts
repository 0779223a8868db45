import { place } from "../../../provider/tuning/place";
import { placeAll } from "../../../provider/tuning/place-all";
import type { Placement } from "../../../provider/tuning/placement";
import type { Claim, HostLimits, Request } from "../../../provider/tuning/request";
import type { HostTopology } from "../../../provider/tuning/topology";
import { brokenRules } from "./hard-rules";
import { GiB, host, owner, request, unlimited } from "./hosts";

/** Faults of OpenStack Nova's placement, each with the answer that is right; the numbers are Launchpad's. */

const device = (cell: number, locality: "required" | "preferred" = "required") => ({
  address: `0000:0${cell}:00.0`,
  cell,
  locality,
});

function placed(
  on: HostTopology,
  wish: Request,
  claims: readonly Claim[] = [],
  limits: HostLimits = unlimited,
): Placement {
  const answer = place(on, limits, { claims }, wish);
  expect(brokenRules({ host: on, limits, claims, requests: [wish] }, [answer])).toEqual([]);
  return answer;
}

const halves = (memoryKiB: number): Partial<Request> => ({
  cells: [
    { vcpus: [0, 1], memoryKiB },
    { vcpus: [2, 3], memoryKiB },
  ],
  memoryKiB: 2 * memoryKiB,
});

it("V1, T1, the fit cache pins a guest cell to CPUs of another host cell than its memory", () => {
  for (const [first, second] of [
    [1, 3],
    [0, 2],
    [2, 3],
  ] as const) {
    const answer = placed(
      host(4, 2, 2),
      request("vm", 4, { ...halves(GiB), devices: [device(first), device(second)] }),
    );
    expect(answer.cells).toEqual([first, second]);
    expect(answer.topology?.threads).toBe(2);
  }
});

it("V2, T2, the page size that the first cell offered sticks to the request", () => {
  const pages = (cell: number) => (cell === 0 ? [{ sizeKiB: GiB, total: 8 }] : [{ sizeKiB: 2048, total: 4096 }]);
  const on = host(2, 2, 1, { pages, memoryKiB: 8 * GiB });
  const answer = placed(on, request("vm", 1, { pages: "large", devices: [device(1)] }));
  expect(answer.pages).toEqual([{ cell: 1, sizeKiB: 2048, count: 512 }]);
  const both = placed(on, request("vm", 4, { ...halves(GiB), pages: "large" }));
  expect(both.pages.map(({ sizeKiB }) => sizeKiB)).toEqual([GiB, 2048]);
});

describe("fragmentation: no best fit beside a core that is broken already", () => {
  const broken = [owner("old", [0], "any")];
  it("V3, T3: one vCPU breaks a second core", () => {
    expect(placed(host(1, 4, 2), request("vm", 1, { smt: "any" }), broken).vcpus).toEqual([[4]]);
  });
  it("V4, T4: three vCPUs leave two cores half used", () => {
    const answer = placed(host(1, 4, 2), request("vm", 3, { smt: "any" }), broken);
    expect(answer.owned).toEqual([1, 4, 5]);
    expect(answer.cost.find(({ name }) => name === "brokenCores")?.value).toBe(-1);
  });
  it("V5, T5: isolated vCPUs leave siblings that others are then given", () => {
    const on = host(1, 4, 2);
    const first = placed(on, request("vm", 2, { smt: "isolate" }), broken);
    const second = placed(on, request("next", 2, { smt: "any" }), [...broken, owner("vm", first.owned, "isolate")]);
    const cores = (cpus: readonly number[]) => new Set(cpus.map((cpu) => cpu % 4));
    expect([...cores(second.owned)].filter((core) => cores(first.owned).has(core))).toEqual([]);
  });
});

it("V6, SLIT distances are not read: two guest cells land on the far pair", () => {
  const distance = (from: number, to: number) => (from === to ? 10 : from >> 1 === to >> 1 ? 12 : 32);
  const busy = [owner("a", [0, 1]), owner("b", [4, 5])];
  const answer = placed(host(4, 2, 1, { distance }), request("vm", 4, halves(GiB)), [busy[0] ?? owner("", [])]);
  expect(answer.cells).toEqual([2, 3]);
});

it("1978372: every permutation of cells is tried; sixteen cells take for ever", () => {
  const cells = Array.from({ length: 8 }, (_, cell) => ({ vcpus: [cell], memoryKiB: (1 + (cell % 3)) * GiB }));
  const memoryKiB = cells.reduce((sum, cell) => sum + cell.memoryKiB, 0);
  const from = performance.now();
  placed(host(16, 4, 2), request("vm", 8, { cells, memoryKiB }));
  expect(performance.now() - from).toBeLessThan(1000);
});

it("2144660, guests without devices land on the cells that have them", () => {
  const limits = { ...unlimited, deviceCells: [0, 1] };
  expect(placed(host(4, 2, 1), request("vm", 2), [], limits).cells).toEqual([2]);
  expect(placed(host(4, 2, 1), request("vm", 2, { devices: [device(1, "preferred")] }), [], limits).cells).toEqual([1]);
});

it("caches are not read: a guest of four cores is spread over two L3 groups", () => {
  const answer = placed(host(1, 16, 2, { cacheCores: 8 }), request("vm", 4), [owner("old", [0, 1, 2, 3, 4, 5])]);
  expect(answer.owned).toEqual([8, 9, 10, 11]);
});

it("1466780, the guest is told of sockets alone while its vCPUs are siblings", () => {
  const packed = placed(host(1, 2, 2), request("vm", 4));
  expect(packed.topology).toEqual({ sockets: 1, dies: 1, clusters: 1, cores: 2, threads: 2 });
  const spread = placed(host(1, 4, 2), request("vm", 4));
  expect(spread.topology).toEqual({ sockets: 1, dies: 1, clusters: 1, cores: 4, threads: 1 });
});

it("xen-api 6763: keeping a guest in one cell costs it half of its cores", () => {
  expect(placed(host(2, 4, 2), request("vm", 8)).cells).toEqual([0, 1]);
});

it("memory is counted without QEMU's own and without what the host needs: a strict cell runs out", () => {
  const on = host(2, 4, 1, { memoryKiB: 4 * GiB });
  const whole = request("vm", 1, { memoryKiB: 4 * GiB });
  expect(place(on, unlimited, { claims: [] }, { ...whole, cells: [{ vcpus: [0], memoryKiB: 4 * GiB }] })).toMatchObject(
    { fits: false },
  );
  const limits = { ...unlimited, reserveKiB: new Map([[0, 2 * GiB]]) };
  expect(placed(on, request("vm", 1, { memoryKiB: 3 * GiB }), [], limits).cells).toEqual([1]);
});

it("1811886, a pinned guest of ordinary pages is counted against the huge ones, or the other way round", () => {
  const pages = () => [
    { sizeKiB: 4, total: GiB / 4 },
    { sizeKiB: 2048, total: 1024 },
  ];
  const on = host(1, 4, 1, { pages, memoryKiB: 3 * GiB });
  const small = { ...owner("small", [0]), memory: [{ cell: 0, memoryKiB: GiB / 2 }] };
  expect(placed(on, request("huge", 1, { pages: 2048, memoryKiB: 2 * GiB }), [small]).fits).toBe(true);
  const huge = { ...owner("huge", [0]), pages: [{ cell: 0, sizeKiB: 2048, count: 1024 }] };
  expect(placed(on, request("small", 1, { memoryKiB: GiB / 2 }), [huge]).fits).toBe(true);
});

it("sorting sets of siblings sorts nothing: the pick depends on the order of a hash", () => {
  const straight = host(1, 8, 2);
  const shuffled = {
    ...straight,
    cells: straight.cells.map((cell) => ({
      ...cell,
      cpus: [...cell.cpus].sort((a, b) => ((a.id * 7) % 16) - ((b.id * 7) % 16)),
    })),
  };
  for (const smt of ["whole-core", "isolate", "any"] as const) {
    const wish = request("vm", 3, { smt });
    expect(placed(shuffled, wish)).toEqual(placed(straight, wish));
  }
});

it("2077228, offline CPUs are reported on socket 0 and counted there", () => {
  const on = host(2, 4, 2);
  const cells = on.cells.map((cell) => ({
    ...cell,
    cpus: cell.cpus
      .filter(({ id }) => id !== 4 && id !== 12)
      .map((cpu) => ({ ...cpu, siblings: cpu.siblings.filter((id) => id !== 4 && id !== 12) })),
  }));
  const answer = placed(
    { ...on, cells, offline: [4, 12] },
    request("vm", 7, { cells: [{ vcpus: [0, 1, 2, 3, 4, 5, 6], memoryKiB: GiB }] }),
  );
  expect(answer.owned).not.toContain(4);
  expect(answer.owned).toHaveLength(7);
});

it("1994526, a mixed guest with a cell of which no vCPU owns a CPU fails", () => {
  const answer = placed(host(2, 4, 1), request("vm", 4, { ...halves(GiB), policy: "mixed", dedicatedVcpus: [0, 1] }));
  expect(answer).toMatchObject({ fits: true, owned: [0, 1] });
  expect(answer.vcpus[2]).toEqual([4, 5, 6, 7]);
});

it("two requests at once may both be given the last device or core", () => {
  const wish = (name: string) => request(name, 3, { devices: [{ ...device(0), address: "0000:01:00.0" }] });
  const on = host(1, 4, 1);
  const { placements } = placeAll(on, unlimited, { claims: [] }, [wish("a"), wish("b")]);
  expect(placements.map(({ fits }) => fits)).toEqual([true, false]);
  expect(placements[1]?.explain[0]).toBe("device 0000:01:00.0: a has it");
});

it("kubevirt 10593: a CPU for QEMU's threads puts vCPUs off their siblings", () => {
  const answer = placed(
    host(1, 4, 2),
    request("vm", 6, { emulator: "isolate", cells: [{ vcpus: [0, 1, 2, 3, 4, 5], memoryKiB: GiB }] }),
  );
  expect(answer.topology?.threads).toBe(2);
  expect(answer.vcpus.flat()).not.toContain(answer.emulator[0]);
});

it("oVirt takes a half-used core for an isolated guest", () => {
  const answer = placed(host(1, 4, 2), request("vm", 3, { smt: "isolate" }), [owner("old", [0], "any")]);
  expect(answer.owned).toEqual([1, 2, 3]);
  expect(
    place(host(1, 4, 2), unlimited, { claims: [owner("old", [0], "any")] }, request("vm", 4, { smt: "isolate" })).fits,
  ).toBe(false);
});

it("guests of one group go to different cells while there are some, and say so where not", () => {
  const on = host(2, 4, 1);
  const list = ["a", "b", "c"].map((name) => request(name, 1, { apart: "cache-eaters" }));
  const { placements } = placeAll(on, unlimited, { claims: [] }, [...list, request("d", 1)]);
  expect(placements.map(({ cells }) => cells[0])).toEqual([0, 1, 0, 0]);
  expect(placements[2]?.cost[0]).toEqual({ name: "missedPreferences", value: 1 });
  expect(placements[2]?.explain.join("\n")).toContain('shares a cell with a of its group "cache-eaters"');
  expect(placements[3]?.cost[0]?.value).toBe(0);
});
