import { place } from "../../../provider/tuning/place";
import { claimOf } from "../../../provider/tuning/place-all";
import type { Placement } from "../../../provider/tuning/placement";
import type { HostLimits, Ledger, Request } from "../../../provider/tuning/request";
import { GiB, host, owner, request, unlimited } from "./hosts";

const nothing: Ledger = { claims: [] };
const device = (cell: number, locality: "required" | "preferred" = "required") => ({
  address: `0000:0${cell}:00.0`,
  cell,
  locality,
});
const twoCells: Partial<Request> = {
  cells: [
    { vcpus: [0, 1], memoryKiB: GiB },
    { vcpus: [2, 3], memoryKiB: GiB },
  ],
  memoryKiB: 2 * GiB,
};
const term = (answer: Placement, name: string) => answer.cost.find((item) => item.name === name)?.value;

it("V1: pins each guest cell to one whole core of the cell that its memory is in", () => {
  const four = host(4, 2, 2);
  const answer = place(four, unlimited, nothing, request("vm", 4, { ...twoCells, devices: [device(1), device(3)] }));
  expect(answer).toMatchObject({ fits: true, cells: [1, 3], vcpus: [[4], [6], [12], [14]] });
  expect(answer.pages.map((pages) => pages.cell)).toEqual([1, 3]);
  expect(answer.topology).toEqual({ sockets: 2, dies: 1, clusters: 1, cores: 1, threads: 2 });
  expect(answer.distances).toEqual([
    [10, 20],
    [20, 10],
  ]);
});

it("V2: chooses large pages for each cell by itself", () => {
  const pages = (cell: number) => (cell === 0 ? [{ sizeKiB: GiB, total: 8 }] : [{ sizeKiB: 2048, total: 4096 }]);
  const answer = place(
    host(2, 2, 1, { pages, memoryKiB: 8 * GiB }),
    unlimited,
    nothing,
    request("vm", 1, { pages: "large", devices: [device(1)] }),
  );
  expect(answer).toMatchObject({ fits: true, cells: [1], pages: [{ cell: 1, sizeKiB: 2048, count: 512 }] });
});

describe("V3: one vCPU where CPU 0 of the core 0,4 is taken", () => {
  const ledger = { claims: [owner("old", [0], "any")] };
  it("fills the broken core when both take single threads", () => {
    const answer = place(host(1, 4, 2), unlimited, ledger, request("vm", 1, { smt: "any" }));
    expect(answer.vcpus).toEqual([[4]]);
    expect(term(answer, "brokenCores")).toBe(-1);
  });
  it("takes a fresh core and says that it breaks it, when it wants whole cores", () => {
    const answer = place(host(1, 4, 2), unlimited, ledger, request("vm", 1));
    expect(answer.vcpus).toEqual([[1]]);
    expect(term(answer, "brokenCores")).toBe(1);
    expect(answer.explain.join("\n")).toContain("brokenCores 1");
  });
  it("keeps off a core whose owner asked for all of it", () => {
    const whole = { claims: [owner("old", [0], "whole-core")] };
    expect(place(host(1, 4, 2), unlimited, whole, request("vm", 1, { smt: "any" })).vcpus).toEqual([[1]]);
  });
});

it("V6: puts two guest cells on the near pair", () => {
  const near = (from: number, to: number) =>
    from === to ? 10 : Math.min(from, to) === 1 && Math.max(from, to) === 2 ? 12 : 32;
  const answer = place(host(4, 2, 1, { distance: near }), unlimited, nothing, request("vm", 4, twoCells));
  expect(answer.cells).toEqual([1, 2]);
  expect(answer.distances).toEqual([
    [10, 12],
    [12, 10],
  ]);
});

it("gives the same answer whatever the order of the host's lists", () => {
  const straight = host(2, 4, 2, { cacheCores: 2 });
  const turned = {
    ...straight,
    cells: [...straight.cells].reverse().map((cell) => ({
      ...cell,
      cpus: [...cell.cpus].reverse().map((cpu) => ({ ...cpu, siblings: [...cpu.siblings].reverse() })),
    })),
  };
  const wish = request("vm", 3, { smt: "any" });
  const ledger = { claims: [owner("a", [1, 9], "any"), owner("b", [2], "any")] };
  expect(place(turned, unlimited, { claims: [...ledger.claims].reverse() }, wish)).toEqual(
    place(straight, unlimited, ledger, wish),
  );
});

it("isolates without leaving a half-used core to others", () => {
  const answer = place(host(1, 4, 2), unlimited, nothing, request("vm", 3, { smt: "isolate" }));
  expect(answer.vcpus).toEqual([[0], [1], [2]]);
  const next = place(
    host(1, 4, 2),
    unlimited,
    { claims: [owner("vm", answer.owned, "isolate")] },
    request("next", 2, { smt: "any" }),
  );
  expect(next.vcpus).toEqual([[3], [7]]);
});

it("spreads over whole cores while there are enough, and over cells before sharing cores", () => {
  expect(place(host(2, 4, 2), unlimited, nothing, request("vm", 8)).vcpus.flat()).toEqual([0, 1, 2, 3, 8, 9, 10, 11]);
  const packed = place(host(1, 4, 2), unlimited, nothing, request("vm", 8));
  expect(packed.topology).toEqual({ sockets: 1, dies: 1, clusters: 1, cores: 4, threads: 2 });
  expect(packed.vcpus.flat()).toEqual([0, 4, 1, 5, 2, 6, 3, 7]);
});

it("keeps a guest in as few cache groups as hold it and tells it of them as dies", () => {
  const ccx = host(1, 8, 1, { cacheCores: 4 });
  const ledger = { claims: [owner("old", [0])] };
  expect(place(ccx, unlimited, ledger, request("four", 4)).vcpus.flat()).toEqual([4, 5, 6, 7]);
  expect(place(ccx, unlimited, ledger, request("three", 3)).vcpus.flat()).toEqual([1, 2, 3]);
  expect(place(ccx, unlimited, nothing, request("eight", 8)).topology).toMatchObject({ dies: 2, cores: 4 });
});

it("leaves a placed guest where it is, and moves it when another owns its CPUs", () => {
  const previous = { cells: [1], vcpus: [[6], [7]], emulator: [6], iothreads: [], pages: [] };
  const wish = request("vm", 2, { previous });
  const two = host(2, 4, 1);
  const kept = place(two, unlimited, nothing, wish);
  expect(kept).toMatchObject({ cells: [1], vcpus: [[6], [7]] });
  expect(kept.explain[0]).toContain("stays where it is");
  const suggested = request("vm", 2, { previous: { ...previous, suggested: true } });
  expect(place(two, unlimited, nothing, suggested).explain[0]).toContain("goes where it was suggested");
  const pushed = place(two, unlimited, { claims: [owner("new", [6])] }, wish);
  expect(pushed.vcpus.flat()).not.toContain(6);
  expect(term(pushed, "moved")).toBe(2);
});

it("lets vCPUs that had CPUs of their own float over their cell, as in a new guest", () => {
  const two = host(2, 4, 1);
  const previous = { cells: [1], vcpus: [[6], [7]], emulator: [6, 7], iothreads: [], pages: [], owned: [6, 7] };
  const ledger = { claims: [owner("other", [5])] };
  const answer = place(two, unlimited, ledger, request("vm", 2, { policy: "shared", previous }));
  const all = [4, 6, 7];
  expect(answer).toMatchObject({ cells: [1], vcpus: [all, all], emulator: all, owned: [] });
  const some = place(two, unlimited, ledger, request("vm", 2, { policy: "mixed", dedicatedVcpus: [0], previous }));
  expect(some).toMatchObject({ vcpus: [[6], [4, 7]], owned: [6] });
});

it("runs QEMU's threads on housekeeping CPUs of the same cell, or on a CPU of the guest", () => {
  const limits = { ...unlimited, housekeeping: [0, 4] };
  const away = request("vm", 1, { emulator: "housekeeping", iothreads: 1, devices: [device(1)] });
  const answer = place(host(2, 4, 1), limits, nothing, away);
  expect(answer).toMatchObject({ vcpus: [[5]], emulator: [4], iothreads: [[4]] });
  const own = place(host(2, 4, 1), limits, nothing, { ...away, emulator: "isolate" });
  expect(own).toMatchObject({ vcpus: [[5]], emulator: [6], owned: [5, 6] });
});

it("lets shared vCPUs float off the dedicated set, within one cell", () => {
  const limits = { ...unlimited, dedicated: [2, 3, 6, 7] };
  const ledger = { claims: [{ ...owner("big", []), memory: [{ cell: 0, memoryKiB: 63.5 * GiB }] }] };
  const answer = place(host(2, 4, 1), limits, ledger, request("vm", 2, { policy: "shared" }));
  expect(answer).toMatchObject({
    fits: true,
    cells: [1],
    vcpus: [
      [4, 5],
      [4, 5],
    ],
    owned: [],
  });
  const wide = place(host(1, 2, 1), unlimited, nothing, request("vm", 4, { policy: "shared" }));
  expect(wide).toMatchObject({ fits: true, cells: [], owned: [] });
});

it("mixes vCPUs that own a CPU with some that float", () => {
  const answer = place(
    host(1, 4, 1),
    unlimited,
    nothing,
    request("vm", 3, { policy: "mixed", dedicatedVcpus: [1, 2] }),
  );
  expect(answer).toMatchObject({ vcpus: [[2, 3], [0], [1]], owned: [0, 1] });
});

describe("refuses with the fact and the remedy", () => {
  const pools = (cell: number) => [
    { sizeKiB: 4, total: GiB },
    { sizeKiB: 2048, total: cell === 0 ? 100 : 1024 },
  ];
  it.each([
    [
      "too few cores",
      host(1, 4, 2),
      [owner("db", [0, 4])],
      request("vm", 7),
      "cell 0: 3 whole cores free, 4 needed; owned by db",
    ],
    [
      "too few pages",
      host(1, 4, 1, { pages: pools }),
      [],
      request("vm", 1, { pages: 2048 }),
      "cell 0: 100 pages of 2 MiB free, 512 needed for 1 GiB of memory",
    ],
    [
      "pages that others have",
      host(1, 4, 1, { pages: pools }),
      [{ ...owner("db", []), pages: [{ cell: 0, sizeKiB: 2048, count: 28 }] }, owner("web", [])],
      request("vm", 1, { pages: 2048 }),
      "cell 0: 72 pages of 2 MiB free (beside db), 512 needed for 1 GiB of memory",
    ],
    [
      "1 GiB pages for 512 MiB",
      host(1, 4, 1),
      [],
      request("vm", 1, { pages: GiB, memoryKiB: GiB / 2 }),
      "cell 0: 512 MiB of memory are no whole number of 1 GiB pages",
    ],
    ["more cells than there are", host(1, 4, 1), [], request("vm", 4, twoCells), "2 guest cells asked, the host has 1"],
    [
      "memory of unbound guests",
      host(2, 4, 1),
      [{ ...owner("loose", []), unboundKiB: 126 * GiB }],
      request("vm", 1, { memoryKiB: 4 * GiB }),
      "ordinary memory are left",
    ],
    [
      "a device whose group is shared",
      host(1, 4, 1),
      [{ ...owner("net", []), devices: [{ address: "0000:09:00.1", iommuGroup: 7 }] }],
      request("vm", 1, { devices: [{ ...device(0), iommuGroup: 7 }] }),
      "net has 0000:09:00.1 of the same IOMMU group 7",
    ],
  ])("%s", (_, on, claims, wish, fact) => {
    const answer = place(on, unlimited, { claims }, wish);
    expect(answer.fits).toBe(false);
    expect(answer.explain.join("\n")).toContain(fact);
    expect(answer.explain.at(-1)).toMatch(/^remedy: /);
  });

  it("taking the last CPU that another floats over", () => {
    const ledger = { claims: [{ ...owner("web", []), shared: [0, 1] }] };
    const answer = place(host(1, 2, 1), unlimited, ledger, request("vm", 2));
    expect(answer.fits).toBe(false);
    expect(answer.explain.join()).toContain("web would have no CPU left");
    expect(place(host(1, 2, 1), unlimited, ledger, request("vm", 1)).vcpus).toEqual([[0]]);
  });

  it.each<[string, Partial<Request>]>([
    ["whole cores", {}],
    ["single threads", { smt: "any" }],
  ])("pages, where the CPUs are there in two cells: %s", (_, more) => {
    const pages = (cell: number) => [{ sizeKiB: 2048, total: cell === 0 ? 512 : 256 }];
    const wish = request("vm", 8, { memoryKiB: 2 * GiB, pages: "large", ...more });
    const { explain } = place(host(2, 4, 1, { pages }), unlimited, nothing, wish);
    expect(explain[0]).toBe("cell 1: 256 pages of 2 MiB free, 512 needed for 1 GiB of memory");
    expect(explain[1]).toMatch(/^remedy: .*\(Host, hugePages\)/);
    expect(place(host(2, 4, 1), unlimited, nothing, wish).explain[0]).toBe("cell 0: no huge pages for 1 GiB of memory");
    const { explain: tooFew } = place(host(2, 4, 1, { pages }), unlimited, nothing, request("vm", 12, more));
    expect(tooFew.join()).toMatch(/^cell 0: 4 (whole cores|CPUs) free, 12 needed/);
  });

  it("with what the Host declares, and not with what it does not", () => {
    const remedyOf = (limits: Partial<HostLimits>, wish: Request, claims = nothing) =>
      place(host(1, 4, 1), { ...unlimited, ...limits }, claims, wish).explain.at(-1);
    const split = "remedy: take fewer vCPUs, split the guest into more cells";
    const tooMany = request("vm", 5);
    expect(remedyOf({}, tooMany)).toBe(split.replace(", split", " or split"));
    expect(remedyOf({ housekeeping: [0] }, tooMany)).toBe(`${split} or narrow the host's housekeepingCpus`);
    expect(remedyOf({ housekeeping: [0], dedicated: [1, 2] }, tooMany)).toBe(
      `${split} or widen the host's dedicatedCpus`,
    );
    const owned = { claims: [owner("old", [0])] };
    expect(remedyOf({}, tooMany, owned)).toBe(`${split} or remove one of the owners`);
    const floating = request("vm", 1, { policy: "shared" });
    const dedicated = { dedicated: [0, 1, 2, 3] };
    expect(remedyOf(dedicated, floating)).toBe("remedy: narrow the host's dedicatedCpus");
    const large = request("vm", 1, { memoryKiB: 65 * GiB });
    expect(remedyOf({}, large)).not.toContain("reserve");
    expect(remedyOf({ reserveKiB: new Map([[0, GiB]]) }, large)).toContain("lower the host's reservedMemory");
  });

  it("more encrypted guests than slots", () => {
    const ledger = { claims: [{ ...owner("secret", []), confidential: true }] };
    const limits = { ...unlimited, confidentialSlots: 1 };
    expect(place(host(1, 4, 1), limits, ledger, request("vm", 1, { confidential: true })).explain[0]).toContain(
      "1 of 1 keys",
    );
  });
});

it("plans one guest of eight cells on sixteen in time", () => {
  const far = (from: number, to: number) => (from === to ? 10 : from >> 2 === to >> 2 ? 12 : 32);
  const sixteen = host(16, 8, 2, { distance: far });
  const cells = Array.from({ length: 8 }, (_, cell) => ({
    vcpus: [2 * cell, 2 * cell + 1],
    memoryKiB: (1 + cell) * GiB,
  }));
  const wish = request("vm", 16, { cells, memoryKiB: 36 * GiB });
  const from = performance.now();
  const answer = place(sixteen, unlimited, nothing, wish);
  expect(performance.now() - from).toBeLessThan(1000);
  expect(new Set(answer.cells.map((cell) => cell >> 2)).size).toBe(2);
});

it("tries one of the cells that are alike", () => {
  const wish = request("vm", 48, { memoryKiB: 96 * GiB });
  const far = (from: number, to: number) => (from === to ? 10 : from === 2 || to === 2 ? 40 : 20);
  const sixteen = host(16, 8, 2, { distance: far });
  const ledger = { claims: [owner("old", [0])] };
  const answer = place(sixteen, unlimited, ledger, wish);
  expect(answer.cells).toEqual([1, 3, 4, 5, 6, 7]);
  expect(answer.explain.join()).not.toContain("stopped at its bound");
});

it("tells cells apart by their distances and by guests that would lose their last CPU", () => {
  const near = (from: number, to: number) => (from === to ? 10 : from + to === 3 ? 11 : 20);
  const wish = request("vm", 4);
  expect(place(host(4, 2, 1, { distance: near }), unlimited, nothing, wish).cells).toEqual([0, 3]);
  const ledger = { claims: [{ ...owner("web", []), shared: [0, 1] }] };
  expect(place(host(4, 2, 1), unlimited, ledger, wish).cells).toEqual([1, 2]);
});

describe("memory devices count with the cell that they go to", () => {
  const on = host(2, 4, 1, {
    memoryKiB: 8 * GiB,
    pages: (cell) => [
      { sizeKiB: 4, total: GiB },
      { sizeKiB: 2048, total: cell === 1 ? 2048 : 1024 },
      { sizeKiB: GiB, total: cell === 1 ? 1 : 0 },
    ],
  });
  const cells = [{ vcpus: [0, 1], memoryKiB: 2 * GiB }];
  const vm = (more: Partial<Request>) =>
    place(on, unlimited, { claims: [] }, request("vm", 2, { memoryKiB: 2 * GiB, pages: 2048, cells, ...more }));

  test("on the pages of the cell", () => {
    expect(vm({}).pages).toMatchObject([{ sizeKiB: 2048, count: 1024 }]);
    const grown = vm({ added: [{ cell: 0, memoryKiB: GiB }] });
    expect(grown).toMatchObject({ cells: [1], pages: [{ cell: 1, sizeKiB: 2048, count: 1536 }] });
    expect(claimOf(on, request("vm", 2, {}), grown).pages).toEqual([{ cell: 1, sizeKiB: 2048, count: 1536 }]);
    const { fits, explain } = vm({ added: [{ cell: 0, memoryKiB: 3 * GiB }] });
    expect(fits).toBe(false);
    expect(explain.join()).toMatch(
      /cell 1: 2048 pages of 2 MiB free, 2560 needed for 5 GiB of memory and memory devices/,
    );
  });

  test("on pages of their own size", () => {
    const own = vm({ added: [{ cell: 0, memoryKiB: GiB, pageKiB: GiB }] });
    expect(own).toMatchObject({ cells: [1], pages: [{ count: 1024 }], devicePages: [{ sizeKiB: GiB, count: 1 }] });
    expect(claimOf(on, request("vm", 2, {}), own).pages).toContainEqual({ cell: 1, sizeKiB: GiB, count: 1 });
    const { fits, explain } = vm({ added: [{ cell: 0, memoryKiB: 2 * GiB, pageKiB: GiB }] });
    expect(fits).toBe(false);
    expect(explain.join()).toContain("cell 1: 1 pages of 1 GiB free, 2 needed by memory devices");
  });

  test("on ordinary ones, with what QEMU needs", () => {
    const half = { pages: "none", memoryKiB: 3 * GiB, cells: [{ vcpus: [0, 1], memoryKiB: 3 * GiB }] } as const;
    expect(vm(half).fits).toBe(true);
    expect(vm({ ...half, added: [{ cell: 0, memoryKiB: GiB }] }).fits).toBe(false);
  });
});

it("gives no guest to a cell without memory, which the kernel binds nothing to, however full the others are", () => {
  const pages = (cell: number) => [{ sizeKiB: 4, total: cell === 0 ? 0 : GiB / 4 }];
  const halved = host(2, 2, 1, { pages, memoryKiB: GiB });
  const shared = request("vm", 1, { policy: "shared", memoryKiB: 2 * GiB, devices: [device(0, "preferred")] });
  expect(place(halved, unlimited, nothing, shared)).toMatchObject({ fits: true, cells: [1] });
});
