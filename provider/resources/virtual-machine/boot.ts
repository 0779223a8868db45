import { attribute, block, z } from "../../core/attribute";
import { hostPath, text } from "../../core/quantities";
import { attributeAt, type ElementLens, number, textAt, words } from "../../schema/lens";
import { child, ensure, remove } from "../../schema/tree";

const menuSchema = z
  .strictObject({
    enabled: z.boolean(),
    /** Milliseconds. */
    timeout: z.int("must be whole milliseconds, 0 to 65535").min(0).max(65535).optional(),
  })
  .refine(({ enabled, timeout }) => enabled || timeout === undefined, {
    path: ["timeout"],
    error: "goes only with enabled: true",
  });
type Menu = z.infer<typeof menuSchema>;

const menuLens: ElementLens<Menu> = {
  get(document) {
    const { enable, timeout } = child(document, "os/bootmenu")?.attributes ?? {};
    if (enable === undefined) return undefined;
    return { enabled: enable === "yes", ...(timeout !== undefined && { timeout: Number(timeout) }) };
  },
  set(document, value) {
    remove(document, "os/bootmenu");
    if (value === undefined) return;
    const { attributes } = ensure(document, "os/bootmenu");
    attributes["enable"] = value.enabled ? "yes" : "no";
    if (value.timeout !== undefined) attributes["timeout"] = String(value.timeout);
  },
};

/** How the guest starts; the order of devices is the `bootOrder` of each. */
export const bootRows = {
  boot: block({
    doc: "Boots a kernel from files of the host, without a boot loader.",
    rows: {
      kernel: attribute({
        doc: "Path of the kernel on the host.",
        schema: hostPath,
        change: "restart",
        lens: textAt("os/kernel"),
      }),
      initrd: attribute({
        doc: "Path of the initial RAM disk on the host.",
        schema: hostPath.optional(),
        change: "restart",
        lens: textAt("os/initrd"),
      }),
      cmdline: attribute({
        doc: "Arguments of the kernel.",
        schema: text.min(1, "must not be empty; leave it out instead").optional(),
        change: "restart",
        lens: textAt("os/cmdline"),
      }),
      dtb: attribute({
        doc: "Path of a device tree on the host (`<dtb>`).",
        schema: hostPath.optional(),
        change: "restart",
        lens: textAt("os/dtb"),
      }),
    },
  }),
  bootMenu: attribute({
    doc: "Whether the firmware asks what to boot, and for how many milliseconds, 0 to 65535 (`<bootmenu>`). Default: it does not.",
    schema: menuSchema.optional(),
    change: "restart",
    lens: menuLens,
  }),
  biosSerial: attribute({
    doc: "Whether BIOS writes to the serial port too (`<bios useserial>`). Default false.",
    schema: z.boolean().optional(),
    change: "restart",
    lens: words(attributeAt("os/bios", "useserial"), "yes", "no"),
  }),
  rebootTimeout: attribute({
    doc: "Milliseconds until BIOS starts again when nothing could be booted, 0 to 65535; -1 is never (`<bios rebootTimeout>`). Default -1.",
    schema: z.int("must be whole milliseconds, -1 to 65535").min(-1).max(65535).optional(),
    change: "restart",
    lens: number(attributeAt("os/bios", "rebootTimeout")),
  }),
};
