import { attribute, block, z } from "../../core/attribute";
import { hostPath, text } from "../../core/quantities";
import { type ElementLens, textAt } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove } from "../../schema/tree";

/** What libvirt chose for the old firmware; it chooses anew when the domain is defined without. */
function forgetChoice(document: Element): void {
  for (const name of ["loader", "nvram"]) remove(document, `os/${name}`);
}

const firmwareLens: ElementLens<"bios" | "uefi"> = {
  get(document) {
    const pflash = child(document, "os/loader")?.attributes["type"] === "pflash";
    return pflash || child(document, "os")?.attributes["firmware"] === "efi" ? "uefi" : "bios";
  },
  set(document, value) {
    if (value === undefined || firmwareLens.get(document) === value) return;
    forgetChoice(document);
    const os = ensure(document, "os");
    if (value === "uefi") os.attributes["firmware"] = "efi";
    else {
      delete os.attributes["firmware"];
      remove(document, "os/firmware");
    }
  },
};

const secureBootFeatures = ["enrolled-keys", "secure-boot"] as const;

/** The running guest shows the image that was chosen, no longer what was asked of it. */
const secureBootLens: ElementLens<boolean> = {
  get(document) {
    const firmware = child(document, "os/firmware");
    const feature = firmware && children(firmware, "feature").find((item) => item.attributes["name"] === "secure-boot");
    if (feature) return feature.attributes["enabled"] === "yes";
    const loader = child(document, "os/loader");
    return loader && loader.attributes["secure"] === "yes";
  },
  set(document, value) {
    if (secureBootLens.get(document) === value) return;
    forgetChoice(document);
    remove(document, "os/firmware");
    if (value === undefined) return;
    const features = secureBootFeatures.map((name) => element("feature", { enabled: value ? "yes" : "no", name }));
    ensure(document, "os/firmware").children.push(...features);
    // Without it the guest could write its own variables, and libvirt refuses to start.
    if (value) ensure(document, "features/smm").attributes["state"] = "on";
  },
};

export const firmwareRows = {
  firmware: attribute({
    doc: "`bios` (SeaBIOS) or `uefi` (the host's own image, found by libvirt). Default bios.",
    schema: z.enum(["bios", "uefi"]),
    defaults: { 1: "bios" },
    change: "restart",
    lens: firmwareLens,
  }),
  secureBoot: attribute({
    doc: "Secure Boot with the vendors' keys, for uefi on q35. Default: what the host's first image offers.",
    schema: z.boolean().optional(),
    change: "restart",
    lens: secureBootLens,
  }),
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
    },
  }),
};
