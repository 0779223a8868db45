import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();

// The machine that runs the guests, reached with your own ssh keys.
const host = new kvm.Host("host", { uri: config.require("hostUri") });

const lan = new kvm.Network("lan", { host, mode: "nat", subnets: [config.get("subnet") ?? "10.20.0.0/24"] });
const pool = new kvm.StoragePool("vms", {
  host,
  type: "dir",
  path: config.get("poolPath") ?? "/var/lib/libvirt/kvm-quickstart",
});

// One image for all guests, and a disk of this guest's own on top of it.
const base = new kvm.Volume("base", { pool, source: { path: config.require("image") } });
const root = new kvm.Volume("db-root", { pool, backing: base, size: config.get("rootSize") ?? "8 GiB" });
const seed = new kvm.CloudInitDisk("db-seed", {
  pool,
  userData: { hostname: config.get("hostname") ?? "db", password: config.getSecret("password") },
});

const db = new kvm.VirtualMachine("db", {
  host,
  virtType: config.get("virtType") === "qemu" ? "qemu" : "kvm",
  vcpus: 1,
  memory: config.get("memory") ?? "1 GiB",
  disks: { root: { volume: root }, seed: { volume: seed, device: "cdrom" } },
  nics: { lan: { network: lan } },
  serialLog: config.get("serialLog"),
});

export const ip = db.ipAddress;
export const uuid = db.uuid;
export const name = db.name;
