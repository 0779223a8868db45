import type { Values } from "../../provider/core/handler";
import { network } from "../../provider/resources/network";
import { storagePool } from "../../provider/resources/storage-pool";
import { cutOff } from "./fault";
import { machineLab } from "./machine-lab";
import { referenceOf } from "./machines";
import { Managed, withManaged } from "./managed";

/** A host that is gone in the midst of an update of a network or pool, and what the next program does. */
const lab = machineLab({});
const moments = ["before", "within", "after"] as const;
const changes = (subject: Managed, args: Values) => subject.diff(args).changes.map(({ property }) => property);

test.each(moments)("a network: the program without the change takes it off (%s)", async (moment) => {
  const subject = new Managed(network, "cut", { host: referenceOf(lab.host), subnets: ["10.73.0.0/24"] });
  const definition = () => lab.host.virsh("net-dumpxml", "--inactive", subject.name);
  const db = { mac: "52:54:00:00:00:09", ip: "10.73.0.9" };
  const added = {
    domain: "lab.example",
    reservations: { db },
    dns: { hosts: { db: { ip: db.ip, hostnames: ["db"] } } },
  };
  const properties = ["reservations.db", "domain", "dns.hosts.db"];
  const isWritten = moment !== "before";
  await withManaged(subject, async (lan) => {
    await lan.create({});
    const failure = await cutOff(lan, "NETWORK_DEFINE_XML", added, moment);
    expect(failure?.message).toMatch(/closed it[\s\S]*run pulumi up again/);
    expect(/lab.example[\s\S]*10.73.0.9/.test(await definition())).toBe(isWritten);
    const cut = lan.state;
    expect(changes(lan, {})).toEqual(properties);
    expect(changes(lan, added)).toEqual([]);
    await lan.refresh();
    expect(changes(lan, {})).toEqual(isWritten ? properties : []);
    expect(changes(lan, added)).toEqual(isWritten ? [] : properties);

    lan.state = cut;
    await lan.up({});
    for (const xml of [await definition(), await lab.host.virsh("net-dumpxml", lan.name)])
      expect(xml).not.toMatch(/lab.example|10.73.0.9/);
  });
});

test.each(moments)("a pool: so does it (%s)", async (moment) => {
  const subject = new Managed(storagePool, "cut", { host: referenceOf(lab.host), path: `${lab.host.directory}/cut` });
  const definition = () => lab.host.virsh("pool-dumpxml", "--inactive", subject.name);
  const added = { overlay: { features: { cow: { state: "no" } } } };
  await withManaged(subject, async (pool) => {
    await pool.create({});
    const failure = await cutOff(pool, "STORAGE_POOL_DEFINE_XML", added, moment);
    expect(failure?.message).toMatch(/closed it[\s\S]*run pulumi up again/);
    expect(/<cow/.test(await definition())).toBe(moment !== "before");
    expect(changes(pool, {})).toEqual(["overlay"]);
    await pool.up({});
    expect(await definition()).not.toMatch(/<cow/);
  });
});

test("a pool that is cut off as its directory is to have another mode: the next run sets it, also after a refresh", async () => {
  const path = `${lab.host.directory}/mode`;
  const subject = new Managed(storagePool, "mode", { host: referenceOf(lab.host), path });
  const wanted = { permissions: { mode: "0711" } };
  await withManaged(subject, async (pool) => {
    await pool.create({ permissions: { mode: "0750" } });
    await cutOff(pool, "STORAGE_POOL_DESTROY", wanted, "after");
    await pool.refresh();
    await pool.up(wanted);
    expect((await lab.host.exec(["stat", "-c", "%a", path])).stdout.trim()).toBe("711");
    expect([changes(pool, wanted), await pool.refresh(), changes(pool, wanted)]).toEqual([[], [], []]);
  });
});

test.each([
  ["network", network, "NETWORK_CREATE", { subnets: ["10.74.0.0/24"] }, { mtu: 1400, domain: "lab.example" }],
  ["pool", storagePool, "STORAGE_POOL_BUILD", {}, { overlay: { features: { cow: { state: "no" } } } }],
] as const)(
  "a %s that is cut off ahead of its start, unknown to the state, is made of what the program says by then",
  async (kind, handler, at, base, more) => {
    const path = kind === "pool" ? { path: `${lab.host.directory}/begun` } : {};
    const subject = new Managed(handler, "begun", { host: referenceOf(lab.host), ...base, ...path });
    await withManaged(subject, async (begun) => {
      await cutOff(begun, at, more, "before", "create");
      Object.assign(begun, { id: "", state: {} });
      await begun.create({});
      const words = kind === "pool" ? "pool-dumpxml" : "net-dumpxml";
      expect(await lab.host.virsh(words, begun.name)).not.toMatch(/mtu|lab.example|cow/);
      expect(await begun.refresh()).toEqual([]);
    });
  },
);
