import { attribute, block, type StateOf, type Verdict, z } from "../../core/attribute";
import { hostPath, objectName, text, uuid } from "../../core/quantities";
import { hasUnknown, isPlainObject, unknownText } from "../../core/unknown";
import { attributeAt, type ElementLens, mapped, number, textAt } from "../../schema/lens";
import { children, type Element, element, ensure, remove } from "../../schema/tree";
import { adoptionRows, uuidChange } from "../adoption";
import { hostRow } from "../host-reference";
import { overlayRows } from "../overlay";

const types = ["dir", "fs", "netfs", "logical"] as const;
export type PoolType = (typeof types)[number];

/** Another place is another pool; what is in the old one stays there. */
const elsewhere: Verdict = {
  class: "replace",
  reason: "another place; the volumes of the old one stay where they are",
};
const replace = () => elsewhere;

/** `<source><device path='...'/>`, one element a device. */
const devicesLens: ElementLens<readonly string[]> = {
  get(document) {
    const source = children(document, "source")[0];
    return source && children(source, "device").flatMap((device) => device.attributes["path"] ?? []);
  },
  set(document, value) {
    while (remove(document, "source/device"));
    if (value && value.length > 0) {
      ensure(document, "source").children.push(...value.map((path): Element => element("device", { path })));
    }
  },
};

/** libvirt writes modes as octal numbers with a leading zero. */
const mode = z
  .string()
  .regex(
    /^0?[0-7]{3}$/,
    'is not an octal mode that libvirt sets; write for example "0711", without set-id and sticky bits',
  )
  .transform((value) => `0${value.replace(/^0+(?=[0-7]{3})/, "")}`);

const id = z.int().min(0).max(4294967294);

const stopped = () => ({ class: "live", reason: "the pool is stopped for a moment" }) as const;

const permissions = {
  mode: attribute<string | undefined>({
    doc: 'Octal mode of the directory, e.g. "0711". Default: 0711 for a directory that is made, else as it is.',
    schema: mode.optional(),
    change: stopped,
    lens: mapped(textAt("target/permissions/mode"), (value) => `0${value.replace(/^0+(?=[0-7]{3})/, "")}`, String),
  }),
  owner: attribute<number | undefined>({
    doc: "Number of the owner of the directory. Default: root for a directory that is made, else as it is.",
    schema: id.optional(),
    change: stopped,
    lens: number(textAt("target/permissions/owner")),
  }),
  group: attribute<number | undefined>({
    doc: "Number of the group of the directory. Default: root for a directory that is made, else as it is.",
    schema: id.optional(),
    change: stopped,
    lens: number(textAt("target/permissions/group")),
  }),
};

const source = {
  devices: attribute<readonly string[] | undefined>({
    doc: "Block devices of the host: the one that holds the filesystem (fs), or those of the volume group (logical, needed to make one).",
    schema: z.array(hostPath).min(1, "needs at least one device").optional(),
    change: replace,
    lens: devicesLens,
  }),
  host: attribute<string | undefined>({
    doc: "Name or address of the file server (netfs).",
    schema: text.min(1, "must not be empty").optional(),
    change: replace,
    lens: attributeAt("source/host", "name"),
  }),
  directory: attribute<string | undefined>({
    doc: "What the file server exports, e.g. /export/vms (netfs).",
    schema: text.min(1, "must not be empty").optional(),
    change: replace,
    lens: attributeAt("source/dir", "path"),
  }),
  name: attribute<string | undefined>({
    doc: "Name of the volume group, required for logical.",
    schema: objectName.optional(),
    change: replace,
    lens: textAt("source/name"),
  }),
  format: attribute<string | undefined>({
    doc: 'Format of the source: "ext4", "xfs", ... (fs), "nfs", "cifs", "glusterfs" (netfs), "lvm2" (logical). Default: "auto", for logical "lvm2".',
    schema: z.string().min(1).optional(),
    change: replace,
    lens: attributeAt("source/format", "type"),
  }),
  protocolVersion: attribute<string | undefined>({
    doc: 'Version of the NFS protocol, e.g. "4.2". Default: what client and server agree on.',
    schema: z
      .string()
      .regex(/^\d+(\.\d+)?$/, 'is not a version; write for example "4.2"')
      .optional(),
    change: replace,
    lens: attributeAt("source/protocol", "ver"),
  }),
};

/** A volume group shows its volumes there; every other pool must be told. */
function derivedPath(siblings: Readonly<Record<string, unknown>>): string | undefined {
  const from = siblings["source"];
  const group = isPlainObject(from) ? from["name"] : from;
  const isOpen = hasUnknown(siblings["type"]) || (siblings["type"] === "logical" && hasUnknown(group));
  if (isOpen) return unknownText;
  return siblings["type"] === "logical" && typeof group === "string" ? `/dev/${group}` : undefined;
}

export const rows = {
  host: hostRow,
  name: attribute<string>({
    doc: "Name in libvirt. Default: the resource's name and 7 hex digits. libvirt cannot rename a pool.",
    schema: objectName,
    derive: ({ identity }) => identity.physicalName,
    change: "replace",
    lens: textAt("name"),
  }),
  uuid: attribute<string>({
    doc: "UUID in libvirt, which says whose pool it is. Default: derived from where the resource stands in the program.",
    schema: uuid,
    derive: ({ identity }) => identity.uuid,
    change: uuidChange,
    lens: textAt("uuid"),
  }),
  type: attribute<PoolType>({
    doc: 'What holds the volumes: a directory ("dir"), a filesystem on a device ("fs"), a network filesystem ("netfs") or an LVM volume group ("logical"). Default "dir".',
    schema: z.enum(types),
    defaults: { 1: "dir" },
    change: replace,
    // One that is looked up is of whatever type: a volume of it has to know.
    lens: mapped(attributeAt("", "type"), (value) => value as PoolType, String),
  }),
  path: attribute<string>({
    doc: "Where the volumes are on the host: the directory, or where the filesystem is mounted. Default for logical: `/dev/<volume group>`.",
    schema: hostPath,
    defaults: { 1: ({ siblings }) => derivedPath(siblings) },
    change: replace,
    lens: textAt("target/path"),
  }),
  source: block({ doc: "Where the storage of fs, netfs and logical pools comes from.", rows: source }),
  permissions: block({ doc: "Mode and owner of the directory of a dir pool.", rows: permissions }),
  build: attribute<boolean>({
    doc: "Make the directory (dir) or the mount point (fs, netfs) when it is missing; false for a directory on a filesystem that may not be mounted, so that none is made in its place. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: "none",
  }),
  format: attribute<boolean>({
    doc: "Make a filesystem (fs) or a volume group (logical) on the devices at creation, if they hold nothing; what holds something is never overwritten. Default false.",
    schema: z.boolean(),
    defaults: { 1: false },
    change: "none",
  }),
  autostart: attribute<boolean>({
    doc: "Start the pool when the host boots. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: "live",
  }),
  active: attribute<boolean>({
    doc: "Whether the pool is started; one that was stopped by hand is started again. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: "live",
  }),
  ...adoptionRows,
  ...overlayRows("pool"),
};

export type Inputs = StateOf<typeof rows>;
