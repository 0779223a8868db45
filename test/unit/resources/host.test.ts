import { host } from "../../../provider/resources/host";
import { factsOf, machinesOf, maxDigest, sizeOf, virtTypesOf } from "../../../provider/resources/host/facts";
import type { HostDevice } from "../../../provider/resources/host-devices";
import { parse } from "../../../provider/schema/tree";
import * as hosts from "../tuning/hosts";

function faults(args: Readonly<Record<string, unknown>>): string[] {
  return host.check(args, undefined, undefined).failures.map(({ property, reason }) => `${property}: ${reason}`);
}

test.each([
  "qemu:///system",
  "qemu:///session",
  "qemu+ssh://root@rack1.example/system",
  "qemu+ssh://root@[fd00::1]:2222/system?keyfile=/home/me/.ssh/id",
  "qemu+unix:///system?socket=/run/x.sock",
  "qemu+tls://rack1.example/system",
  "test:///default",
])("%s is taken", (uri) => {
  expect(faults({ uri })).toEqual([]);
});

test.each([
  ["rack1.example", [/^uri: does not have the form .*, as in qemu\+ssh:/]],
  ["qemu+ssh://root:secret@a/system", [/^uri: must not hold a password.*ssh key or the agent/]],
  [
    "xen+http:///sytem?no_verify=1&keyfle=/x",
    [
      /^uri: driver "xen"/,
      /^uri: transport "http"/,
      /^uri: parameter no_verify is not supported/,
      /keyfle.*keyfile\?$/,
    ],
  ],
  ["qemu+ssh://a/sytem?proxy=foo", [/^uri: path "\/sytem" is not one of/, /^uri: proxy=foo is not one of/]],
])("%p is refused with all that is wrong", (uri, expected) => {
  expect(faults({ uri })).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

test("settings of KSM are taken in any unit of time, and nothing else is", () => {
  const uri = "qemu:///system";
  const { inputs, failures } = host.check({ uri, ksm: { pagesToScan: 100, sleep: 0.02 } }, undefined, undefined);
  expect(failures).toEqual([]);
  expect(inputs["ksm"]).toEqual({ pagesToScan: 100, sleep: "20 ms" });
  expect(faults({ uri, ksm: { pagesToScan: -1, sleep: "soon", run: true } })).toEqual([
    expect.stringMatching(/^ksm\.\w+: /),
    expect.stringMatching(/^ksm\.\w+: /),
    expect.stringMatching(/^ksm\.run: unknown attribute/),
  ]);
});

test("credentials themselves are no arguments", () => {
  const uri = "qemu:///system";
  expect(faults({ uri, identityEnv: "-----BEGIN OPENSSH PRIVATE KEY-----" })).toEqual([
    "identityEnv: is the name of an environment variable, not the key itself",
  ]);
  expect(faults({ uri, identityFile: "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n" })).toEqual([
    expect.stringMatching(/^identityFile: is the path of a key, not the key itself/),
  ]);
  expect(faults({ uri, hostKey: "abc" })[0]).toMatch(/^hostKey: is neither a public key/);
  expect(faults({ uri, hostKey: `SHA256:${"a".repeat(43)}` })).toEqual([]);
  expect(faults({ uri, password: "x" })[0]).toMatch(/^password: unknown attribute/);
});

const capabilities = (machines: readonly string[]) =>
  parse(`<capabilities><host><cpu><arch>x86_64</arch></cpu><topology><cells num='2'>
    <cell id='0'><memory unit='KiB'>1048576</memory><cpus num='4'/></cell>
    <cell id='1'><memory unit='KiB'>1048576</memory><cpus num='2'/></cell></cells></topology></host>
    <guest><os_type>hvm</os_type><arch name='i686'><machine>isapc</machine><domain type='qemu'/></arch></guest>
    <guest><os_type>hvm</os_type><arch name='x86_64'>${machines.map((name) => `<machine>${name}</machine>`).join("")}
    <machine canonical='pc-q35-7.2'>q35</machine><domain type='qemu'/><domain type='kvm'/></arch></guest></capabilities>`);

test("facts come from the machine's own architecture", () => {
  const document = capabilities(["pc-q35-7.2", "pc-q35-10.0", "pc-q35-2.12"]);
  expect(machinesOf(document)).toEqual(["pc-q35-10.0"]);
  expect(virtTypesOf(document)).toEqual(["qemu", "kvm"]);
  expect(sizeOf(document)).toEqual({ cpus: 6, memory: 2n ** 31n });
  const factsOn = (arch: string) => {
    const xml = "<capabilities><host><cpu><arch>ARCH</arch></cpu></host></capabilities>".replace("ARCH", arch);
    return factsOf(9000000, parse(xml), undefined, hosts.host(1, 1, 1));
  };
  expect(factsOn("aarch64").architecture).toBe("aarch64");
  expect(factsOn("x86_64")).not.toHaveProperty("architecture");
});

test("the digest stays small, and says the newest machine type of each family", () => {
  const versions = Array.from({ length: 300 }, (_, index) => `pc-q35-${index}.0`);
  const one = hosts.host(1, 1, 1);
  expect(factsOf(9000000, capabilities(versions), undefined, one).machines).toEqual(["pc-q35-299.0"]);
  expect(machinesOf(capabilities(["isapc", "pc-i440fx-7.2"]))).toEqual(["pc-i440fx-7.2", "pc-q35-7.2"]);
  const families = Array.from({ length: 300 }, (_, index) => `machine${index}-1.0`);
  const facts = factsOf(9000000, capabilities(families), undefined, one);
  expect(JSON.stringify(facts).length).toBeLessThanOrEqual(maxDigest);
  expect(facts.firmware).toEqual(["bios"]);
});

test("the digest tells which cells have devices for guests", () => {
  const device = { address: "0000:3b:00.0", class: "0x020000", vendor: "Intel", product: "E810", iommuGroup: 7 };
  const card = { ...device, virtualFunctions: { addresses: [], max: 64 } };
  const devices = [
    { ...card, cell: 1 },
    { ...card, cell: 1 },
    { ...device, cell: 0, class: "0x030000" },
    { ...device, cell: 3, class: "0x030200" },
    { ...device, cell: 2, class: "0x120000", iommuGroup: undefined },
    { ...device, cell: 2 },
  ];
  const told = (list: typeof devices) =>
    factsOf(9000000, capabilities([]), undefined, hosts.host(4, 1, 1), list as HostDevice[]).deviceCells;
  expect(told(devices)).toEqual([1, 3]);
  expect(told([])).toBeUndefined();
});

test("the digest tells of 16 cells with 512 CPUs, and leaves cells out before it is too long", () => {
  const sizes = [4, 64, 2048, 32768, 1048576];
  const pages = (cell: number) => sizes.map((sizeKiB) => ({ sizeKiB, total: sizeKiB === 2048 ? 262144 + cell : 0 }));
  const memoryKiB = 263931 * 1024 + 700;
  const large = hosts.host(16, 16, 2, { pages, memoryKiB });
  const { cells } = factsOf(11003000, capabilities(["pc-i440fx-10.0"]), undefined, large);
  expect(cells).toHaveLength(16);
  expect(cells?.[15]).toEqual({
    ...{ id: 15, cpus: 32, cores: 16, memory: 263931 },
    pages: { "64 KiB": 0, "2 MiB": 262159, "32 MiB": 0, "1 GiB": 0 },
  });
  const more = factsOf(11003000, capabilities([]), undefined, hosts.host(22, 4, 2, { pages, memoryKiB })).cells;
  expect(more).toHaveLength(22);
  expect(more?.[0]?.pages).toEqual({ "2 MiB": 262144 });
  const huge = factsOf(11003000, capabilities([]), undefined, hosts.host(64, 4, 2, { pages, memoryKiB }));
  expect(huge.cells).toBeUndefined();
  expect(huge.machines).toEqual(["pc-q35-7.2"]);
  for (const facts of [cells, more, huge]) expect(JSON.stringify(facts).length).toBeLessThanOrEqual(maxDigest);
});
