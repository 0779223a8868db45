import { domainClaim, joinClaims } from "../../../provider/resources/domain-claim";
import { parse } from "../../../provider/schema/tree";
import { host } from "../tuning/hosts";

/** CPUs 0-3 and 4-7 are threads of the cores of cell 0, 8-15 those of cell 1. */
const machine = host(2, 4, 2);

function claim(body: string) {
  return domainClaim(parse(`<domain><name>g</name><memory unit='MiB'>1024</memory>${body}</domain>`), machine);
}

test("single pins, pins to one core, and pins to no more CPUs than vCPUs are owned", () => {
  expect(
    claim("<vcpu>2</vcpu><cputune><vcpupin vcpu='0' cpuset='3'/><vcpupin vcpu='1' cpuset='1,5'/></cputune>"),
  ).toMatchObject({
    owned: [1, 3, 5],
    shared: [],
  });
  expect(claim("<vcpu cpuset='2-3'>2</vcpu>").owned).toEqual([2, 3]);
});

test("wider pins float, those over the whole host over nothing in particular", () => {
  expect(claim("<vcpu cpuset='0-3'>2</vcpu>")).toMatchObject({ owned: [], shared: [0, 1, 2, 3] });
  for (const count of [2, 16]) {
    expect(claim(`<vcpu cpuset='0-15'>${count}</vcpu>`)).toMatchObject({ owned: [], shared: [] });
  }
  expect(claim("<vcpu>2</vcpu>")).toMatchObject({ owned: [], shared: [], unboundKiB: 1024 * 1024 });
});

test("memory is bound where the binding is strict and names one cell", () => {
  const bound = "<numatune><memory mode='strict' nodeset='1'/></numatune>";
  expect(claim(bound)).toMatchObject({ memory: [{ cell: 1, memoryKiB: 1024 * 1024 }], unboundKiB: 0 });
  expect(claim(bound.replace("strict", "preferred"))).toMatchObject({ memory: [], unboundKiB: 1024 * 1024 });
});

test("each guest cell has its own pages and place", () => {
  const cells = [0, 1].map((id) => `<cell id='${id}' cpus='${id}' memory='512' unit='MiB'/>`).join("");
  const found = claim(`<vcpu>2</vcpu><cpu><numa>${cells}</numa></cpu>
    <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0'/></hugepages></memoryBacking>
    <numatune><memnode cellid='0' mode='strict' nodeset='1'/><memnode cellid='1' mode='strict' nodeset='0'/></numatune>`);
  expect(found.pages).toEqual([{ cell: 1, sizeKiB: 2048, count: 256 }]);
  expect(found.memory).toEqual([{ cell: 0, memoryKiB: 512 * 1024 }]);
});

test("huge pages of no size are the only ones that the host has, else those of 2 MiB", () => {
  const pool = (sizeKiB: number, total: number) => ({ sizeKiB, total });
  const of = (small: number, giant: number) => {
    const pages = () => [pool(4, 1000), pool(2048, small), pool(1024 ** 2, giant)];
    const xml = "<domain><memory unit='GiB'>2</memory><memoryBacking><hugepages/></memoryBacking></domain>";
    return domainClaim(parse(xml), host(1, 2, 1, { pages })).pages;
  };
  expect(of(0, 8)).toEqual([{ cell: 0, sizeKiB: 1024 ** 2, count: 2 }]);
  for (const [small, giant] of [
    [512, 8],
    [512, 0],
    [0, 0],
  ] as const) {
    expect(of(small, giant)).toEqual([{ cell: 0, sizeKiB: 2048, count: 1024 }]);
  }
});

test("memory devices hold what they may grow to, in the place of their cell unless they say otherwise", () => {
  const device = (model: string, rest: string) =>
    `<memory model='${model}'><target><size unit='MiB'>512</size><requested unit='MiB'>64</requested></target>${rest}</memory>`;
  const found = claim(`<vcpu>2</vcpu><cpu><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>
    <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    <numatune><memory mode='strict' nodeset='1'/></numatune>
    <devices>${device("virtio-mem", "")}${device("dimm", "<source><pagesize unit='KiB'>4</pagesize><nodemask>0</nodemask></source>")}
    ${device("nvdimm", "<source><path>/f</path></source>")}</devices>`);
  expect(found.pages.filter(({ sizeKiB }) => sizeKiB === 2048)).toEqual([
    { cell: 1, sizeKiB: 2048, count: 256 },
    { cell: 1, sizeKiB: 2048, count: 256 },
  ]);
  expect(found.memory).toEqual([{ cell: 0, memoryKiB: 512 * 1024 }]);
});

test("PCI devices are named as node devices are, other addresses are left out", () => {
  const devices = `<devices><hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x3b' slot='0x1f' function='0x2'/></source></hostdev>
    <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>
    <interface type='hostdev'><source><address type='pci' domain='0x0000' bus='0x0a' slot='0x00' function='0x1'/></source></interface></devices>`;
  expect(claim(devices).devices).toEqual([{ address: "0000:3b:1f.2" }, { address: "0000:0a:00.1" }]);
});

describe("a domain that we placed", () => {
  const record = (attributes: string) =>
    `<metadata><p:placement xmlns:p='urn:pulumi-kvm:placement:1' ${attributes}/></metadata>`;
  const pinned = "<vcpu>2</vcpu><cputune><vcpupin vcpu='0' cpuset='3'/><vcpupin vcpu='1' cpuset='1,5'/></cputune>";

  test("says the group that it keeps apart from", () => {
    const grouped = claim(record("smt='any' owned='3' shared='' apart='db'") + pinned);
    expect(grouped.apart).toBe("db");
    expect(joinClaims([claim(pinned), grouped])[0]?.apart).toBe("db");
  });

  test("says itself what it owns, and what of its pins is shared", () => {
    expect(claim(record("smt='isolate' owned='3,9' shared='1,5'") + pinned)).toMatchObject({
      owned: [3, 9],
      shared: [1, 5],
      smt: "isolate",
    });
  });

  test("owns what somebody pinned it to since then as well", () => {
    expect(claim(record("smt='any' owned='2' shared=''") + pinned)).toMatchObject({ owned: [1, 2, 3, 5], smt: "any" });
  });

  test("holds what it has now and what it will have", () => {
    const [both] = joinClaims([
      claim(`${record("smt='any' owned='3'")}<vcpu>1</vcpu><numatune><memory nodeset='0'/></numatune>`),
      claim(`${record("smt='whole-core' owned='4'")}<vcpu>1</vcpu><numatune><memory nodeset='1'/></numatune>`),
    ]);
    expect(both).toMatchObject({ owned: [3, 4], smt: "whole-core", unboundKiB: 0 });
    expect(both?.memory.map(({ cell }) => cell)).toEqual([0, 1]);
  });
});
