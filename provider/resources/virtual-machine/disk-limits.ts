import { type Attribute, attribute, block, mapOf, z } from "../../core/attribute";
import { rate } from "../../core/quantities";
import { formatRate, parseRate } from "../../core/units";
import type { TypedParam } from "../../libvirt/api";
import { type ElementLens, mapped, textAt } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove, textOf } from "../../schema/tree";
import { diskEntries } from "./disk-entries";
import type { LiveOperations } from "./live";

/** Names of the limits in libvirt, which are those of the call's parameters too. */
const limits = ["total", "read", "write"].flatMap((way) => [`${way}_bytes_sec`, `${way}_iops_sec`]);
const parameters = [...limits.flatMap((name) => [name, `${name}_max`, `${name}_max_length`]), "size_iops_sec"];

/** libvirt takes 0 for no limit, and leaves it out of the document or not, by version. */
function limitAt(path: string): ElementLens<bigint> {
  return mapped(
    textAt(path),
    (value) => (/^[1-9]\d*$/.test(value.trim()) ? BigInt(value.trim()) : undefined),
    (value) => String(value),
  );
}

/** The most that QEMU counts, of a rate and of what a burst has in all. */
export const most = 10n ** 15n;

function bytes(place: string, name: string, doc: string): Attribute<string | undefined> {
  return attribute({
    doc: `${doc} (\`<${place}>\` of \`<${name || "throttlegroup"}>\`). Default: no limit.`,
    schema: rate
      .refine((value) => parseRate(value) > 0n && parseRate(value) <= most, "must be from 1 B/s to 10^15 B/s")
      .optional(),
    ...(name === "" && { since: "11.2" }),
    change: "live",
    lens: mapped(limitAt(name === "" ? place : `${name}/${place}`), formatRate, parseRate),
  });
}

function count(place: string, name: string, doc: string, least = 1): Attribute<number | undefined> {
  return attribute({
    doc: `${doc} (\`<${place}>\` of \`<${name || "throttlegroup"}>\`).`,
    schema: z.int(`must be a whole number, ${least} to ${1e15}`).min(least).max(1e15).optional(),
    ...(name === "" && { since: "11.2" }),
    change: "live",
    lens: mapped(limitAt(name === "" ? place : `${name}/${place}`), Number, BigInt),
  });
}

/** The limits of one disk, or those that the disks of a group share. */
function limitRows(name: "iotune" | "") {
  const at = name;
  return {
    totalBytesSec: bytes("total_bytes_sec", at, "Most bytes a second, read and written; excludes the two others"),
    readBytesSec: bytes("read_bytes_sec", at, "Most bytes a second, read"),
    writeBytesSec: bytes("write_bytes_sec", at, "Most bytes a second, written"),
    totalIopsSec: count("total_iops_sec", at, "Most requests a second; excludes the two others. Default: no limit"),
    readIopsSec: count("read_iops_sec", at, "Most read requests a second. Default: no limit"),
    writeIopsSec: count("write_iops_sec", at, "Most write requests a second. Default: no limit"),
    totalBytesSecMax: bytes("total_bytes_sec_max", at, "Bytes a second in a burst, read and written"),
    readBytesSecMax: bytes("read_bytes_sec_max", at, "Bytes a second in a burst, read"),
    writeBytesSecMax: bytes("write_bytes_sec_max", at, "Bytes a second in a burst, written"),
    totalIopsSecMax: count("total_iops_sec_max", at, "Requests a second in a burst"),
    readIopsSecMax: count("read_iops_sec_max", at, "Read requests a second in a burst"),
    writeIopsSecMax: count("write_iops_sec_max", at, "Write requests a second in a burst"),
    totalBytesSecMaxLength: count("total_bytes_sec_max_length", at, "Seconds of a burst. Default 1"),
    readBytesSecMaxLength: count("read_bytes_sec_max_length", at, "Seconds of a burst. Default 1"),
    writeBytesSecMaxLength: count("write_bytes_sec_max_length", at, "Seconds of a burst. Default 1"),
    totalIopsSecMaxLength: count("total_iops_sec_max_length", at, "Seconds of a burst. Default 1"),
    readIopsSecMaxLength: count("read_iops_sec_max_length", at, "Seconds of a burst. Default 1"),
    writeIopsSecMaxLength: count("write_iops_sec_max_length", at, "Seconds of a burst. Default 1"),
    sizeIopsSec: count("size_iops_sec", at, "Bytes that count as one request; a larger one counts as several"),
  };
}

const throttleFiltersLens: ElementLens<readonly string[]> = {
  get(disk) {
    const found = child(disk, "throttlefilters");
    return found && children(found, "throttlefilter").map(({ attributes }) => attributes["group"] ?? "");
  },
  set(disk, value) {
    remove(disk, "throttlefilters");
    if (value === undefined) return;
    const filters = value.map((group) => element("throttlefilter", { group }));
    disk.children.push(element("throttlefilters", {}, ...filters));
  },
};

const groupAt = textAt("iotune/group_name");

/** Limits of a disk's I/O. */
export const diskLimitRows = {
  iotune: block({
    doc: "Limits of the disk's I/O (`<iotune>`), by QEMU; changed in the running guest. Default: none.",
    rows: {
      ...limitRows("iotune"),
      group: attribute({
        doc: "Name of a group: disks of the guest with one name share the limits, which all of them must then state alike (`<group_name>`). Default: none.",
        schema: z
          .string()
          .regex(/^[A-Za-z0-9_.-]{1,64}$/, "must be 1 to 64 of A-Z a-z 0-9 _ . -")
          .optional(),
        change: "live",
        lens: groupAt,
      }),
    },
  }),
  throttleFilters: attribute({
    doc: "Names of entries of `throttleGroups` that its requests pass, in this order (`<throttlefilters>`). Excludes `iotune`. Default: none.",
    schema: z.array(z.string()).min(1).optional(),
    since: "11.2",
    change: () => ({ class: "restart", reason: "libvirt changes no filters of a disk that is plugged in" }),
    lens: throttleFiltersLens,
  }),
};

const groupEntries = {
  list(document: Element): ReadonlyMap<string, Element> {
    const groups = child(document, "throttlegroups");
    const found = groups ? children(groups, "throttlegroup") : [];
    return new Map(found.map((group) => [textOf(child(group, "group_name") ?? element("none")), group]));
  },
  add(document: Element, key: string): Element {
    const group = element("throttlegroup", {}, element("group_name", {}, key));
    ensure(document, "throttlegroups").children.push(group);
    return group;
  },
  remove(document: Element, key: string): void {
    const groups = child(document, "throttlegroups");
    if (!groups) return;
    groups.children = groups.children.filter((node) => node !== groupEntries.list(document).get(key));
    if (groups.children.length === 0) remove(document, "throttlegroups");
  },
};

/** Limits that several disks share. */
export const throttleGroupRows = {
  throttleGroups: mapOf({
    doc: "Limits that disks share, under names of your choice: a disk names those that its requests pass in `throttleFilters` (`<throttlegroups>`, libvirt 11.2).",
    change: "live",
    entries: groupEntries,
    rows: limitRows(""),
  }),
};

/** Every limit that libvirt knows, with 0 for those that are not set: one that is left out would stay as it was. */
function limitParameters(limited: Element | undefined): TypedParam[] {
  return parameters.map((field) => {
    const value = limited && limitAt(field).get(limited);
    return { field, type: "ullong" as const, value: value ?? 0n };
  });
}

const setLimits: LiveOperations[string] = async (operation) => {
  const { configured, live } = await operation.device(diskEntries);
  const target = live && child(live, "target")?.attributes["dev"];
  if (!configured || target === undefined) return;
  const group = groupAt.get(configured);
  // A disk leaves its group with its last limit, and in no other way.
  if (group === undefined && live && groupAt.get(live) !== undefined)
    await operation.domain.setBlockIoTune(target, limitParameters(undefined));
  await operation.domain.setBlockIoTune(target, [
    ...limitParameters(child(configured, "iotune")),
    ...(group === undefined ? [] : [{ field: "group_name", type: "string" as const, value: group }]),
  ]);
};

const setGroup: LiveOperations[string] = async (operation) => {
  const { configured } = await operation.device(groupEntries);
  if (configured) await operation.domain.setThrottleGroup(operation.key, limitParameters(configured));
  else await operation.domain.deleteThrottleGroup(operation.key);
};

export const diskLimitOperations: LiveOperations = {
  "disks.*.iotune.*": setLimits,
  "throttleGroups.*": setGroup,
  "throttleGroups.*.*": setGroup,
};
