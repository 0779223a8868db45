import { type Around, attribute, mapOf, type Verdict, z } from "../../core/attribute";
import type { Values } from "../../core/handler";
import { hostPath, text } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, type ElementLens, mapped, number, oneOf, presenceAt, words } from "../../schema/lens";
import { child, type Element, element, ensure, remove } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { ringSize } from "./device-rows";
import type { LiveOperations } from "./live";
import { isShared } from "./shared-memory";

const entries = deviceEntries("filesystem", "fs", ["tag", "source", "socket"], undefined, hasTagOf);

/** The guest mounts a share by its tag. */
function hasTagOf(share: Element, { tag }: Values): boolean {
  return tag !== undefined && tag === child(share, "target")?.attributes["dir"];
}

const filesystemEntries = {
  ...entries,
  add(document: Element, key: string): Element {
    const share = entries.add(document, key);
    share.attributes["type"] = "mount";
    return share;
  },
};

const drivers = ["virtiofs", "9p"] as const;
/** libvirt writes four digits. */
const octal = z
  .string()
  .regex(/^[0-7]{3,4}$/, 'must be octal, like "0644"')
  .transform((value) => value.padStart(4, "0"));
const accessModes = ["passthrough", "mapped", "squash"] as const;

/** QEMU's own 9p server is libvirt's driver "path", which is what it means without a word too. */
const driverLens: ElementLens<(typeof drivers)[number]> = {
  get: (share) => (child(share, "driver")?.attributes["type"] === "virtiofs" ? "virtiofs" : "9p"),
  set(share, value) {
    if (value === undefined || (child(share, "driver") && driverLens.get(share) === value)) return;
    remove(share, "driver");
    remove(share, "binary");
    remove(share, "address");
    share.children.push(element("driver", { type: value === "virtiofs" ? "virtiofs" : "path" }));
  },
};

/** virtiofsd is at work or not (`socket`): a share of a daemon of one's own has no folder that libvirt knows. */
const socketLens: ElementLens<string> = {
  get: attributeAt("source", "socket").get,
  set(share, value) {
    if (value === undefined) return;
    remove(share, "source");
    ensure(share, "source").attributes["socket"] = value;
  },
};

const sourceLens: ElementLens<string> = {
  get: attributeAt("source", "dir").get,
  set(share, value) {
    if (value === undefined) return;
    delete ensure(share, "source").attributes["socket"];
    ensure(share, "source").attributes["dir"] = value;
  },
};

const restart = () => ({ class: "restart", reason: "libvirt changes no share that is plugged in" }) as const;

function entryChange(old: unknown, next: unknown, around: Around): Verdict {
  const share = isPlainObject(next) ? next : isPlainObject(old) ? old : {};
  const word = next === undefined ? "removed" : "added";
  if (share["driver"] !== "virtiofs") return { class: "restart", reason: `${word}; 9p has no hot-plug` };
  return next === undefined || isShared(around.whole)
    ? { class: "live", reason: word }
    : { class: "restart", reason: `${word}; the guest's memory is not shared yet` };
}

export const filesystemRows = {
  filesystems: mapOf({
    doc: "Folders of the host that the guest mounts, under names of your choice (`<filesystem>`).",
    change: entryChange,
    entries: filesystemEntries,
    rows: {
      driver: attribute({
        doc: "`virtiofs` (fast; the guest's memory becomes one that virtiofsd shares) or `9p` (slow; needs nothing). Default virtiofs.",
        schema: z.enum(drivers),
        defaults: { 1: "virtiofs" },
        change: restart,
        lens: driverLens,
      }),
      source: attribute({
        doc: "Folder on the host (`<source dir>`).",
        schema: hostPath.optional(),
        change: restart,
        lens: sourceLens,
      }),
      socket: attribute({
        doc: "Socket of a virtiofsd that somebody else runs, in place of `source` (`<source socket>`).",
        schema: hostPath.optional(),
        since: "7.6",
        change: restart,
        lens: socketLens,
      }),
      tag: attribute({
        doc: "Name that the guest mounts it by (`<target dir>`): `mount -t virtiofs TAG /mnt`. Default: the name of the entry.",
        schema: text.min(1, "must not be empty"),
        derive: ({ keys }) => keys.at(-1),
        change: restart,
        lens: attributeAt("target", "dir"),
      }),
      readonly: attribute({
        doc: "The guest cannot write to it (virtiofs: libvirt 11.0). Default false.",
        schema: z.boolean().optional(),
        change: restart,
        lens: presenceAt("readonly"),
      }),
      accessMode: attribute({
        doc: "Whose the files are (`<filesystem accessmode>`): `passthrough` as the guest says, `mapped` kept beside the files (with 9p where QEMU is not root, which may give no file away), `squash` as passthrough without failing. virtiofs knows only passthrough. Default: passthrough.",
        schema: z.enum(accessModes).optional(),
        change: restart,
        lens: oneOf(attributeAt("", "accessmode"), accessModes),
      }),
      fileMode: attribute({
        doc: "Octal mode of files made through a mapped 9p share (`<filesystem fmode>`). Default: QEMU's own, 0600.",
        schema: octal.optional(),
        since: "6.10",
        change: restart,
        lens: attributeAt("", "fmode"),
      }),
      folderMode: attribute({
        doc: "Octal mode of folders made through a mapped 9p share (`<filesystem dmode>`). Default: QEMU's own, 0700.",
        schema: octal.optional(),
        since: "6.10",
        change: restart,
        lens: attributeAt("", "dmode"),
      }),
      multidevs: attribute({
        doc: "What 9p does where the folder spans file systems (`<filesystem multidevs>`): `remap` file numbers, `forbid`, `warn`. Default: QEMU's own, warn.",
        schema: z.enum(["remap", "forbid", "warn"]).optional(),
        since: "6.3",
        change: restart,
        lens: oneOf(attributeAt("", "multidevs"), ["remap", "forbid", "warn"] as const),
      }),
      queueSize: attribute({
        doc: "Requests that fit into the queue of virtiofs, a power of two (`<driver queue>`). Default: QEMU's own, 128.",
        schema: ringSize(2).optional(),
        change: restart,
        lens: number(attributeAt("driver", "queue")),
      }),
      cache: attribute({
        doc: "What the guest may keep (`<binary><cache mode>`): `none` sees the host's changes at once, `always` is fastest. Default: virtiofsd's own, auto.",
        schema: z.enum(["none", "always"]).optional(),
        change: restart,
        lens: oneOf(attributeAt("binary/cache", "mode"), ["none", "always"] as const),
      }),
      xattr: attribute({
        doc: "Extended attributes through virtiofs (`<binary xattr>`). Default false.",
        schema: z.boolean().optional(),
        change: restart,
        lens: words(attributeAt("binary", "xattr"), "on", "off"),
      }),
      threads: attribute({
        doc: "Threads of virtiofsd (`<binary><thread_pool size>`). Default: virtiofsd's own.",
        schema: z.int().min(0).max(1024).optional(),
        since: "8.5",
        change: restart,
        lens: number(attributeAt("binary/thread_pool", "size")),
      }),
      sandbox: attribute({
        doc: "How virtiofsd locks itself in (`<binary><sandbox mode>`). Default: namespace.",
        schema: z.enum(["namespace", "chroot"]).optional(),
        since: "7.2",
        change: restart,
        lens: mapped(
          attributeAt("binary/sandbox", "mode"),
          (value) => (["namespace", "chroot"] as const).find((mode) => mode === value),
          (value) => value,
        ),
      }),
    },
  }),
};

export const filesystemOperations: LiveOperations = {
  "filesystems.*": (operation) => operation.plug(filesystemEntries),
};
