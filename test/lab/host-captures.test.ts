import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { launchSecurityIn, nestedIn } from "../../provider/resources/domain-capabilities";
import { factsOf } from "../../provider/resources/host/facts";
import { offersOf } from "../../provider/resources/host/hardware";
import { describeTopology, recalled } from "../../provider/resources/host/topology";
import { devicesIn } from "../../provider/resources/host-devices";
import { topologyOf } from "../../provider/resources/host-topology";
import { child, parse, textOf } from "../../provider/schema/tree";
import { parseCpuSet } from "../../provider/tuning/cpu-set";
import { debianSource } from "../../tools/oracle/source";
import { cacheFolder } from "./lab";

const captures = (suite: string) => join(debianSource("libvirt", suite, cacheFolder(), "*/tests/*", "tests"), "tests");
const newer = captures("trixie");
const newerDocument = (path: string) => parse(readFileSync(join(newer, path), "utf8"));

const folder = join(captures("bookworm"), "vircaps2xmldata");
const files = readdirSync(folder).filter((name) => name.endsWith(".xml"));

it.each(files)("%s: what Host tells of it, and its digest, name the same CPUs, memory and pages", (name) => {
  const document = parse(readFileSync(join(folder, name), "utf8"));
  const topology = topologyOf(document);
  const ascending = (cpus: readonly number[]) => [...cpus].sort((a, b) => a - b);
  const online = topology.cells.flatMap((cell) => cell.cpus.map((cpu) => cpu.id));
  const described = describeTopology(topology);
  const inSockets = described.sockets.flatMap(({ cpus }) => parseCpuSet(cpus));
  expect(ascending(inSockets)).toEqual(ascending(online));
  const known = recalled(described);
  expect(known?.cells.map(({ id, memoryKiB, pages }) => ({ id, memoryKiB, pages }))).toEqual(
    topology.cells.map(({ id, memoryKiB, pages }) => ({ id, memoryKiB, pages })),
  );
  const { cells: digest = [] } = factsOf(9_000_000, document, undefined, topology);
  expect(digest.map(({ id, cpus }) => [id, cpus])).toEqual(topology.cells.map(({ id, cpus }) => [id, cpus.length]));
});

it("tells the clusters of an Arm machine apart", () => {
  const topology = topologyOf(newerDocument("vircaps2xmldata/vircaps-aarch64-basic-clusters.xml"));
  const [first] = describeTopology(topology).sockets;
  expect(first?.dies[0]?.clusters.length).toBeGreaterThan(1);
});

it.each([
  ["9.2.0-q35.x86_64+amdsev", { nested: true, ways: ["sev", "sev-es", "sev-snp"], sev: { guests: 59, esGuests: 450 } }],
  ["9.2.0-q35.x86_64", { nested: true, ways: [], sev: undefined }],
  ["9.2.0-tcg.x86_64", { nested: undefined, ways: [], sev: undefined }],
])("what QEMU %s offers", (name, { nested, ways, sev }) => {
  const document = newerDocument(`domaincapsdata/qemu_${name}.xml`);
  expect(nestedIn(document)).toBe(nested);
  expect(launchSecurityIn(document)).toEqual(ways);
  const offers = offersOf(document);
  expect(offers).toMatchObject({
    firmware: { types: ["bios", "efi"], loaders: expect.arrayContaining([expect.stringMatching(/\.fd$/)]) },
    tpm: { models: ["tpm-tis", "tpm-crb"] },
  });
  expect(offers.sev).toEqual(sev);
});

it("devices that libvirt's developers met", () => {
  const folder = join(newer, "nodedevschemadata");
  const documents = readdirSync(folder)
    .filter((name) => /^(pci|net)_.*\.xml$/.test(name))
    .map((name) => newerDocument(`nodedevschemadata/${name}`))
    // Made up: the bus of this one is -1.
    .filter((document) => textOf(child(document, "capability/bus") ?? document) !== "4294967295");
  const devices = devicesIn(documents, new Map());
  expect(devices.length).toBeGreaterThan(10);
  expect(devices).toContainEqual(
    expect.objectContaining({
      address: "0000:02:10.7",
      cell: 0,
      iommuGroup: 31,
      physicalFunction: "0000:02:00.1",
      virtualFunctions: { addresses: ["0000:02:00.2", "0000:02:00.3", "0000:02:00.4", "0000:02:00.5"], max: 7 },
    }),
  );
  expect(devices).toContainEqual(expect.objectContaining({ mediatedTypes: ["foo1", "foo2"] }));
  for (const { address } of devices) expect(address).toMatch(/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/);
});
