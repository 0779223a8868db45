import type { Fault } from "../../core/check";
import type { Rule } from "../../core/definition";
import { overlayRule } from "../overlay";
import type { Inputs, PoolType, rows } from "./rows";

type PoolRule = Rule<typeof rows>;
type SourceField = keyof NonNullable<Inputs["source"]>;

interface TypeFacts {
  readonly needs: readonly SourceField[];
  readonly allows: readonly SourceField[];
  readonly formats: readonly string[];
  /** How a complete `source` looks. */
  readonly example: string;
}

const facts: Readonly<Record<PoolType, TypeFacts>> = {
  dir: { needs: [], allows: [], formats: [], example: "none: a dir pool is its path" },
  fs: {
    needs: ["devices"],
    allows: ["devices", "format"],
    formats: [
      "auto",
      "ext2",
      "ext3",
      "ext4",
      "ufs",
      "iso9660",
      "udf",
      "gfs",
      "gfs2",
      "vfat",
      "hfs+",
      "xfs",
      "ocfs2",
      "vmfs",
    ],
    example: '{ devices: ["/dev/sdb1"], format: "xfs" }',
  },
  netfs: {
    needs: ["host", "directory"],
    allows: ["host", "directory", "format", "protocolVersion"],
    formats: ["auto", "nfs", "glusterfs", "cifs"],
    example: '{ host: "nas.example", directory: "/export/vms", format: "nfs" }',
  },
  logical: {
    needs: ["name"],
    allows: ["name", "devices", "format"],
    formats: ["lvm2"],
    example: '{ name: "vg0", devices: ["/dev/sdb"] }',
  },
};

const sourceRule: PoolRule = {
  needs: ["type", "source"],
  check({ type, source }) {
    const { needs, allows, formats, example } = facts[type];
    const given = Object.keys(source ?? {}) as SourceField[];
    const missing = needs.filter((name) => source?.[name] === undefined);
    const surplus = given.filter((name) => source?.[name] !== undefined && !allows.includes(name));
    const format = source?.format;
    return [
      ...missing.map((name) => fault(`source.${name}`, `is required for type "${type}"; write source: ${example}`)),
      ...surplus.map((name) => fault(`source.${name}`, `has no meaning for type "${type}"; its source is ${example}`)),
      ...(format !== undefined && allows.includes("format") && !formats.includes(format)
        ? [fault("source.format", `"${format}" is no format of type "${type}"; known are ${formats.join(", ")}`)]
        : []),
      ...(type === "fs" && (source?.devices?.length ?? 0) > 1
        ? [fault("source.devices", "a filesystem lies on one device; for several make a logical pool")]
        : []),
    ];
  },
};

const formatRule: PoolRule = {
  needs: ["type", "source", "format"],
  check({ type, source, format }) {
    if (!format) return [];
    if (type === "dir" || type === "netfs")
      return [fault("format", `a pool of type "${type}" has no device to format; remove it`)];
    if (type === "logical" && !source?.devices) {
      return [
        fault("source.devices", "is required to make a volume group (format: true); name the devices that it may take"),
      ];
    }
    if (type === "fs" && (source?.format ?? "auto") === "auto") {
      return [fault("source.format", 'is required to make a filesystem (format: true), e.g. "ext4" or "xfs"')];
    }
    return [];
  },
};

const permissionsRule: PoolRule = {
  needs: ["type", "permissions"],
  check({ type, permissions }) {
    if (type === "dir" || permissions === undefined) return [];
    return [
      fault(
        "permissions",
        `only the directory of a dir pool has them; a pool of type "${type}" keeps those of its filesystem`,
      ),
    ];
  },
};

/** libvirt would take these as a pool and then show, chmod or fill the system's own files. */
const systemPaths = [
  "/",
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/lib",
  "/lib64",
  "/proc",
  "/root",
  "/run",
  "/sbin",
  "/sys",
  "/usr",
  "/var",
];

const pathRule: PoolRule = {
  needs: ["type", "path"],
  check({ type, path }) {
    if (type === "logical" || !systemPaths.includes(path)) return [];
    return [fault("path", `${path} belongs to the system; choose a directory of its own such as /srv/vms`)];
  },
};

export const rules: readonly PoolRule[] = [sourceRule, formatRule, permissionsRule, pathRule, overlayRule("pool")];

function fault(property: string, reason: string): Fault {
  return { property, reason };
}
