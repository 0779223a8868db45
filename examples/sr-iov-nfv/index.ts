import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();
const vcpus = config.getNumber("vcpus") ?? 4;
/** CPUs of the host's cell that the card hangs on, one for each vCPU, and one for QEMU itself. */
const cpus = config.getObject<number[]>("cpus") ?? [2, 3, 4, 5];
const housekeeping = config.get("housekeepingCpu") ?? "1";

const host = new kvm.Host("host", { uri: config.require("hostUri") });
const lan = new kvm.Network("management", { host, mode: "nat", subnets: [config.get("subnet") ?? "10.23.0.0/24"] });

// libvirt sets MAC address and VLAN on the physical function: the guest cannot change them.
const mac = config.get("mac") ?? "52:54:00:10:00:01";

const router = new kvm.VirtualMachine("router", {
  host,
  virtType: config.get("virtType") === "qemu" ? "qemu" : "kvm",
  vcpus,
  memory: config.get("memory") ?? "4 GiB",
  boot: { kernel: config.require("kernel"), initrd: config.get("initrd") },

  // Memory in huge pages and vCPUs on CPUs of their own, all on the card's cell: packets cross no other.
  hugePages: [{ size: "1 GiB" }],
  balloon: { model: "none" },
  numaTune: { mode: "strict", nodes: config.get("cell") ?? "0" },
  cpuTune: {
    vcpuPins: Object.fromEntries(cpus.slice(0, vcpus).map((cpu, vcpu) => [String(vcpu), String(cpu)])),
    emulatorPin: housekeeping,
  },

  nics: {
    management: { network: lan },
    // A failover pair: the guest bonds the two; the fast half goes before a migration and comes back after it.
    standby: { network: lan, mac, teaming: { role: "persistent" } },
    data: {
      hostdev: { address: config.require("virtualFunction") },
      mac,
      vlan: { tags: [{ id: config.getNumber("vlan") ?? 42 }] },
      teaming: { role: "transient", partner: "standby" },
    },
  },
  waitForAddress: false,
});

export const uuid = router.uuid;
export const iommuGroups = router.iommuGroups;
