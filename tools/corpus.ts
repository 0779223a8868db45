import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { judge } from "./corpus/judge";

/** Most failures that are listed. */
const listed = 50;

/** Reads every XML file below the folders and tells how many survive the typed model unchanged. */
function main(folders: readonly string[]): number {
  if (folders.length === 0) {
    console.error("usage: npm run corpus -- DIR...");
    return 2;
  }
  const counts = new Map<string, { good: number; all: number }>();
  const others = new Map<string, number>();
  const failures: string[] = [];
  for (const path of folders.flatMap((folder) => xmlFiles(folder))) {
    const { kind, known, fault } = judge(readFileSync(path));
    if (fault !== undefined) failures.push(`${path}: ${fault}`);
    if (!known) {
      const what = kind === "" ? "no XML" : `unknown root <${kind}>`;
      others.set(what, (others.get(what) ?? 0) + 1);
      continue;
    }
    const count = counts.get(kind) ?? { good: 0, all: 0 };
    counts.set(kind, { good: count.good + (fault === undefined ? 1 : 0), all: count.all + 1 });
  }
  report(failures, others);
  let [good, all] = [0, 0];
  for (const [kind, count] of sorted(counts)) {
    console.log(`${kind}: ${count.good} of ${count.all}`);
    good += count.good;
    all += count.all;
  }
  console.log(`${good} of ${all} round-trip`);
  return failures.length === 0 ? 0 : 1;
}

function report(failures: readonly string[], others: ReadonlyMap<string, number>): void {
  for (const failure of failures.slice(0, listed)) console.log(failure);
  if (failures.length > listed) console.log(`and ${failures.length - listed} more`);
  for (const [what, count] of sorted(others)) console.log(`${what}: ${count}, not judged`);
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => a.localeCompare(b));
}

/** Folders are not followed through links: test trees hold loops of them. */
function xmlFiles(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => a.name.localeCompare(b.name))
    .flatMap((entry) => {
      const inside = join(path, entry.name);
      if (entry.isDirectory()) return xmlFiles(inside);
      const isXml = entry.name.endsWith(".xml") && !entry.isDirectory();
      return isXml && statSync(inside, { throwIfNoEntry: false })?.isFile() ? [inside] : [];
    });
}

process.exitCode = main(process.argv.slice(2));
