import { network } from "../../provider/resources/network";
import { machineLab } from "./machine-lab";
import { referenceOf } from "./machines";
import { Managed, withManaged } from "./managed";

/** What a program leaves to others (`ignoreChanges`), and they have changed since the last refresh. */
const lab = machineLab({}, { alone: true });

test("an update of something else keeps the definition that others gave a machine, and a refresh shows it", async () => {
  const vm = lab.machine("left", { state: "stopped", maxMemory: "256 MiB" });
  const { host } = lab;
  await vm.create({ title: "ours" });
  await host.virsh("setmem", vm.name, "128M", "--config");
  await host.virsh("desc", vm.name, "--config", "--title", "theirs");
  vm.ignore("memory");
  await vm.up({ title: "ours", description: "new" });
  const xml = await vm.xml();
  expect(xml).toContain(`<currentMemory unit='KiB'>${128 * 1024}<`);
  expect(xml).toContain("<title>ours</title>");
  expect(vm.state["memory"]).toBe("64 MiB");
  expect(vm.diff({ title: "ours", description: "new" }).changes).toEqual([]);
  vm.ignore();
  expect(await vm.refresh()).toEqual(["memory"]);
  expect(vm.state["memory"]).toBe("128 MiB");
}, 60_000);

test("a machine that is adopted keeps what its program leaves to others", async () => {
  const vm = lab.machine("taken", { name: "taken", adopt: true, deleteAdopted: true, machine: "pc" });
  const { host } = lab;
  const args = { description: "ours", cpuTune: { shares: 100 }, state: "running" };
  const document = `<domain type='qemu'><name>taken</name><description>theirs</description><memory unit='MiB'>64</memory>
    <cputune><shares>500</shares></cputune><os><type>hvm</type></os></domain>`;
  await host.exec(`echo "${document}" > /tmp/taken.xml; virsh -q define /tmp/taken.xml; rm /tmp/taken.xml`);
  vm.ignore("description", "cpuTune", "agent", "state");
  await vm.create(args);
  expect(vm.diff(args).lines.join()).not.toMatch(/description|cpuTune|agent|state/);
  await vm.up({ ...args, title: "new" });
  const xml = await vm.xml();
  for (const kept of ["<title>new</title>", "<description>theirs</description>", "<shares>500</shares>"]) {
    expect(xml).toContain(kept);
  }
  expect([xml.includes("<channel"), await vm.power()]).toEqual([false, "shut off"]);
  expect(vm.diff({ ...args, title: "new" }).changes).toEqual([]);
}, 60_000);

test("so does that of a network", async () => {
  const args = {
    subnets: ["10.71.0.0/24"],
    mtu: 1400,
    reservations: { db: { mac: "52:54:00:00:00:01", ip: "10.71.0.10" } },
  };
  await withManaged(new Managed(network, "left", { host: referenceOf(lab.host) }), async (lan) => {
    await lan.create(args);
    const edit = "s/size='1400'/size='1300'/; s/10.71.0.10'/10.71.0.11'/";
    await lab.host.exec(
      `virsh net-dumpxml --inactive ${lan.name} | sed "${edit}" > /tmp/l.xml && virsh net-define /tmp/l.xml`,
    );
    const meta = { ...lan.context.meta, ignoreChanges: ["mtu", "reservations.db"] };
    const context = { ...lan.context, meta } as typeof lan.context;
    const news = lan.inputs({ ...args, domain: "lab.example" });
    lan.state = await network.update(lan.id, lan.state, news, context);
    const xml = await lab.host.virsh("net-dumpxml", "--inactive", lan.name);
    expect(xml).toMatch(/<mtu size='1300'.*lab\.example.*ip='10\.71\.0\.11'/s);
    expect(lan.state).toMatchObject({ mtu: 1400, reservations: { db: { ip: "10.71.0.10" } } });
    expect((await lan.refresh()) as string[]).toEqual(["mtu", "reservations.db.ip"]);
  });
}, 60_000);

test("an item of a list is left alone as well, beside those that are the program's", async () => {
  const args = { subnets: ["10.72.0.0/24"], dns: { forwarders: ["192.0.2.1", "192.0.2.2"] } };
  await withManaged(new Managed(network, "listed", { host: referenceOf(lab.host) }), async (lan) => {
    await lan.create(args);
    const edit = "s/192.0.2.1'/192.0.2.11'/; s/192.0.2.2'/192.0.2.22'/";
    await lab.host.exec(
      `virsh net-dumpxml --inactive ${lan.name} | sed "${edit}" > /tmp/l.xml && virsh net-define /tmp/l.xml`,
    );
    const context = { ...lan.context, meta: { ...lan.context.meta, ignoreChanges: ["dns.forwarders[0]"] } };
    lan.state = await network.update(
      lan.id,
      lan.state,
      lan.inputs({ ...args, mtu: 1400 }),
      context as typeof lan.context,
    );
    expect(await lab.host.virsh("net-dumpxml", "--inactive", lan.name)).toMatch(/192\.0\.2\.11'.*192\.0\.2\.2'/s);
    expect(lan.state).toMatchObject(args);
    expect((await lan.refresh()) as string[]).toEqual(["dns.forwarders"]);
  });
}, 60_000);

test("what the program leaves out goes with what it ignores: maxMemory with memory", async () => {
  const vm = lab.machine("larger", { state: "stopped" });
  await vm.create();
  await lab.host.virsh("setmaxmem", vm.name, "256M", "--config");
  await lab.host.virsh("setmem", vm.name, "192M", "--config");
  vm.ignore("memory");
  await vm.up({ title: "new" });
  expect(await vm.xml()).toMatch(
    new RegExp(`<memory unit='KiB'>${256 * 1024}<[^]*<currentMemory unit='KiB'>${192 * 1024}<`),
  );
  expect(vm.state).toMatchObject({ memory: "64 MiB", maxMemory: "64 MiB" });
  // One that the program says is the program's.
  await vm.up({ title: "new", maxMemory: "512 MiB" });
  expect(await vm.xml()).toMatch(
    new RegExp(`<memory unit='KiB'>${512 * 1024}<[^]*<currentMemory unit='KiB'>${192 * 1024}<`),
  );
  vm.ignore();
  expect(await vm.refresh()).toEqual(["memory"]);
}, 60_000);
