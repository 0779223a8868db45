import { attribute, block, unlessTakenAway, z } from "../../core/attribute";
import { hostPath, rate } from "../../core/quantities";
import { formatRate, parseRate } from "../../core/units";
import { type ElementLens, number, textAt } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove, textOf } from "../../schema/tree";
import type { LiveOperations } from "./live";

const weight = z.int().min(100).max(1000);
/** libvirt counts them in 32 bits. */
const iops = z
  .int()
  .min(1)
  .max(2 ** 32 - 1);
const deviceSchema = z.strictObject({
  path: hostPath,
  weight: weight.optional(),
  readBytesSec: rate.optional(),
  writeBytesSec: rate.optional(),
  readIopsSec: iops.optional(),
  writeIopsSec: iops.optional(),
});
type Device = z.infer<typeof deviceSchema>;

/** Elements of `<blkiotune><device>` and the parameters of the call, by our names. */
const parts = [
  { name: "weight", tag: "weight", parameter: "device_weight" },
  { name: "readBytesSec", tag: "read_bytes_sec", parameter: "device_read_bytes_sec" },
  { name: "writeBytesSec", tag: "write_bytes_sec", parameter: "device_write_bytes_sec" },
  { name: "readIopsSec", tag: "read_iops_sec", parameter: "device_read_iops_sec" },
  { name: "writeIopsSec", tag: "write_iops_sec", parameter: "device_write_iops_sec" },
] as const;

function plain(value: string | number): string {
  return typeof value === "string" ? String(parseRate(value)) : String(value);
}

const devicesLens: ElementLens<readonly Device[]> = {
  get(document) {
    const tune = child(document, "blkiotune");
    const found = (tune ? children(tune, "device") : []).map(readDevice).filter((device) => device !== undefined);
    return found.length > 0 ? found : undefined;
  },
  set(document, value) {
    const tune = child(document, "blkiotune");
    if (tune) tune.children = tune.children.filter((node) => !("name" in node && node.name === "device"));
    if (tune && tune.children.length === 0) remove(document, "blkiotune");
    if (value === undefined) return;
    const made = value.map((device) => {
      const limits = parts.flatMap(({ name, tag }) => {
        const limit = device[name];
        return limit === undefined ? [] : [element(tag, {}, plain(limit))];
      });
      return element("device", {}, element("path", {}, device.path), ...limits);
    });
    ensure(document, "blkiotune").children.push(...made);
  },
};

/** A device without any limit is one that libvirt remembers for nothing. */
function readDevice(found: Element): Device | undefined {
  const entries = parts.flatMap(({ name, tag }): [string, string | number][] => {
    const text = textOf(child(found, tag) ?? element(tag));
    if (!/^[1-9]\d*$/.test(text)) return [];
    return [[name, name.endsWith("BytesSec") ? formatRate(BigInt(text)) : Number(text)]];
  });
  const path = textOf(child(found, "path") ?? element("path"));
  return entries.length > 0 ? { path, ...Object.fromEntries(entries) } : undefined;
}

/** Shares of the host's disks. */
export const weightRows = {
  blkio: block({
    doc: "Shares and limits that the host's I/O scheduler gives the guest (`<blkiotune>`, cgroups). Default: none.",
    rows: {
      weight: attribute({
        doc: "Share of the host's disks, 100 to 1000, where their scheduler is BFQ. Default: the cgroup's own.",
        schema: weight.optional(),
        change: unlessTakenAway("libvirt takes no weight away; name 100, which BFQ gives others, instead"),
        lens: number(textAt("blkiotune/weight")),
      }),
      devices: attribute({
        doc: "Weights and limits for block devices of the host, by their path. Default: none.",
        schema: z.array(deviceSchema).min(1).optional(),
        change: "live",
        lens: devicesLens,
      }),
    },
  }),
};

/** A limit that is to go is written as 0. */
export const weightOperations: LiveOperations = {
  "blkio.weight": ({ domain, change }) =>
    domain.setBlkioParameters([{ field: "weight", type: "uint", value: Number(change.next) }]),
  "blkio.devices": async ({ domain, change }) => {
    const [old, next] = [change.old, change.next].map((value) => (Array.isArray(value) ? (value as Device[]) : []));
    const paths = [...new Set([...(old ?? []), ...(next ?? [])].map(({ path }) => path))];
    const params = parts.flatMap(({ name, parameter }) => {
      const concerned = paths.filter((path) =>
        [old, next].some((list) => list?.some((device) => device.path === path && device[name] !== undefined)),
      );
      const value = concerned
        .map((path) => `${path},${plain(next?.find((device) => device.path === path)?.[name] ?? 0)}`)
        .join(",");
      return value === "" ? [] : [{ field: parameter, type: "string" as const, value }];
    });
    await domain.setBlkioParameters(params);
  },
};
