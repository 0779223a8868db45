import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { topologyOf } from "../../provider/resources/host-topology";
import { child, children, parse } from "../../provider/schema/tree";
import { coresOf } from "../../provider/tuning/topology";
import { debianSource } from "../../tools/oracle/source";
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
