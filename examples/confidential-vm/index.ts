import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();
const technology = (config.get("technology") ?? "sev-snp") as "sev" | "sev-snp" | "tdx";

const host = new kvm.Host("host", { uri: config.require("hostUri") });
const lan = new kvm.Network("lan", { host, mode: "nat", subnets: [config.get("subnet") ?? "10.24.0.0/24"] });
const pool = new kvm.StoragePool("vault", {
  host,
  type: "dir",
  path: config.get("poolPath") ?? "/var/lib/libvirt/kvm-vault",
});
// The guest encrypts its own disk: what the host stores it could read otherwise.
const disk = new kvm.Volume("vault-data", { pool, format: "raw", size: config.get("diskSize") ?? "8 GiB" });

const vault = new kvm.VirtualMachine("vault", {
  host,
  virtType: config.get("virtType") === "qemu" ? "qemu" : "kvm",
  vcpus: config.getNumber("vcpus") ?? 2,
  memory: config.get("memory") ?? "4 GiB",
  firmware: "uefi",
  // Variables that the host keeps would not be measured.
  statelessFirmware: technology === "sev" ? undefined : true,
  boot: { kernel: config.require("kernel"), initrd: config.get("initrd"), cmdline: config.get("cmdline") },
  launchSecurity: {
    type: technology,
    // The measurement covers kernel, initial RAM disk and command line as well.
    kernelHashes: technology === "tdx" ? undefined : true,
    // Only for sev: made from the output `measurement`, while the guest is paused.
    secretHeader: config.getSecret("secretHeader"),
    secret: config.getSecret("secret"),
  },
  disks: { data: { volume: disk } },
  nics: { lan: { network: lan } },
  // With sev the owner looks at the measurement before the first instruction runs.
  state: config.getBoolean("approved") === false ? "paused" : "running",
  waitForAddress: false,
});

export const uuid = vault.uuid;
export const measurement = vault.launchMeasurement;
