import { attribute, block, z } from "../../core/attribute";
import type { ElementLens } from "../../schema/lens";
import { child, ensure } from "../../schema/tree";
import type { LiveOperations } from "./live";
import { SingleDevice } from "./single-device";

const alias = "ua-vsock-main";
const vsock = new SingleDevice("vsock", alias);

/** libvirt writes into the live document which one it chose. */
const cidLens: ElementLens<"auto" | number> = {
  get(device) {
    const { auto, address } = child(device, "cid")?.attributes ?? {};
    return auto === "yes" ? "auto" : address === undefined ? undefined : Number(address);
  },
  set(device, value) {
    device.attributes["model"] ??= "virtio";
    ensure(device, "cid").attributes = value === "auto" ? { auto: "yes" } : { auto: "no", address: String(value) };
  },
};

export const vsockRows = {
  vsock: block({
    doc: "Sockets between guest and host without a network (`<vsock>`), plugged in and out as the guest runs. Default: none.",
    rows: {
      cid: attribute({
        doc: "Number that the host reaches the guest by, from 3, or `auto`: a free one at each start (`<cid>`). Default auto.",
        schema: z.union([z.literal("auto"), z.int().min(3).max(4294967294)]),
        defaults: { 1: "auto" },
        change: "live",
        lens: vsock.made(cidLens),
      }),
    },
  }),
};

export const vsockOperations: LiveOperations = { "vsock.cid": (operation) => operation.plugNamed(alias) };
