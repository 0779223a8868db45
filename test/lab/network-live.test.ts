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
}, 30_000);

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
}, 30_000);
