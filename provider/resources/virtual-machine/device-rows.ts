import { attribute, z } from "../../core/attribute";
import { attributeAt, number } from "../../schema/lens";

/** The place of a device in the firmware's boot order. */
export function bootOrderRow(doc: string) {
  return attribute({
    doc,
    schema: z.int().min(1).max(1000).optional(),
    change: "restart",
    lens: number(attributeAt("boot", "order")),
  });
}

/** How much fits into a ring of virtio. */
export function ringSize(least: number) {
  return z
    .int()
    .min(least)
    .max(1024)
    .refine((value) => Number.isInteger(Math.log2(value)), "must be a power of two");
}
