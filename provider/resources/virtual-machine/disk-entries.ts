import { child } from "../../schema/tree";
import { deviceEntries } from "./alias";

/** The disks of a domain. One of somebody else's is known by its target ("vda"), by its image or by its serial. */
export const diskEntries = deviceEntries(
  "disk",
  "disk",
  ["volume", "path", "network", "serial"],
  (disk) => child(disk, "target")?.attributes["dev"],
);
