import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { judge } from "./corpus/judge";
import { documentsIn } from "./corpus/read";
import { Tally } from "./corpus/tally";

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
  for (const line of tally.report()) console.log(line);
  return tally.failed ? 1 : 0;
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

process.exitCode = main(process.argv.slice(2));
