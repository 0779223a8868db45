import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../core/errors";
import { topologyOf } from "../resources/host-topology";
import { type Element, parse } from "../schema/tree";
import type { HostTopology } from "../tuning/topology";
import { UsageError } from "./command";

/** The topology in a file that holds what "virsh capabilities" prints. */
export function hostOf(file: string): HostTopology {
  return within(file, () => topologyOf(parse(read(file))));
}

/** The documents at a path, a file or a folder of them (`*.xml`, by name), each given to `work`; their root is `name`. */
export function documentsAt<T>(path: string | undefined, name: string, work: (document: Element) => T): T[] {
  return filesAt(path).map((file) =>
    within(file, () => {
      const document = parse(read(file));
      if (document.name !== name) throw new UsageError(`holds <${document.name}>, not a <${name}>`);
      return work(document);
    }),
  );
}

function filesAt(path: string | undefined): string[] {
  if (path === undefined) return [];
  const isFolder = within(path, () => statSync(path).isDirectory());
  if (!isFolder) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith(".xml"));
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
