import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { readRows } from "../../provider/resources/document";
import { requireHardware } from "../../provider/resources/virtual-machine/hardware";
import { requireHostDevices } from "../../provider/resources/virtual-machine/hostdev-claims";
import { requireLaunchSecurity } from "../../provider/resources/virtual-machine/launch-check";
import { makeMediated } from "../../provider/resources/virtual-machine/mediated-devices";
import { featuresOf, warnOfMitigations } from "../../provider/resources/virtual-machine/mitigations";
import { render } from "../../provider/resources/virtual-machine/render";
import { type Inputs, rows } from "../../provider/resources/virtual-machine/rows";
import { element, parse } from "../../provider/schema/tree";
import { type Lab, startLab } from "./lab";
import { clearAway, consoleLine, furnish, Machine } from "./machines";
import { waitFor } from "./processes";

/** Every golden case of firmware, security and further devices through libvirt 9.0, and one guest that shows them. */
const folder = join(__dirname, "../golden/virtual-machine");
const ours = /^((?:firmware|graphics|hostdevs|iommu|launch|security|serials|shmem|tpm|watchdog|uefi)[\w-]*)\.json$/;
const cases = readdirSync(folder).flatMap((file) => ours.exec(file)?.[1] ?? []);
const log = "/var/log/libvirt/qemu/security.console";

/** What a host without the hardware says, in the words of ours or of libvirt. */
const lacking: Readonly<Record<string, RegExp>> = {
  hostdevs: /give hostDevices\.\w+\.\w+ to VirtualMachine .*the host has no .*; nothing was changed\n {2}What to do/,
  "launch-sev": /libvirt offers no virtType "kvm"/,
};

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
}, 60_000);

afterAll(() => lab?.stop());

function written(name: string): Values {
  const text = readFileSync(join(folder, `${name}.json`), "utf8");
  return JSON.parse(text.replaceAll("qemu+ssh://root@rack1.example/system", lab.host.socketUri)) as Values;
}

/** What a document can show of a value: the program's consent stands in state alone. */
function shown(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, item) => (key === "acceptLessIsolation" ? undefined : item)));
}

test.each(cases.filter((name) => lacking[name] === undefined))(
  "libvirt takes %s and reads it back as it was written",
  async (name) => {
    const vm = new Machine(lab.host, name);
    const args = { ...written(name), virtType: "qemu", state: "stopped", autostart: false, host: vm.reference };
    try {
      const file = join(lab.host.directory, `${name}.xml`);
      const inputs = vm.inputs(args);
      writeFileSync(file, render(inputs as unknown as Inputs));
      await lab.host.virsh("define", "--validate", file);
      await lab.host.virsh("undefine", "--nvram", String(inputs["name"]));
      await vm.create(args);
      const document = parse(await vm.xml("--inactive", "--security-info"));
      const wanted = vm.state as unknown as Inputs;
      const seen = readRows(rows, wanted, document);
      for (const key of Object.keys(args).filter((item) => item in seen && item !== "disks")) {
        expect([key, seen[key]]).toEqual([key, shown(wanted[key as keyof Inputs])]);
      }
      const warned = vm.context.lines.warn.filter((line) => line.includes("acceptLessIsolation")).length;
      expect(warned).toBe(name === "security-labels" ? 2 : 0);
      expect(await vm.refresh()).toEqual([]);
      await vm.up(args);
      expect(await vm.refresh()).toEqual([]);
    } finally {
      await clearAway([vm]);
    }
  },
);

test.each(Object.entries(lacking))("%s is refused on a host without the hardware", async (name, reason) => {
  const vm = new Machine(lab.host, name);
  const virtType = name === "launch-sev" ? "kvm" : "qemu";
  await expect(vm.create({ ...written(name), state: "stopped", virtType, host: vm.reference })).rejects.toThrow(reason);
  expect(await lab.host.virsh("list", "--all", "--name")).not.toContain(name);
  await vm.context.close();
});

test("the daemon's own answers refuse SEV, absent devices, and those that the host uses", async () => {
  const mdev = "c435f52c-4aec-58a1-a1a0-8397162ac42f";
  const vm = new Machine(lab.host, "asked");
  const libvirt = await vm.context.libvirt(lab.host.socketUri);
  const inputs = vm.inputs({ nics: {} });
  for (const type of ["sev", "sev-snp", "tdx"]) {
    const encrypted = { ...inputs, launchSecurity: { type, policy: "0x0003" } } as unknown as Inputs;
    await expect(requireLaunchSecurity(libvirt, encrypted)).rejects.toThrow(
      `by ${type} on ${lab.host.socketUri}: launchSecurity.type: the host's domain capabilities`,
    );
  }
  const asking = (source: Values) => ({ ...inputs, hostDevices: { d: source } }) as unknown as Inputs;
  const absent: [Values, RegExp][] = [
    [{ pci: "00ff:7f:1f.7" }, /has no PCI device 00ff:7f:1f.7/],
    [{ usb: { vendor: "1234", product: "abcd" } }, /has no USB device 1234:abcd/],
    [{ scsi: { adapter: "scsi_host77", bus: 0, target: 0, unit: 0 } }, /has no SCSI device scsi_host77 0:0:0/],
    [{ mdev: "c2177883-f1bb-47f0-914d-32a22e3a8804" }, /has no mediated device c2177883/],
    [{ mdev, mdevFrom: { type: "nvidia-35", parent: "00ff:7f:1f.7" } }, /has no PCI device 00ff:7f:1f.7/],
  ];
  const cards = (await lab.host.virsh("nodedev-list", "--cap", "pci")).trim().split("\n");
  const [, domain, bus, slot, fn] = /pci_(\w+)_(\w+)_(\w+)_(\w)/.exec(cards[0] ?? "") ?? [];
  const parent = `${domain}:${bus}:${slot}.${fn}`;
  absent.push([{ pci: parent }, /in use by the host|in no IOMMU group: the IOMMU is off/]);
  absent.push([{ mdev, mdevFrom: { type: "nvidia-35", parent } }, /has no type nvidia-35 \(it offers none/]);
  // What libvirt itself says of it: the host of the lab has no mdevctl.
  const onDemand = asking({ mdev, mdevFrom: { type: "nvidia-35", parent } });
  await expect(makeMediated(libvirt, onDemand, vm.context)).rejects.toThrow(
    /make hostDevices.d.mdevFrom \(nvidia-35 of .*mdevctl[\s\S]*the host needs mdevctl/,
  );
  expect(await lab.host.virsh("nodedev-list", "--cap", "mdev", "--all")).toBe("");
  for (const [source, reason] of absent)
    await expect(requireHostDevices(libvirt, asking(source))).rejects.toThrow(reason);
  const macvtap = (dev: string) =>
    ({ ...inputs, nics: { n: { direct: { dev, mode: "bridge" } } } }) as unknown as Inputs;
  await expect(requireHardware(libvirt, macvtap("eth0"))).rejects.toThrow(/eth0 is in use by the host.*bridge br0/);
  await requireHardware(libvirt, macvtap("eth1"));
  // Emulation has nothing against side channels to be lacked: libvirt's answers are what the warning is made of.
  const where = { arch: "x86_64", machine: "q35", virttype: "qemu" };
  const nehalem = await featuresOf(libvirt, where, [element("model", { fallback: "forbid" }, "Nehalem")]);
  expect([nehalem.has("sse4.2"), nehalem.has("avx2")]).toEqual([true, false]);
  const named = vm.inputs({ nics: {}, cpu: { mode: "custom", model: "Nehalem" } }) as unknown as Inputs;
  await warnOfMitigations(libvirt, named, vm.context);
  expect(vm.context.lines.warn).toEqual([]);
  await vm.context.close();
});

test("a disk that the host's own volume group lies on is refused", async () => {
  const vm = new Machine(lab.host, "lvm");
  const file = join(lab.host.directory, "pv.img");
  const loop = (await lab.host.exec(`truncate -s 32M ${file} && losetup -f --show ${file}`)).stdout.trim();
  try {
    await lab.host.exec(`vgcreate -q lab-${process.pid} ${loop} 2>&1`);
    const args = { disks: { data: { path: loop } } };
    await expect(vm.create(args)).rejects.toThrow(
      `disks.data: ${loop} is in use by the host: its volume group lab-${process.pid} lies on it; nothing was changed`,
    );
    await lab.host.exec(`vgremove -q -f lab-${process.pid}; pvremove -q ${loop}`);
    await requireHardware(await vm.context.libvirt(lab.host.socketUri), vm.inputs(args) as unknown as Inputs);
  } finally {
    await lab.host.exec(`losetup -d ${loop}`);
    await vm.context.close();
  }
});

const certificates = "/etc/pki/libvirt-spice";
const makeCertificates = [
  `mkdir -p ${certificates} && cd ${certificates}`,
  "openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=lab -keyout ca-key.pem -out ca-cert.pem",
  "openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server-key.pem -out server.csr",
  "openssl x509 -req -in server.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 9 -out server-cert.pem",
  "chmod 644 *.pem",
  "echo 'spice_tls = 1' >>/etc/libvirt/qemu.conf",
].join(" && ");

test("spice speaks TLS with the host's certificates, and is refused in time where there are none", async () => {
  const made = (name: string) => new Machine(lab.host, name, { waitForAddress: false });
  const graphics = { spice: { tlsPort: 5912, defaultMode: "secure", password: "topsecret" } };
  const bare = made("spice-bare");
  await expect(bare.create({ graphics })).rejects.toThrow(
    /TLS is disabled in qemu.conf[\s\S]*nothing was changed on the host/,
  );
  await bare.context.close();
  await lab.host.exec(makeCertificates);
  await lab.host.restartLibvirtd();
  for (const [name, spice] of Object.entries<Values>({
    named: graphics.spice,
    both: { port: 5910, tlsPort: 5911 },
    free: { defaultMode: "secure" },
  })) {
    const vm = made(`spice-${name}`);
    try {
      await vm.create({ graphics: { spice } });
      const [, port = ""] = /tlsPort='(\d+)'/.exec(await vm.xml()) ?? [];
      expect(port).toBe(String(spice["tlsPort"] ?? port));
      const greeted = `echo | timeout 10 openssl s_client -connect 127.0.0.1:${port} -CAfile ${certificates}/ca-cert.pem 2>&1`;
      expect((await lab.host.exec(greeted, { check: false })).stdout).toMatch(/Verification: OK/);
      expect([vm.state["pendingRestart"], await vm.refresh()]).toEqual([[], []]);
      await vm.up({ graphics: { spice } });
      expect([vm.state["pendingRestart"], await vm.refresh()]).toEqual([[], []]);
    } finally {
      await clearAway([vm]);
    }
  }
}, 60_000);

test("a guest sees its TPM and Secure Boot in force, and its variables outlast updates and starts", async () => {
  const { boot, network } = await furnish(lab.host);
  const vm = new Machine(lab.host, "security", {
    memory: "256 MiB",
    firmware: "uefi",
    secureBoot: true,
    tpm: {},
    boot,
    serialLog: log,
    nics: { lan: { network } },
    serials: { second: {}, third: {} },
    osinfo: "http://debian.org/debian/11",
  });
  const inGuest = async (script: string) => {
    const ask = async (execute: string, values: Values) =>
      JSON.parse(await lab.host.virsh("qemu-agent-command", vm.name, JSON.stringify({ execute, arguments: values })));
    const arg = ["-c", `PATH=/bin; ${script}`];
    const { return: started } = await ask("guest-exec", { path: "/bin/sh", arg, "capture-output": true });
    let output = "";
    await waitFor(`the guest to run ${script}`, 30, async () => {
      const { return: status } = await ask("guest-exec-status", { pid: started.pid });
      output = Buffer.from(status["out-data"] ?? "", "base64").toString();
      return status.exited;
    });
    return output.trim();
  };
  try {
    await vm.create();
    await consoleLine(log, /(GUEST-READY)/, lab.host);
    expect(await inGuest("cat /sys/class/tpm/tpm0/tpm_version_major")).toBe("2");
    // The kernel that was booted is signed by Debian, and takes no module that is not.
    expect(await inGuest("dmesg | grep -i 'secure boot'")).toMatch(/secure boot enabled/i);
    const variables = "/sys/firmware/efi/efivars";
    await inGuest(`mount -t efivarfs efivarfs ${variables}`);
    const read = (name: string) => inGuest(`tail -c +5 ${variables}/${name} | od -An -tx1`);
    // The namespace of UEFI itself, which takes no names but its own.
    const global = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
    expect(await read(`SecureBoot-${global}`)).toBe("01");
    expect(await read(`SetupMode-${global}`)).toBe("00");
    const ours = "Ours-2f9c5d0a-7b1e-4c36-9d58-0a1b2c3d4e5f";
    const kept = "6b 65 70 74";
    await inGuest(`printf '\\007\\000\\000\\000kept' >${variables}/${ours}`);
    expect(await read(ours)).toBe(kept);
    const { nvram } = vm.state["resolved"] as { nvram: string };
    expect(vm.state["pendingRestart"]).toEqual([]);
    const osinfo = "http://debian.org/debian/12";
    expect(vm.diff({ osinfo }).changes.map(({ property, class: kind }) => [property, kind])).toEqual([
      ["osinfo", "live"],
    ]);
    await vm.up({ osinfo });
    for (const xml of [await vm.xml(), await vm.xml("--inactive")]) {
      expect(xml).toContain(`<libosinfo:os id="${osinfo}"/>`);
      expect(xml).not.toContain("debian/11");
    }
    await vm.up({ osinfo });
    expect(vm.state["pendingRestart"]).toEqual([]);
    expect(vm.diff({ osinfo }).changes).toEqual([]);
    const boots = async () => ((await lab.host.exec(["cat", log])).stdout.match(/GUEST-READY/g) ?? []).length;
    const smbios = { mode: "sysinfo", system: { product: "Ours" } };
    await vm.up({ osinfo, smbios, changePolicy: "restart", stopTimeout: "20 s" });
    await waitFor("the guest to be up again", 60, async () => (await boots()) === 2);
    expect(vm.state).toMatchObject({ pendingRestart: [], resolved: { nvram } });
    await inGuest(`mount -t efivarfs efivarfs ${variables}`);
    expect(await read(ours)).toBe(kept);
    expect(await inGuest("cat /sys/class/dmi/id/product_name")).toBe("Ours");
    await vm.up({ osinfo, smbios, changePolicy: "restart", stopTimeout: "20 s" });
    expect(await vm.refresh()).toEqual([]);
  } finally {
    await clearAway([vm]);
  }
}, 150_000);
