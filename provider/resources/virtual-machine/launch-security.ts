import { attribute, block, type ChangeRule, z } from "../../core/attribute";
import { text } from "../../core/quantities";
import { attributeAt, type ElementLens, mapped, number, oneOf, textAt, words } from "../../schema/lens";
import { child, type Element, ensure, remove } from "../../schema/tree";
import { devicesOf } from "./alias";

export const launchTypes = ["sev", "sev-snp", "tdx"] as const;
export type LaunchType = (typeof launchTypes)[number];

/** What a host must have, for the reader of a refusal. */
export const encryptionHardware: Readonly<Record<LaunchType, string>> = {
  sev: "an AMD EPYC with SEV enabled in its firmware and kvm_amd loaded with sev=1 (SEV-ES: sev_es=1)",
  "sev-snp":
    "an AMD EPYC of the third generation or newer with SEV-SNP enabled in its firmware, Linux 6.11, QEMU 9.1 and libvirt 10.5",
  tdx: "an Intel Xeon with TDX enabled in its firmware, Linux 6.16, QEMU 10.1 and libvirt 11.10",
};

const restart = () => ({ class: "restart", reason: "a guest is encrypted from its first instruction on" }) as const;
/** What was put into the guest cannot be taken out. */
const put: ChangeRule = (_old, next) => ({
  class: "live",
  reason:
    next === undefined
      ? "the guest keeps it until it stops"
      : "put into the guest, which must be paused since its start",
});
const base64 = z.string().regex(/^[A-Za-z0-9+/=\s]+$/, "is not base64");
/** What QEMU takes in one length alone. */
const bytes = (count: number) =>
  base64.refine(
    (value) => Buffer.from(value, "base64").length === count,
    `is not ${count} bytes in base64 (${Math.ceil(count / 3) * 4} characters)`,
  );
/** SHA-384. */
const digest = bytes(48);
const policyLens: ElementLens<string> = mapped(
  textAt("launchSecurity/policy"),
  (value) => (/^(0x)?[0-9a-fA-F]+$/.test(value.trim()) ? hex(value.trim()) : undefined),
  (value) => value,
);

/** libvirt pads with zeros, by version. */
function hex(value: string): string {
  return `0x${BigInt(value.startsWith("0x") ? value : `0x${value}`)
    .toString(16)
    .padStart(4, "0")}`;
}

const typeLens: ElementLens<LaunchType> = {
  get: oneOf(attributeAt("launchSecurity", "type"), launchTypes).get,
  set(document, value) {
    if (value !== undefined && typeLens.get(document) === value) return;
    remove(document, "launchSecurity");
    if (value !== undefined) ensure(document, "launchSecurity").attributes["type"] = value;
  },
};

/** Nothing where there is no such element: what goes with the type has gone with it. */
function inside<T>(lens: ElementLens<T>): ElementLens<T> {
  return {
    get: lens.get,
    set: (document, value) => {
      if (child(document, "launchSecurity")) lens.set(document, value);
    },
  };
}

const launchText = (name: string, doc: string, schema: z.ZodType<string>, since?: string) =>
  attribute({
    doc,
    schema: schema.optional(),
    ...(since && { since }),
    change: restart,
    lens: inside(textAt(`launchSecurity/${name}`)),
  });
const launchFlag = (name: string, doc: string, since: string) =>
  attribute({
    doc,
    schema: z.boolean().optional(),
    since,
    change: restart,
    lens: inside(words(attributeAt("launchSecurity", name), "yes", "no")),
  });
const launchNumber = (name: string, doc: string) =>
  attribute({
    doc,
    schema: z.int().min(0).max(63).optional(),
    change: restart,
    lens: inside(number(textAt(`launchSecurity/${name}`))),
  });

/** Policies that forbid debugging, which the host could read the memory with. */
const policies: Readonly<Record<LaunchType, string>> = { sev: "0x0003", "sev-snp": "0x30000", tdx: "0x10000000" };

export const launchRows = {
  launchSecurity: block({
    doc: "Memory that the host cannot read (`<launchSecurity>`). Needs UEFI on q35; refused before anything is written where the host has no such hardware, or no room for one more such guest. Default: none.",
    rows: {
      type: attribute({
        doc: "`sev` (AMD; SEV-ES by its policy), `sev-snp` (AMD) or `tdx` (Intel; a libvirt before 11.10 does not say reliably whether the host has it).",
        schema: z.enum(launchTypes),
        newWords: [
          { word: "sev-snp", since: "10.5" },
          { word: "tdx", since: "11.10" },
        ],
        change: restart,
        lens: typeLens,
      }),
      policy: attribute({
        doc: "What the host may do, as hexadecimal bits of the vendor's specification; bit 2 of sev asks for SEV-ES (`<policy>`). Default: no debugging (sev 0x0003, sev-snp 0x30000, tdx 0x10000000).",
        schema: z
          .string()
          .regex(/^0x[0-9a-fA-F]{1,16}$/, 'is not a hexadecimal number like "0x0003"')
          .transform(hex)
          .optional(),
        defaults: { 1: ({ siblings }) => policyOf(siblings["type"]) },
        change: restart,
        lens: inside(policyLens),
      }),
      cbitpos: launchNumber(
        "cbitpos",
        "Position of the encryption bit (`<cbitpos>`). Default: the host's, by libvirt.",
      ),
      reducedPhysBits: launchNumber(
        "reducedPhysBits",
        "Address bits that encryption takes (`<reducedPhysBits>`). Default: the host's, by libvirt.",
      ),
      kernelHashes: launchFlag(
        "kernelHashes",
        "Whether kernel, initrd and command line of `boot` are measured (`kernelHashes`). Default false.",
        "8.0",
      ),
      dhCert: launchText("dhCert", "The owner's Diffie-Hellman key for sev, base64 (`<dhCert>`).", base64),
      session: launchText("session", "The owner's session for sev, base64 (`<session>`).", base64),
      idBlock: launchText(
        "idBlock",
        "The owner's ID block for sev-snp, 96 bytes in base64 (`<idBlock>`).",
        bytes(96),
        "10.5",
      ),
      idAuth: launchText(
        "idAuth",
        "What signs the ID block, at most 4096 bytes in base64 (`<idAuth>`).",
        base64,
        "10.5",
      ),
      hostData: launchText(
        "hostData",
        "What sev-snp puts into its reports, 32 bytes in base64 (`<hostData>`).",
        bytes(32),
        "10.5",
      ),
      guestVisibleWorkarounds: launchText(
        "guestVisibleWorkarounds",
        "Workarounds of the host that the sev-snp guest sees, 16 bytes in base64 (`<guestVisibleWorkarounds>`).",
        bytes(16),
        "10.5",
      ),
      authorKey: launchFlag(
        "authorKey",
        "Whether `idAuth` holds an author's key (`authorKey`). Default false.",
        "10.5",
      ),
      vcek: launchFlag("vcek", "Whether sev-snp signs reports by the chip's own key (`vcek`). Default true.", "10.5"),
      mrConfigId: launchText(
        "mrConfigId",
        "What the owner of a tdx guest names its configuration by in the measurement, 48 bytes in base64 (`<mrConfigId>`).",
        digest,
        "11.10",
      ),
      mrOwner: launchText(
        "mrOwner",
        "What the owner of a tdx guest is named by in the measurement, 48 bytes in base64 (`<mrOwner>`).",
        digest,
        "11.10",
      ),
      mrOwnerConfig: launchText(
        "mrOwnerConfig",
        "What the owner's configuration of a tdx guest is named by in the measurement, 48 bytes in base64 (`<mrOwnerConfig>`).",
        digest,
        "11.10",
      ),
      quoteGenerationService: attribute({
        doc: "Socket of the service on the host that signs the reports of a tdx guest, usually `/var/run/tdx-qgs/qgs.socket` (`<quoteGenerationService path>`). Default: none, and the guest cannot be attested from afar.",
        schema: text.regex(/^\//, "is not an absolute path").optional(),
        since: "11.10",
        change: restart,
        lens: inside(attributeAt("launchSecurity/quoteGenerationService", "path")),
      }),
      secretHeader: attribute({
        doc: "Header of `secret`, base64, as the owner's tool made it from the measurement.",
        schema: base64.optional(),
        since: "8.0",
        secret: true,
        change: put,
      }),
      secret: attribute({
        doc: 'Encrypted secret that is put into the guest before it runs, base64: create it with `state: "paused"`, check the output `launchMeasurement`, give this, then let it run. A new start of the guest needs a new one.',
        schema: base64.optional(),
        since: "8.0",
        secret: true,
        change: put,
      }),
      secretAddress: attribute({
        doc: "Where in the guest's memory `secret` goes. Default: where the firmware says.",
        since: "8.0",
        schema: text.regex(/^0x[0-9a-fA-F]{1,16}$/, 'is not an address like "0x807000"').optional(),
        change: () => ({ class: "live", reason: "for the next secret" }),
      }),
    },
  }),
};

function policyOf(type: unknown): string | undefined {
  const known = launchTypes.find((item) => item === type);
  return known && hex(policies[known]);
}

const virtioDevices = ["rng", "filesystem", "vsock", "memballoon"];

/** Devices reach encrypted memory only through the guest's bounce buffers, and pages that cannot move must stay. */
export function arrangeEncryption(document: Element): void {
  if (!child(document, "launchSecurity")) return;
  ensure(document, "memoryBacking/locked");
  for (const device of devicesOf(document).filter(isVirtio)) ensure(device, "driver").attributes["iommu"] ??= "on";
}

function isVirtio(device: Element): boolean {
  const { model = "", bus, type } = device.attributes;
  const inner = (path: string, name: string) => child(device, path)?.attributes[name];
  switch (device.name) {
    case "disk":
      return inner("target", "bus") === "virtio";
    case "interface":
      return inner("model", "type") === "virtio";
    case "video":
      return inner("model", "type") === "virtio";
    case "controller":
      return model === "virtio-scsi" || type === "virtio-serial";
    case "input":
      return bus === "virtio";
    default:
      return virtioDevices.includes(device.name) && model !== "none";
  }
}
