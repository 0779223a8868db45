import {
  addedAfter,
  addedAtMost,
  type PoolPlan,
  planPages,
  present,
  shortfalls,
  stillAdded,
} from "../../../provider/resources/host/page-plan";
import * as hosts from "../tuning/hosts";

/** A host with as many pages of 2 MiB as given, one number a cell. */
const machine = (...totals: number[]) =>
  hosts.host(totals.length, 1, 1, { pages: (cell) => [{ sizeKiB: 2048, total: totals[cell] ?? 0 }] });
const free = (...counts: number[]) => counts.map((count, cell) => ({ cell, sizeKiB: 2048, count }));
const added = (cell: number, before: number, count: number) => ({ cell, size: "2 MiB", before, count });
const brief = (plans: readonly PoolPlan[]) =>
  plans.map(({ cell, total, target, busy }) => ({ cell, total, target, busy }));

test("what is missing is added, what is there already is nobody's", () => {
  const plans = planPages([{ size: "2 MiB", count: 16 }], [], machine(4, 20), []);
  expect(brief(plans)).toEqual([
    { cell: 0, total: 4, target: 16, busy: 0 },
    { cell: 1, total: 20, target: 20, busy: 0 },
  ]);
  expect(addedAfter(plans, machine(16, 20))).toEqual([added(0, 4, 12)]);
  expect(addedAtMost(plans)).toEqual([added(0, 4, 12)]);
  // The kernel gave fewer.
  expect(addedAfter(plans, machine(9, 20))).toEqual([added(0, 4, 5)]);
  expect(shortfalls([{ size: "2 MiB", count: 16 }], machine(9, 20))).toEqual(["cell 0 has 9 of 16 pages of 2 MiB"]);
});

test("more and fewer on top of what was added before", () => {
  const more = planPages([{ cell: 0, size: "2 MiB", count: 20 }], [added(0, 4, 12)], machine(16), free(16));
  expect(brief(more)).toEqual([{ cell: 0, total: 16, target: 20, busy: 0 }]);
  expect(addedAfter(more, machine(20))).toEqual([added(0, 4, 16)]);
  const fewer = planPages([{ cell: 0, size: "2 MiB", count: 6 }], [added(0, 4, 12)], machine(16), free(16));
  expect(brief(fewer)).toEqual([{ cell: 0, total: 16, target: 6, busy: 0 }]);
  expect(addedAfter(fewer, machine(6))).toEqual([added(0, 4, 2)]);
});

test.each([
  ["all of it", [added(0, 4, 12)], machine(16), free(16), { target: 4, busy: 0 }],
  ["no page in use", [added(0, 4, 12)], machine(16), free(5), { target: 11, busy: 7 }],
  ["nothing that others added", [added(0, 4, 12)], machine(30), free(30), { target: 18, busy: 0 }],
  ["nothing twice after a part is gone", [added(0, 4, 12)], machine(7), free(7), { target: 4, busy: 0 }],
])("given back: %s", (_name, kept, topology, idle, expected) => {
  const plans = planPages([], kept, topology, idle);
  expect(plans).toMatchObject([expected]);
  expect(addedAfter(plans, machine(expected.target)).reduce((sum, { count }) => sum + count, 0)).toBe(expected.busy);
});

test("after a restart of the machine nothing is ours, and what it has from the start stays", () => {
  expect(stillAdded([added(0, 4, 12)], machine(4))).toEqual([]);
  expect(planPages([], [added(0, 4, 12)], machine(4), free(4))).toEqual([]);
  expect(present([{ cell: 0, size: "2 MiB", count: 16 }], machine(4))).toEqual([{ cell: 0, size: "2 MiB", count: 4 }]);
  expect(present([{ size: "2 MiB", count: 16 }], machine(16, 0))).toBeUndefined();
  expect(present([{ size: "2 MiB", count: 16 }], machine(17, 99))).toEqual([{ size: "2 MiB", count: 16 }]);
});

test("pages that guests need for their next start stay, as far as others are not enough for them", () => {
  const back = (claimed: number) => planPages([], [added(0, 4, 12)], machine(16), free(16), [], free(claimed));
  expect([4, 10, 99].flatMap((claimed) => brief(back(claimed)))).toEqual([
    { cell: 0, total: 16, target: 4, busy: 0 },
    { cell: 0, total: 16, target: 10, busy: 6 },
    { cell: 0, total: 16, target: 16, busy: 12 },
  ]);
});

test("pages that were added for guests are no part of what the Host gives or takes", () => {
  const guests = free(8);
  // 4 at first, 12 added by the Host, 8 for guests.
  const fewer = planPages([{ cell: 0, size: "2 MiB", count: 6 }], [added(0, 4, 12)], machine(24), free(24), guests);
  expect(brief(fewer)).toEqual([{ cell: 0, total: 24, target: 14, busy: 0 }]);
  const none = planPages([], [added(0, 4, 12)], machine(24), free(24), guests);
  expect(brief(none)).toEqual([{ cell: 0, total: 24, target: 12, busy: 0 }]);
  const first = planPages([{ cell: 0, size: "2 MiB", count: 6 }], [], machine(12), [], guests);
  expect(brief(first)).toEqual([{ cell: 0, total: 12, target: 14, busy: 0 }]);
  expect(addedAfter(first, machine(14))).toEqual([added(0, 4, 2)]);
});
