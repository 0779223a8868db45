import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();

const host = new kvm.Host("host", { uri: config.require("hostUri") });
const lan = new kvm.Network("lan", { host, mode: "nat", subnets: [config.get("subnet") ?? "10.21.0.0/24"] });
const pool = new kvm.StoragePool("web", {
  host,
  type: "dir",
  path: config.get("poolPath") ?? "/var/lib/libvirt/kvm-web",
});

const image = new kvm.Volume("image", { pool, source: { path: config.require("image") } });
const root = new kvm.Volume("web-root", { pool, backing: image, size: config.get("diskSize") ?? "8 GiB" });
const content = new kvm.Volume("web-content", { pool, format: "raw", size: "64 MiB" });
const seed = new kvm.CloudInitDisk("web-seed", {
  pool,
  userData: { hostname: "web", packages: ["nginx"], runcmd: ["systemctl enable --now nginx"] },
});

const web = new kvm.VirtualMachine("web", {
  host,
  virtType: config.get("virtType") === "qemu" ? "qemu" : "kvm",
  vcpus: config.getNumber("vcpus") ?? 8,
  memory: config.get("memory") ?? "8 GiB",
  // Two threads beside QEMU's main loop: the root disk does not wait for the content, nor the content for it.
  iothreads: 2,
  disks: {
    root: { volume: root, iothread: 1 },
    content: { volume: content, iothread: 2, queueSize: 256 },
    seed: { volume: seed, device: "cdrom" },
  },
  // Nothing is said of queues: a virtio interface gets one for each vCPU, at most 8 and as many as the host has CPUs.
  nics: { lan: { network: lan, rxQueueSize: 1024 } },
  serialLog: config.get("serialLog"),
});

export const url = pulumi.interpolate`http://${web.ipAddress}/`;
export const queues = web.nics.apply((nics) => nics?.["lan"]?.queues);
