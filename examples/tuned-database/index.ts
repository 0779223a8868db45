import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();
const emulated = config.get("virtType") === "qemu";

// What `pulumi-kvm plan` answered for this host: a CPU for each vCPU, and the cell that they are in.
const cpus = config.getObject<number[]>("cpus") ?? [2, 3, 4, 5];
const cell = config.get("cell") ?? "0";
const threads = config.getNumber("threadsPerCore") ?? 1;
const housekeeping = config.get("housekeepingCpus") ?? "0-1";
const pages = config.get("hugePages") ?? "2 MiB";

const host = new kvm.Host("host", { uri: config.require("hostUri"), housekeepingCpus: housekeeping });
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
  virtType: emulated ? "qemu" : "kvm",
  vcpus: cpus.length,
  memory: config.get("memory") ?? "8 GiB",

  // The guest is told what its vCPUs share, and that nobody else runs on its CPUs.
  cpu: {
    topology: { sockets: 1, cores: cpus.length / threads, threads },
    ...(emulated ? {} : { mode: "host-passthrough", cache: { mode: "passthrough" } }),
  },
  features: emulated ? undefined : { kvm: { hintDedicated: true, pollControl: true } },

  // Each vCPU has a CPU of its own; QEMU's threads and the disks' stay off them.
  cpuTune: {
    vcpuPins: Object.fromEntries(cpus.map((cpu, vcpu) => [vcpu, `${cpu}`])),
    emulatorPin: housekeeping,
    iothreadPins: { 1: housekeeping, 2: housekeeping },
  },

  // Memory of the same cell, in huge pages, taken at the start, neither merged nor given back.
  numaTune: { mode: "strict", nodes: cell },
  hugePages: pages === "none" ? undefined : [{ size: pages }],
  memoryBacking: { allocation: "immediate", mergePages: false },
  balloon: { model: "none" },

  // The database's disk waits neither for QEMU's main loop nor for the root disk.
  iothreads: 2,
  disks: {
    root: { volume: root, iothread: 1 },
    data: { volume: data, iothread: 2, cache: "none" },
    seed: { volume: seed, device: "cdrom" },
  },
  nics: { lan: { network: lan } },
  serialLog: config.get("serialLog"),
});

export const ip = db.ipAddress;
export const name = db.name;
