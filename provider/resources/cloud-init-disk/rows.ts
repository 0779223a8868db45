import { attribute, type StateOf, z } from "../../core/attribute";
import { hostPath, objectName, text } from "../../core/quantities";
import { overlayRows } from "../overlay";
import { pathChange, poolRow, volumePath } from "../pool-reference";
import { deriveInstanceId, deriveName } from "./content";

const document = z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
  error: "expected text, an object or a list",
});

type Document = z.infer<typeof document>;

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
  instanceId: attribute<string>({
    doc: "instance-id that the medium tells the guest. Default: derived once and kept; with `reinit` a new one for each new content.",
    schema: text.regex(/^[!-~]{1,128}$/, "must be 1 to 128 printable ASCII characters without blanks"),
    derive: deriveInstanceId,
    follows: true,
    change: "replace",
  }),
  name: attribute<string>({
    doc: "Name of the volume: derived, with a digest of the content, so that another content is another volume.",
    schema: objectName,
    derive: deriveName,
    follows: true,
    change: "replace",
  }),
  path: attribute<string | undefined>({
    doc: "Where the medium lies on the host: known before it is made, given by pool and name.",
    schema: hostPath.optional(),
    derive: (context) => volumePath(context.siblings["pool"], context.siblings["name"] ?? deriveName(context)),
    follows: true,
    change: pathChange,
  }),
  format: attribute<"raw">({
    doc: "Image format: an ISO 9660 medium is raw.",
    schema: z.literal("raw"),
    defaults: { 1: "raw" },
    change: "none",
  }),
  ...overlayRows("volume", () => ({ class: "replace", reason: "libvirt reads it only when it makes a volume" })),
};

export type Inputs = StateOf<typeof rows>;

export const outputs = {} as const;
