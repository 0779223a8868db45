import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { child, type Element } from "../../schema/tree";
import { deviceEntries } from "./alias";
import { sourcePath } from "./disk-sources";

/** The disks of a domain. One of somebody else's is known by its target ("vda"), by its image or by its serial. */
export const diskEntries = deviceEntries(
  "disk",
  "disk",
  ["volume", "path", "network", "serial"],
  (disk) => child(disk, "target")?.attributes["dev"],
  hasImageOf,
);

/** QEMU opens no image twice. */
function hasImageOf(disk: Element, { volume, path, device = "disk" }: Values): boolean {
  const wanted = isPlainObject(volume) ? volume["path"] : path;
  return wanted !== undefined && wanted === sourcePath(disk) && device === (disk.attributes["device"] ?? "disk");
}
