import { attribute, z } from "../../core/attribute";
import { objectName, text, uuid } from "../../core/quantities";
import { attributeAt, type ElementLens, mapped, textAt } from "../../schema/lens";
import { child, ensure } from "../../schema/tree";
import { hostRow } from "../host-reference";
import type { LiveOperations } from "./live";

/** Machine types that libvirt spells out with a version when a domain is defined. */
const canonicalMachines: Readonly<Record<string, RegExp>> = { q35: /^pc-q35-/, pc: /^pc-i440fx-/ };

/** Whether devices hang on PCI Express root ports, which must be there before a device can be hot-plugged. */
export function isPcie(machine: unknown): boolean {
  return machine === undefined || machine === "q35" || (typeof machine === "string" && machine.startsWith("pc-q35-"));
}

function isVersionOf(name: unknown, family: unknown): boolean {
  if (typeof name !== "string" || typeof family !== "string" || !Object.hasOwn(canonicalMachines, family)) return false;
  return canonicalMachines[family]?.test(name) === true;
}

/** Keeps the version that libvirt chose at define: a newer QEMU must not change the hardware of an old guest. */
const machineLens: ElementLens<string> = {
  get: (document) => child(document, "os/type")?.attributes["machine"],
  set(document, value) {
    const type = ensure(document, "os/type");
    const current = type.attributes["machine"];
    if (value === undefined || isVersionOf(current, value)) return;
    type.attributes["machine"] = value;
  },
};

/** A domain keeps its uuid for life; an adopted one has another than the derived one. */
const uuidLens: ElementLens<string> = {
  get: textAt("uuid").get,
  set(document, value) {
    if (!uuidLens.get(document)) textAt("uuid").set(document, value);
  },
};

export const generalRows = {
  host: hostRow,
  name: attribute({
    doc: "Name of the domain on the host. Default: the logical name and 7 hex digits of the uuid. Renamed only while stopped.",
    // libvirt keeps folders by that name.
    schema: objectName.refine((value) => value !== "." && value !== "..", "is the name of no folder of its own"),
    derive: ({ identity }) => identity.physicalName,
    change: () => ({ class: "restart", reason: "libvirt renames only a stopped domain" }),
    lens: textAt("name"),
  }),
  uuid: attribute({
    doc: "UUID of the domain. Default: derived from organization, project, stack and urn.",
    schema: uuid,
    derive: ({ identity }) => identity.uuid,
    change: (_old, _next, around) => ({ class: around.old["adopted"] === true ? "none" : "replace" }),
    lens: uuidLens,
  }),
  title: attribute({
    doc: "Short text for people, one line (`<title>`).",
    schema: text
      .min(1, "must not be empty; leave it out instead")
      .refine((value) => !value.includes("\n"), "must be one line")
      .optional(),
    change: "live",
    lens: textAt("title"),
  }),
  description: attribute({
    doc: "Text for people (`<description>`).",
    schema: text.min(1, "must not be empty; leave it out instead").optional(),
    change: "live",
    lens: textAt("description"),
  }),
  virtType: attribute({
    doc: "`kvm` for hardware virtualization, `qemu` for emulation (slow; for hosts without /dev/kvm). Default kvm.",
    schema: z.enum(["kvm", "qemu"]),
    defaults: { 1: "kvm" },
    change: "restart",
    lens: mapped(
      attributeAt("", "type"),
      (value): "kvm" | "qemu" | undefined => (value === "kvm" || value === "qemu" ? value : undefined),
      (value) => value,
    ),
  }),
  machine: attribute({
    doc: "Machine type: `q35`, `pc`, or a versioned name. The version is fixed at creation (output `resolved`). Default q35.",
    schema: z
      .string()
      .regex(
        /^(pc|q35|microvm|isapc|[a-z0-9][a-z0-9._]*-[a-z0-9._-]+)$/,
        'is not a machine type like "q35" or "pc-q35-9.2"',
      ),
    defaults: { 1: "q35" },
    change: (old, next) => ({ class: isVersionOf(old, next) ? "none" : "restart" }),
    lens: machineLens,
  }),
};

export const generalOperations: LiveOperations = {
  title: ({ domain, change }) => domain.setLiveText("title", change.next as string | undefined),
  description: ({ domain, change }) => domain.setLiveText("description", change.next as string | undefined),
};
