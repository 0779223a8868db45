import { join } from "node:path";
import { machineLab } from "./machine-lab";
import { furnish } from "./machines";

/** What a guest could take away from its host, or from the guests of others. */
const lab = machineLab({ waitForAddress: false }, { alone: true });

let network: object;
beforeAll(async () => {
  ({ network } = await furnish(lab.host));
  await lab.host.exec("ip link set eth1 up");
}, 60_000);

const output = async (script: string) => (await lab.host.exec(script)).stdout;
const macvtap = (target: string) => ({ nics: { lan: { direct: { dev: "eth1", mode: "bridge" }, target } } });

test("no interface of the host, nor of a running guest, is deleted for a name that a program gives", async () => {
  await lab.host.exec("ip link add hosts0 type bridge && ip addr add 10.98.0.1/24 dev hosts0");
  const taken = /nics\.lan\.target: the host has an interface hosts0 already; nothing was changed/;
  const vm = lab.machine("first");
  await expect(vm.create(macvtap("hosts0"))).rejects.toThrow(taken);
  await expect(vm.create({ nics: { lan: { network, target: "hosts0" } } })).rejects.toThrow(taken);
  await vm.create(macvtap("tap-first"));
  const second = lab.machine("second");
  // Of another stack: one of the same waits for what may be on its way.
  Object.assign(second.context.meta ?? {}, { urn: "urn:pulumi:other::lab::kvm:VirtualMachine::second" });
  const theirs = /nics\.lan\.target: the domain first-\w+ has an interface tap-first already; nothing was changed/;
  await expect(second.create(macvtap("tap-first"))).rejects.toThrow(theirs);
  await second.create({ nics: {} });
  await expect(second.up(macvtap("hosts0"))).rejects.toThrow(taken);
  expect(await output("ip -br addr show hosts0; ip -br link show tap-first")).toMatch(
    /10\.98\.0\.1\/24[\s\S]*tap-first/,
  );
  // Its own is its own, also when it is started anew.
  await vm.up({ nics: { lan: { ...macvtap("tap-first").nics.lan, link: false } } });
  await vm.up({ ...macvtap("tap-first"), state: "stopped" });
  await lab.host.exec("ip link add tap-first type bridge");
  await expect(vm.up(macvtap("tap-first"))).rejects.toThrow(/the host has an interface tap-first already/);
  await lab.host.exec("ip link delete tap-first");
  await vm.up(macvtap("tap-first"));
  expect(await output("ip -br link show tap-first")).toContain("tap-first@eth1");
}, 60_000);

test("a disk of which the host has a file system mounted is refused", async () => {
  const file = join(lab.host.directory, "mounted.img");
  const loop = (await output(`truncate -s 32M ${file} && mkfs.ext4 -q ${file} && losetup -f --show ${file}`)).trim();
  const vm = lab.machine("disk");
  const data = { path: loop, format: "raw" };
  try {
    await lab.host.exec(`mount ${loop} /mnt`);
    await expect(vm.create({ disks: { data } })).rejects.toThrow(
      `disks.data: ${loop} is in use by the host: the file system that it has mounted from ${loop} lies on it; nothing was changed`,
    );
    await lab.host.exec("umount /mnt");
    await vm.create({ disks: { data }, state: "stopped" });
  } finally {
    await lab.host.exec(`umount /mnt 2>/dev/null; losetup -d ${loop}`);
  }
});

test("a guest that takes an interface whole which is up, or whose screen or share is open to all, is told of", async () => {
  const vm = lab.machine("open");
  const passthrough = { lan: { direct: { dev: "eth1", mode: "passthrough" } } };
  await vm.create({
    nics: passthrough,
    graphics: { vnc: { listen: { address: "0.0.0.0" } } },
    filesystems: { etc: { source: "/etc", driver: "9p" } },
  });
  const { warn } = vm.context.lines;
  expect(warn.join("\n")).toMatch(
    /graphics\.vnc listens on 0\.0\.0\.0 without a password[\s\S]*may write to \/etc of the host[\s\S]*nics\.lan\.direct: mode passthrough takes eth1 whole/,
  );
  warn.length = 0;
  await vm.up({ nics: { lan: { ...passthrough.lan, link: false } }, graphics: {}, filesystems: {} });
  expect(warn.filter((line) => /passthrough|password|may write/.test(line))).toEqual([]);
  await vm.handler.delete(vm.id, vm.state, vm.context);
  await lab.host.exec("ip link set eth1 down");
  const again = lab.machine("quiet");
  await again.create({ nics: passthrough, graphics: { vnc: { listen: { address: "127.0.0.1" } } } });
  expect(again.context.lines.warn).toEqual([]);
  expect(await output("ip -br link show eth1")).toMatch(/ UP /);
});
