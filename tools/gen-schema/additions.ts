import type { Child, Field, Kind, Shape } from "./shapes";

/** One thing that libvirt knows and the newest schema that we read does not. */
export interface Addition {
  /**
   * Names from the root of the document; `@name` is an attribute, `*` every element that is there. What is there
   * already takes the words and becomes a list.
   */
  readonly at: string;
  /** The libvirt that brought it; where that is not certain, the oldest it may have been. */
  readonly since?: string;
  /** Words of an attribute; without any, every text is taken. */
  readonly words?: readonly string[];
  /** An element that holds text. */
  readonly text?: true;
  /** An element that may stand more than once. */
  readonly list?: true;
  /** An element that looks like the one at that place. */
  readonly like?: string;
}

const newer = (since: string, ...additions: readonly Omit<Addition, "since">[]): Addition[] =>
  additions.map((addition) => ({ ...addition, since }));
const onOff = ["on", "off"];
const yesNo = ["yes", "no"];

/**
 * What came after libvirt 11.3, by libvirt's release notes (NEWS.rst, up to 12.5) and by the releases of its own Go
 * bindings of the documents (libvirt.org/go/libvirtxml 1.11004 to 1.12008). Only what both or the latter show is here.
 */
const newerThanSchema: readonly Addition[] = [
  ...newer(
    "11.5.0",
    { at: "domain/devices/disk/target/@bus", words: ["nvme"] },
    { at: "domain/devices/controller/@type", words: ["nvme"] },
    { at: "domain/devices/controller/serial", text: true },
    { at: "domain/devices/iommu/@model", words: ["amd"] },
    { at: "domain/devices/iommu/driver/@passthrough", words: onOff },
    { at: "domain/devices/iommu/driver/@xtsup", words: onOff },
    { at: "domainCapabilities/devices/console", like: "domainCapabilities/devices/channel" },
  ),
  ...newer(
    "11.6.0",
    { at: "domain/launchSecurity/@type", words: ["tdx"] },
    { at: "domain/launchSecurity/mrConfigId", text: true },
    { at: "domain/launchSecurity/mrOwner", text: true },
    { at: "domain/launchSecurity/mrOwnerConfig", text: true },
    { at: "domain/launchSecurity/quoteGenerationService" },
    { at: "domain/launchSecurity/quoteGenerationService/@path" },
    { at: "domainCapabilities/features/tdx", like: "domainCapabilities/features/s390-pv" },
  ),
  ...newer("11.7.0", { at: "domain/hwuuid", text: true }, { at: "domain/devices/video/model/@edid" }),
  ...newer(
    "11.8.0",
    // All devices share the shape of <acpi>.
    { at: "domain/devices/hostdev/acpi/@nodeset" },
    { at: "domain/devices/interface/backend/@hostname" },
    { at: "domain/devices/interface/backend/@fqdn" },
  ),
  ...newer(
    "11.9.0",
    { at: "domain/features/hyperv/@mode", words: ["host-model"] },
    { at: "domain/devices/memory/driver" },
    ...["iommu", "ats", "packed", "page_per_vq"].map((name) => ({
      at: `domain/devices/memory/driver/@${name}`,
      words: onOff,
    })),
    { at: "domain/devices/disk/driver/statistics" },
    { at: "domain/devices/disk/driver/statistics/statistic", list: true },
    { at: "domain/devices/disk/driver/statistics/statistic/@interval" },
    { at: "domainCapabilities/features/hyperv/defaults" },
    ...["spinlocks", "stimer_direct", "tlbflush_direct", "tlbflush_extended", "vendor_id"].map((name) => ({
      at: `domainCapabilities/features/hyperv/defaults/${name}`,
      text: true as const,
    })),
  ),
  ...newer(
    "11.10.0",
    { at: "domain/devices/disk/target/@dpofua" },
    { at: "domain/devices/graphics/@wait" },
    { at: "domain/devices/iommu", list: true },
    { at: "domain/devices/iommu/driver/@pciBus" },
  ),
  ...newer(
    "12.0.0",
    { at: "domain/devices/disk/@type", words: ["ctl"] },
    { at: "domain/devices/disk/source/reservations/@enabled", words: yesNo },
    { at: "domain/devices/disk/source/reservations/@migration" },
    { at: "domain/features/virtualization" },
    { at: "domain/features/virtualization/@state", words: onOff },
    { at: "network/dns/forwarder/@port" },
    { at: "device/capability/port", text: true },
  ),
  ...newer(
    "12.1.0",
    { at: "domain/os/varstore" },
    { at: "domain/os/varstore/@path" },
    { at: "domain/os/varstore/@template" },
    { at: "domain/devices/hostdev/driver/@iommufd", words: yesNo },
    { at: "domain/devices/iommu/driver/granule" },
    { at: "domain/devices/iommu/driver/granule/@size" },
    { at: "domain/devices/iommu/driver/granule/@unit" },
    { at: "domain/devices/iommu/driver/granule/@mode" },
    { at: "domain/devices/disk/driver/statistics/latency-histogram", list: true },
    { at: "domain/devices/disk/driver/statistics/latency-histogram/@type" },
    { at: "domain/devices/disk/driver/statistics/latency-histogram/bin", list: true },
    { at: "domain/devices/disk/driver/statistics/latency-histogram/bin/@start" },
    { at: "domainCapabilities/os/varstore", like: "domainCapabilities/features/s390-pv" },
    { at: "domainCapabilities/os/firmwareFeatures", like: "domainCapabilities/devices/channel" },
  ),
  ...newer(
    "12.2.0",
    { at: "domain/iommufd" },
    { at: "domain/iommufd/@enabled", words: yesNo },
    { at: "domain/iommufd/@fdgroup" },
  ),
  ...newer(
    "12.4.0",
    { at: "domain/cputune/energytune", list: true },
    { at: "domain/cputune/energytune/@vcpus" },
    { at: "domain/cputune/energytune/@id" },
    { at: "domain/cputune/energytune/monitor", list: true },
    { at: "domain/cputune/energytune/monitor/@vcpus" },
    { at: "capabilities/host/energy" },
    { at: "capabilities/host/energy/monitor" },
    { at: "capabilities/host/energy/monitor/@maxMonitors" },
    { at: "capabilities/host/energy/monitor/feature", list: true },
    { at: "capabilities/host/energy/monitor/feature/@name" },
  ),
  ...newer("12.5.0", { at: "domain/devices/video/model/@device" }),
  ...newer(
    "12.6.0",
    ...["accel", "cmdqv", "ats", "ril", "ssidsize", "oas"].map((name) => ({
      at: `domain/devices/iommu/driver/@${name}`,
    })),
  ),
  ...newer("12.7.0", { at: "domain/iothreadids/iothread/poll/@weight" }),
  ...newer("12.8.0", { at: "filterbinding/backend" }, { at: "filterbinding/backend/@name" }),
];

/** What libvirt writes or takes, as its sources of 9.0 and 11.3 show, and its schema of the same version leaves out. */
const leftOut: readonly Addition[] = [
  // virDomainDeviceInfoParseXML reads them of every device that has an address.
  ...["smartcard", "nvram"].map((device) => ({
    at: `domain/devices/${device}/alias`,
    like: "domain/devices/disk/alias",
  })),
  ...["channel", "hub", "redirdev", "tpm", "crypto", "nvram", "panic", "pstore"].map((device) => ({
    at: `domain/devices/${device}/acpi`,
    like: "domain/devices/disk/acpi",
  })),
  // A backup in progress, as libvirt keeps it for itself; likewise the current checkpoint.
  {
    at: "domainbackup/disks/disk/@state",
    words: ["running", "complete", "failed", "cancelling", "cancelled"],
  },
  { at: "domainbackup/privateData" },
  { at: "domainbackup/privateData/objects" },
  { at: "domainbackup/privateData/objects/secret", list: true },
  { at: "domainbackup/privateData/objects/secret/@type" },
  { at: "domainbackup/privateData/objects/secret/@alias" },
  { at: "domainbackup/privateData/objects/TLSx509" },
  { at: "domainbackup/privateData/objects/TLSx509/@alias" },
  { at: "domaincheckpoint/active", text: true },
  // virNWFilterRuleParse takes a protocol several times.
  { at: "filter/rule/*", list: true },
  // Read as part of any disk source, and without meaning in a snapshot.
  { at: "domainsnapshot/disks/disk/source/@startupPolicy", words: ["mandatory", "requisite", "optional"] },
];

/** Places where the document of a domain stands in another one. */
const domains = ["domain", "domainsnapshot/domain", "domainsnapshot/inactiveDomain", "domaincheckpoint/domain"];

/** Elements in which the order of children with different names counts: virNWFilterDef keeps one list of entries. */
const ordered = ["filter"];

/** Elements that an entry made, with their version: what came along with them is not marked again. */
const made = new Map<Shape, string | undefined>();

/** Adds to the shapes of the newest schema what is kept by hand. An entry that the schema has learned is an error. */
export function addByHand(roots: readonly Shape[]): void {
  for (const addition of [...newerThanSchema, ...leftOut]) {
    const places = addition.at.startsWith("domain/") ? domains : ["domain"];
    for (const place of places) add(roots, addition, (path) => path.replace(/^domain(?=\/)/, place));
  }
  for (const path of ordered) Object.assign(shapeAt(roots, path.split("/")), { ordered: true });
}

function add(roots: readonly Shape[], addition: Addition, moved: (path: string) => string): void {
  const path = moved(addition.at).split("/");
  const name = path.pop() ?? "";
  const parent = shapeAt(roots, path);
  if (name === "*") {
    for (const child of parent.children.keys()) addElement(parent, child, addition, undefined, undefined);
    return;
  }
  const since = made.has(parent) && made.get(parent) === addition.since ? undefined : addition.since;
  if (name.startsWith("@")) addAttribute(parent, name.slice(1), addition, since);
  else addElement(parent, name, addition, since, addition.like && shapeAt(roots, moved(addition.like).split("/")));
}

function addAttribute(parent: Shape, name: string, { at, words }: Addition, since: string | undefined): void {
  const attributes = parent.attributes as Map<string, Field>;
  const present = attributes.get(name);
  if (!present) {
    const kind = kindOf(words, present, since);
    attributes.set(name, { required: false, kind, ...(since !== undefined && { since }) });
  } else if (words?.some((word) => !present.kind.words.has(word))) {
    attributes.set(name, { ...present, kind: kindOf(words, present, since) });
  } else if (present.since !== since) {
    throw new Error(`${at} is in libvirt's schema now: take it out of tools/gen-schema/additions.ts`);
  }
}

function kindOf(words: readonly string[] | undefined, present: Field | undefined, since: string | undefined): Kind {
  const { kind } = present ?? {};
  return {
    words: new Set([...(kind?.words ?? []), ...(words ?? [])]),
    patterns: kind?.patterns ?? new Set(),
    ranges: kind?.ranges ?? new Set(),
    free: words === undefined,
    // Words of a new attribute are as new as it is.
    ...(present && since !== undefined && { since: new Map([...(kind?.since ?? []), ...pairs(words, since)]) }),
  };
}

function pairs(words: readonly string[] | undefined, since: string): [string, string][] {
  return (words ?? []).map((word) => [word, since]);
}

function addElement(
  parent: Shape,
  name: string,
  addition: Addition,
  since: string | undefined,
  like: Shape | undefined | "",
): void {
  const children = parent.children as Map<string, Child>;
  const { at, list = false } = addition;
  const present = children.get(name);
  if (present && list && !present.list) children.set(name, { ...present, list });
  else if (present && present.since !== since) {
    throw new Error(`${at} is in libvirt's schema now: take it out of tools/gen-schema/additions.ts`);
  } else if (!present) {
    const child = { required: false, list, shape: like || madeShape(name, addition) };
    children.set(name, { ...child, ...(since !== undefined && { since }) });
  }
}

function madeShape(name: string, { text, since }: Addition): Shape {
  const kind = { words: new Set<string>(), patterns: new Set<string>(), ranges: new Set<string>(), free: true };
  const shape = {
    name,
    ns: "",
    defines: [name],
    attributes: new Map(),
    children: new Map(),
    text: text && { required: true, kind },
    open: false,
    ordered: false,
  };
  made.set(shape, since);
  return shape;
}

function shapeAt(roots: readonly Shape[], path: readonly string[]): Shape {
  const [root, ...names] = path;
  const start = roots.find(({ name }) => name === root);
  const found = names.reduce<Shape | undefined>((shape, name) => shape?.children.get(name)?.shape, start);
  if (!found) throw new Error(`libvirt's schema has no ${path.join("/")}, which an entry in additions.ts is to extend`);
  return found;
}
