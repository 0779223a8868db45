import type { Values } from "../../provider/core/handler";
import { PartialFailure } from "../../provider/core/handler";
import { ConnectionLost } from "../../provider/libvirt/errors";
import { network } from "../../provider/resources/network";
import { handlerContext, metaOf, type TestContext } from "./handler-context";
import { type Lab, startLab } from "./lab";
import { everyMode, nat } from "./network-modes";

let lab: Lab;
let context: TestContext;
let host: Values;
let leftOver: { readonly state: Values; readonly id: string }[] = [];

beforeAll(async () => {
  lab = await startLab();
  host = { uri: lab.host.socketUri, uuid: lab.host.uuid, owner: "0".repeat(32) };
}, 60_000);

beforeEach(() => {
  context = handlerContext(metaOf("lan", "Network"));
});

afterEach(async () => {
  for (const { id, state } of leftOver) await network.delete(id, state, context);
  leftOver = [];
  await context.close();
});

afterAll(() => lab.stop());

function check(args: Values, olds?: Values, name = "lan"): Values {
  const { inputs, failures } = network.check({ host, ...args }, olds, metaOf(name, "Network"));
  expect(failures).toEqual([]);
  return inputs;
}

async function create(args: Values, name = "lan") {
  const made = await network.create(check(args, undefined, name), context);
  leftOver.push(made);
  return made;
}

async function update(made: { readonly id: string; readonly state: Values }, args: Values) {
  const news = check(args, made.state);
  const state = await network.update(made.id, made.state, news, context);
  leftOver = leftOver.map((item) => (item.id === made.id ? { id: made.id, state } : item));
  return { id: made.id, state, news };
}

/** Plugs in a guest that never boots: a port of the network is all that matters here. */
async function attachGuest(name: string, networkName: string): Promise<void> {
  const xml = `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os><devices><interface type='network'><source network='${networkName}'/></interface></devices></domain>`;
  await lab.host.exec(`cat > /tmp/${name}.xml <<'EOF'\n${xml}\nEOF\nvirsh -q create /tmp/${name}.xml`);
}

test.each(everyMode)("%s: create, no drift, delete", async (_name, args) => {
  const made = await create(args);
  expect(made.id).toBe(made.state["uuid"]);
  expect(made.state).toMatchObject({ pendingRestart: false, adopted: false });
  const seen = await network.read(made.id, made.state, context);
  expect(seen?.inputs).toEqual(check(args));
  expect(network.diff(made.id, seen?.state ?? {}, check(args, made.state)).changes).toEqual([]);
  const name = String(made.state["name"]);
  expect(await lab.host.virsh("net-list", "--autostart")).toContain(name);
  // Its guests know their gateway by it, after the next start too.
  const xmls = await Promise.all([["--inactive"], []].map((flags) => lab.host.virsh("net-dumpxml", name, ...flags)));
  const [mac, running] = xmls.map((xml) => /<mac address='(.*)'/.exec(xml)?.[1]);
  expect(mac).toBe(running);
  await network.delete(made.id, made.state, context);
  expect(await network.read(made.id, made.state, context)).toBeUndefined();
});

test("reservations, range and DNS names change while a guest stays connected", async () => {
  const before = {
    ...nat,
    reservations: {
      db: { mac: "52:00:00:00:00:01", ip: "10.31.0.10", hostname: "db" },
      web: { mac: "52:00:00:00:00:02", ip: "10.31.0.11" },
    },
    dns: { hosts: { gate: { ip: "10.31.0.1", hostnames: ["gate"] } } },
  };
  const made = await create(before);
  const name = String(made.state["name"]);
  await attachGuest("live", name);
  try {
    const ports = await lab.host.virsh("net-port-list", name);
    const after = {
      ...nat,
      dhcp: { start: "10.31.0.100", end: "10.31.0.200", leaseTime: "10 min" },
      reservations: {
        db: { mac: "52:00:00:00:00:01", ip: "10.31.0.11", hostname: "db2" },
        mail: { mac: "52:00:00:00:00:03", ip: "10.31.0.10" },
      },
      dns: {
        hosts: {
          gate: { ip: "10.31.0.1", hostnames: ["gate", "router"] },
          db: { ip: "10.31.0.11", hostnames: ["database"] },
        },
      },
    };
    const updated = await update(made, after);
    expect(updated.state["pendingRestart"]).toBe(false);
    expect(context.lines.warn).toEqual([]);
    expect(await lab.host.virsh("net-port-list", name)).toBe(ports);
    for (const definition of ["net-dumpxml", "net-dumpxml --inactive"]) {
      const xml = await lab.host.virsh(...definition.split(" "), name);
      expect(xml).toContain("<range start='10.31.0.100' end='10.31.0.200'>");
      expect(xml).toContain("<host mac='52:00:00:00:00:01' name='db2' ip='10.31.0.11'/>");
      expect(xml).toContain("<host mac='52:00:00:00:00:03' ip='10.31.0.10'/>");
      expect(xml).toContain("<hostname>router</hostname>");
      expect(xml).toContain("<hostname>database</hostname>");
      expect(xml).not.toMatch(/52:00:00:00:00:02|10\.31\.0\.254/);
    }
    const seen = await network.read(made.id, updated.state, context);
    expect(seen?.inputs).toEqual(updated.news);
  } finally {
    await lab.host.virsh("destroy", "live");
  }
});

test("what needs a restart waits for the guests, and comes into force once they are gone", async () => {
  const made = await create(nat);
  const name = String(made.state["name"]);
  await attachGuest("waiting", name);
  const args = { ...nat, subnets: ["10.31.0.0/24", "10.36.0.0/24"], mtu: 1300 };
  const staged = await update(made, args);
  expect(staged.state["pendingRestart"]).toBe(true);
  expect(context.lines.warn.join()).toMatch(/mtu, subnets will be in force once the network is started anew; 1 guest/);
  expect(await lab.host.virsh("net-dumpxml", name)).not.toContain("10.36.0.1");

  await expect(network.delete(made.id, staged.state, context)).rejects.toThrow(/1 guest interface\(s\) are attached/);
  await lab.host.virsh("destroy", "waiting");
  const done = await update(staged, args);
  expect(done.state["pendingRestart"]).toBe(false);
  expect(await lab.host.virsh("net-dumpxml", name)).toContain("10.36.0.1");
});

test("mode and bridge change in place", async () => {
  const made = await create({ ...nat, natPorts: { start: 2000, end: 3000 } });
  const name = String(made.state["name"]);
  const routed = await update(made, { ...nat, mode: "route" });
  expect(await lab.host.virsh("net-dumpxml", name)).toMatch(/<forward mode='route'\/>/);
  const isolated = await update(routed, { ...nat, mode: "isolated" });
  expect(await lab.host.virsh("net-dumpxml", name)).not.toContain("<forward");
  const bridged = await update(isolated, { mode: "bridge", bridge: "br0" });
  expect(await lab.host.virsh("net-dumpxml", name)).toMatch(/<bridge name='br0'\/>/);
  const back = await update(bridged, { ...nat, bridge: "kvmback" });
  const seen = await network.read(made.id, back.state, context);
  expect(seen?.inputs).toEqual(back.news);
});

test("a network on a bridge that the host does not have starts, and says so", async () => {
  const there = await create({ mode: "bridge", bridge: "br0" }, "there");
  expect(context.lines.warn).toEqual([]);
  await update(there, { mode: "bridge", bridge: "br7" });
  await create({ mode: "bridge", bridge: "br9" }, "missing");
  expect(context.lines.warn).toEqual([
    expect.stringMatching(/^Network there-\w+ is started, but \S+ has no bridge br7: guests on it cannot start/),
    expect.stringMatching(/^Network missing-\w+ is started, but \S+ has no bridge br9: guests on it cannot start/),
  ]);
});

test("a pool of virtual functions is defined, and refused where the card has none, which loses nothing", async () => {
  const defined = await create({ mode: "hostdev", physicalFunction: "eth1", active: false, autostart: false }, "vfs");
  const xml = await lab.host.virsh("net-dumpxml", String(defined.state["name"]));
  expect(xml).toMatch(/<forward mode='hostdev' managed='yes'>\s*<pf dev='eth1'\/>/);
  expect(xml).not.toContain("<bridge");
  const seen = await network.read(defined.id, defined.state, context);
  expect(seen?.inputs).toMatchObject({ mode: "hostdev", physicalFunction: "eth1" });
  const failure = await update(defined, { mode: "hostdev", physicalFunction: "eth1" }).catch((error: unknown) => error);
  expect(String(failure)).toMatch(/libvirt said: .*No usable Vf's present on SRIOV PF eth1/);
  const changed = await update(defined, nat);
  expect(await lab.host.virsh("net-dumpxml", String(changed.state["name"]))).not.toContain("hostdev");
});

test("drift is seen and repaired", async () => {
  const made = await create({ ...nat, domain: "lab.example" });
  const name = String(made.state["name"]);
  await lab.host.virsh("net-destroy", name);
  await lab.host.virsh("net-autostart", name, "--disable");
  await lab.host.exec(
    `virsh net-dumpxml --inactive ${name} | sed s/lab.example/other.example/ > /tmp/n.xml && virsh net-define /tmp/n.xml`,
  );
  const seen = await network.read(made.id, made.state, context);
  expect(seen?.inputs).toMatchObject({ active: false, autostart: false, domain: "other.example" });
  const changes = network.diff(
    made.id,
    seen?.state ?? {},
    check({ ...nat, domain: "lab.example" }, made.state),
  ).changes;
  expect(changes.map(({ property }) => property).sort()).toEqual(["active", "autostart", "domain"]);
  const repaired = await update({ id: made.id, state: seen?.state ?? {} }, { ...nat, domain: "lab.example" });
  expect((await network.read(made.id, repaired.state, context))?.inputs).toEqual(repaired.news);
});

test("what the program ignores stays as others left it, until the program changes it", async () => {
  const made = await create(nat);
  const name = String(made.state["name"]);
  await lab.host.virsh("net-destroy", name);
  await lab.host.virsh("net-autostart", name, "--disable");
  context = { ...context, meta: { ...metaOf("lan", "Network"), ignoreChanges: ["active", "autostart"] } };
  const renamed = await update(made, { ...nat, domain: "lab.example" });
  expect(await lab.host.virsh("net-info", name)).toMatch(/Active: +no.*Autostart: +no/s);
  expect(await lab.host.virsh("net-dumpxml", name)).toContain("lab.example");
  const off = await update(renamed, { ...nat, domain: "lab.example", autostart: false });
  await update(off, { ...nat, domain: "lab.example" });
  expect(await lab.host.virsh("net-info", name)).toMatch(/Active: +no.*Autostart: +yes/s);
});

test("a network that leaves the host's bridge makes one of its own", async () => {
  const made = await create({ mode: "bridge", bridge: "br0" });
  const { news } = await update(made, nat);
  expect(news["bridge"]).toMatch(/^kvm[0-9a-f]{8}$/);
  expect(await lab.host.virsh("net-info", String(made.state["name"]))).toMatch(/Active: +yes/);
});

test("what others wrote into the definition survives an update", async () => {
  const made = await create(nat);
  const name = String(made.state["name"]);
  await lab.host.virsh(
    "net-update",
    name,
    "add",
    "ip-dhcp-host",
    "<host mac='52:00:00:00:00:99' ip='10.31.0.99'/>",
    "--live",
    "--config",
  );
  await lab.host.virsh("net-update", name, "add", "dns-txt", "<txt name='note' value='kept'/>", "--live", "--config");
  await update(made, { ...nat, reservations: { db: { mac: "52:00:00:00:00:01", ip: "10.31.0.10" } } });
  for (const option of ["--inactive", "--xpath=//*"]) {
    const xml = await lab.host.virsh("net-dumpxml", name, option);
    expect(xml).toMatch(/52:00:00:00:00:99/);
    expect(xml).toMatch(/52:00:00:00:00:01/);
    expect(xml).toMatch(/value=.kept./);
  }
});

test("a half-made network is kept in state, and found again by the next create", async () => {
  await lab.host.exec("ip link add kvmtaken up type bridge && ip addr add 10.31.0.99/24 dev kvmtaken");
  const args = nat;
  const failure = await network.create(check(args), context).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(PartialFailure);
  expect(String(failure)).toMatch(/libvirt said: .*kvmtaken[\s\S]*choose another with `bridge`/);
  const { id, state } = failure as PartialFailure;
  expect(state).toMatchObject({ uuid: id, __kvm: { stateVersion: 1 } });
  expect(await lab.host.virsh("net-list", "--all")).toContain(String(state["name"]));

  await lab.host.exec("ip link del kvmtaken");
  await expect(network.create(check({ ...args, name: "other" }), context)).rejects.toThrow(
    `an earlier run made it as "${state["name"]}"`,
  );
  const made = await create(args);
  expect(made.id).toBe(id);
  expect(await lab.host.virsh("net-dumpxml", "--inactive", String(state["name"]))).toMatch(/phase=.ready/);
});

test("an update that cannot come into force leaves the former definition running", async () => {
  const made = await create(nat);
  await lab.host.exec("ip link add kvmother up type bridge && ip addr add 10.39.0.99/24 dev kvmother");
  const news = check({ ...nat, subnets: ["10.39.0.0/24"] }, made.state);
  await expect(network.update(made.id, made.state, news, context)).rejects.toThrow(
    /the former definition is in force again/,
  );
  await lab.host.exec("ip link del kvmother");
  expect((await network.read(made.id, made.state, context))?.inputs).toEqual(check(nat));
});

test("somebody else's network is left alone, unless adopted", async () => {
  const xml =
    "<network><name>theirs</name><bridge name='theirs0'/><ip address='10.37.0.1' netmask='255.255.255.0'/></network>";
  await lab.host.exec(`cat > /tmp/t.xml <<'EOF'\n${xml}\nEOF\nvirsh net-define /tmp/t.xml`);
  const theirs = await lab.host.virsh("net-dumpxml", "theirs");
  const args = { name: "theirs", mode: "isolated", subnets: ["10.37.0.0/24"], dhcp: false, bridge: "theirs0" };
  await expect(network.create(check(args), context)).rejects.toThrow(
    /was not made by pulumi-kvm; it was left untouched/,
  );
  expect(await lab.host.virsh("net-dumpxml", "theirs")).toBe(theirs);

  const made = await network.create(check({ ...args, adopt: true }), context);
  expect(theirs).toContain(made.id);
  expect(made.state["adopted"]).toBe(true);
  expect(context.lines.warn.join()).toMatch(/adopted as it is; it differs in stp, autostart, active: its next change/);
  const next = check({ ...args, adopt: true, deleteAdopted: true }, made.state);
  expect(network.diff(made.id, made.state, next).lines.join()).toMatch(/next change brings stp, autostart, active to/);
  const stripped = (await lab.host.virsh("net-dumpxml", "theirs")).replace(/ {2}<metadata>[\s\S]*<\/metadata>\n/, "");
  expect(stripped).toBe(theirs);

  // By its uuid it is found again where the state has lost it: others made it, as before.
  const known = await network.create(check({ ...args, uuid: made.id, adopt: true }), context);
  expect(known.state["adopted"]).toBe(true);
  await network.delete(made.id, made.state, context);
  expect(await lab.host.virsh("net-dumpxml", "theirs")).toBe(theirs);
  const again = await network.create(check({ ...args, adopt: true, deleteAdopted: true }), context);
  await network.delete(again.id, again.state, context);
  expect(await lab.host.virsh("net-list", "--all")).not.toContain("theirs");
});

test("of an adopted network that is told to be changed which is, and nothing of what the program ignores", async () => {
  const xml = `<network><name>partly</name><bridge name='partly0' stp='off'/><dns><forwarder addr='9.9.9.9'/></dns>
    <ip address='10.37.0.1' netmask='255.255.255.0'/></network>`;
  await lab.host.exec(`cat > /tmp/t.xml <<'EOF'\n${xml}\nEOF\nvirsh net-define /tmp/t.xml`);
  const args = { name: "partly", mode: "isolated", subnets: ["10.37.0.0/24"], dhcp: false, bridge: "partly0" };
  const more = { ...args, dns: { forwarders: ["1.1.1.1"] }, adopt: true, active: false };
  const meta = { ...metaOf("lan", "Network"), ignoreChanges: ["dns.forwarders", "autostart"] };
  const mine = handlerContext(meta);
  const made = await network.create(check({ ...more, domain: "lab.example" }), mine);
  expect(mine.lines.warn.join()).toMatch(/it differs in domain: its next change/);
  const next = check({ ...more, domain: "lab.example", mtu: 1400 }, made.state);
  expect(network.diff(made.id, made.state, next).lines.join()).toMatch(/its next change brings domain to what/);
  const state = await network.update(made.id, made.state, next, mine);
  expect(await lab.host.virsh("net-dumpxml", "partly")).toMatch(/mtu size='1400'[\s\S]*lab\.example[\s\S]*9\.9\.9\.9/);
  await network.delete(made.id, { ...state, deleteAdopted: true }, mine);
  await mine.close();
});

test("another deployment's network is named as such", async () => {
  const made = await create(nat);
  const other = { ...check({ ...nat, name: made.state["name"] }), host: { ...host, owner: "1".repeat(32) } };
  await expect(network.create(other, context)).rejects.toThrow(
    /belongs to urn:pulumi:test::lab.*of another deployment/,
  );
});

test("a network that another stack has adopted since is left to it", async () => {
  const made = await network.create(check({ mode: "isolated" }), context);
  const meta = metaOf("heir", "Network");
  const next = handlerContext({ ...meta, stack: "other", urn: meta.urn.replace(":test::", ":other::") });
  const owner = { ...host, owner: "f".repeat(32) };
  const args = { mode: "isolated", name: made.state["name"], adopt: true, deleteAdopted: true };
  const taken = await network.create({ ...check(args), host: owner }, next);
  const held = /urn:pulumi:other::.*heir has taken it over since/;
  await expect(update(made, { mode: "isolated", domain: "mine.example" })).rejects.toThrow(held);
  await network.delete(made.id, made.state, context);
  expect(context.lines.info.join()).toMatch(held);
  expect(await lab.host.virsh("net-dumpxml", "--inactive", made.id)).toContain("f".repeat(32));
  await network.delete(taken.id, taken.state, next);
  expect(await lab.host.virsh("net-list", "--all")).not.toContain(made.state["name"]);
  await next.close();
});

test("a look-up answers what exists; what does not exist is an error", async () => {
  const made = await create({ ...nat, domain: "lab.example" });
  for (const key of [made.state["name"], made.id]) {
    const seen = await network.read(`lookup:${key}`, { host }, context);
    expect(seen).toMatchObject({
      id: `lookup:${key}`,
      state: { uuid: made.id, name: made.state["name"], mode: "nat", subnets: nat.subnets, domain: "lab.example" },
    });
  }
  await expect(network.read("lookup:nowhere", { host }, context)).rejects.toThrow(/no network of that name or uuid/);
});

test("a connection that is lost before the start keeps the network in state, and the next run goes on", async () => {
  const failing: TestContext = {
    ...context,
    async connect(reference) {
      const libvirt = await context.connect(reference);
      return new Proxy(libvirt, {
        get(target, key) {
          if (key !== "call") return Reflect.get(target, key, target);
          return async (...args: Parameters<typeof libvirt.call>) => {
            if (args[0] !== "NETWORK_CREATE") return target.call(...args);
            await lab.host.restartLibvirtd();
            // What the client says of a call that was under way; it never repeats one that changes something.
            throw new ConnectionLost("the connection was lost", true);
          };
        },
      });
    },
  };
  const failure = await network.create(check(nat), failing).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(PartialFailure);
  expect(String(failure)).toMatch(/libvirt may have done it all the same[\s\S]*it finds what was done and goes on/);
  const { id, state } = failure as PartialFailure;
  leftOver.push({ id, state });
  const seen = await network.read(id, state, context);
  expect(seen?.inputs).toMatchObject({ active: false });
  await update({ id, state: seen?.state ?? {} }, nat);
  expect(await lab.host.virsh("net-list")).toContain(String(state["name"]));
}, 40_000);

test("a daemon that dies is waited for", async () => {
  const made = await create(nat);
  await lab.host.killLibvirtd();
  const reading = network.read(made.id, made.state, context);
  await lab.host.startLibvirtd();
  expect((await reading)?.inputs).toEqual(check(nat));
}, 40_000);
