import { attribute, block, type ChangeRule, z } from "../../core/attribute";
import { attributeAt, type ElementLens, number, oneOf, words } from "../../schema/lens";
import { child } from "../../schema/tree";
import type { LiveOperations } from "./live";

const at = "devices/memballoon";
const models = ["virtio", "virtio-transitional", "virtio-non-transitional", "none"] as const;

/** Another model is another device: it keeps neither the address nor the settings of the former one. */
const modelLens: ElementLens<(typeof models)[number]> = {
  get: oneOf(attributeAt(at, "model"), models).get,
  set(document, value = "virtio") {
    const found = child(document, at);
    if (found && found.attributes["model"] !== value) {
      found.attributes = {};
      found.children = [];
    }
    attributeAt(at, "model").set(document, value);
  },
};

/** A program that says nothing of it has libvirt's own, which is virtio. */
const modelChange: ChangeRule = (old = "virtio", next = "virtio") => ({ class: old === next ? "none" : "restart" });

const onOff = (name: string) => words(attributeAt(at, name), "on", "off");

/** The device by which a running guest gives memory back. */
export const balloonRows = {
  balloon: block({
    doc: "Device by which the running guest gives memory back (`<memballoon>`). Default: virtio, which libvirt adds.",
    rows: {
      model: attribute({
        doc: "`virtio` or `none`; with none `memory` changes in no running guest (`<memballoon model>`). Default virtio.",
        schema: z.enum(models),
        defaults: { 1: "virtio" },
        change: modelChange,
        lens: modelLens,
      }),
      autodeflate: attribute({
        doc: "Gives the guest memory before it kills a process for lack of it (`<memballoon autodeflate>`). Default false.",
        schema: z.boolean().optional(),
        change: "restart",
        lens: onOff("autodeflate"),
      }),
      freePageReporting: attribute({
        doc: "The guest tells pages that it does not use, and the host takes them (`<memballoon freePageReporting>`, libvirt 6.9). Default false.",
        schema: z.boolean().optional(),
        since: "6.9",
        change: "restart",
        lens: onOff("freePageReporting"),
      }),
      statsPeriod: attribute({
        doc: "Seconds between reports of the guest's use of memory, 0 for none (`<stats period>`). Default: none.",
        schema: z.int().min(0).max(2147483647).optional(),
        change: "live",
        lens: periodLens(),
      }),
    },
  }),
};

/** libvirt writes nothing for 0. */
function periodLens(): ElementLens<number> {
  const period = number(attributeAt(`${at}/stats`, "period"));
  return {
    get: (document) => period.get(document) ?? 0,
    set: (document, value) => period.set(document, value === 0 ? undefined : value),
  };
}

export const balloonOperations: LiveOperations = {
  "balloon.statsPeriod": ({ domain, change }) => domain.setMemoryStatsPeriod(Number(change.next ?? 0)),
};
