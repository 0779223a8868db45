import { attribute, type Verdict, z } from "../../core/attribute";
import { equal } from "../../core/equal";
import type { Values } from "../../core/handler";
import { hostPath } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, oneOf } from "../../schema/lens";
import { child, clone, type Element, element, ensure, remove } from "../../schema/tree";
import { hostOfOther, keptReference } from "../host-reference";
import { devicesOf } from "./alias";
import { networkSourceLens, networkSourceSchema } from "./disk-network";
import { type SecretReference, secretOf, secretSchema } from "./disk-secret";
import { isRemovable } from "./disk-targets";

const volumeSchema = z.object({
  pool: z.string().optional(),
  name: z.string().optional(),
  path: hostPath,
  format: z.string().optional(),
  host: hostOfOther.optional(),
  encrypted: z.boolean().optional(),
});
export type VolumeReference = z.infer<typeof volumeSchema>;

/** Arguments of a disk that say what is behind it. */
type Backed = {
  readonly volume?: Pick<VolumeReference, "path"> | undefined;
  readonly path?: string | undefined;
};

/** Path of the image or block device that a disk is to have. */
export function imagePath(disk: Backed): string | undefined;
export function imagePath(disk: Values): unknown;
export function imagePath({ volume, path }: Values): unknown {
  return (isPlainObject(volume) ? volume["path"] : undefined) ?? path;
}

/** Path of the image or block device behind a disk. */
export function sourcePath(disk: Element): string | undefined {
  const source = child(disk, "source");
  return source?.attributes["file"] ?? source?.attributes["dev"];
}

/** Whether an image is a block device of the host, which takes direct and native I/O whatever it holds. */
export function isBlockDevice(path: unknown): path is string {
  return typeof path === "string" && path.startsWith("/dev/");
}

/**
 * A running guest writes what is thrown away into a file of libvirt's own, on top of the image: without it, the disk of
 * such a guest is what its definition says.
 */
export function withoutThrowaways(document: Element): Element {
  if (!devicesOf(document, "disk").some((disk) => child(disk, "transient"))) return document;
  const bare = clone(document);
  for (const disk of devicesOf(bare, "disk")) {
    const below = child(disk, "backingStore");
    const source = below && child(below, "source");
    if (!child(disk, "transient") || !source) continue;
    remove(disk, "source");
    disk.children.push(source);
    attributeAt("driver", "type").set(disk, child(below, "format")?.attributes["type"]);
  }
  return bare;
}

/** Points the disk at a file or block device of the host. What another image lay on is not below this one. */
function setSource(disk: Element, path: string): void {
  if (sourcePath(disk) !== path) for (const name of ["source", "backingStore"]) remove(disk, name);
  const source = ensure(disk, "source");
  disk.attributes["type"] = isBlockDevice(path) ? "block" : "file";
  source.attributes[isBlockDevice(path) ? "dev" : "file"] = path;
}

/**
 * Which of volume and path is meant cannot be seen in the document: what becomes of a disk without either is settled in
 * layout.ts. Others name pool and volume in place of the path; the name tells whether that is still the one.
 */
const volumeLens: ElementLens<VolumeReference> & {
  get(disk: Element, managed?: unknown): VolumeReference | undefined;
} = {
  get(disk, managed?: unknown) {
    const named = child(disk, "source")?.attributes["volume"];
    const known = isPlainObject(managed) && managed["name"] === named ? managed["path"] : undefined;
    const path = sourcePath(disk) ?? (typeof known === "string" && named !== undefined ? known : undefined);
    return path === undefined ? undefined : { path, format: child(disk, "driver")?.attributes["type"] ?? "raw" };
  },
  set(disk, value) {
    if (value === undefined || equal(imageOf(volumeLens.get(disk, value)), imageOf(value))) return;
    setSource(disk, value.path);
    attributeAt("driver", "type").set(disk, driverType(value.format));
  },
};

const pathLens: ElementLens<string> = {
  get: sourcePath,
  set(disk, value) {
    if (value !== undefined) setSource(disk, value);
  },
};

/** An image of any kind that QEMU knows no driver for is a run of sectors. */
export function driverType(format: string | undefined): string {
  return format === undefined || format === "iso" ? "raw" : format;
}

/** Media may be changed in a drive; the image behind a disk may not. */
function sourceChange(
  old: unknown,
  next: unknown,
  around: { readonly next: Readonly<Record<string, unknown>> },
): Verdict {
  if (equal(imageOf(old), imageOf(next))) return { class: "none" };
  if (isRemovable(around.next["device"])) return { class: "live", reason: "the medium is changed in the drive" };
  return { class: "restart", reason: "the image behind a disk cannot be changed while the guest has it open" };
}

function imageOf(value: unknown): unknown {
  if (!isPlainObject(value) || value["protocol"] !== undefined) return value;
  const format = typeof value["format"] === "string" ? driverType(value["format"]) : value["format"];
  return { path: value["path"], format: format ?? "raw" };
}

/** libvirt has it below the disk or, which is the same, below its source. */
const encryptionLens: ElementLens<{ readonly secret: SecretReference }> = {
  get(disk) {
    const found = child(disk, "source/encryption") ?? child(disk, "encryption");
    const secret = found?.attributes["format"] === "luks" ? secretOf(child(found, "secret")) : undefined;
    return secret && { secret };
  },
  set(disk, value) {
    remove(disk, "encryption");
    remove(disk, "source/encryption");
    if (value === undefined) return;
    const secret = element("secret", { type: "passphrase", ...value.secret });
    ensure(disk, "source").children.push(element("encryption", { format: "luks" }, secret));
  },
};

type Reservations = { readonly managed: true } | { readonly socket: string };

const reservationsLens: ElementLens<Reservations> = {
  get(disk) {
    const found = child(disk, "source/reservations");
    if (!found) return undefined;
    const socket = child(found, "source")?.attributes["path"];
    return found.attributes["managed"] === "no" && socket !== undefined ? { socket } : { managed: true };
  },
  set(disk, value) {
    const source = child(disk, "source");
    if (source) remove(source, "reservations");
    if (value === undefined) return;
    const held =
      "socket" in value
        ? element(
            "reservations",
            { managed: "no" },
            element("source", { type: "unix", path: value.socket, mode: "client" }),
          )
        : element("reservations", { managed: "yes" });
    ensure(disk, "source").children.push(held);
  },
};

/** What is behind a disk. A format that is taken out makes room for that of the volume, which comes after it. */
export const diskSourceRows = {
  path: attribute({
    doc: "Path of an image or, below /dev/, of a block device on the host, in place of `volume`.",
    schema: hostPath.optional(),
    change: sourceChange,
    lens: pathLens,
  }),
  network: attribute({
    doc: "An image that QEMU reaches by itself over the network (`<source protocol>`), in place of `volume`: `rbd`, `nbd`, `iscsi`, `nfs`, `http` and `https`. Ports default to the protocol's own; passwords are libvirt secrets, named by uuid or usage.",
    schema: networkSourceSchema.optional(),
    newWords: [{ of: "protocol", word: "nfs", since: "7.0" }],
    change: sourceChange,
    lens: networkSourceLens,
  }),
  format: attribute({
    doc: "Format of the image at `path` or `network`; it is never guessed. Default raw.",
    schema: z.enum(["raw", "qcow2"]).optional(),
    change: sourceChange,
    lens: oneOf(attributeAt("driver", "type"), ["raw", "qcow2"] as const),
  }),
  volume: attribute({
    doc: "The volume behind it.",
    schema: volumeSchema.optional(),
    references: ["Volume", "CloudInitDisk"],
    keep: (volume) => volume && keptReference(volume),
    change: sourceChange,
    lens: volumeLens,
  }),
  encryption: attribute({
    doc: "The image is a LUKS container that QEMU opens with the passphrase in this libvirt secret, named by uuid or usage (`<encryption format='luks'>`). A `volume` that is made encrypted needs it. Default: not encrypted.",
    schema: z.strictObject({ secret: secretSchema }).optional(),
    change: () => ({ class: "restart", reason: "the image behind a disk cannot be opened anew" }),
    lens: encryptionLens,
  }),
  reservations: attribute({
    doc: "SCSI persistent reservations of a lun (`<reservations>`): `{ managed: true }` by a helper that libvirt starts, or the `socket` of a running one. Default: none.",
    schema: z.union([z.strictObject({ managed: z.literal(true) }), z.strictObject({ socket: hostPath })]).optional(),
    change: "restart",
    lens: reservationsLens,
  }),
  startupPolicy: attribute({
    doc: "What a start does when the image is missing (`<source startupPolicy>`): `mandatory` fails, `requisite` fails except for migration and restore, `optional` leaves the drive empty. Default mandatory.",
    schema: z.enum(["mandatory", "requisite", "optional"]).optional(),
    change: "live",
    lens: oneOf(attributeAt("source", "startupPolicy"), ["mandatory", "requisite", "optional"] as const),
  }),
};
