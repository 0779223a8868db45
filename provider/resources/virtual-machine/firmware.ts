import { attribute, z } from "../../core/attribute";
import { hostPath } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, words } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove, setText, textOf } from "../../schema/tree";

/** Whether the image is the program's own choice: libvirt makes none then. */
function isNamed(document: Element): boolean {
  const loader = child(document, "os/loader");
  const isChosen = child(document, "os")?.attributes["firmware"] !== undefined;
  return loader !== undefined && !isChosen && textOf(loader).trim() !== "";
}

/** What was chosen for the old firmware. libvirt chooses anew when the domain is defined, by what is still asked for. */
function forgetChoice(document: Element): void {
  const isUefi = firmwareLens.get(document) === "uefi";
  const stateless = isNamed(document) ? undefined : child(document, "os/loader")?.attributes["stateless"];
  for (const name of ["loader", "nvram"]) remove(document, `os/${name}`);
  if (isUefi) ensure(document, "os").attributes["firmware"] = "efi";
  if (stateless !== undefined) ensure(document, "os/loader").attributes["stateless"] = stateless;
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
      for (const name of ["firmware", "loader"]) remove(document, `os/${name}`);
    }
  },
};

const loaderSchema = z.strictObject({
  path: hostPath,
  type: z.enum(["pflash", "rom"]).default("pflash"),
  secure: z.boolean().default(false),
  stateless: z.literal(true).optional(),
  format: z.literal("qcow2").optional(),
});
type Loader = z.infer<typeof loaderSchema>;

const nvramSchema = z.strictObject({
  path: hostPath.optional(),
  template: hostPath.optional(),
  format: z.literal("qcow2").optional(),
});
type Nvram = z.infer<typeof nvramSchema>;

const secureBootFeatures = ["enrolled-keys", "secure-boot"] as const;

/** The running guest shows the image that was chosen, no longer what was asked of it. */
const secureBootLens: ElementLens<boolean> = {
  get(document) {
    const firmware = child(document, "os/firmware");
    const feature = firmware && children(firmware, "feature").find((item) => item.attributes["name"] === "secure-boot");
    if (feature) return feature.attributes["enabled"] === "yes";
    const loader = child(document, "os/loader");
    return loader && textOf(loader).trim() !== "" ? loader.attributes["secure"] === "yes" : undefined;
  },
  set(document, value) {
    if (secureBootLens.get(document) === value || (value === undefined && isNamed(document))) return;
    forgetChoice(document);
    remove(document, "os/firmware");
    if (value === undefined) return;
    const features = secureBootFeatures.map((name) => element("feature", { enabled: value ? "yes" : "no", name }));
    ensure(document, "os/firmware").children.push(...features);
    // Without it the guest could write its own variables, and libvirt refuses to start.
    if (value) ensure(document, "features/smm").attributes["state"] = "on";
  },
};

/** libvirt takes it as a feature of its own, beside secure-boot. */
const enrolledKeysLens: ElementLens<boolean> = {
  get(document) {
    const found = child(document, "os/firmware");
    const feature = found && children(found, "feature").find((item) => item.attributes["name"] === "enrolled-keys");
    return feature && feature.attributes["enabled"] === "yes";
  },
  set(document, value) {
    // Without a value of its own it goes with secure-boot, which was written before.
    const wanted = value ?? (child(document, "os/firmware") && secureBootLens.get(document));
    if (enrolledKeysLens.get(document) === wanted) return;
    forgetChoice(document);
    const firmware = ensure(document, "os/firmware");
    const others = firmware.children.filter((node) => !("name" in node && node.attributes["name"] === "enrolled-keys"));
    const feature = element("feature", { enabled: wanted ? "yes" : "no", name: "enrolled-keys" });
    firmware.children = wanted === undefined ? others : [feature, ...others];
  },
};

/** An image of the host's own that the user names: libvirt chooses nothing then. */
const loaderLens: ElementLens<Loader> = {
  get(document) {
    const found = child(document, "os/loader");
    const path = found && textOf(found).trim();
    if (!found || !path) return undefined;
    const { type, secure, stateless, format } = found.attributes;
    return {
      path,
      type: type === "rom" ? "rom" : "pflash",
      secure: secure === "yes",
      ...(stateless === "yes" && { stateless: true }),
      // libvirt says raw where nothing was said, from 9.1 on.
      ...(format === "qcow2" && { format }),
    };
  },
  set(document, value) {
    if (value === undefined) {
      forgetChoice(document);
      return;
    }
    delete ensure(document, "os").attributes["firmware"];
    remove(document, "os/firmware");
    remove(document, "os/loader");
    const { path, type, secure, stateless, format } = value;
    const attributes = {
      ...(secure && { secure: "yes" }),
      ...(stateless && { stateless: "yes" }),
      ...(format && { format }),
    };
    setText(ensure(document, "os/loader"), path);
    Object.assign(ensure(document, "os/loader").attributes, { readonly: "yes", type, ...attributes });
    // The variables must be out of reach of all but the firmware.
    if (secure) ensure(document, "features/smm").attributes["state"] = "on";
  },
};

/**
 * Where the variables of UEFI are kept; what libvirt chose stays when nothing is said. The running guest shows the
 * template of the image that was found, which is nobody's word.
 */
const nvramLens: ElementLens<Nvram> & { get(document: Element, managed?: unknown): Nvram | undefined } = {
  get(document, managed?: unknown) {
    const found = child(document, "os/nvram");
    const { format, ...rest } = found?.attributes ?? {};
    const isOurs = !isPlainObject(managed) || managed["template"] !== undefined;
    const template = isOurs ? rest["template"] : undefined;
    const path = found && textOf(found).trim();
    return found && { ...(path && { path }), ...(template && { template }), ...(format === "qcow2" && { format }) };
  },
  set(document, value) {
    remove(document, "os/nvram");
    if (value === undefined) return;
    const nvram = ensure(document, "os/nvram");
    nvram.attributes = {
      ...(value.template && { template: value.template }),
      ...(value.format && { format: value.format }),
    };
    if (value.path) setText(nvram, value.path);
  },
};

/** The firmware keeps nothing between starts: what libvirt chose must fit. */
const statelessLens: ElementLens<boolean> = {
  get: words(attributeAt("os/loader", "stateless"), "yes", "no").get,
  set(document, value) {
    if (statelessLens.get(document) === value || (value === undefined && isNamed(document))) return;
    forgetChoice(document);
    remove(document, "os/loader");
    if (value !== undefined) ensure(document, "os/loader").attributes["stateless"] = value ? "yes" : "no";
  },
};

const newImage = () =>
  ({ class: "restart", reason: "another firmware image; it starts with fresh variables" }) as const;

/** An image that is named gives way first: what is asked of one that libvirt finds would be taken for said by it. */
export const firmwareRows = {
  firmware: attribute({
    doc: "`bios` (SeaBIOS) or `uefi` (the host's own image, found by libvirt). Default: bios; a machine that is there keeps its UEFI, for its system would not start without.",
    schema: z.enum(["bios", "uefi"]),
    defaults: { 1: "bios" },
    change: "restart",
    lens: firmwareLens,
  }),
  loader: attribute({
    doc: "An image of the host in place of one that libvirt finds (`<loader>`): its `path`, `type` (default pflash; rom goes with `firmware` bios, UEFI in one piece too), `secure`, `stateless` and `format`. Default: found by libvirt.",
    schema: loaderSchema.optional(),
    newWords: [
      { of: "stateless", word: true, since: "8.6" },
      { of: "format", word: "qcow2", since: "9.2" },
    ],
    change: newImage,
    lens: loaderLens,
  }),
  statelessFirmware: attribute({
    doc: "UEFI that keeps no variables, so that they take no part in a measured start (`<loader stateless>`). Default false.",
    schema: z.boolean().optional(),
    since: "8.6",
    change: newImage,
    lens: statelessLens,
  }),
  secureBoot: attribute({
    doc: "Secure Boot with the vendors' keys, for uefi on q35. Default: what the host's first image offers.",
    schema: z.boolean().optional(),
    change: "restart",
    lens: secureBootLens,
  }),
  enrolledKeys: attribute({
    doc: "Whether the vendors' keys are there at the first start, for uefi (`<feature name='enrolled-keys'>`). `false` with `secureBoot: true` leaves enrolling to the guest. Default: as `secureBoot`.",
    schema: z.boolean().optional(),
    change: newImage,
    lens: enrolledKeysLens,
  }),
  nvram: attribute({
    doc: "Where UEFI keeps its variables (`<nvram>`): a `path` on the host, the `template` that it starts from, and its `format`. It is kept at every update, under another name of the machine too. A file that the program names stays when the machine goes. Default: libvirt's own, which goes with the machine unless another domain has it.",
    schema: nvramSchema.optional(),
    newWords: [{ of: "format", word: "qcow2", since: "9.2" }],
    change: "restart",
    lens: nvramLens,
  }),
};
