import * as fc from "fast-check";
import { placeAll } from "../../provider/tuning/place-all";
import type { Claim, HostLimits, Request } from "../../provider/tuning/request";
import type { HostTopology } from "../../provider/tuning/topology";
import { brokenRules } from "../unit/tuning/hard-rules";
import { GiB, owner } from "../unit/tuning/hosts";
import { oddHosts } from "../unit/tuning/odd-hosts";

/** Requests with every field there is. */
const wishes = fc.array(
  fc.record({
    maxVcpus: fc.constantFrom(1, 2, 3, 4, 6, 8, 16),
    memoryKiB: fc.constantFrom(GiB / 2, GiB, 3 * GiB, 7 * GiB, 64 * GiB, GiB + 1024),
    pages: fc.constantFrom<Request["pages"]>("none", "any", "large", 2048, GiB),
    policy: fc.constantFrom<Request["policy"]>("dedicated", "dedicated", "mixed", "shared"),
    smt: fc.constantFrom<Request["smt"]>("whole-core", "isolate", "any"),
    emulator: fc.constantFrom<Request["emulator"]>("share", "isolate", "housekeeping"),
    iothreads: fc.constantFrom(0, 1, 4),
    parts: fc.constantFrom(0, 0, 1, 2, 3),
    device: fc.option(
      fc.record({
        cell: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
        locality: fc.constantFrom("required" as const, "preferred" as const, "none" as const),
        iommuGroup: fc.integer({ min: 0, max: 3 }),
      }),
      { nil: undefined },
    ),
    confidential: fc.boolean(),
  }),
  { minLength: 1, maxLength: 7 },
);
type Wish = typeof wishes extends fc.Arbitrary<readonly (infer W)[]> ? W : never;

function requestOf({ parts, device, ...wish }: Wish, index: number): Request {
  const count = Math.min(parts, wish.maxVcpus);
  const cells = Array.from({ length: count }, (_, cell) => ({
    vcpus: Array.from({ length: wish.maxVcpus }, (_, vcpu) => vcpu).filter((vcpu) => vcpu % count === cell),
    memoryKiB: cell === 0 ? wish.memoryKiB - (count - 1) * 262144 : 262144,
  }));
  const { cell, ...rest } = device ?? {};
  return {
    ...wish,
    name: `vm${index}`,
    dedicatedVcpus: [0, 2].filter((vcpu) => vcpu < wish.maxVcpus),
    ...(count > 0 && wish.memoryKiB > count * 262144 ? { cells } : {}),
    devices: device
      ? [
          {
            address: `0000:0${index}:00.0`,
            ...(cell === undefined ? {} : { cell }),
            ...rest,
          } as Request["devices"][number],
        ]
      : [],
  };
}

const limitsOf = (host: HostTopology, housekeeping: number, dedicated: boolean, reserve: number): HostLimits => {
  const online = host.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id)).sort((a, b) => a - b);
  return {
    housekeeping: online.slice(0, housekeeping),
    ...(dedicated ? { dedicated: online.slice(Math.floor(online.length / 3)) } : {}),
    reserveKiB: new Map(host.cells.map(({ id }) => [id, reserve * GiB])),
    pageReserve: host.cells.map(({ id }) => ({ cell: id, sizeKiB: 2048, count: reserve })),
    confidentialSlots: 2,
  };
};

const cases = fc
  .record({
    host: oddHosts,
    wishes,
    housekeeping: fc.integer({ min: 0, max: 3 }),
    dedicated: fc.boolean(),
    reserve: fc.integer({ min: 0, max: 2 }),
    taken: fc.array(
      fc.tuple(fc.integer({ min: 0, max: 60 }), fc.constantFrom<Claim["smt"]>("any", "whole-core", undefined)),
      {
        maxLength: 5,
      },
    ),
  })
  .map(({ host, wishes: list, housekeeping, dedicated, reserve, taken }) => {
    const online = host.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id));
    const claims = taken.flatMap(([at, smt], index) =>
      online.length > 0 ? [owner(`old${index}`, [online[at % online.length] ?? 0], smt)] : [],
    );
    return { host, limits: limitsOf(host, housekeeping, dedicated, reserve), claims, requests: list.map(requestOf) };
  });

it("keeps the hard rules on hosts that no one would build, and explains every answer", () => {
  let placed = 0;
  fc.assert(
    fc.property(cases, (given) => {
      const { placements } = placeAll(given.host, given.limits, { claims: given.claims }, given.requests);
      expect(brokenRules(given, placements)).toEqual([]);
      placed += placements.filter(({ fits, owned }) => fits && owned.length > 0).length;
    }),
    { numRuns: 300 },
  );
  expect(placed).toBeGreaterThan(100);
});

it("answers the same when asked twice, and moves nobody whom it has placed", () => {
  fc.assert(
    fc.property(cases, (given) => {
      const ask = (requests: readonly Request[]) =>
        placeAll(given.host, given.limits, { claims: given.claims }, requests).placements;
      const first = ask(given.requests);
      expect(ask(given.requests)).toEqual(first);
      const again = given.requests.flatMap((request, index) => {
        const previous = first[index];
        return previous?.fits && previous.cells.length > 0 ? [{ ...request, previous }] : [];
      });
      const where = (answers: typeof first) =>
        answers.map(({ name, fits, owned, cells }) => ({ name, fits, owned, cells }));
      const names = new Set(again.map(({ name }) => name));
      expect(where(ask(again))).toEqual(where(first.filter(({ name }) => names.has(name))));
    }),
    { numRuns: 200 },
  );
});
