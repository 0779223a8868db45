import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { judge } from "./judge";
import { documentsIn } from "./read";
import { Tally } from "./tally";

/** Judges every XML file below the folders. */
export function judgeFolders(folders: readonly string[]): Tally {
  const tally = new Tally();
  for (const path of folders.flatMap((folder) => xmlFiles(folder))) {
    try {
      const documents = documentsIn(readFileSync(path));
      if (documents.length === 0) tally.setAside("empty file");
      for (const document of documents) tally.add(path, judge(document));
    } catch (error) {
      tally.fail(path, error instanceof Error ? error.message : String(error));
    }
  }
  return tally;
}

/** Folders are not followed through links: test trees hold loops of them. */
function xmlFiles(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inside = join(path, entry.name);
      if (entry.isDirectory()) return xmlFiles(inside);
      const isFile = statSync(inside, { throwIfNoEntry: false })?.isFile() === true;
      return isFile && /\.xml$/i.test(entry.name) ? [inside] : [];
    });
}
