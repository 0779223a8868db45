import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { topologyOf } from "../../provider/resources/host-topology";
import { child, children, parse } from "../../provider/schema/tree";
import { place } from "../../provider/tuning/place";
import { claimOf } from "../../provider/tuning/place-all";
import type { Claim } from "../../provider/tuning/request";
import { coresOf } from "../../provider/tuning/topology";
import { debianSource } from "../../tools/oracle/source";
import { request, unlimited } from "../unit/tuning/hosts";
import { cacheFolder } from "./lab";

// Topologies that libvirt's developers captured on real machines; the suites without a network cannot fetch them.
const root = debianSource("libvirt", "bookworm", cacheFolder(), "*/tests/*", "tests");
const folder = join(root, "tests/vircaps2xmldata");
const files = readdirSync(folder).filter((name) => name.endsWith(".xml"));

it("has captures of both architectures", () => {
  expect(files.length).toBeGreaterThan(8);
  expect(files.some((name) => name.includes("aarch64"))).toBe(true);
});

it.each(files)("%s: every CPU is in one core, one cache group and one cell, or off", (name) => {
  const document = parse(readFileSync(join(folder, name), "utf8"));
  const topology = topologyOf(document);
  const cells = child(document, "host/topology/cells");
  const listed = (cells ? children(cells, "cell") : []).flatMap((cell) => {
    const cpus = child(cell, "cpus");
    return cpus ? children(cpus, "cpu").map((cpu) => Number(cpu.attributes["id"])) : [];
  });
  const ascending = (cpus: readonly number[]) => [...cpus].sort((a, b) => a - b);
  const online = topology.cells.flatMap((cell) => cell.cpus.map((cpu) => cpu.id));
  expect(ascending([...online, ...topology.offline])).toEqual(ascending(listed));
  expect(ascending(topology.cells.flatMap((cell) => coresOf(cell).flat()))).toEqual(ascending(online));
  expect(ascending(topology.cacheGroups.flat())).toEqual(ascending(online));
});

it.each(files)("%s: guests fill it, each on cores of its own beside its memory", (name) => {
  const host = topologyOf(parse(readFileSync(join(folder, name), "utf8")));
  const cellOf = new Map(host.cells.flatMap((cell) => cell.cpus.map((cpu) => [cpu.id, cell.id])));
  const cores = host.cells.flatMap((cell) => coresOf(cell));
  const claims: Claim[] = [];
  for (let number = 0; ; number++) {
    const wish = request(`guest${number}`, 2, { memoryKiB: 1024, emulator: "housekeeping", smt: "whole-core" });
    const answer = place(host, unlimited, { claims }, wish);
    if (!answer.fits) {
      expect(answer.explain.at(-1)).toMatch(/^remedy: /);
      break;
    }
    const taken = new Set(claims.flatMap(({ owned }) => owned));
    const used = cores.filter((core) => core.some((cpu) => answer.owned.includes(cpu)));
    expect(answer.owned).toHaveLength(2);
    expect(used.flat().filter((cpu) => taken.has(cpu))).toEqual([]);
    const cells = new Set(answer.owned.map((cpu) => cellOf.get(cpu)));
    expect([...cells].sort()).toEqual([...new Set(answer.cells)].sort());
    expect(answer.pages.map(({ cell }) => cell)).toEqual(answer.cells);
    const { sockets = 0, dies = 0, clusters = 0, cores: perCluster = 0, threads = 0 } = answer.topology ?? {};
    expect(sockets * dies * clusters * perCluster * threads).toBe(2);
    // Asked again, it stays.
    expect(place(host, unlimited, { claims }, { ...wish, previous: answer }).vcpus).toEqual(answer.vcpus);
    claims.push(claimOf(host, wish, answer));
  }
  // No cell with memory is left that would have held one more.
  const owned = new Set(claims.flatMap((claim) => claim.owned));
  const free = host.cells.map((cell) => coresOf(cell).filter((core) => !core.some((cpu) => owned.has(cpu))));
  const hasMemory = ({ pages, memoryKiB }: (typeof host.cells)[number]) => {
    const ordinary = pages.find(({ sizeKiB }) => sizeKiB <= 64);
    return (ordinary ? ordinary.total * ordinary.sizeKiB : memoryKiB) > 2 ** 20;
  };
  const hasRoom = host.cells.map((cell, index) => hasMemory(cell) && (free[index] ?? []).flat().length >= 2);
  expect(hasRoom).not.toContain(true);
});
