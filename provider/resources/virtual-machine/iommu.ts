import { attribute, block, z } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, number, oneOf, words } from "../../schema/lens";
import { child, type Element, ensure, remove } from "../../schema/tree";
import { devicesOf } from "./alias";
import { SingleDevice } from "./single-device";

const models = ["intel", "amd", "virtio"] as const;
/** libvirt names it from 8.3 on only. */
const iommu = new SingleDevice("iommu");
const restart = () => ({ class: "restart", reason: "libvirt plugs no IOMMU into a running guest" }) as const;
const flag = (name: string) => iommu.at(words(attributeAt("driver", name), "on", "off"));

function driverFlag(name: string, doc: string) {
  return attribute({ doc, schema: z.boolean().optional(), change: restart, lens: flag(name) });
}

export const iommuRows = {
  iommu: block({
    doc: "An IOMMU that the guest sees (`<iommu>`), for passing devices on to its own guests and for more than 255 vCPUs. Needs q35. Default: none.",
    rows: {
      model: attribute({
        doc: "`intel`, `amd` or `virtio`.",
        schema: z.enum(models),
        newWords: [
          { word: "amd", since: "11.5" },
          { word: "virtio", since: "8.3" },
        ],
        change: restart,
        lens: iommu.made(oneOf(attributeAt("", "model"), models)),
      }),
      awBits: attribute({
        doc: "Width of the addresses of an intel IOMMU, 39 or 48 (`aw_bits`). Default: QEMU's own.",
        schema: z.union([z.literal(39), z.literal(48)]).optional(),
        since: "6.5",
        change: restart,
        lens: iommu.at({
          get: (device) =>
            ([39, 48] as const).find((bits) => bits === number(attributeAt("driver", "aw_bits")).get(device)),
          set: number(attributeAt("driver", "aw_bits")).set,
        }),
      }),
      intremap: driverFlag(
        "intremap",
        "Whether interrupts are remapped (`intremap`), by an I/O APIC of QEMU. Default: QEMU's own.",
      ),
      cachingMode: driverFlag(
        "caching_mode",
        "Caching mode of an intel IOMMU, which devices of the host need (`caching_mode`). Default false.",
      ),
      eim: driverFlag(
        "eim",
        "Extended interrupts of an intel IOMMU, for more than 255 vCPUs (`eim`); needs `intremap`. Default: QEMU's own.",
      ),
      iotlb: driverFlag("iotlb", "Whether devices keep translations (`iotlb`). Default false."),
    },
  }),
};

/** Interrupts are remapped by QEMU's I/O APIC only; libvirt refuses the other. */
export function arrangeIommu(document: Element): void {
  const [device] = devicesOf(document, "iommu");
  const { intremap, eim } = (device && child(device, "driver")?.attributes) ?? {};
  if (intremap === "on" || eim === "on") ensure(document, "features/ioapic").attributes["driver"] ??= "qemu";
}

/** It goes with the IOMMU that needs it. */
export function renewIoApic(document: Element, inputs: Values, olds: Values): void {
  if (remaps(olds) && !remaps(inputs)) remove(document, "features/ioapic");
}

function remaps({ iommu: device }: Values): boolean {
  return isPlainObject(device) && (device["intremap"] === true || device["eim"] === true);
}
