import { network } from "../../provider/resources/network";
import { machineLab } from "./machine-lab";
import { referenceOf } from "./machines";
import { Managed, withManaged } from "./managed";

/** What is changed in a running network as it runs. */
const lab = machineLab({});
const named = (name: string, subnet: string) =>
  new Managed(network, name, { host: referenceOf(lab.host), subnets: [subnet] });

test("one of the addresses of a name can be taken out", async () => {
  await withManaged(named("robin", "10.71.0.0/24"), async (lan) => {
    const www = (last: number) => ({ ip: `10.71.0.${last}`, hostnames: ["www"] });
    await lan.create({ dns: { hosts: { a: www(5), b: www(6) } } });
    await lan.up({ dns: { hosts: { b: www(6), c: www(7) } } });
    for (const option of ["--inactive", "--xpath=//*"]) {
      const xml = await lab.host.virsh("net-dumpxml", lan.name, option);
      expect(xml).not.toContain("10.71.0.5");
      expect(xml).toMatch(/10\.71\.0\.6[\s\S]*10\.71\.0\.7/);
    }
  });
});

test("an update that fails halfway leaves the running network as it was", async () => {
  await withManaged(named("halfway", "10.72.0.0/24"), async (lan) => {
    const guest = (last: number, hostname: string) => {
      return { mac: `52:54:00:00:00:0${last % 10}`, ip: `10.72.0.${last}`, hostname };
    };
    await lan.create({ reservations: { a: guest(11, "a"), b: guest(12, "b") } });
    // Somebody has given the name away in the running network: libvirt takes the definition, and not the update.
    const theirs = "<host mac='52:54:00:00:00:09' name='taken' ip='10.72.0.9'/>";
    await lab.host.virsh("net-update", lan.name, "add-last", "ip-dhcp-host", theirs, "--live");
    const before = await lab.host.virsh("net-dumpxml", lan.name);
    const reservations = { a: guest(21, "a"), b: guest(22, "taken") };
    await expect(lan.up({ autostart: false, reservations })).rejects.toThrow(/existing dhcp host[\s\S]*in force/);
    const [after, info] = [await lab.host.virsh("net-dumpxml", lan.name), await lab.host.virsh("net-info", lan.name)];
    expect(after.split("\n").sort()).toEqual(before.split("\n").sort());
    expect(info).toMatch(/Autostart: +yes/);
  });
});

const takenOut = { mtu: 1400, domain: "lab.example", natPorts: { start: 2000, end: 3000 }, isolateGuests: true };

/** What of it runs, or is in the definition. */
async function said(lan: Managed, ...flags: string[]): Promise<string[]> {
  const xml = await lab.host.virsh("net-dumpxml", lan.name, ...flags);
  const found = ["mtu size='1400'", "lab.example", "start='2000'", "isolated='yes'", "portgroup", "10.73.0.7"];
  return found.filter((text) => xml.includes(text));
}

test("what a program takes out is out of the running network", async () => {
  await withManaged(named("less", "10.73.0.0/24"), async (lan) => {
    await lan.create(takenOut);
    expect(await said(lan)).toHaveLength(4);
    await lan.up({});
    expect(await said(lan)).toEqual([]);
    expect(lan.state).toMatchObject({ pendingRestart: false });
    // What libvirt fills in, and what it takes for granted, is no difference.
    for (const args of [{ isolateGuests: false, natIpv6: false, dns: { enable: true, localOnly: false } }, {}]) {
      await lan.up(args);
      expect(lan.state).toMatchObject({ pendingRestart: false });
    }
  });
});

test("what a program takes out under guests waits, is known to a refresh, and goes when they have gone", async () => {
  await withManaged(named("under", "10.73.0.0/24"), async (lan) => {
    const reservations = { a: { mac: "52:54:00:00:00:07", ip: "10.73.0.7" } };
    await lan.create({ ...takenOut, overlay: { portgroup: [{ name: "eng" }] } });
    const xml = `<domain type='qemu'><name>user</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os><devices><interface type='network'><source network='${lan.name}'/></interface></devices></domain>`;
    await lab.host.exec(`virsh -q create /dev/stdin <<'EOF'\n${xml}\nEOF`);
    // Its addresses leave the definition, and come back without the reservation that it was given meanwhile.
    await lan.up({ reservations });
    expect(await said(lan)).toContain("10.73.0.7");
    await lan.up({ mode: "isolated", subnets: [] });
    await lan.up({});
    expect(await said(lan)).toHaveLength(5);
    expect(await said(lan)).not.toContain("10.73.0.7");
    expect(await said(lan, "--inactive")).toEqual([]);
    expect(lan.state).toMatchObject({ pendingRestart: true });
    expect(lan.context.lines.warn.at(-1)).toMatch(/mtu.*natPorts.*domain.*overlay will be in force once/);
    expect(await lan.refresh()).toEqual([]);
    expect(lan.state).toMatchObject({ pendingRestart: true });
    await lab.host.virsh("destroy", "user");
    await lan.up({ autostart: false });
    expect(await said(lan)).toEqual([]);
    expect(lan.state).toMatchObject({ pendingRestart: false });
    expect(lan.state["__kvm"]).not.toHaveProperty("memo");
  });
});

test("a network whose bridge somebody deleted is not active, and comes back", async () => {
  await withManaged(named("felled", "10.76.0.0/24"), async (lan) => {
    await lan.create({ bridge: "vbr-felled" });
    const guest = lab.machine("felled", { nics: { lan: { network: lan.state } }, waitForAddress: false });
    await guest.create();
    await lab.host.exec("ip link del vbr-felled");
    expect(await lan.refresh()).toEqual(["active"]);
    await lan.up({ bridge: "vbr-felled" });
    expect(lan.context.lines.warn).toEqual([
      expect.stringMatching(/1 guest interface.* pulumi up --refresh once more$/),
    ]);
    expect(await lan.refresh()).toEqual([]);
    expect([await guest.refresh(), guest.state["pendingRestart"]]).toEqual([[], ["nics.lan.network"]]);
    await guest.delete();
  });
});
