import { attribute, z } from "../../core/attribute";
import { attributeAt, oneOf } from "../../schema/lens";
import { element } from "../../schema/tree";
import { optionalDevice } from "./alias";
import { SingleDevice } from "./single-device";

const models = ["isa", "hyperv", "pvpanic"] as const;
const panic = new SingleDevice("panic", "ua-panic-main");

export const panicRows = {
  panic: attribute({
    doc: "Tells libvirt when the guest's kernel panics (`<panic model>`): `isa`, `hyperv` for Windows, or `pvpanic` (PCI). Default: none.",
    schema: z.enum(models).optional(),
    newWords: [{ word: "pvpanic", since: "9.1" }],
    change: () => ({ class: "restart", reason: "libvirt plugs no panic device into a running guest" }),
    lens: panic.made(oneOf(attributeAt("", "model"), models)),
  }),
  crypto: attribute({
    doc: "Whether the guest has a virtio device that encrypts for it (`<crypto>`, backend builtin). Default: none.",
    schema: z.boolean().optional(),
    since: "9.1",
    change: "restart",
    lens: optionalDevice(
      () => element("crypto", { model: "virtio", type: "qemu" }, element("backend", { model: "builtin", queues: "1" })),
      "ua-crypto-main",
    ),
  }),
};
