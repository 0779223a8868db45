import { attribute, mapOf, type Verdict, z } from "../../core/attribute";
import { macAddress } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, number } from "../../schema/lens";
import { child, type Element, ensure, remove } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { copyChildren, type LiveOperations } from "./live";

const networkSchema = z.object({
  uuid: z.string().optional(),
  name: z.string(),
  host: z.unknown().optional(),
});
export type NetworkReference = z.infer<typeof networkSchema>;

export const nicEntries = deviceEntries("interface", "nic");

/** The source of one type of interface; libvirt adds others to it in the live document. */
function sourceLens(type: "network" | "bridge"): ElementLens<string> {
  return {
    get: (nic) => (nic.attributes["type"] === type ? child(nic, "source")?.attributes[type] : undefined),
    set(nic, value) {
      // Without a value the other type has taken over, or will.
      if (value === undefined || this.get(nic) === value) return;
      remove(nic, "source");
      nic.attributes["type"] = type;
      ensure(nic, "source").attributes[type] = value;
    },
  };
}

const networkNames = sourceLens("network");
const networkLens: ElementLens<NetworkReference> = {
  get(nic) {
    const name = networkNames.get(nic);
    return name === undefined ? undefined : { name };
  },
  set(nic, value) {
    networkNames.set(nic, value?.name);
  },
};

/** Without the element the link is up. */
const linkLens: ElementLens<boolean> = {
  get: (nic) => child(nic, "link")?.attributes["state"] !== "down",
  set(nic, value) {
    remove(nic, "link");
    if (value !== undefined) ensure(nic, "link").attributes["state"] = value ? "up" : "down";
  },
};

/** The same network under another address of its host is no change. */
function networkChange(old: unknown, next: unknown): Verdict {
  const same = isPlainObject(old) && isPlainObject(next) && old["name"] === next["name"];
  return { class: same ? "none" : "live" };
}

export const nicRows = {
  nics: mapOf({
    doc: "Network interfaces under names of your choice.",
    change: "live",
    entries: nicEntries,
    rows: {
      network: attribute({
        doc: "The network that it is plugged into.",
        schema: networkSchema.optional(),
        references: ["Network"],
        change: networkChange,
        lens: networkLens,
      }),
      bridge: attribute({
        doc: "Name of a bridge of the host, in place of `network`.",
        schema: z
          .string()
          .regex(/^[A-Za-z0-9_.:-]{1,15}$/, "is not a name of a bridge")
          .optional(),
        change: "live",
        lens: sourceLens("bridge"),
      }),
      model: attribute({
        doc: "Hardware that the guest sees. Default virtio.",
        schema: z.enum(["virtio", "e1000e", "e1000", "rtl8139", "igb"]),
        defaults: { 1: "virtio" },
        change: "restart",
        lens: attributeAt("model", "type") as ElementLens<"virtio" | "e1000e" | "e1000" | "rtl8139" | "igb">,
      }),
      mac: attribute({
        doc: "MAC address. Default: derived, the same for ever.",
        schema: macAddress,
        derive: ({ identity, keys }) => identity.mac(keys.join("/")),
        change: "restart",
        lens: attributeAt("mac", "address"),
      }),
      link: attribute({
        doc: "Whether the cable is plugged in. Default true.",
        schema: z.boolean().optional(),
        change: "live",
        lens: linkLens,
      }),
      bootOrder: attribute({
        doc: "Place in the firmware's boot order, from 1 (PXE). Default: not booted from.",
        schema: z.int().min(1).max(1000).optional(),
        change: "restart",
        lens: number(attributeAt("boot", "order")),
      }),
    },
  }),
};

/** Plugs the cable in elsewhere, or pulls it; all else of the live element is sent as it is. */
function copyCable(live: Element, configured: Element): void {
  copyChildren(live, configured, ["source", "link"]);
  live.attributes["type"] = configured.attributes["type"] ?? "network";
  // Without the element libvirt would keep the link down.
  if (!child(live, "link")) ensure(live, "link").attributes["state"] = "up";
}

export const nicOperations: LiveOperations = {
  "nics.*": (operation) => operation.plug(nicEntries),
  "nics.*.network": (operation) => operation.updateDevice(nicEntries, copyCable),
  "nics.*.bridge": (operation) => operation.updateDevice(nicEntries, copyCable),
  "nics.*.link": (operation) => operation.updateDevice(nicEntries, copyCable),
};
