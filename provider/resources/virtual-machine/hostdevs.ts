import { type Attribute, attribute, mapOf, type Verdict, z } from "../../core/attribute";
import { equal } from "../../core/equal";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, number, oneOf, presenceAt, words } from "../../schema/lens";
import type { Element } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { bootOrderRow } from "./device-rows";
import { hostdevSources } from "./hostdev-sources";
import type { LiveOperations } from "./live";
import { romLens, romSchema } from "./nic-hardware";

const sources = hostdevSources("none");
export const hostdevEntries = deviceEntries("hostdev", "hostdev", Object.keys(sources), undefined, isDeviceOf);

/** A guest has a device of the host once. */
function isDeviceOf(hostdev: Element, entry: Values): boolean {
  return Object.entries<Attribute>(sources).some(([name, { lens }]) => {
    const wanted = entry[name];
    return wanted !== undefined && lens !== undefined && equal(lens.get(hostdev, wanted), wanted);
  });
}
const plugged = () =>
  ({ class: "restart", reason: "libvirt changes no device of the host that is plugged in" }) as const;
const onOff = (name: string) => words(attributeAt("", name), "on", "off");

/** Devices come and go as the guest runs, but their bus does not. */
function entryChange(_old: unknown, next: unknown): Verdict {
  return isPlainObject(next) && next["cell"] !== undefined
    ? { class: "restart", reason: "a bus of a cell cannot be plugged in" }
    : { class: "live" };
}

export const hostdevRows = {
  hostDevices: mapOf({
    doc: "Devices of the host that the guest gets, under names of your choice (`<hostdev>`). They come and go as the guest runs. Each is one of pci, usb, scsi and mdev.",
    change: entryChange,
    entries: hostdevEntries,
    rows: {
      ...hostdevSources(plugged),
      managed: attribute({
        doc: "Whether libvirt takes a pci device from the host's driver and gives it back (`managed`). Default true.",
        schema: z.boolean().optional(),
        defaults: { 1: ({ siblings }) => (siblings["pci"] === undefined ? undefined : true) },
        change: plugged,
        lens: words(attributeAt("", "managed"), "yes", "no"),
      }),
      locality: attribute({
        doc: "Whether a placed guest is to have a cell that a pci device hangs on: `required`, `preferred` or `none`. Default preferred.",
        schema: z.enum(["required", "preferred", "none"]).optional(),
        change: () => ({ class: "live", reason: "placed anew on the host" }) as const,
      }),
      rom: attribute({
        doc: "The ROM of a pci device (`<rom>`): whether there is one, its `file` on the host, whether it shows in the guest's memory (`bar`). Default: the device's own.",
        schema: romSchema.optional(),
        change: plugged,
        lens: romLens,
      }),
      display: attribute({
        doc: "Whether the screen of a vGPU shows in `graphics` (`display`). Default false.",
        schema: z.boolean().optional(),
        change: plugged,
        lens: onOff("display"),
      }),
      ramfb: attribute({
        doc: "Whether a vGPU with `display` has a picture before its driver is loaded (`ramfb`). Default false.",
        schema: z.boolean().optional(),
        change: plugged,
        lens: onOff("ramfb"),
      }),
      startupPolicy: attribute({
        doc: "What a start does when a usb device is not there (`startupPolicy`): `mandatory` fails, `requisite` fails but not at a migration, `optional` goes on. Default mandatory.",
        schema: z.enum(["mandatory", "requisite", "optional"]).optional(),
        change: plugged,
        lens: oneOf(attributeAt("source", "startupPolicy"), ["mandatory", "requisite", "optional"] as const),
      }),
      guestReset: attribute({
        doc: "Whether the guest may reset a usb device (`guestReset`): `off`, `uninitialized` or `on`. Default on.",
        schema: z.enum(["off", "uninitialized", "on"]).optional(),
        since: "8.1",
        change: plugged,
        lens: oneOf(attributeAt("source", "guestReset"), ["off", "uninitialized", "on"] as const),
      }),
      readonly: attribute({
        doc: "The guest cannot write to a scsi device. Default false.",
        schema: z.boolean().optional(),
        change: plugged,
        lens: presenceAt("readonly"),
      }),
      shareable: attribute({
        doc: "Other guests may have a scsi device too. Default false.",
        schema: z.boolean().optional(),
        change: plugged,
        lens: presenceAt("shareable"),
      }),
      cell: attribute({
        doc: "Cell of the guest (`numa.cells`), from 0, on whose PCI bus a pci or mdev device hangs (`<controller model='pcie-expander-bus'>`): the one that the device's own cell of the host holds the memory of. Needs q35. Default: where a guest of several cells is placed as it is off, the one that is near to the device (not with `locality` none), else the common bus.",
        schema: z.int().min(0).max(127).optional(),
        change: () => ({ class: "restart", reason: "a bus of a cell cannot be plugged in" }),
      }),
      bootOrder: bootOrderRow("Place in the firmware's boot order, from 1. Default: not booted from."),
      acpiIndex: attribute({
        doc: "Number in the guest's ACPI tables, from 1: systemd names the interface of a network card enoN (`<acpi index>`). Default: none.",
        schema: z.int().min(1).max(16383).optional(),
        since: "7.3",
        change: plugged,
        lens: number(attributeAt("acpi", "index")),
      }),
    },
  }),
};

export const hostdevOperations: LiveOperations = { "hostDevices.*": (operation) => operation.plug(hostdevEntries) };
