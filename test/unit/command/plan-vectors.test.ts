import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands } from "../../../provider/command/commands";
import { run } from "../../../provider/command/run";
import { domainOf } from "./documents";

// Answers that were checked by hand: hosts of each kind, and what a careful administrator would do.
const folder = mkdtempSync(join(tmpdir(), "kvm-vectors-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A cell: its cores as lists of CPUs, with a cluster for some of them; pages of 2 MiB and 1 GiB. */
interface Cell {
  readonly cores: readonly (readonly number[])[];
  readonly socket?: number;
  readonly cluster?: (core: number) => number;
  readonly off?: readonly number[];
  readonly gib?: number;
  readonly small?: number;
  readonly giant?: number;
}

function capabilities(
  cells: readonly Cell[],
  banks: readonly string[],
  distance: (from: number, to: number) => number,
) {
  const cellOf = (
    { cores, socket = 0, cluster = () => 0, off = [], gib = 32, small = 0, giant = 0 }: Cell,
    id: number,
  ) => {
    const cpus = cores.flatMap((core) =>
      core.map(
        (cpu) =>
          `<cpu id='${cpu}' socket_id='${socket}' die_id='0' cluster_id='${cluster(core[0] ?? 0)}' core_id='${core[0]}' siblings='${core.join()}'/>`,
      ),
    );
    const distances = cells.map((_, to) => `<sibling id='${to}' value='${distance(id, to)}'/>`).join("");
    return `<cell id='${id}'><memory unit='GiB'>${gib}</memory>
      <pages unit='KiB' size='4'>${(gib * 1048576 - small * 2048 - giant * 1048576) / 4}</pages>
      <pages unit='KiB' size='2048'>${small}</pages><pages unit='KiB' size='1048576'>${giant}</pages>
      <distances>${distances}</distances>
      <cpus num='${cpus.length + off.length}'>${cpus.join("")}${off.map((cpu) => `<cpu id='${cpu}'/>`).join("")}</cpus></cell>`;
  };
  const caches = banks.map(
    (cpus, id) => `<bank id='${id}' level='3' type='both' size='32' unit='MiB' cpus='${cpus}'/>`,
  );
  return `<capabilities><host><topology><cells num='${cells.length}'>${cells.map(cellOf).join("")}</cells></topology>
    <cache>${caches.join("")}</cache></host></capabilities>`;
}

const flat = (from: number, to: number) => (from === to ? 10 : 12);
const cores = (count: number, first: number, apart: number) =>
  Array.from({ length: count }, (_, core) => [first + core, first + core + apart]);

/** 4 cells of 2 cores, the pairs of each two apart; two sockets. */
const quad = capabilities(
  [0, 1, 2, 3].map((cell) => ({ cores: cores(2, cell * 4, 2), socket: cell >> 1, small: 2048 })),
  [],
  (from, to) => (from === to ? 10 : from >> 1 === to >> 1 ? 12 : 32),
);
const pages = capabilities(
  [
    { cores: cores(2, 0, 2), giant: 8 },
    { cores: cores(2, 4, 2), small: 4096 },
  ],
  [],
  flat,
);
const single = capabilities([{ cores: cores(4, 0, 4) }], [], flat);
/** One cell of 32 cores in 4 complexes, each with its L3. */
const epyc = capabilities(
  [{ cores: cores(32, 0, 32), gib: 128, giant: 16 }],
  [0, 8, 16, 24].map((first) => `${first}-${first + 7},${first + 32}-${first + 39}`),
  flat,
);
const epyc4 = capabilities(
  [0, 1, 2, 3].map((cell) => ({ cores: cores(8, cell * 8, 32), gib: 32, giant: 16 })),
  [0, 8, 16, 24].map((first) => `${first}-${first + 7},${first + 32}-${first + 39}`),
  flat,
);
/** Sub-NUMA clusters: 2 sockets of 2 cells of 4 cores, one L3 a socket. */
const snc = capabilities(
  [0, 1, 2, 3].map((cell) => ({
    cores: cores(4, cell * 4, 16),
    socket: cell >> 1,
    small: [0, 4096, 512, 0][cell] ?? 0,
  })),
  ["0-7,16-23", "8-15,24-31"],
  (from, to) => (from === to ? 10 : from >> 1 === to >> 1 ? 11 : 21),
);
const offline = capabilities([{ cores: [[0, 4], [1], [2, 6]], off: [3, 5, 7] }], [], flat);
const hybrid = capabilities(
  [
    {
      cores: [...[0, 2, 4, 6].map((cpu) => [cpu, cpu + 1]), ...[8, 9, 10, 11, 12, 13, 14, 15].map((cpu) => [cpu])],
      cluster: (core) => (core < 8 ? core : 32 + (core >> 2)),
    },
  ],
  ["0-15"],
  flat,
);
const arm = capabilities(
  [{ cores: Array.from({ length: 16 }, (_, cpu) => [cpu]), cluster: (core) => core >> 2 }],
  [],
  flat,
);
/** A cell of memory alone. */
const expander = capabilities(
  [
    { cores: [[0], [1], [2], [3]], gib: 16 },
    { cores: [], gib: 64 },
  ],
  [],
  flat,
);

const guest = (name: string, vcpus: number, memory: string, more: object = {}) => ({
  ...{ name, vcpus, memory, cpu: { policy: "dedicated" } },
  ...more,
});
const smt = (policy: string) => ({ cpu: { policy: "dedicated", smt: policy } });
const two = { numa: { cells: ["0-1", "2-3"].map((cpus) => ({ cpus, memory: "1 GiB" })) } };
const device = (cell: number, locality = "required") => ({ address: `0000:0${cell}:00.0`, cell, locality });
const mixed = (dedicatedVcpus: string, more = {}) => ({ cpu: { policy: "mixed", dedicatedVcpus, ...more } });
const isolated = { cpu: { policy: "dedicated", emulator: "isolate" } };
const any = (pins: number[]) => {
  const record = `<metadata><p:placement xmlns:p='urn:pulumi-kvm:placement:1' smt='any' owned='${pins}'/></metadata>`;
  return domainOf("old", { pins, memoryGiB: 1 }).replace("<memory", `${record}<memory`);
};
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

interface Vector {
  readonly host: string;
  readonly vms: readonly object[];
  readonly uses?: object;
  readonly there?: readonly string[];
  /** vCPUs of each guest, or part of the reason why it does not fit. */
  readonly answers: readonly (string | RegExp)[];
  readonly cells?: readonly (readonly number[])[];
  readonly first?: object;
}

const vectors: Readonly<Record<string, Vector>> = {
  "devices on two cells: each guest cell in its own, on a whole core": {
    host: quad,
    vms: [guest("a", 4, "2 GiB", { ...two, devices: [device(1), device(3)] })],
    answers: ["4 6 12 14"],
    cells: [[1, 3]],
  },
  "large pages are chosen cell by cell": {
    host: pages,
    vms: [guest("a", 2, "4 GiB", { hugePages: "required", devices: [device(1)] })],
    answers: ["4 5"],
    first: { pages: [{ cell: 1, sizeKiB: 2048, count: 2048 }] },
  },
  "a single thread fills the core that is broken": {
    host: single,
    vms: [guest("a", 1, "1 GiB", smt("any"))],
    there: [any([0])],
    answers: ["4"],
  },
  "three threads: a whole core, and the broken one": {
    host: single,
    vms: [guest("a", 3, "1 GiB", smt("any"))],
    there: [any([0])],
    answers: ["1 5 4"],
  },
  "whole cores are fresh ones": { host: single, vms: [guest("a", 1, "1 GiB")], there: [any([0])], answers: ["1"] },
  "isolated vCPUs take no half core": {
    host: single,
    vms: [guest("a", 4, "1 GiB", smt("isolate")), guest("b", 3, "1 GiB", smt("isolate"))],
    there: [any([0])],
    answers: [/cell 0: 3 whole cores free, 4 needed; owned by old/, "1 2 3"],
  },
  "two cells are the near pair": {
    host: quad,
    vms: [guest("a", 4, "2 GiB", two)],
    answers: ["0 2 4 6"],
    cells: [[0, 1]],
  },
  "complexes: whole ones for the big, the rest of an opened one for the small": {
    host: epyc,
    vms: [guest("a", 8, "8 GiB", { hugePages: "1 GiB" }), guest("b", 4, "4 GiB"), guest("c", 12, "4 GiB")],
    answers: [range(16, 23).join(" "), "12 13 14 15", range(0, 11).join(" ")],
    first: { pages: [{ cell: 0, sizeKiB: 1048576, count: 8 }] },
  },
  "a complex that has room goes before a fresh one": {
    host: epyc,
    vms: [guest("a", 4, "4 GiB")],
    there: [domainOf("old", { pins: [0, 1, 2, 3, 4, 8] })],
    answers: ["9 10 11 12"],
  },
  "complexes are dies of the guest": {
    host: epyc,
    vms: [guest("a", 24, "4 GiB")],
    answers: [range(0, 23).join(" ")],
    first: { topology: { sockets: 1, dies: 3, clusters: 1, cores: 8, threads: 1 } },
  },
  "cores count first, then cells: 16 and 12 vCPUs on four cells of 8 cores with two threads": {
    host: epyc4,
    vms: [guest("a", 16, "8 GiB"), guest("b", 12, "8 GiB")],
    answers: [[...range(0, 7), ...range(8, 15)].join(" "), [...range(16, 21), ...range(24, 29)].join(" ")],
    cells: [
      [0, 1],
      [2, 3],
    ],
  },
  "1 GiB pages of two cells": {
    host: epyc4,
    vms: [guest("a", 4, "20 GiB", { hugePages: "1 GiB" })],
    answers: ["0 1 8 9"],
    cells: [[0, 1]],
    first: { pages: [0, 1].map((cell) => ({ cell, sizeKiB: 1048576, count: 10 })) },
  },
  "mixed: those that float keep off the cores of those that own": {
    host: snc,
    vms: [guest("a", 4, "4 GiB", mixed("0-1", { emulator: "isolate" }))],
    answers: ["0 1 3,19 3,19"],
    first: { emulator: "2", owned: "0-2" },
  },
  "mixed where owned and floating CPUs lie in different cells": {
    host: snc,
    vms: [guest("a", 4, "4 GiB", mixed("0"))],
    uses: { dedicatedCpus: "0-7,16-23", housekeepingCpus: "8" },
    answers: [/cell 0: 0 CPUs \(none\) for 3 vCPUs that float[\s\S]*cell 2: 0 whole cores free, 1 needed/],
  },
  "QEMU's own CPU beside the first cell": {
    host: snc,
    vms: [guest("a", 3, "4 GiB", isolated)],
    answers: ["0 1 2"],
    first: { emulator: "3", owned: "0-3" },
  },
  "QEMU's own CPU counts as a core": {
    host: snc,
    vms: [guest("a", 4, "4 GiB", isolated)],
    answers: ["0 1 4 5"],
    first: { emulator: "2", cells: [0, 1] },
  },
  "offline siblings: whole is what is online": { host: offline, vms: [guest("a", 4, "1 GiB")], answers: ["0 4 2 6"] },
  "offline housekeeping CPUs are left out": {
    host: offline,
    vms: [guest("a", 3, "1 GiB")],
    uses: { housekeepingCpus: "0,5" },
    answers: ["2 6 1"],
    first: { emulator: "0" },
  },
  "a host full but for scattered threads": {
    host: snc,
    vms: [guest("a", 2, "1 GiB"), guest("b", 6, "1 GiB", smt("any"))],
    there: [any(range(0, 15))],
    answers: [/cell 3: 0 whole cores free, 1 needed; owned by/, "16 17 18 20 21 22"],
  },
  "a host full but for one core a cell": {
    host: snc,
    vms: [guest("a", 3, "3 GiB")],
    there: [domainOf("old", { pins: range(0, 15).filter((cpu) => cpu % 4 !== 3) })],
    answers: ["3 7 11"],
    cells: [[0, 1, 2]],
  },
  "pages that are preferred decide between cells, and of those without the one that nobody is in": {
    host: snc,
    vms: ["a", "b"].map((name) => guest(name, 2, "6 GiB", { hugePages: "preferred" })),
    answers: ["4 5", "0 1"],
    first: { pages: [{ cell: 1, sizeKiB: 2048, count: 3072 }] },
  },
  "cells of unlike size and pages": {
    host: snc,
    vms: [
      guest("a", 4, "10 GiB", {
        hugePages: [{ size: "2 MiB", cells: "0" }],
        numa: {
          cells: [
            { cpus: "0", memory: "8 GiB" },
            { cpus: "1-3", memory: "2 GiB" },
          ],
        },
      }),
    ],
    answers: ["4 0 16 1"],
    cells: [[1, 0]],
  },
  "devices of one IOMMU group go to one guest": {
    host: snc,
    vms: [0, 1].map((part) =>
      guest(`g${part}`, 1, "1 GiB", { devices: [{ address: `0000:01:00.${part}`, cell: 2, iommuGroup: 7 }] }),
    ),
    answers: ["8", /g0 has 0000:01:00.0 of the same IOMMU group 7/],
  },
  "a guest that owns makes room for one more by sharing its cores": {
    host: snc,
    vms: [guest("a", 4, "4 GiB"), guest("b", 1, "1 GiB")],
    uses: { dedicatedCpus: "4-7,20-23", housekeepingCpus: "0,16" },
    answers: ["5 21 6 22", "4"],
  },
  "hybrid: cores of one thread leave no half ones, in one cluster": {
    host: hybrid,
    vms: [guest("a", 4, "1 GiB"), guest("b", 13, "1 GiB", smt("isolate"))],
    answers: ["8 9 10 11", /12 whole cores free, 13 needed/],
  },
  "clusters of Arm: a small guest stays in one": {
    host: arm,
    vms: [guest("a", 6, "1 GiB"), guest("b", 4, "1 GiB")],
    answers: ["0 1 2 3 4 5", "8 9 10 11"],
  },
  "a cell of memory alone takes a guest cell without vCPUs, and no other": {
    host: expander,
    vms: [
      guest("a", 2, "24 GiB"),
      guest("b", 2, "24 GiB", { numa: { cells: [{ cpus: "0-1", memory: "8 GiB" }, { memory: "16 GiB" }] } }),
    ],
    answers: [/cell 1: it has memory but no online CPU[\s\S]*a cell without vCPUs there/, "0 1"],
    cells: [[], [0, 1]],
  },
};

test.each(Object.entries(vectors))("%s", async (_name, { host, vms, uses = {}, there = [], answers, cells, first }) => {
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const words = ["plan", "--json", "--capabilities", file("caps.xml", host)];
  words.push("--request", file("request.json", JSON.stringify({ host: uses, vms })));
  if (there.length > 0) words.push("--ledger", file("there.xml", `<domains>${there.join("")}</domains>`));
  const lines: string[] = [];
  const notes: string[] = [];
  const code = await run(words, commands, { result: (line) => lines.push(line), note: (line) => notes.push(line) });
  expect(notes).toEqual([]);
  expect(code).toBe(answers.every((answer) => typeof answer === "string") ? 0 : 2);
  const found: readonly { vcpus: string[]; explain: string[]; cells: number[] }[] = JSON.parse(lines.join("\n")).vms;
  found.forEach(({ vcpus, explain }, index) => {
    const answer = answers[index] ?? "";
    if (typeof answer === "string") expect(vcpus.join(" ")).toBe(answer);
    else expect(explain.join("\n")).toMatch(answer);
  });
  if (cells) expect(found.map((item) => item.cells)).toEqual(cells);
  if (first) expect(found[0]).toMatchObject(first);
});
