import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../core/errors";
import { topologyOf } from "../resources/host-topology";
import { children, type Element, parse } from "../schema/tree";
import type { HostTopology } from "../tuning/topology";
import { UsageError } from "./command";

/** The topology in a file that holds what "virsh capabilities" prints. */
export function hostOf(file: string): HostTopology {
  return within(file, () => topologyOf(parse(read(file))));
}

/**
 * What `work` makes of each document called `name` at some paths: files, or folders of them (`*.xml`, by name). A file
 * may hold several in an element around them.
 */
export function documentsAt<T>(paths: readonly string[], name: string, work: (document: Element) => T): T[] {
  return paths.flatMap(filesAt).flatMap((file) =>
    within(file, () => {
      const root = parse(read(file));
      const documents = root.name === name ? [root] : children(root, name);
      if (documents.length === 0) throw new UsageError(`holds <${root.name}>, not a <${name}>`);
      return documents.map(work);
    }),
  );
}

function filesAt(path: string): string[] {
  const isFolder = within(path, () => statSync(path).isDirectory());
  if (!isFolder) return [path];
  const found = readdirSync(path);
  const names = found.filter((name) => name.endsWith(".xml"));
  // An empty one is that of a host without any.
  if (found.length > 0 && names.length === 0) {
    throw new UsageError(`${path} holds files, and none whose name ends in ".xml"`);
  }
  return names.sort().map((name) => join(path, name));
}

/** The text of a file. */
export function read(file: string): string {
  return within(file, () => readFileSync(file, "utf8"));
}

/** Names the file in whatever goes wrong with it. */
export function within<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const text = messageOf(error);
    throw new UsageError(text.includes(file) ? text : `${file}: ${text}`);
  }
}
