import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();
const virtType = config.get("virtType") === "qemu" ? "qemu" : "kvm";

// The host and QEMU's own threads keep these CPUs; guests with CPUs of their own get them from the rest.
const host = new kvm.Host("host", {
  uri: config.require("hostUri"),
  housekeepingCpus: config.get("housekeepingCpus") ?? "0-1",
});
const lan = new kvm.Network("lan", { host, mode: "nat", subnets: [config.get("subnet") ?? "10.22.0.0/24"] });
const pool = new kvm.StoragePool("db", {
  host,
  type: "dir",
  path: config.get("poolPath") ?? "/var/lib/libvirt/kvm-database",
});

const image = new kvm.Volume("image", { pool, source: { path: config.require("image") } });
const root = new kvm.Volume("db-root", { pool, backing: image, size: config.get("rootSize") ?? "8 GiB" });
// raw: no tables between the database and its disk.
const data = new kvm.Volume("db-data", { pool, format: "raw", size: config.get("dataSize") ?? "20 GiB" });
const seed = new kvm.CloudInitDisk("db-seed", {
  pool,
  userData: { hostname: "db", packages: ["postgresql"], runcmd: ["systemctl enable --now postgresql"] },
});

const db = new kvm.VirtualMachine("db", {
  host,
  virtType,
  vcpus: config.getNumber("vcpus") ?? 4,
  memory: config.get("memory") ?? "8 GiB",

  // Whole cores of one NUMA cell that nobody else may own, its memory there in huge pages where the host has some, a
  // topology that says so, an IOThread for each disk on the housekeeping CPUs: `pulumi preview` shows the values.
  profile: "dedicated",
  // The profile starts a new machine by UEFI; an image that only BIOS boots needs it said otherwise.
  ...(config.get("firmware") === "bios" && { firmware: "bios" as const }),

  disks: {
    root: { volume: root },
    // The database caches by itself.
    data: { volume: data, cache: "none" },
    seed: { volume: seed, device: "cdrom" },
  },
  nics: { lan: { network: lan } },
  serialLog: config.get("serialLog"),
});

export const ip = db.ipAddress;
export const name = db.name;
/** CPUs of the host for each vCPU, cells, pages, and why. */
export const placement = db.placement;
