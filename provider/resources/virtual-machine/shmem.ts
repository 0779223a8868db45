import { attribute, type ChangeRule, mapOf, z } from "../../core/attribute";
import { hostPath, size } from "../../core/quantities";
import { parseBytes } from "../../core/units";
import { attributeAt, number, oneOf, words } from "../../schema/lens";
import { sizeAt } from "../document";
import { deviceEntries } from "./alias";
import { isPcie } from "./general";
import type { LiveOperations } from "./live";

const models = ["ivshmem-plain", "ivshmem-doorbell"] as const;
const shmemEntries = deviceEntries("shmem", "shmem", ["name"]);
const isPower = (value: bigint) => value >= 1048576n && (value & (value - 1n)) === 0n;

/** It is conventional PCI: libvirt gives q35 slots of that kind when it defines a guest that needs one. */
const change: ChangeRule = (_old, next, { whole }) => {
  const hasSlots = !isPcie(whole["machine"]) || Object.keys(whole["shmems"] ?? {}).length > 0;
  if (next === undefined || hasSlots) return { class: "live" };
  return { class: "restart", reason: "a q35 guest has no place to plug its first into" };
};

export const shmemRows = {
  shmems: mapOf({
    doc: "Memory that guests of one host share, under names of your choice (`<shmem>`). They come and go as the guest runs; the first of a q35 guest waits for its next start.",
    change,
    entries: shmemEntries,
    rows: {
      name: attribute({
        doc: "Name of the memory on the host: guests that say the same share it. Default: the name of the entry.",
        schema: z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/, "must be 1 to 100 of A-Z a-z 0-9 _ . -"),
        derive: ({ keys }) => keys.at(-1),
        change: "restart",
        lens: attributeAt("", "name"),
      }),
      model: attribute({
        doc: "`ivshmem-plain`, or `ivshmem-doorbell` with interrupts by a server (`<model type>`). Default ivshmem-plain.",
        schema: z.enum(models),
        defaults: { 1: "ivshmem-plain" },
        change: "restart",
        lens: oneOf(attributeAt("model", "type"), models),
      }),
      size: attribute({
        doc: "Size of plain memory, a power of two from 1 MiB (`<size>`); that of a doorbell is its server's. Default: libvirt's own, 4 MiB.",
        schema: size.refine((value) => isPower(parseBytes(value)), "must be a power of two from 1 MiB").optional(),
        change: "restart",
        lens: sizeAt("size", "bytes"),
      }),
      role: attribute({
        doc: "`master`: the memory moves with this guest at a migration; `peer`: it does not (`role`). Default: QEMU's own.",
        schema: z.enum(["master", "peer"]).optional(),
        since: "6.6",
        change: "restart",
        lens: oneOf(attributeAt("", "role"), ["master", "peer"] as const),
      }),
      server: attribute({
        doc: "Unix socket of the ivshmem server of a doorbell (`<server path>`).",
        schema: hostPath.optional(),
        change: "restart",
        lens: attributeAt("server", "path"),
      }),
      vectors: attribute({
        doc: "Interrupt vectors of a doorbell (`<msi vectors>`). Default: QEMU's own, 1.",
        schema: z.int().min(1).max(2048).optional(),
        change: "restart",
        lens: number(attributeAt("msi", "vectors")),
      }),
      ioeventfd: attribute({
        doc: "Whether interrupts of a doorbell leave the vCPU at once (`<msi ioeventfd>`). Default: QEMU's own.",
        schema: z.boolean().optional(),
        change: "restart",
        lens: words(attributeAt("msi", "ioeventfd"), "on", "off"),
      }),
    },
  }),
};

export const shmemOperations: LiveOperations = { "shmems.*": (operation) => operation.plug(shmemEntries) };
