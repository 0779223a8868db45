import { setTimeout } from "node:timers/promises";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { deviceNamed } from "../../provider/resources/virtual-machine/alias";
import { child, parse } from "../../provider/schema/tree";
import { type Lab, startLab } from "./lab";
import { furnish, image, Machine, owner } from "./machines";

/** Guests without an operating system: they start in half a second, and do not answer to the power button. */
let lab: Lab;
let network: Record<string, unknown>;
const machines: Machine[] = [];

beforeAll(async () => {
  lab = await startLab();
  network = { ...(await furnish(lab.host)).network };
}, 60_000);

afterAll(async () => {
  await Promise.all(machines.map(({ context }) => context.close()));
  await lab.stop();
});

function machine(name: string): Machine {
  const made = new Machine(lab.host, name, { waitForAddress: false });
  machines.push(made);
  return made;
}

test("a virtual machine lives its life and leaves nothing", async () => {
  const vm = machine("life");
  const args = {
    ...{ title: "a < b & c", stopTimeout: "1 s" },
    disks: { root: { volume: await image(lab.host, "life.qcow2") }, media: { device: "cdrom" } },
    nics: { lan: { network } },
  };
  await vm.create(args);
  expect(vm.state).toMatchObject({ pendingRestart: [], resolved: { machine: expect.stringMatching(/^pc-q35-/) } });
  expect(await vm.power()).toBe("running");
  expect(vm.diff(args).changes).toEqual([]);
  expect(await vm.refresh()).toEqual([]);
  await vm.up(args);
  expect(vm.state).toMatchObject({ pendingRestart: [], state: "running" });

  await vm.up({ ...args, state: "paused" });
  expect(await vm.power()).toBe("paused");
  await vm.up({ ...args, state: "stopped" });
  expect(await vm.power()).toBe("shut off");
  expect(vm.context.lines.warn.join()).toContain("did not shut down within 1 s");
  await vm.up({ ...args, state: "paused" });
  expect(await vm.power()).toBe("paused");
  await vm.up(args);
  expect(await vm.power()).toBe("running");

  await vm.delete();
  expect(await lab.host.virsh("list", "--all", "--name")).not.toContain(vm.name);
  expect(await vm.refresh()).toBe("gone");
  await vm.delete();
}, 60_000);

test("drift of every kind is seen by refresh and mended by the next update", async () => {
  const vm = machine("drift");
  const args = { description: "mine", disks: { root: { volume: await image(lab.host, "drift.qcow2") } } };
  await vm.create(args);
  await lab.host.virsh("desc", vm.name, "--config", "theirs");
  await lab.host.virsh("autostart", "--disable", vm.name);
  await lab.host.virsh("destroy", vm.name);
  await lab.host.virsh("setmaxmem", vm.name, "128M", "--config");
  expect((await vm.refresh()).toString()).toBe("description,maxMemory,autostart,state");
  expect(vm.state).toMatchObject({ description: "theirs", maxMemory: "128 MiB", autostart: false, state: "stopped" });
  await vm.up(args);
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state).toMatchObject({ description: "mine", maxMemory: "64 MiB", state: "running", autostart: true });
  expect(await vm.power()).toBe("running");
  await vm.delete();
}, 60_000);

test("what others wrote into the definition survives an update", async () => {
  const vm = machine("others");
  await vm.create({});
  await lab.host.virsh("metadata", vm.name, "urn:somebody", "--config", "--key", "s", "--set", "<note>keep</note>");
  await lab.host.exec(
    `virsh -q dumpxml --inactive ${vm.name} | sed "s|</devices>|<watchdog model='i6300esb' action='pause'/></devices>|" > /tmp/x.xml && virsh -q define /tmp/x.xml`,
  );
  await vm.up({ title: "new" });
  const xml = await vm.xml("--inactive");
  expect(xml).toContain("<title>new</title>");
  expect(xml).toContain("i6300esb");
  expect(xml).toContain(">keep<");
  expect(xml).toContain(owner);
  await vm.delete();
});

test("live changes reach the running guest, the others wait or restart it as the policy says", async () => {
  const vm = machine("changes");
  const [root, data] = [await image(lab.host, "c-root.qcow2"), await image(lab.host, "c-data.raw", "raw")];
  const base = { disks: { root: { volume: root } }, maxVcpus: 2, maxMemory: "128 MiB" };
  await vm.create(base);
  const started = await lab.host.virsh("domid", vm.name);

  const wider = {
    ...base,
    title: "t",
    vcpus: 2,
    disks: { root: { volume: root }, data: { volume: data }, sc: { path: data["path"], bus: "scsi", readonly: true } },
    nics: { lan: { network } },
  };
  const plugged = { ...wider, disks: { root: { volume: root }, data: { volume: data } } };
  expect(vm.diff(plugged).changes.map(({ class: kind }) => kind)).toEqual(expect.not.arrayContaining(["restart"]));
  await vm.up(plugged);
  expect(vm.state).toMatchObject({ pendingRestart: [] });
  const live = await vm.xml();
  expect(live).toContain("ua-disk-data");
  expect(live).toContain("ua-nic-lan");
  expect(live).toContain("<title>t</title>");
  expect(live).toMatch(/<vcpu placement='static'>2</);
  expect(await vm.refresh()).toEqual([]);

  await vm.up({ ...plugged, nics: { lan: { network, link: false } } });
  expect(await vm.xml()).toContain("<link state='down'/>");

  const bigger = { ...plugged, maxMemory: "256 MiB", memory: "256 MiB", cpu: { mode: "custom", model: "Nehalem" } };
  expect(() => vm.diff({ ...bigger, changePolicy: "refuse" })).toThrow(/memory \(above maxMemory\).*changePolicy/);
  await vm.up(bigger);
  expect(vm.state["pendingRestart"]).toEqual(["cpu.mode", "cpu.model", "maxMemory", "memory"]);
  expect(await lab.host.virsh("domid", vm.name)).toBe(started);
  expect(await vm.refresh()).toEqual([]);
  expect(vm.state["pendingRestart"]).toEqual(["cpu.mode", "cpu.model", "maxMemory", "memory"]);

  await vm.up({ ...bigger, changePolicy: "restart" });
  expect(vm.state).toMatchObject({ pendingRestart: [], state: "running" });
  expect(await lab.host.virsh("domid", vm.name)).not.toBe(started);
  expect(await vm.xml()).toContain("Nehalem");
  await vm.up({ ...bigger, name: "renamed", state: "stopped" });
  expect(await vm.power()).toBe("shut off");
  expect(vm.name).toBe("renamed");
  await vm.delete();
}, 90_000);

test("a watchdog is plugged in where the machine has a slot for it", async () => {
  for (const [type, pending] of [
    ["pc", []],
    ["q35", ["watchdog.action", "watchdog.model"]],
  ] as const) {
    const vm = machine(`dog-${type}`);
    await vm.create({ machine: type });
    await vm.up({ machine: type, watchdog: { action: "pause" } });
    expect(vm.state["pendingRestart"]).toEqual(pending);
    expect((await vm.xml()).includes("ua-watchdog-main")).toBe(type === "pc");
    await vm.delete();
  }
});

test("names and addresses of devices stay when others come and go", async () => {
  const vm = machine("stable");
  const disk = async (name: string) => ({ volume: await image(lab.host, `s-${name}.qcow2`) });
  const [a, m, z] = [await disk("a"), await disk("m"), await disk("z")];
  await vm.create({ state: "stopped", disks: { m, z }, nics: { n: { network } } });
  const place = async (alias: string) => {
    const device = deviceNamed(parse(await vm.xml("--inactive")), alias);
    return device && [child(device, "target")?.attributes, child(device, "address")?.attributes];
  };
  const before = [await place("ua-disk-z"), await place("ua-nic-n")];
  expect(before).toMatchObject([
    [{ dev: "vdb" }, { type: "pci" }],
    [undefined, { type: "pci" }],
  ]);
  await vm.up({ state: "stopped", disks: { a, z }, nics: { a: { network }, n: { network } } });
  expect([await place("ua-disk-z"), await place("ua-nic-n")]).toEqual(before);
  expect(await place("ua-disk-a")).toMatchObject([{ dev: "vda" }, { type: "pci" }]);
  expect(await vm.xml("--inactive")).not.toContain("ua-disk-m");
  await vm.delete();
});

test("a guest that cannot start stays in state, and the next update starts it", async () => {
  const vm = machine("late");
  const root = await image(lab.host, "late.qcow2");
  await lab.host.exec(["mv", String(root["path"]), `${root["path"]}.away`]);
  const failure = await vm.create({ disks: { root: { volume: root } } }).catch((error) => error);
  expect(failure).toMatchObject({ name: "PartialFailure", state: { state: "stopped" } });
  expect(failure.message).toMatch(/Unable to start VirtualMachine late-\w+ on .*late.qcow2[\s\S]*What to do: /);
  await lab.host.exec(["mv", `${root["path"]}.away`, String(root["path"])]);
  ({ id: vm.id, state: vm.state } = failure);
  await vm.up({ disks: { root: { volume: root } } });
  expect(await vm.power()).toBe("running");
  expect(vm.state).toMatchObject({ state: "running" });
  await vm.delete();
});

test("create goes on with its own half-made domain", async () => {
  const vm = machine("half");
  await vm.create({ state: "stopped", title: "first" });
  const again = machine("half");
  await again.create({ title: "second" });
  expect(again.id).toBe(vm.id);
  expect(again.context.lines.info.join()).toContain("which an earlier run made");
  expect(await again.xml("--inactive")).toContain("<title>second</title>");
  expect(await again.power()).toBe("running");
  await expect(machine("half").create({ name: "another" })).rejects.toThrow(
    new RegExp(`made it as "${again.name}"[\\s\\S]*What to do: give it the name "${again.name}" for one pulumi up`),
  );
  await again.delete();
});

test("somebody else's domain is refused, adopted on request, and stays when it is let go", async () => {
  const disk = await image(lab.host, "foreign.qcow2");
  const xml = `<domain type='qemu'><name>foreign</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk["path"]}'/><target dev='vda'/></disk></devices></domain>`;
  await lab.host.exec(`cat > /tmp/foreign.xml <<'X'\n${xml}\nX\nvirsh -q define /tmp/foreign.xml`);
  const before = await lab.host.virsh("dumpxml", "foreign");
  const vm = machine("taker");
  const args = {
    name: "foreign",
    machine: "pc",
    state: "stopped",
    autostart: false,
    disks: { root: { volume: disk } },
  };
  await expect(vm.create(args)).rejects.toThrow(
    /"foreign" exists already and it was not made by pulumi-kvm.*untouched/,
  );
  expect(await lab.host.virsh("dumpxml", "foreign")).toBe(before);

  await vm.create({ ...args, adopt: true });
  expect(vm.state).toMatchObject({ adopted: true });
  expect(vm.context.lines.warn.join()).toMatch(/adopted as it is; it differs in .*agent.*pulumi up --refresh/);
  // To the engine the program is what it was, and nothing is done.
  const untilThen = "it was adopted as it is: its next change does this too, as does pulumi up --refresh";
  expect(vm.diff({ ...args, adopt: true }).lines).toContain(untilThen);
  expect((await lab.host.virsh("dumpxml", "foreign")).replace(/\s*<metadata>[\s\S]*<\/metadata>/, "")).toBe(before);
  const news = { ...args, adopt: true, title: "ours now" };
  expect(vm.diff(news).changes.map(({ property }) => property)).toEqual(expect.arrayContaining(["title", "agent"]));
  expect(vm.diff(news).replaces).toEqual([]);
  await vm.up(news);
  expect(vm.diff(news)).toMatchObject({ changes: [], lines: [] });
  expect(await vm.refresh()).toEqual([]);
  const after = await lab.host.virsh("dumpxml", "foreign");
  expect(after).toContain("ours now");
  expect(after.match(/<disk /g)).toHaveLength(1);
  await vm.delete();
  expect(await lab.host.virsh("dumpxml", "foreign")).not.toContain("pulumi-kvm");
  await lab.host.virsh("undefine", "foreign");
});

test("kvm is refused with the remedy where the host has none, before anything is made", async () => {
  const vm = machine("fast");
  await expect(vm.create({ virtType: "kvm" })).rejects.toThrow(/no virtType "kvm"[\s\S]*virtType: "qemu"/);
  expect(await lab.host.virsh("list", "--all", "--name")).not.toContain("fast-");
});

test("moving to another host is refused", async () => {
  const vm = machine("safe");
  await vm.create({ state: "stopped" });
  const elsewhere = { uri: "qemu+ssh://other/system", uuid: "99999999-0000-4000-8000-000000000000", owner };
  expect(() => vm.diff({ host: elsewhere })).toThrow(/migration/);
  await vm.delete();
});

test("a failed live change puts the former definition back and says so", async () => {
  const vm = machine("back");
  const root = await image(lab.host, "back.qcow2");
  await vm.create({ disks: { root: { volume: root } } });
  const before = await vm.xml("--inactive");
  const missing = { ...root, path: `${root["path"]}.missing` };
  const failure = await vm.up({ disks: { root: { volume: root }, more: { volume: missing } } }).catch((error) => error);
  expect(failure.message).toMatch(/missing[\s\S]*former definition is in force again and the guest keeps running/);
  expect(failure.state["disks"]).not.toHaveProperty("more");
  expect(await vm.xml("--inactive")).toBe(before);
  expect(await vm.power()).toBe("running");
  await vm.delete();
});

test("a daemon killed on the way leaves the machine in state, and the next run goes on", async () => {
  const vm = machine("killed");
  const inputs = vm.inputs({ disks: { root: { volume: await image(lab.host, "killed.qcow2") } } });
  let restarted: Promise<void> | undefined;
  const failing = {
    ...vm.context,
    progress: (message: string) => vm.context.progress(message),
    // The daemon dies between the definition and the start, and comes back.
    connect: async (reference: never) => {
      const libvirt = await vm.context.connect(reference);
      return new Proxy(libvirt, {
        get: (target, key) =>
          key !== "call"
            ? Reflect.get(target, key, target)
            : async (name: never, ...rest: [never]) => {
                if (name !== "DOMAIN_CREATE_WITH_FLAGS") return target.call(name, ...rest);
                // It is sent to a daemon that does not read it any more.
                await lab.host.exec("kill -STOP $(cat /run/libvirtd.pid)");
                const call = target.call(name, ...rest);
                call.catch(() => undefined);
                await setTimeout(100);
                await lab.host.killLibvirtd();
                restarted = lab.host.startLibvirtd();
                return call;
              },
      });
    },
  };
  const failure = await virtualMachine.create(inputs, failing).catch((error) => error);
  expect(failure).toMatchObject({ name: "PartialFailure", state: { state: "stopped" } });
  expect(failure.message).toContain("Unable to start");
  await restarted;
  ({ id: vm.id, state: vm.state } = failure);
  await vm.up({ disks: inputs["disks"] });
  expect(await vm.power()).toBe("running");
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
}, 60_000);

test("uefi machines keep their firmware through updates and leave no NVRAM behind", async () => {
  const vm = machine("efi");
  await vm.create({ firmware: "uefi", secureBoot: true });
  const { resolved } = vm.state as { resolved: { loader: string; nvram: string } };
  expect(resolved.loader).toContain("OVMF");
  await vm.up({ firmware: "uefi", secureBoot: true, title: "x" });
  expect(vm.state).toMatchObject({ resolved, pendingRestart: [] });
  expect(await vm.refresh()).toEqual([]);
  await vm.delete();
  expect(resolved.nvram).toMatch(/^\/var\/lib\/libvirt\/qemu\/nvram\//);
  expect((await lab.host.exec(["ls", resolved.nvram], { check: false })).code).not.toBe(0);
});

test("a running machine that somebody undefined is defined again, or deleted", async () => {
  const vm = machine("transient");
  await vm.create();
  await lab.host.virsh("undefine", vm.name);
  expect(await vm.refresh()).toContain("autostart");
  await vm.up();
  expect(await lab.host.virsh("dominfo", vm.name)).toMatch(/Persistent: +yes/);
  expect(await vm.refresh()).toEqual([]);
  await lab.host.virsh("undefine", vm.name);
  await vm.delete();
  expect(await lab.host.virsh("list", "--all", "--name")).not.toContain(vm.name);
});

test("a saved state is reported, and its guest gets what was changed at the start after", async () => {
  const vm = machine("saved");
  await vm.create();
  await lab.host.virsh("managedsave", vm.name);
  await vm.up({ cpu: { mode: "custom", model: "Nehalem" }, state: "stopped" });
  expect(vm.context.lines.warn.join()).toMatch(/has a saved state/);
  await vm.up({ cpu: { mode: "custom", model: "Nehalem" } });
  expect(await vm.power()).toBe("running");
  expect(vm.state["pendingRestart"]).toEqual(["cpu.mode", "cpu.model"]);
  await vm.delete();
});

test("an existing machine can be looked up by name and by uuid", async () => {
  const vm = machine("known");
  await vm.create({ state: "stopped" });
  const { context } = vm;
  for (const key of [vm.name, vm.id]) {
    const seen = await virtualMachine.read(`lookup:${key}`, { host: vm.reference }, context);
    expect(seen?.state).toMatchObject({ name: vm.name, uuid: vm.id, memory: "64 MiB", state: "stopped" });
  }
  await expect(virtualMachine.read("lookup:nobody", { host: vm.reference }, context)).rejects.toThrow(/no domain/);
  await vm.delete();
});
