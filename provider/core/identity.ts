import { createHash } from "node:crypto";

/** The namespace of all uuids that we derive; never changes, or every object would change its identity. */
const namespace = Buffer.from("6f1f0f5a7b5c5d0ea1c3d4b27c9e8f10", "hex");

/** Letters that a logical name lends to the names of objects and files on the host. */
const longestSpelling = 150;

/** What names a resource for ever. Two stacks, or one program on two backends, never share it. */
export interface Origin {
  readonly organization: string;
  readonly project: string;
  readonly stack: string;
  readonly urn: string;
}

/** Whether two urns are of resources of one stack. */
export function isSameStack(urn: string, other: string): boolean {
  const stackOf = (text: string) => text.split("::").slice(0, 2).join("::");
  return stackOf(urn) === stackOf(other);
}

/** The name of a resource in its program. */
export function nameIn(urn: string): string {
  return urn.split("::").at(-1) ?? urn;
}

/** Names and addresses derived from where a resource stands in the program: the same on every run, and known in preview. */
export class Identity {
  readonly uuid: string;

  constructor(private readonly origin: Origin) {
    this.uuid = formatUuid(this.digest(""));
  }

  /** The logical name: the last part of the urn. */
  get logicalName(): string {
    return nameIn(this.origin.urn);
  }

  /** `<logical>-<7 hex>`, so that two stacks may live on one host. Characters that libvirt or shells refuse become `-`. */
  get physicalName(): string {
    const spelt = this.logicalName.replace(/[^A-Za-z0-9._-]/g, "-").replace(/^[-.]+/, "");
    return `${spelt.slice(0, longestSpelling) || "kvm"}-${this.uuid.replaceAll("-", "").slice(0, 7)}`;
  }

  /** Locally administered address of the device that the user calls `key`: 52 and 40 derived bits. */
  mac(key: string): string {
    return [
      "52",
      ...[...this.digest(`mac/${key}`).subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0")),
    ].join(":");
  }

  /** Serial number (20 hex digits, the most that virtio-blk shows) of the device that the user calls `key`. */
  serial(key: string): string {
    return this.digest(`serial/${key}`).toString("hex").slice(0, 20);
  }

  /** Uuid of the device that the user calls `key`, where the host knows it by one. */
  deviceUuid(key: string): string {
    return formatUuid(this.digest(`device/${key}`));
  }

  /** Name of a host interface (15 characters at most in Linux). */
  interfaceName(prefix: string): string {
    return `${prefix}${this.uuid.slice(0, 8)}`;
  }

  private digest(key: string): Buffer {
    const { organization, project, stack, urn } = this.origin;
    return createHash("sha1").update(namespace).update([organization, project, stack, urn, key].join("\0")).digest();
  }
}

/** RFC 4122 version 5 layout of the first 16 bytes of a SHA-1 digest. */
function formatUuid(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
