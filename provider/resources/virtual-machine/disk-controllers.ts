import { attribute, mapOf, z } from "../../core/attribute";
import { attributeAt, number, oneOf, words } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove } from "../../schema/tree";
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

/** Whether a device hangs on a SCSI controller: a disk, or a SCSI device of the host. */
export function isOnScsi(device: Element): boolean {
  if (device.name === "hostdev") return device.attributes["type"] === "scsi";
  return device.name === "disk" && child(device, "target")?.attributes["bus"] === "scsi";
}

/**
 * Gives the devices on SCSI a controller each: the first of virtio-scsi, where they name none or theirs has gone.
 * libvirt would add one of its own choice, an lsilogic that few guests have a driver for.
 */
export function arrangeScsi(document: Element): void {
  const onScsi = devicesOf(document).filter(isOnScsi);
  if (onScsi.length === 0) return;
  ensureScsiController(document);
  const controllers = devicesOf(document, "controller").filter(({ attributes }) => attributes["type"] === "scsi");
  const indexes = controllers.map(({ attributes }) => attributes["index"]);
  const isPlaced = (device: Element) => child(device, "address") !== undefined;
  for (const device of onScsi) if (!indexes.includes(controllerOf(device))) remove(device, "address");
  // libvirt finds a place by the disk's name, on controller 0 first, and does not look whether another was given it.
  const wide = controllers.find(({ attributes }) => attributes["model"] === "virtio-scsi")?.attributes["index"];
  if (wide === undefined || (indexes.includes("0") && !onScsi.some(isPlaced))) return;
  for (const device of onScsi) if (!isPlaced(device)) putOn(document, device, wide);
}

/** Gives a device on SCSI a free place on the controller of that name, unless it has one. */
export function hangOn(document: Element, device: Element, name: string): void {
  const controller = scsiEntries.list(document).get(name)?.attributes["index"];
  if (controller !== undefined && controllerOf(device) !== controller) putOn(document, device, controller);
}

/** The index of the controller that a device on SCSI hangs on. */
export function controllerOf(device: Element): string | undefined {
  return child(device, "address")?.attributes["controller"];
}

function putOn(document: Element, device: Element, controller: string): void {
  const others = devicesOf(document).filter((other) => isOnScsi(other) && controllerOf(other) === controller);
  const units = others.map((other) => Number(child(other, "address")?.attributes["unit"]));
  let unit = 0;
  while (units.includes(unit)) unit++;
  remove(device, "address");
  ensure(device, "address").attributes = { type: "drive", controller, bus: "0", target: "0", unit: String(unit) };
}

function ensureScsiController(document: Element): void {
  const devices = ensure(document, "devices");
  if (children(devices, "controller").some((controller) => controller.attributes["type"] === "scsi")) return;
  devices.children.push(element("controller", { type: "scsi", index: "0", model: "virtio-scsi" }));
}
