import { attribute, mapOf, z } from "../../core/attribute";
import { attributeAt, number, oneOf, words } from "../../schema/lens";
import { children, type Element, element, ensure } from "../../schema/tree";
import { claimDevice, deviceAlias, deviceEntries, devicesOf, unnamedDevices } from "./alias";
import { mappingLens, mappingSchema } from "./disk-driver";
import type { LiveOperations } from "./live";

const models = ["virtio-scsi", "lsilogic", "lsisas1068", "lsisas1078", "vmpvscsi"] as const;

const entries = deviceEntries("controller", "scsi", [], ({ attributes }) => `scsi${attributes["index"]}`);
export const scsiEntries = {
  ...entries,
  unnamed: {
    ...entries.unnamed,
    knownBy: [],
    list: (document: Element) =>
      unnamedDevices(document, "controller").filter(({ attributes }) => attributes["type"] === "scsi"),
    name: (controller: Element, key: string) => claimDevice(controller, deviceAlias("scsi", key)),
  },
  add(document: Element, key: string): Element {
    const controller = entries.add(document, key);
    const taken = devicesOf(document, "controller").filter((other) => other.attributes["type"] === "scsi");
    controller.attributes["index"] = String(firstFree(taken.map((other) => Number(other.attributes["index"]))));
    controller.attributes["type"] = "scsi";
    return controller;
  },
};

function firstFree(taken: readonly number[]): number {
  const used = new Set(taken);
  let free = 0;
  while (used.has(free)) free++;
  return free;
}

const plugged = () => ({ class: "restart", reason: "libvirt changes no controller that is plugged in" }) as const;
const driver = (name: string) => number(attributeAt("driver", name));

export const scsiRows = {
  scsiControllers: mapOf({
    doc: "SCSI controllers under names of your choice, for disks that name them in `controller` (`<controller type='scsi'>`). Default: one virtio-scsi controller where a disk needs it.",
    change: (old, next) =>
      next === undefined || old === undefined
        ? { class: "live", reason: next === undefined ? "removed" : "added" }
        : { class: "restart" },
    entries: scsiEntries,
    rows: {
      model: attribute({
        doc: "Hardware that the guest sees. Default virtio-scsi; the others are for guests without its driver.",
        schema: z.enum(models),
        defaults: { 1: "virtio-scsi" },
        change: plugged,
        lens: oneOf(attributeAt("", "model"), models),
      }),
      queues: attribute({
        doc: "Request queues, at most `maxVcpus` (`<driver queues>`). Default: QEMU's own, one for each vCPU since QEMU 5.2.",
        schema: z.int().min(1).max(1024).optional(),
        change: plugged,
        lens: driver("queues"),
      }),
      commandsPerLun: attribute({
        doc: "Commands that may be under way for one disk (`<driver cmd_per_lun>`). Default: QEMU's own, 128.",
        schema: z.int().min(1).max(16384).optional(),
        change: plugged,
        lens: driver("cmd_per_lun"),
      }),
      maxSectors: attribute({
        doc: "Most sectors of 512 bytes of one command (`<driver max_sectors>`). Default: QEMU's own, 65535.",
        schema: z.int().min(1).max(4294967295).optional(),
        change: plugged,
        lens: driver("max_sectors"),
      }),
      ioeventfd: attribute({
        doc: "Whether requests leave the vCPU at once (`<driver ioeventfd>`). Default: QEMU's own, on.",
        schema: z.boolean().optional(),
        change: plugged,
        lens: words(attributeAt("driver", "ioeventfd"), "on", "off"),
      }),
      iothread: attribute({
        doc: "Number of the IOThread, from 1, that serves its disks (`<driver iothread>`). Default: QEMU's main loop.",
        schema: z.int().min(1).max(4096).optional(),
        change: plugged,
        lens: driver("iothread"),
      }),
      iothreadMapping: attribute({
        doc: "IOThreads that share the queues of a virtio-scsi controller (`<driver><iothreads>`, QEMU 10.0), in place of `iothread`; either every one or none names its `queues`, counted from 0.",
        schema: mappingSchema.optional(),
        since: "11.2",
        change: plugged,
        lens: mappingLens,
      }),
    },
  }),
};

export const scsiOperations: LiveOperations = {
  "scsiControllers.*": (operation) => operation.plug(scsiEntries),
};

/** The SCSI controller that disks hang on which name none. */
export function ensureScsiController(document: Element): void {
  const devices = ensure(document, "devices");
  if (children(devices, "controller").some((controller) => controller.attributes["type"] === "scsi")) return;
  devices.children.push(element("controller", { type: "scsi", index: "0", model: "virtio-scsi" }));
}
