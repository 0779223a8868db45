import { unknown } from "../../../provider/core/unknown";
import { placementGroup } from "../../../provider/resources/placement-group";

const meta = {
  organization: "o",
  project: "p",
  stack: "dev",
  urn: "urn:pulumi:dev::p::pulumi-nodejs:dynamic/kvm:PlacementGroup::set",
};
const host = { uri: "qemu:///system" };

function check(requests: unknown) {
  return placementGroup.check({ host, requests }, undefined, meta);
}

function kept(request: object) {
  const { inputs, failures } = check({ db: request });
  expect(failures).toEqual([]);
  return (inputs["requests"] as Record<string, unknown>)["db"];
}

test("a request is the arguments of the machine, of which it keeps what its place depends on", () => {
  const volume = { name: "root", path: "/srv/root", pool: { uuid: "0" }, host };
  const whole = {
    host,
    title: "the database",
    vcpus: 4,
    memory: "8192 MiB",
    profile: "dedicated",
    cpu: { smt: "isolate", topology: { sockets: 1, cores: 4 } },
    numa: {
      cells: [
        { cpus: "0-1", memory: 4 * 1024 ** 3 },
        { cpus: "2,3", memory: "4 GiB" },
      ],
    },
    disks: { root: { volume, bus: "virtio", iothread: 1 } },
    nics: { lan: { network: { uuid: "1", name: "lan", host } } },
    iothreads: 1,
    hostDevices: { gpu: { pci: "0000:3B:00.0", locality: "required" } },
    memoryDevices: {},
    graphics: { vnc: { password: "hidden" } },
  };
  expect(kept(whole)).toEqual({
    vcpus: 4,
    memory: "8 GiB",
    profile: "dedicated",
    cpu: { smt: "isolate", topology: { sockets: 1, cores: 4 } },
    numa: {
      cells: [
        { cpus: "0-1", memory: "4 GiB" },
        { cpus: "2-3", memory: "4 GiB" },
      ],
    },
    disks: { root: { bus: "virtio", iothread: 1 } },
    nics: { lan: {} },
    iothreads: 1,
    hostDevices: { gpu: { pci: "0000:3b:00.0", locality: "required" } },
    memoryDevices: {},
  });
});

test("no secret of a machine comes into the state of its group", () => {
  const launchSecurity = { type: "sev", secret: "aGlkZGVu", secretHeader: "aGlkZGVu" };
  const request = { vcpus: 1, memory: "1 GiB", state: "paused", firmware: "uefi", launchSecurity };
  expect(JSON.stringify(check({ db: request }).inputs)).not.toContain("aGlkZGVu");
});

test("every fault of every request is told with its path", () => {
  const { failures } = check({
    db: { vcpus: 3, memory: "1 GiB", cpu: { policy: "mixed", topology: { sockets: 2 } }, hugePages: "3 MiB" },
    web: { vcpu: 1, memory: "1 GiBB", cpuTune: { vcpuPins: { "9": "0" } } },
    odd: "web",
  });
  const said = failures.map(({ property, reason }) => `${property}: ${reason}`);
  expect(said).toEqual([
    expect.stringMatching(/^requests\.db\.cpu\.topology: .*make 2 vCPUs, and maxVcpus is 3/),
    "requests.db.cpu.dedicatedVcpus: is required with policy mixed",
    expect.stringMatching(/^requests\.db\.hugePages: 3 MiB is no huge page of x86/),
    expect.stringMatching(/^requests\.web\.vcpu: .*vcpus/),
    expect.stringMatching(/^requests\.web\.memory: /),
    expect.stringMatching(/^requests\.web\.cpuTune\.vcpuPins\[9\]: 9 is not below 1/),
    "requests.odd: expected an object: the arguments of a VirtualMachine",
  ]);
});

test("what is not known yet is looked at when it is", () => {
  expect(check(unknown).failures).toEqual([]);
  expect(check({ db: unknown, web: { vcpus: unknown, memory: "1 GiB" } })).toMatchObject({
    failures: [],
    inputs: { requests: { db: unknown, web: { vcpus: unknown, memory: "1 GiB" } } },
  });
});

describe("a state of an earlier release", () => {
  const state = (db: object) => ({
    host,
    requests: { db },
    placements: {},
    explain: {},
    defaultsVersion: 1,
    __kvm: { stateVersion: 1, defaultsVersion: 1 },
  });
  const cpu = { policy: "shared", smt: "whole-core", emulator: "housekeeping" };
  const old = { vcpus: 2, memory: "1 GiB", cpu, iothreads: 0, devices: [], confidential: false };
  const changesTo = (db: object, before: object) => {
    const { inputs, failures } = placementGroup.check({ host, requests: { db } }, state(before), meta);
    expect(failures).toEqual([]);
    return placementGroup.diff("id", state(before), inputs).changes.map(({ property }) => property);
  };

  test.each([
    ["the least", { vcpus: 2, memory: "1 GiB" }, old],
    [
      "a policy",
      { vcpus: 2, memory: "1 GiB", cpu: { policy: "dedicated" } },
      { ...old, cpu: { ...cpu, policy: "dedicated" } },
    ],
    ["pages by their former name", { vcpus: 2, memory: "1 GiB", hugePages: "any" }, { ...old, hugePages: "any" }],
    [
      "pages as a list",
      { vcpus: 2, memory: "1 GiB", hugePages: [{ size: "2 MiB" }] },
      { ...old, hugePages: [{ size: "2 MiB" }] },
    ],
    [
      "cells and devices",
      {
        ...{ vcpus: 2, maxVcpus: 4, memory: "1 GiB", maxMemory: "2 GiB", iothreads: 2, confidential: true },
        numa: {
          cells: [
            { cpus: "0-1", memory: "1 GiB" },
            { cpus: "2-3", memory: "1 GiB" },
          ],
        },
        devices: [{ address: "0000:3b:00.0", cell: 1 }],
      },
      {
        ...{ vcpus: 2, maxVcpus: 4, memory: "1 GiB", maxMemory: "2 GiB", cpu, iothreads: 2, confidential: true },
        numa: {
          cells: [
            { cpus: "0-1", memory: "1 GiB" },
            { cpus: "2-3", memory: "1 GiB" },
          ],
        },
        devices: [{ address: "0000:3b:00.0", cell: 1, locality: "preferred" }],
      },
    ],
  ])("makes no difference: %s", (_, program, before) => {
    expect(changesTo(program, before)).toEqual([]);
  });

  test("is planned anew for what its places depend on, and for nothing else", () => {
    expect(changesTo({ vcpus: 2, memory: "2 GiB" }, old)).toEqual(["requests"]);
    expect(changesTo({ vcpus: 2, memory: "1 GiB", profile: "dedicated" }, old)).toEqual(["requests"]);
    expect(changesTo({ vcpus: 2, memory: "1 GiB", cpuTune: { vcpuPins: { "0": "1", "1": "2" } } }, old)).toEqual([
      "requests",
    ]);
    expect(changesTo({ vcpus: 2, memory: "1 GiB", title: "web", disks: { root: {} } }, old)).toEqual([]);
  });
});
