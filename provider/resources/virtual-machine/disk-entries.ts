import type { Values } from "../../core/handler";
import { child, type Element } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { imagePath, sourcePath } from "./disk-sources";

/** The disks of a domain. One of somebody else's is known by its target ("vda"), by its image or by its serial. */
export const diskEntries = deviceEntries(
  "disk",
  "disk",
  ["volume", "path", "network", "serial"],
  (disk) => child(disk, "target")?.attributes["dev"],
  hasImageOf,
);

/** QEMU opens no image twice. */
function hasImageOf(disk: Element, entry: Values): boolean {
  const { device = "disk" } = entry;
  const wanted = imagePath(entry);
  return wanted !== undefined && wanted === sourcePath(disk) && device === (disk.attributes["device"] ?? "disk");
}
