import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { topologyOf } from "../../provider/resources/host-topology";
import { parse } from "../../provider/schema/tree";
import { placeAll } from "../../provider/tuning/place-all";
import type { HostLimits, Request } from "../../provider/tuning/request";
import type { HostTopology } from "../../provider/tuning/topology";
import { debianSource } from "../../tools/oracle/source";
import { brokenRules } from "../unit/tuning/hard-rules";
import { GiB, owner, request, unlimited } from "../unit/tuning/hosts";
import { cacheFolder } from "./lab";

// Topologies that libvirt's developers captured on real machines, of both releases: two sockets, clusters of Arm cores,
// dies, SNC, EPYC's L3 groups, cells of memory alone. Their 4 KiB pools hold 8 MiB, so that guests take huge pages.
const captures = (["bookworm", "trixie"] as const).flatMap((suite) => {
  const folder = join(debianSource("libvirt", suite, cacheFolder(), "*/tests/*", "tests"), "tests/vircaps2xmldata");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".xml"))
    .map((name) => ({ name: `${suite} ${name}`, host: topologyOf(parse(readFileSync(join(folder, name), "utf8"))) }));
});

/** What is asked of each host: one of each kind, sets that fill it, guests that cannot be. */
function series(host: HostTopology): readonly (readonly Request[])[] {
  const cpus = host.cells.reduce((sum, cell) => sum + cell.cpus.length, 0);
  const cellsWithCpus = host.cells.filter((cell) => cell.cpus.length > 0).length;
  const each = Math.max(1, Math.floor(cpus / cellsWithCpus / 2));
  const huge = { pages: 2048, memoryKiB: GiB } as const;
  const cells = Array.from({ length: cellsWithCpus }, (_, cell) => ({
    vcpus: Array.from({ length: each }, (_, vcpu) => cell * each + vcpu),
    memoryKiB: GiB,
  }));
  const kinds = (["whole-core", "isolate", "any"] as const).map((smt) => request(smt, 2, { ...huge, smt }));
  return [
    kinds,
    Array.from({ length: cpus }, (_, index) =>
      request(`single${index}`, 1, { ...huge, memoryKiB: GiB / 8, smt: "any" }),
    ),
    [request("spread", each * cellsWithCpus, { ...huge, cells, memoryKiB: GiB * cellsWithCpus })],
    [request("all", cpus, { ...huge, memoryKiB: 2 * GiB }), request("none", 1, { ...huge, smt: "any" })],
    [
      request("giant", 1, { pages: GiB, memoryKiB: 4 * GiB }),
      request("large", 1, { pages: "large", memoryKiB: 3 * GiB, emulator: "isolate", iothreads: 2 }),
      request("web", 2, { policy: "shared", memoryKiB: 4096 }),
      request("mixed", 3, { ...huge, policy: "mixed", dedicatedVcpus: [0] }),
    ],
    [
      request("too many CPUs", cpus + 1, huge),
      request("too much memory", 1, { pages: GiB, memoryKiB: 64 * 1024 * GiB }),
      request("odd size", 1, { pages: GiB, memoryKiB: GiB / 2 }),
      request("no such cell", 1, { ...huge, devices: [{ address: "0000:01:00.0", cell: 99, locality: "required" }] }),
    ],
  ];
}

it("has captures with clusters, dies, L3 groups, threads, and cells without CPUs", () => {
  const hosts = captures.map(({ host }) => host);
  const some = (holds: (host: HostTopology) => boolean) => hosts.filter(holds).length;
  const cpus = (host: HostTopology) => host.cells.flatMap((cell) => cell.cpus);
  expect(some((host) => new Set(cpus(host).map(({ cluster }) => cluster)).size > 1)).toBeGreaterThan(0);
  expect(some((host) => new Set(cpus(host).map(({ die }) => die)).size > 1)).toBeGreaterThan(0);
  expect(some((host) => host.cacheGroups.length > host.cells.length)).toBeGreaterThan(0);
  expect(some((host) => cpus(host).some(({ siblings }) => siblings.length > 1))).toBeGreaterThan(0);
  expect(some((host) => host.cells.some((cell) => cell.cpus.length === 0))).toBeGreaterThan(0);
});

describe.each(captures)("$name", ({ host }) => {
  const online = host.cells.flatMap((cell) => cell.cpus.map(({ id }) => id));
  const limits: readonly HostLimits[] = [
    unlimited,
    {
      ...unlimited,
      housekeeping: online.slice(0, 1),
      pageReserve: host.cells.map(({ id }) => ({ cell: id, sizeKiB: 2048, count: 64 })),
    },
  ];

  it("keeps the hard rules, explains every answer, and moves nobody when asked again", () => {
    for (const limit of limits) {
      for (const requests of series(host)) {
        const claims = [owner("old", online.slice(-1), "any")];
        const { placements } = placeAll(host, limit, { claims }, requests);
        expect(brokenRules({ host, limits: limit, claims, requests }, placements)).toEqual([]);
        const again = requests.map((wish, index) => {
          const previous = placements[index];
          return previous?.fits && previous.cells.length > 0 ? { ...wish, previous } : wish;
        });
        const second = placeAll(host, limit, { claims }, again).placements;
        placements.forEach((first, index) => {
          if (first.fits && first.cells.length > 0)
            expect(second[index]).toMatchObject({ owned: first.owned, cells: first.cells });
        });
      }
    }
  });

  it("gives every CPU to a guest of one vCPU, and none to the guests that cannot be", () => {
    const [, singles = [], , , , impossible = []] = series(host);
    const all = placeAll(host, unlimited, { claims: [] }, singles).placements;
    expect(all.flatMap(({ owned }) => owned).sort((a, b) => a - b)).toEqual([...online].sort((a, b) => a - b));
    const none = placeAll(host, unlimited, { claims: [] }, impossible).placements;
    expect(none.map(({ name, fits }) => ({ name, fits }))).toEqual(
      impossible.map(({ name }) => ({ name, fits: false })),
    );
  });
});
