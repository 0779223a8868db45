import { createHash } from "node:crypto";
import { attribute, type DeriveContext, z } from "../../core/attribute";
import { hostPath, objectName, text } from "../../core/quantities";
import { hasUnknown, unknown } from "../../core/unknown";
import { poolRow, volumePath } from "../pool-reference";

const document = z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
  error: "expected text, an object or a list",
});

type Document = z.infer<typeof document>;

const content = ["userData", "metaData", "networkConfig", "vendorData", "hostname"] as const;

/** Twelve digits that stand for the content: another content is another medium. */
export function contentDigest(values: Readonly<Record<string, unknown>>): string {
  const parts = content.map((name) => JSON.stringify(values[name]) ?? "");
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 12);
}

/** A renamed resource keeps the first part; the digest follows the content. */
function fileName({ identity, siblings, olds }: DeriveContext): string {
  // The sentinel passes through check as it is; a string that stands for it would be taken for a name.
  if (content.some((name) => hasUnknown(siblings[name]))) return unknown as unknown as string;
  const kept = typeof olds?.["name"] === "string" ? /^(.+)-[0-9a-f]{12}\.iso$/.exec(olds["name"])?.[1] : undefined;
  return `${kept ?? identity.physicalName}-${contentDigest(siblings)}.iso`;
}

export const rows = {
  pool: poolRow,
  userData: attribute<Document>({
    doc: "cloud-init user data: an object is written as #cloud-config, text is taken as it is. Always secret.",
    schema: document,
    secret: true,
    change: "replace",
  }),
  metaData: attribute<Document | undefined>({
    doc: "Further members of cloud-init's meta-data.",
    schema: document.optional(),
    change: "replace",
  }),
  networkConfig: attribute<Document | undefined>({
    doc: "cloud-init network configuration, version 1 or 2. Default: DHCP on the first network device.",
    schema: document.optional(),
    change: "replace",
  }),
  vendorData: attribute<Document | undefined>({
    doc: "cloud-init vendor data.",
    schema: document.optional(),
    change: "replace",
  }),
  hostname: attribute<string | undefined>({
    doc: "Host name of the guest (local-hostname in meta-data).",
    schema: text.min(1).max(253).optional(),
    change: "replace",
  }),
  reinit: attribute<boolean>({
    doc: "Give the guest a new instance-id with a new content, so that cloud-init runs its once-per-instance modules again.",
    schema: z.boolean(),
    defaults: { 1: false },
    change: "live",
  }),
  name: attribute<string>({
    doc: "Name of the volume: derived, with a digest of the content, so that another content is another volume.",
    schema: objectName,
    derive: fileName,
    follows: true,
    change: "replace",
  }),
  path: attribute<string | undefined>({
    doc: "Where the medium lies on the host; known before it is made.",
    schema: hostPath.optional(),
    derive: (context) => volumePath(context.siblings["pool"], fileName(context)),
    follows: true,
    change: "none",
  }),
  format: attribute<"raw">({
    doc: "Image format: an ISO 9660 medium is raw.",
    schema: z.literal("raw"),
    defaults: { 1: "raw" },
    change: "none",
  }),
};

export const outputs = {
  instanceId: { doc: "instance-id that the medium tells the guest.", type: "string" },
} as const;
