import { createHash } from "node:crypto";
import { type IsoFile, writeIso } from "./iso9660";
import { SeedError } from "./seed-error";

/** Loaded by the first medium: most previews have none to render, and it takes 25 ms. */
const cloudYaml = (): typeof import("./cloud-yaml") => require("./cloud-yaml");

/** What goes into a NoCloud seed. Objects are written as YAML in the order of their keys, text is passed through. */
export interface SeedArgs {
  /** An object becomes `#cloud-config`, a list `#cloud-config-archive`; scripts and multipart come as text. */
  readonly userData: string | object;
  /** Members given here win over `instanceId` and `hostname`. Text must be a YAML mapping. */
  readonly metaData?: string | object | undefined;
  /** cloud-init network configuration, version 1 or 2. Without it cloud-init asks for DHCP on the first NIC. */
  readonly networkConfig?: string | object | undefined;
  readonly vendorData?: string | object | undefined;
  /** cloud-init runs the per-instance parts again whenever this changes. */
  readonly instanceId: string;
  /** Becomes `local-hostname`; the instance id where it is missing. */
  readonly hostname?: string | undefined;
}

export interface Seed {
  /** An ISO 9660 image labelled CIDATA. The same arguments give the same bytes. */
  readonly iso: Buffer;
  /** Of the image, in lower-case hexadecimal. */
  readonly sha256: string;
  /** What cloud-init would ignore without a word. */
  readonly warnings: readonly string[];
}

/** Largest single document, in bytes. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** Beginnings by which cloud-init (and cloudbase-init) know what to do with user data. */
const HEADERS = [
  "#!",
  "#cloud-config",
  "#cloud-boothook",
  "#include",
  "#part-handler",
  "#upstart-job",
  "#ps1",
  "rem cmd",
  "## template:",
  "content-type:",
  "mime-version:",
];

/**
 * Builds the NoCloud seed of a guest.
 *
 * @throws SeedError naming the argument at fault; contents are not quoted, they may be secret.
 */
export function buildSeed(args: SeedArgs): Seed {
  const documents: [name: string, text: string][] = [
    ["meta-data", metaData(args)],
    ["user-data", cloudConfig(args.userData, "userData")],
  ];
  if (args.vendorData !== undefined) documents.push(["vendor-data", cloudConfig(args.vendorData, "vendorData")]);
  if (args.networkConfig !== undefined) {
    const { networkConfig } = args;
    const text =
      typeof networkConfig === "string" ? networkConfig : cloudYaml().renderYaml(networkConfig, "networkConfig");
    documents.push(["network-config", text]);
  }
  const iso = writeIso(
    "CIDATA",
    documents.map(([name, text]) => file(name, text)),
  );
  const warnings = [
    ...textWarnings("user-data", args.userData),
    ...textWarnings("vendor-data", args.vendorData),
    ...networkWarnings("network-config", args.networkConfig),
  ];
  return { iso, sha256: createHash("sha256").update(iso).digest("hex"), warnings };
}

function file(name: string, text: string): IsoFile {
  const content = Buffer.from(text, "utf8");
  if (content.length > MAX_DOCUMENT_BYTES) {
    throw new SeedError(
      `${name} has ${content.length} bytes, the limit is ${MAX_DOCUMENT_BYTES}: put large files on a volume of their own`,
    );
  }
  return { name, content };
}

function cloudConfig(data: string | object, what: string): string {
  if (typeof data === "string") return data;
  return `${Array.isArray(data) ? "#cloud-config-archive" : "#cloud-config"}\n${cloudYaml().renderYaml(data, what)}`;
}

function metaData(args: SeedArgs): string {
  const given =
    typeof args.metaData === "string" ? cloudYaml().parseMapping(args.metaData, "metaData") : (args.metaData ?? {});
  if (Array.isArray(given)) throw new SeedError("metaData must be an object, not a list");
  const merged: Record<string, unknown> = {
    "instance-id": args.instanceId,
    "local-hostname": args.hostname ?? args.instanceId,
    ...given,
  };
  const { "instance-id": id, "local-hostname": hostname } = merged;
  if (typeof id !== "string" || !/^[!-~]{1,128}$/.test(id)) {
    throw new SeedError("the instance id must be 1 to 128 printable ASCII characters without blanks");
  }
  const fault = hostnameFault(hostname);
  if (fault !== undefined) throw new SeedError(fault);
  return cloudYaml().renderYaml(merged, "metaData");
}

/** What is wrong with a host name; undefined for one that every guest takes. */
export function hostnameFault(name: unknown): string | undefined {
  if (typeof name === "string" && isHostname(name)) return undefined;
  return `"${String(name)}" is no host name: letters, digits and "-" in labels of at most 63, joined by dots, 253 in all`;
}

function isHostname(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
}

/** What we write ourselves, cloud-init reads. */
function textWarnings(name: string, data: string | object | undefined): string[] {
  return typeof data === "string" ? [...headerWarning(name, data), ...configWarning(name, data)] : [];
}

function headerWarning(name: string, text: string): string[] {
  if (text.startsWith("\ufeff")) return [`${name} begins with a byte order mark: cloud-init will ignore it`];
  const start = text.trimStart().slice(0, 32).toLowerCase();
  if (start === "" || HEADERS.some((known) => start.startsWith(known))) return [];
  return [`${name} begins with none of ${HEADERS.join(", ")}: cloud-init will ignore it`];
}

/** A script or a template is not for us to judge. */
function configWarning(name: string, text: string): string[] {
  if (!/^#cloud-config\s/i.test(text.trimStart())) return [];
  const { fault } = cloudYaml().readYaml(text);
  return fault === undefined ? [] : [noYaml(name, fault)];
}

function networkWarnings(name: string, data: string | object | undefined): string[] {
  if (data === undefined) return [];
  const { fault, value } = typeof data === "string" ? cloudYaml().readYaml(data) : { fault: undefined, value: data };
  if (fault !== undefined) return [noYaml(name, fault)];
  const { network = value } = members(value);
  const { version, config } = members(network);
  if (version === 1 || version === 2 || config === "disabled") return [];
  return [`${name} says ${version === undefined ? "no version" : `version ${version}`}: cloud-init knows 1 and 2`];
}

function noYaml(name: string, fault: string): string {
  return `${name} is no YAML (${fault}): cloud-init will ignore it`;
}

function members(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
