import { attribute, block, type DeriveContext, type StateOf, z } from "../../core/attribute";
import { valueAt } from "../../core/paths";
import { hostPath, objectName, size, text } from "../../core/quantities";
import { parseBytes } from "../../core/units";
import { isPlainObject, unknown, unknownText } from "../../core/unknown";
import { adoptedOutput, adoptionRows } from "../adoption";
import { hostOfOther, keptReference } from "../host-reference";
import { overlayRows } from "../overlay";
import { hasDevices, pathChange, poolRow, volumePath } from "../pool-reference";

/** The name of a volume whose program gives it none. */
export function derivedName({ identity, siblings }: Pick<DeriveContext, "identity" | "siblings">): string {
  const end = extension(siblings);
  return end === unknownText ? end : `${identity.physicalName}${end}`;
}

const backing = z.object({
  pool: z.string(),
  name: z.string(),
  path: z.string(),
  format: z.string(),
  host: hostOfOther.optional(),
});
/** How a volume names the one that it is based on. */
export type BackingReference = z.infer<typeof backing>;

export const rows = {
  pool: poolRow,
  name: attribute<string>({
    doc: "Name of the volume in its pool. Default: the logical name, seven digits of its identity and the format.",
    schema: objectName,
    derive: derivedName,
    change: "replace",
  }),
  format: attribute<"qcow2" | "raw">({
    doc: "Image format (`<target><format type>`); another one is another volume. Default qcow2, in a logical pool raw.",
    schema: z.enum(["qcow2", "raw"]),
    defaults: { 1: ({ siblings }) => formatIn(siblings["pool"]) },
    // It hangs on a pool that is not known yet, which may well be the one that the volume is in.
    change: (_old, next, { next: { pool } }) => ({
      class: next === unknown && formatIn(pool) === unknownText ? "none" : "replace",
    }),
  }),
  size: attribute<string | undefined>({
    doc: "Size that the guest sees (`<capacity>`). It may grow later, with the guest stopped or running, and never shrink; in a logical pool it is grown on the host by hand, and the running guest told. Default: that of `source` or `backing`.",
    schema: size.optional(),
    // Left out, it stays as it is; said for the first time, it is measured against the size that the image brought.
    change: (old, next, around) =>
      next === undefined || (old === undefined && next === around.old["capacity"])
        ? { class: "none" }
        : { class: "live" },
  }),
  source: block({
    doc: "An image that the volume is filled with once, when it is made. It is of the volume's `format`, an ISO image of raw: nothing is converted.",
    rows: {
      path: attribute<string | undefined>({
        doc: "Image file on the machine that runs Pulumi.",
        schema: text.min(1).optional(),
        // Where the file lies says nothing about what is in it.
        change: "none",
      }),
      url: attribute<string | undefined>({
        doc: "http or https address of an image, which may be compressed by gzip, or zstd with Node 22.15 or newer. It comes to the machine that runs Pulumi, by way of the proxy that `https_proxy`, `http_proxy` and `no_proxy` name. With `sha256` it is downloaded once and kept in a cache (`$XDG_CACHE_HOME/pulumi-kvm/images`); without it for each volume that is filled, with a warning that names the checksum.",
        schema: z.url({ protocol: /^https?$/, error: "must be an http or https address" }).optional(),
        change: "none",
      }),
      sha256: attribute<string | undefined>({
        doc: "Checksum of the file, of the compressed one where it is compressed; another one is another image.",
        schema: z
          .string()
          .regex(/^[0-9a-f]{64}$/i, "is not a sha256 (64 hexadecimal digits)")
          .toLowerCase()
          .optional(),
        change: (old, next) =>
          old === undefined || next === undefined ? { class: "none" } : { class: "replace", reason: "another image" },
      }),
    },
  }),
  backing: attribute<BackingReference | undefined>({
    doc: "Volume that this one is an overlay of (`<backingStore>`): it holds only what differs.",
    schema: backing.optional(),
    references: ["Volume"],
    keep: (volume) => volume && keptReference(volume),
    change: (old, next) =>
      pathOf(old) === pathOf(next) ? { class: "none" } : { class: "replace", reason: "another backing volume" },
  }),
  path: attribute<string | undefined>({
    doc: "Where the volume lies on the host: known before it is made, given by pool and name.",
    schema: hostPath.optional(),
    derive: (context) =>
      volumePath(context.siblings["pool"], context.siblings["name"] ?? context.olds?.["name"] ?? derivedName(context)),
    follows: true,
    change: pathChange,
  }),
  mode: attribute<string | undefined>({
    doc: "Permissions of the file in octal (`<permissions><mode>`). Default: what libvirt gives, 0600.",
    schema: z
      .string()
      .regex(/^0?[0-7]{3}$/, 'is not an octal mode like "0640"')
      .transform((mode) => mode.padStart(4, "0"))
      .optional(),
    change: () => ({ class: "replace", reason: "libvirt sets permissions only when it makes a volume" }),
  }),
  ...overlayRows("volume", () => ({ class: "replace", reason: "libvirt reads it only when it makes a volume" })),
  onReplace: attribute<"refuse" | "destroyData">({
    doc: 'What to do with a change that needs a new volume: "refuse" keeps the data, "destroyData" throws it away.',
    schema: z.enum(["refuse", "destroyData"]),
    defaults: { 1: "refuse" },
    change: "live",
  }),
  ...adoptionRows,
};

export const outputs = {
  capacity: { doc: "Size that a guest sees.", type: "string" },
  allocation: {
    doc: "Space that it takes on the host. Told by `getVolume` only: in the state of a Volume each refresh would show as a change what a guest has written.",
    type: "string | undefined",
  },
  adopted: adoptedOutput,
} as const;

function extension({ pool, format }: Readonly<Record<string, unknown>>): string {
  const usual = formatIn(pool);
  if (usual === "raw") return "";
  // No device is qcow2.
  if (format === "qcow2" || usual === "qcow2") return `.${typeof format === "string" ? format : usual}`;
  return unknownText;
}

/** What volumes of that pool are unless they say otherwise. */
function formatIn(pool: unknown): "qcow2" | "raw" {
  const type = isPlainObject(pool) ? pool["type"] : pool;
  if (type === unknown) return unknownText as "raw";
  return hasDevices(type) ? "raw" : "qcow2";
}

function pathOf(value: unknown): unknown {
  return isPlainObject(value) ? value["path"] : value;
}

export type Inputs = StateOf<typeof rows>;

/** Bytes of `size`, where it is given and known. */
export function wantedBytes(inputs: { readonly size?: unknown }): bigint | undefined {
  return typeof inputs.size === "string" ? parseBytes(inputs.size) : undefined;
}

/** Whether it is to be made encrypted. */
export function isEncrypted({ overlay }: Pick<Inputs, "overlay">): boolean {
  return valueAt(overlay, ["target", "encryption"]) !== undefined;
}
