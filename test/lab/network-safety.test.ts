import { Hosts } from "../../provider/adapters/hosts";
import type { Context, Values } from "../../provider/core/handler";
import { network } from "../../provider/resources/network";
import { machineLab } from "./machine-lab";
import { referenceOf } from "./machines";
import { Managed } from "./managed";

/** What a network could take away from its host, or from the networks of others. */
const lab = machineLab({});
const made: Managed[] = [];

afterEach(async () => {
  for (const lan of made.splice(0).reverse()) {
    if (lan.id !== "") await lan.delete();
    await lan.context.close();
  }
});

/** Those of one stack wait for what another of them may be about to let go. */
function lan(name: string, stack = "test"): Managed {
  const subject = new Managed(network, name, { host: referenceOf(lab.host) });
  const { meta } = subject.context;
  Object.assign(subject.context, { meta: { ...meta, stack, urn: meta?.urn.replace(":test:", `:${stack}:`) } });
  made.push(subject);
  return subject;
}

test("a bridge of the host is no bridge that a network may make", async () => {
  const refused =
    /Unable to make bridge br0 for Network [\s\S]* the host has an interface br0 already; nothing was changed/;
  const making = { subnets: ["10.31.0.0/24"], bridge: "br0" };
  await expect(lan("new").create(making)).rejects.toThrow(refused);
  expect(await lab.host.virsh("net-list", "--all", "--name")).not.toContain("new-");
  const there = await lan("there").create({ mode: "bridge", bridge: "br0" });
  const before = await lab.host.virsh("net-dumpxml", "--inactive", there.name);
  await expect(there.up(making)).rejects.toThrow(refused);
  expect(await lab.host.virsh("net-dumpxml", "--inactive", there.name)).toBe(before);
});

test("a bridge that another network has made is told as that network's, not as one to delete", async () => {
  const bridge = { mode: "isolated", bridge: "virbr7" };
  const first = await lan("first", "other").create(bridge);
  const second = lan("second").create(bridge);
  await expect(second).rejects.toThrow(`the running network ${first.name} has made it already; nothing was changed`);
  await expect(second).rejects.not.toThrow(/ip link delete/);
});

test("subnets that others need are refused, and told of where their guests may do without the host", async () => {
  const own = { subnets: ["10.31.0.0/24", "fd00:31::/64"] };
  const first = await lan("first", "other").create(own);
  const inside = { subnets: ["10.31.0.128/25"] };
  const overlap = /10\.31\.0\.128\/25 overlaps 10\.31\.0\.0\/24 of the running network first-.*nothing was changed/;
  await expect(lan("refused").create(inside)).rejects.toThrow(overlap);
  expect(await lab.host.virsh("net-list", "--all", "--name")).not.toContain("refused-");
  const second = await lan("second").create({ subnets: ["10.38.0.0/24"] });
  const wider = { subnets: ["10.38.0.0/24", "fd00:31::/80"] };
  await expect(second.up(wider)).rejects.toThrow(/of the running network first-/);
  for (const mode of ["open", "isolated"]) {
    const beside = await lan(mode).create({ mode, ...inside });
    const told = beside.context.lines.warn.join();
    expect(told).toMatch(/Network \w+-\w+: 10\.31\.0\.128\/25 overlaps 10\.31\.0\.0\/24/);
    await beside.delete();
    beside.id = "";
  }
  // What it has already is its own.
  await first.up({ ...own, domain: "lab.example" });
  expect(first.context.lines.warn).toEqual([]);
}, 60_000);

test("of two that are made at a time, and would take each other's addresses, one is", async () => {
  const both = [
    lan("wide", "one").create({ subnets: ["10.41.0.0/24"] }),
    lan("narrow", "two").create({ subnets: ["10.41.0.128/25"] }),
  ];
  const refused = (await Promise.allSettled(both)).flatMap((one) =>
    one.status === "rejected" ? [String(one.reason)] : [],
  );
  expect(refused).toEqual([expect.stringMatching(/overlaps 10\.41\.0\.\S+ of the running network (wide|narrow)-/)]);
});

test("a network that does not start starts with the host neither", async () => {
  const failing = lan("failing");
  await expect(failing.create({ subnets: ["10.77.0.0/24"] })).rejects.toThrow(/in use/);
  const started = await lan("started").create({ subnets: ["10.39.0.0/24"] });
  const autostarted = await lab.host.virsh("net-list", "--all", "--autostart", "--name");
  expect([autostarted.includes(started.name), autostarted.includes("failing-")]).toEqual([true, false]);
});

test("the address by which the host is reached lies in no subnet of a network", async () => {
  const hosts = new Hosts();
  const near = referenceOf(lab.host) as never;
  const far: Values = { ...referenceOf(lab.host), uri: "qemu+ssh://root@10.77.0.5/system" };
  const subject = lan("far");
  const context: Context = { ...subject.context, connect: () => hosts.connect(near) };
  try {
    await expect(network.create(subject.inputs({ host: far, subnets: ["10.77.0.0/25"] }), context)).rejects.toThrow(
      /10\.77\.0\.0\/25 holds the address by which the host is reached; nothing was changed/,
    );
  } finally {
    await hosts.close();
  }
});

test("a network stays while machines of other stacks are defined on it, and tells whose guests run on it", async () => {
  const shared = await lan("shared").create({ mode: "isolated" });
  const define = (stack: string) => {
    const urn = `urn:pulumi:${stack}::lab::pulumi-nodejs:dynamic/kvm:VirtualMachine::db`;
    const mark = `<k:owner xmlns:k='urn:pulumi-kvm:owner:1' owner='${"0".repeat(32)}' urn='${urn}' phase='ready'/>`;
    const xml = `<domain type='qemu'><name>db-${stack}</name><metadata>${mark}</metadata><memory unit='MiB'>32</memory>
      <os><type machine='q35'>hvm</type></os>
      <devices><interface type='network'><source network='${shared.name}'/></interface></devices></domain>`;
    return lab.host.exec(["sh", "-c", `echo "$1" > /tmp/db.xml && virsh -q define /tmp/db.xml`, "sh", xml]);
  };
  await define("other");
  await expect(shared.delete()).rejects.toThrow(
    /Unable to delete Network shared-[\s\S]*could not start any more: db-other \(urn:pulumi:other::lab::.*nothing was changed/,
  );
  expect(await lab.host.virsh("net-list", "--name")).toContain(shared.name);
  await lab.host.virsh("start", "db-other");
  await expect(shared.delete()).rejects.toThrow(/would lose their connection \(db-other\)/);
  await lab.host.virsh("destroy", "db-other");
  await lab.host.virsh("undefine", "db-other");

  // As libvirt keeps it when it is killed in the middle of a guest's end.
  const port = "aaaaaaaa-2222-4333-8444-555555555555";
  const left = `<networkport><uuid>${port}</uuid><owner><name>gone</name><uuid>${port}</uuid></owner>
    <mac address='52:54:00:00:00:01'/></networkport>`;
  const create = `echo "$1" > /tmp/port.xml && virsh -q net-port-create ${shared.name} /tmp/port.xml`;
  await lab.host.exec(["sh", "-c", create, "sh", left]);
  await expect(shared.delete()).rejects.toThrow(
    /no guest of QEMU that runs has one[\s\S]*virsh net-port-delete shared-/,
  );
  await lab.host.virsh("net-port-delete", shared.name, port);

  // Those of its own stack have gone before, or are to stay.
  await define("test");
  await shared.delete();
  shared.id = "";
  await lab.host.virsh("undefine", "db-test");
}, 60_000);

test("a network that the state has twice, from an update that was to make it anew, goes at once", async () => {
  const twice = await lan("twice").create({ subnets: ["10.31.0.0/24"] });
  await Promise.all([twice.delete(), twice.delete()]);
  expect(await lab.host.virsh("net-list", "--all", "--name")).not.toContain("twice-");
});
