import { type Around, attribute, mapOf, type Verdict, z } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, number, oneOf, words } from "../../schema/lens";
import { child, clone, type Element, element, ensure, remove } from "../../schema/tree";
import { claimDevice, deviceAlias, deviceEntries, devicesOf, unnamedDevices } from "./alias";
import { isOccupied } from "./device-address";
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
    const taken = scsiControllersOf(document);
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

/** What disks that stay name as their controller: libvirt moves none that is plugged in. Undefined for libvirt's choice. */
function controllersOfStaying({ whole, wanted }: Pick<Around, "whole" | "wanted">): unknown[] {
  const [before, later] = [whole["disks"], wanted["disks"]];
  if (!isPlainObject(before) || !isPlainObject(later)) return [];
  return Object.entries(before).flatMap(([key, disk]) =>
    isPlainObject(disk) && disk["bus"] === "scsi" && later[key] !== undefined ? [disk["controller"]] : [],
  );
}

/** Names of the controllers that disks hang on until a new start of the guest. */
export function heldControllers(around: Pick<Around, "whole" | "wanted">): string[] {
  return controllersOfStaying(around).filter((name) => typeof name === "string");
}

function entriesIn({ scsiControllers }: Values): Values {
  return isPlainObject(scsiControllers) ? scsiControllers : {};
}

/** Adding and removing whole controllers. */
function entryChange(old: unknown, next: unknown, around: Around): Verdict {
  if (old !== undefined && next !== undefined) return { class: "restart" };
  const [before, later] = [entriesIn(around.whole), entriesIn(around.wanted)];
  const leaving = heldControllers(around).filter((name) => later[name] === undefined);
  if (old === undefined) {
    // It takes the first number that is free in the definition.
    return leaving.length > 0
      ? { class: "restart", reason: `added in place of ${leaving[0]}, which a disk that stays hangs on until then` }
      : { class: "live", reason: "added" };
  }
  if (leaving.some((name) => before[name] === old))
    return { class: "restart", reason: "removed; a disk that stays hangs on it until then" };
  const isOpen = controllersOfStaying(around).includes(undefined);
  return { class: "live", reason: isOpen ? "removed, unless a disk that names none hangs on it" : "removed" };
}

export const scsiRows = {
  scsiControllers: mapOf({
    doc: "SCSI controllers under names of your choice, for disks that name them in `controller` (`<controller type='scsi'>`). Default: one virtio-scsi controller where a disk needs it.",
    change: entryChange,
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

export function scsiControllersOf(document: Element): Element[] {
  return devicesOf(document, "controller").filter(({ attributes }) => attributes["type"] === "scsi");
}

/** Controllers that are back before the guest was restarted are those that it has, at their places. */
export function restoreScsi(document: Element, live: Element | undefined): void {
  if (!live) return;
  const running = scsiEntries.list(live);
  const used = devicesOf(document).filter(isOnScsi).map(controllerOf);
  const named = [...scsiEntries.list(document)];
  const back = named.filter(([key, { attributes }]) => running.has(key) && !used.includes(attributes["index"]));
  const stay = named.filter((entry) => !back.includes(entry)).map(([, { attributes }]) => attributes["index"]);
  const devices = ensure(document, "devices");
  for (const [key, controller] of back) {
    const former = running.get(key);
    const index = former?.attributes["index"];
    if (index === undefined || index === controller.attributes["index"] || stay.includes(index)) continue;
    const isNamed = (other: Element) => named.some(([, entry]) => entry === other);
    const inPlace = scsiControllersOf(document).find((other) => !isNamed(other) && other.attributes["index"] === index);
    devices.children = devices.children.filter((node) => node !== inPlace);
    controller.attributes["index"] = index;
    const address = former && child(former, "address");
    if (address && !child(controller, "address") && !isOccupied(address, document))
      controller.children.push(clone(address));
  }
}

/**
 * Gives the devices on SCSI a controller each: the first of virtio-scsi, where they name none or theirs has gone.
 * libvirt would add one of its own choice, an lsilogic that few guests have a driver for, and so for each number below.
 */
export function arrangeScsi(document: Element): void {
  const onScsi = devicesOf(document).filter(isOnScsi);
  if (onScsi.length === 0) return;
  if (scsiControllersOf(document).length === 0) addScsi(document, 0);
  const controllers = scsiControllersOf(document);
  const indexes = controllers.map(({ attributes }) => attributes["index"]);
  const isPlaced = (device: Element) => child(device, "address") !== undefined;
  for (const device of onScsi) if (!indexes.includes(controllerOf(device))) remove(device, "address");
  // libvirt finds a place by the disk's name, on controller 0 first, and does not look whether another was given it.
  const wide = controllers.find(({ attributes }) => attributes["model"] === "virtio-scsi")?.attributes["index"];
  const isLeftToLibvirt = wide === undefined || (indexes.includes("0") && !onScsi.some(isPlaced));
  if (!isLeftToLibvirt) for (const device of onScsi) if (!isPlaced(device)) putOn(document, device, wide);
  const highest = Math.max(...onScsi.map((device) => Number(controllerOf(device) ?? 0)));
  for (let index = 0; index < highest; index++) if (!indexes.includes(String(index))) addScsi(document, index);
}

/** A disk with the controller that it names, and as the running guest has it. */
export interface Hanging {
  readonly disk: Element;
  readonly name: string;
  readonly running: Element | undefined;
}

/** Gives disks a place on their controllers, unless they have one: that of the running guest where they are back on it. */
export function hangOn(document: Element, disks: readonly Hanging[]): void {
  const controllers = scsiEntries.list(document);
  const moving = disks.flatMap(({ disk, name, running }) => {
    const index = controllers.get(name)?.attributes["index"];
    const former = running && child(running, "address");
    return index === undefined || controllerOf(disk) === index ? [] : [{ disk, index, former }];
  });
  // All of them ahead: two that change places are in each other's way.
  for (const { disk } of moving) remove(disk, "address");
  for (const { disk, index, former } of moving)
    if (former?.attributes["controller"] === index && !isOccupied(former, document)) disk.children.push(clone(former));
  for (const { disk, index } of moving) if (controllerOf(disk) === undefined) putOn(document, disk, index);
}

/** The index of the controller that a device on SCSI hangs on. */
export function controllerOf(device: Element): string | undefined {
  return child(device, "address")?.attributes["controller"];
}

/**
 * The name of the controller that a device on SCSI hangs on; undefined of one without. libvirt hangs a device without a
 * place on controller 0.
 */
export function controllerNameOf(document: Element, device: Element): string | undefined {
  const index = controllerOf(device) ?? "0";
  return [...scsiEntries.list(document)].find(([, { attributes }]) => attributes["index"] === index)?.[0];
}

function putOn(document: Element, device: Element, controller: string): void {
  const others = devicesOf(document).filter((other) => isOnScsi(other) && controllerOf(other) === controller);
  const units = others.map((other) => Number(child(other, "address")?.attributes["unit"]));
  let unit = 0;
  while (units.includes(unit)) unit++;
  remove(device, "address");
  ensure(device, "address").attributes = { type: "drive", controller, bus: "0", target: "0", unit: String(unit) };
}

function addScsi(document: Element, index: number): void {
  const controller = element("controller", { type: "scsi", index: String(index), model: "virtio-scsi" });
  ensure(document, "devices").children.push(controller);
}
