import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../../provider/command/commands";
import { hostOf } from "../../../provider/command/documents";
import { run } from "../../../provider/command/run";
import type { HostPicture } from "../../../provider/command/topology/picture";
import { surveyHost } from "../../../provider/command/topology/read-host";
import { roomForMore } from "../../../provider/command/topology/room";
import type { Libvirt } from "../../../provider/libvirt/api";
import { errorCode, LibvirtError } from "../../../provider/libvirt/errors";
import { limitsFor } from "../../../provider/resources/host-limits";
import { profiles } from "../../../provider/tuning/profiles";
import { capabilitiesOf, domainOf } from "./documents";
import { largeHost, smallHost } from "./made-hosts";

const nothing = { owned: [], shared: [], memory: [], pages: [], unboundKiB: 0, devices: [] };
const hosts = { small: smallHost(), large: largeHost() };
afterAll(() => {
  for (const { folder } of Object.values(hosts)) rmSync(folder, { recursive: true });
});

async function shown(...words: readonly string[]) {
  const results: string[] = [];
  const notes: string[] = [];
  const output = { result: (line: string) => results.push(line), note: (line: string) => notes.push(line) };
  const code = await run(["topology", ...words], commands, output);
  return { code, lines: results, text: results.join("\n"), note: notes.join("\n") };
}

async function picture(...words: readonly string[]): Promise<HostPicture> {
  return JSON.parse((await shown(...words, "--json")).text);
}

test("a terminal shows cores with their threads, owners, pages, devices and room", async () => {
  const { code, lines } = await shown(...hosts.small.words);
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/: 1 cell, 4 cores, 8 CPUs, 16 GiB$/);
  for (const line of [
    "  ordinary memory  [===       ]  4.1 GiB of 14 GiB promised",
    "  2 MiB pages      [          ]  1024 of 1024 free",
    "    [0 #|4 #] [1 A|5 A] [2 ~|6 ~] [3 ~|7 ~]",
    "  0000:02:00.0 network enp2s0",
    "  B  web & <shop>  defined  floats over 2-3,6-7  2 GiB",
  ]) {
    expect(lines).toContain(line);
  }
  expect(lines.join("\n")).toMatch(/A {2}db +defined +owns 1,5 +4 GiB/);
  expect(Math.max(...(await shown(...hosts.large.words)).lines.slice(0, 40).map((line) => line.length))).toBeLessThan(
    97,
  );
});

test("JSON holds each CPU with its state, each pool and each device with its guest", async () => {
  const large = await picture(...hosts.large.words);
  expect(large).toMatchObject({ sockets: 8, cores: 128, cpus: 256, warnings: [] });
  expect(large.states).toEqual({ owned: 120, conflict: 0, shared: 20, housekeeping: 4, free: 112 });
  const [cell] = large.cells;
  expect(cell?.pools).toEqual([{ sizeKiB: 2048, total: 65536, free: 32768 }]);
  expect(cell?.groups.map(({ label, cores }) => [label, cores.length])).toEqual([
    ["L3 group 0", 8],
    ["L3 group 1", 8],
  ]);
  const guest = large.guests.find(({ name }) => name === "database-3.example");
  const device = large.cells.flatMap(({ devices }) => devices).find(({ key }) => key !== undefined);
  expect(device).toMatchObject({ address: "0000:63:10.1", cell: 6, physicalFunction: "0000:63:00.0", key: guest?.key });
  expect(guest).toMatchObject({
    owned: [50, 51, 178, 179],
    cells: [3],
    pages: [{ cell: 3, sizeKiB: 2048, count: 8192 }],
  });
});

test("room is as many guests as plan places, and no more", async () => {
  const { room } = await picture(...hosts.large.words);
  for (const profile of ["dedicated", "latency"] as const) {
    const { count = 0, vcpus, limit } = room.find((item) => item.profile === profile) ?? {};
    expect(count).toBeGreaterThan(0);
    expect(limit).toMatch(/cell 0: \d+ whole cores free, \d needed$/);
    for (const [more, code] of [
      [0, 0],
      [1, 2],
    ] as const) {
      const vms = Array.from({ length: count + more }, (_, index) => ({
        ...{ name: `vm${index}`, vcpus, memory: "8 GiB", profile },
      }));
      const file = join(hosts.large.folder, "request.json");
      writeFileSync(file, JSON.stringify({ host: { housekeepingCpus: "0-1,128-129" }, vms }));
      const [capabilities, name, ledger, domains] = hosts.large.words;
      const words = ["plan", capabilities, name, ledger, domains, "--request", file].map(String);
      expect(await run(words, commands, { result: () => {}, note: () => {} })).toBe(code);
    }
  }
});

test("there is room for every profile, and keys bound that of encrypted guests", () => {
  const online = hostOf(String(hosts.large.words[1]));
  const roomOf = (confidentialSlots: number | undefined, taken: number) => {
    const claims = Array.from({ length: taken }, (_, index) => ({ ...nothing, name: `e${index}`, confidential: true }));
    const limits = { ...limitsFor({}, online), ...(confidentialSlots !== undefined && { confidentialSlots }) };
    return roomForMore(online, limits, { claims }, { vcpus: 2, memoryKiB: 2097152 });
  };
  const room = roomOf(undefined, 0);
  expect(room.map(({ profile }) => profile)).toEqual([...profiles]);
  const counts = Object.fromEntries(room.map(({ profile, count }) => [profile, count]));
  expect(counts["general"]).toBeGreaterThan(2);
  expect([counts["dense"], counts["confidential"]]).toEqual([counts["general"], counts["general"]]);
  const encrypted = (slots: number | undefined, taken: number) => roomOf(slots, taken).at(-1);
  expect(encrypted(undefined, 0)?.limit).toMatch(/whether the host encrypts memory is not known here$/);
  expect(encrypted(0, 0)).toMatchObject({ count: 0, limit: "the host offers no encryption of memory" });
  expect(encrypted(3, 1)).toMatchObject({ count: 2, limit: "1 of 3 keys for encrypted guests are taken" });
  expect(encrypted(1, 2)?.count).toBe(0);
});

test("what is kept for the host takes from the room", async () => {
  const general = async (...words: readonly string[]) => (await picture(...hosts.small.words, ...words)).room[0]?.count;
  expect(await general()).toBe(3);
  expect(await general("--reserve", "5 GiB")).toBe(1);
});

test("a CPU that two guests own and memory promised twice are told as warnings", async () => {
  const { folder, words } = smallHost();
  writeFileSync(join(folder, "domains/9.xml"), domainOf("second", { pins: [1], memoryGiB: 14, cell: 0 }));
  const { warnings, states } = await picture(...words);
  expect(warnings).toEqual([
    "CPU 1 is owned by db and second",
    "cell 0: more ordinary memory is promised to guests that are bound to it than it has",
  ]);
  expect(states.conflict).toBe(1);
  expect((await shown(...words)).text).toContain("[1 A+B!|5 A]");
  rmSync(folder, { recursive: true });
});

test("the page names everything and loads nothing", async () => {
  const file = join(hosts.small.folder, "page.html");
  const { code, text, note } = await shown(...hosts.small.words, "--html", file);
  expect({ code, text, note }).toEqual({ code: 0, text: "", note: `${file} written` });
  const page = readFileSync(file, "utf8");
  expect(page).toContain("web &amp; &lt;shop&gt;");
  expect(page).not.toContain("<shop>");
});

test("a host without CPU detail, and one with a cell of memory alone, have pictures too", async () => {
  const bare =
    "<capabilities><host><topology><cells><cell id='0'><cpus num='2'><cpu id='0'/><cpu id='1'/></cpus></cell><cell id='5'><memory unit='GiB'>8</memory></cell></cells></topology></host></capabilities>";
  const file = join(hosts.small.folder, "bare.xml");
  writeFileSync(file, bare);
  const { lines } = await shown("--capabilities", file, "--html", join(hosts.small.folder, "bare.html"));
  expect(lines).toEqual([]);
  const text = (await shown("--capabilities", file)).text;
  expect(text).toContain("  die 0\n    [0 .] [1 .]");
  expect(text).toContain("cell 5, no CPUs, 8 GiB");
  expect(text).toContain("no guest is defined");
});

test.each([
  [[], "topology needs a URI, or --capabilities FILE"],
  [["qemu:///system", "--capabilities", "x"], "topology takes a URI or --capabilities, not both"],
  [["a", "b"], "topology takes [URI], 2 given"],
  [["--capabilities", "CAPS", "--vcpus", "none"], "--vcpus is not a whole number from 1 on"],
  [["--capabilities", "CAPS", "--memory", "much"], "--memory: "],
  [["--capabilities", "CAPS", "--housekeeping", "99"], "--housekeeping names CPUs that are not online there: 99"],
  [["--capabilities", "CAPS", "--reserve", "some"], '--reserve: "some" is not a size'],
  [["--capabilities", "CAPS", "--dedicated", "x"], '--dedicated: "x" is not a CPU'],
  [["--capabilities", "CAPS", "--html", "/nowhere/page.html"], "/nowhere/page.html"],
  [["--capabilities", "CAPS", "--reserve", "99 TiB"], "--reserve: 99 TiB is all that cell 0 has"],
  [["--capabilities", "CAPS", "--vcpus", "100000"], "vcpus: must be at most 4096"],
  [["--capabilities", "CAPS", "--ledger", "TEXTS"], 'holds files, and none whose name ends in ".xml"'],
  [["qemu:///system", "--ledger", "TEXTS"], "--ledger goes with --capabilities"],
  [["qemu+ftp://host/system"], "ftp"],
])("wrong use %# ends with 1 and says what is wrong", async (words, message) => {
  const file = join(hosts.small.folder, "caps.xml");
  writeFileSync(file, capabilitiesOf({ cells: 1, cores: 2, threads: 1 }));
  const texts = join(hosts.small.folder, "texts");
  mkdirSync(texts, { recursive: true });
  writeFileSync(join(texts, "web.txt"), "<domain/>");
  const places = new Map([
    ["CAPS", file],
    ["TEXTS", texts],
  ]);
  const { code, note } = await shown(...words.map((word) => places.get(word) ?? word));
  expect(code).toBe(1);
  expect(note).toContain(message);
});

test("a host whose daemon has no driver for devices is shown without them", async () => {
  const answers: Record<string, object> = {
    CONNECT_GET_CAPABILITIES: { capabilities: capabilitiesOf({ cells: 1, cores: 2, threads: 1 }) },
    CONNECT_LIST_ALL_DOMAINS: { domains: [] },
    NODE_GET_FREE_PAGES: { counts: [] },
  };
  const call = async (name: string) => {
    if (answers[name]) return answers[name];
    throw new LibvirtError(errorCode.noSupport, 19, "this function is not supported by the connection driver", name);
  };
  const libvirt = { uri: "qemu:///system", call } as unknown as Libvirt;
  expect(await surveyHost(libvirt)).toMatchObject({ name: "qemu:///system", guests: [], devices: [] });
});
