import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const config = new pulumi.Config();

const host = new kvm.Host("host", { uri: config.require("hostUri") });
const lan = new kvm.Network("lan", { host, mode: "nat", subnets: [config.get("subnet") ?? "10.25.0.0/24"] });

/** A slice of a card ("nvidia-35"), made for this guest; without it the whole card. */
const slice = config.get("vgpuType");
const gpu = config.require("gpu");

const trainer = new kvm.VirtualMachine("trainer", {
  host,
  virtType: config.get("virtType") === "qemu" ? "qemu" : "kvm",
  vcpus: config.getNumber("vcpus") ?? 8,
  memory: config.get("memory") ?? "16 GiB",
  firmware: "uefi",
  // Drivers of GPUs are seldom signed by those whose keys the firmware knows.
  secureBoot: false,
  boot: { kernel: config.require("kernel"), initrd: config.get("initrd") },
  nics: { lan: { network: lan } },
  hostDevices:
    slice === undefined
      ? {
          gpu: { pci: gpu, rom: config.get("romFile") === undefined ? undefined : { file: config.require("romFile") } },
          // The card's sound is of the same IOMMU group: either both or none.
          sound: { pci: config.get("gpuAudio") ?? gpu.replace(/\.0$/, ".1") },
        }
      : { vgpu: { mdevFrom: { type: slice, parent: gpu } } },
  waitForAddress: false,
});

export const uuid = trainer.uuid;
export const iommuGroups = trainer.iommuGroups;
