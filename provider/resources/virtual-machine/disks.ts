import { mapOf, type Verdict } from "../../core/attribute";
import { isPlainObject } from "../../core/unknown";
import { attributeAt } from "../../schema/lens";
import { child, type Element, remove } from "../../schema/tree";
import { diskDriverRows } from "./disk-driver";
import { diskEntries } from "./disk-entries";
import { diskLimitOperations, diskLimitRows } from "./disk-limits";
import { diskSourceRows } from "./disk-sources";
import { diskTargetRows } from "./disk-targets";
import { copyChildren, type LiveOperations } from "./live";

/** Buses that take a disk while the guest runs. */
const hotPlug: readonly unknown[] = ["virtio", "scsi", "usb"];

/** Adding and removing whole disks. */
function entryChange(old: unknown, next: unknown): Verdict {
  const disk = isPlainObject(next) ? next : isPlainObject(old) ? old : {};
  const word = next === undefined ? "removed" : "added";
  const isEmpty = (["volume", "path", "network"] as const).every((source) => disk[source] === undefined);
  if (next !== undefined && isEmpty)
    return { class: "restart", reason: `${word}; an empty drive cannot be plugged in` };
  if (hotPlug.includes(disk["bus"])) return { class: "live", reason: word };
  return { class: "restart", reason: `${word}; the bus ${String(disk["bus"])} has no hot-plug` };
}

export const diskRows = {
  disks: mapOf({
    doc: "Disks and drives under names of your choice. The one called root, boot, system or os comes first, then the others by name.",
    change: entryChange,
    entries: diskEntries,
    rows: { ...diskSourceRows, ...diskTargetRows, ...diskDriverRows, ...diskLimitRows },
  }),
};

/** Puts another medium into the drive; all else of the live element is sent as it is. */
function copyMedium(live: Element, configured: Element): void {
  copyChildren(live, configured, ["source"]);
  remove(live, "backingStore");
  live.attributes["type"] = configured.attributes["type"] ?? "file";
  attributeAt("driver", "type").set(live, child(configured, "driver")?.attributes["type"] ?? "raw");
  // Which it is may change before libvirt reads this, and be refused then.
  attributeAt("target", "tray").set(live, undefined);
}

const changeMedium: LiveOperations[string] = (operation) => operation.changeMedium(diskEntries, copyMedium);

/** Nothing of the device: what a snapshot does with it. */
const changeSnapshot: LiveOperations[string] = (operation) =>
  operation.updateDevice(diskEntries, (live, configured) => {
    const at = attributeAt("", "snapshot");
    at.set(live, at.get(configured));
  });

export const diskOperations: LiveOperations = {
  "disks.*": (operation) => operation.plug(diskEntries),
  "disks.*.volume": changeMedium,
  "disks.*.path": changeMedium,
  "disks.*.network": changeMedium,
  "disks.*.format": changeMedium,
  "disks.*.startupPolicy": changeMedium,
  "disks.*.snapshot": changeSnapshot,
  ...diskLimitOperations,
};
