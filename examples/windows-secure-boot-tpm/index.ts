import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();

const host = new kvm.Host("host", { uri: config.require("hostUri") });
const lan = new kvm.Network("lan", { host, mode: "nat", subnets: [config.get("subnet") ?? "10.26.0.0/24"] });
const pool = new kvm.StoragePool("windows", {
  host,
  type: "dir",
  path: config.get("poolPath") ?? "/var/lib/libvirt/kvm-windows",
});
const disk = new kvm.Volume("system", { pool, size: config.get("diskSize") ?? "80 GiB" });

/** A medium that lies on the machine that runs Pulumi; an empty drive without one. */
function medium(name: string): kvm.Volume | undefined {
  const path = config.get(name);
  return path === undefined ? undefined : new kvm.Volume(name, { pool, format: "raw", source: { path } });
}

const hyperv = {
  relaxed: true,
  vapic: true,
  spinlocks: 8191,
  vpindex: true,
  runtime: true,
  synic: true,
  stimer: true,
  frequencies: true,
};
const virtType = config.get("virtType") === "qemu" ? "qemu" : "kvm";

const windows = new kvm.VirtualMachine("windows", {
  host,
  virtType,
  vcpus: config.getNumber("vcpus") ?? 4,
  memory: config.get("memory") ?? "8 GiB",

  // What Windows 11 asks for: Secure Boot with Microsoft's keys, and a TPM 2.0.
  firmware: "uefi",
  secureBoot: true,
  tpm: { model: "tpm-crb" },

  // What makes Windows a good guest: Hyper-V's interfaces, which KVM has, and a clock that shows the local time.
  features: virtType === "kvm" ? { hyperv } : undefined,
  clock: { offset: "localtime", timers: { hypervclock: { present: true } } },

  disks: {
    // The installer has no driver for virtio; it takes one from the second medium.
    system: { volume: disk, bootOrder: 2 },
    installer: { device: "cdrom", bus: "sata", volume: medium("installer"), bootOrder: 1 },
    drivers: { device: "cdrom", bus: "sata", volume: medium("virtioDrivers") },
  },
  nics: { lan: { network: lan } },

  graphics: { vnc: { listen: { address: "127.0.0.1" }, password: config.getSecret("vncPassword") } },
  video: { model: "virtio" },
  inputs: { pointer: { type: "tablet" } },
  waitForAddress: false,
});

export const uuid = windows.uuid;
export const firmware = windows.resolved;
