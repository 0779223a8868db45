import { statSync } from "node:fs";
import { judgeFolders } from "./corpus/folders";

/** Reads every XML file below the folders and tells how many documents survive the typed model unchanged. */
function main(folders: readonly string[]): number {
  if (folders.length === 0) {
    console.error("usage: npm run corpus -- DIR...");
    return 2;
  }
  const missing = folders.filter((folder) => statSync(folder, { throwIfNoEntry: false }) === undefined);
  if (missing.length > 0) {
    console.error(`there is no ${missing.join(", ")}`);
    return 2;
  }
  const tally = judgeFolders(folders);
  for (const line of tally.report()) console.log(line);
  return tally.failed ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
