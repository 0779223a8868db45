import { isIP } from "node:net";
import type { Context, HostReference } from "../../core/handler";
import { parseUri } from "../../transport/uri";
import { UsageError } from "../command";
import { type Imported, importFile, type Target } from "./import-file";
import { type Entry, hostEntry, type LeftOut, type Plan, Planner } from "./plan";
import { type Program, programOf } from "./program";
import { scan } from "./scan";
import { select } from "./select";

export interface TakeOptions {
  /** Names of domains; all where it is left out. */
  readonly filter: string | undefined;
  /** Leave it to the first `up` to take over. */
  readonly adopt: boolean;
  readonly target: Target;
}

/** A host as a program. */
export interface TakenHost {
  readonly entries: readonly Entry[];
  readonly left: readonly LeftOut[];
  readonly unsaid: readonly LeftOut[];
  readonly marked: readonly LeftOut[];
  readonly program: Program;
  /** Text of the import file; undefined with `adopt`. */
  readonly file: string | undefined;
  /** What a refresh would show, by object; empty unless something changes as it is read. */
  readonly unsettled: readonly string[];
}

/** Reads the host, and writes the program and the import file for what is there. */
export async function takeHost(
  reference: HostReference,
  { filter, adopt, target }: TakeOptions,
  context: Context,
): Promise<TakenHost> {
  const found = await scan(await context.connect(reference));
  const chosen = filter === undefined ? found : select(found, filter);
  if (filter !== undefined && chosen.domains.length === 0) {
    const all = found.domains.map(({ name }) => name).join(", ");
    throw new UsageError(`no domain is called ${filter}; the host has ${all || "none"}`);
  }
  const host = await hostEntry(reference, hostName(reference.uri), context);
  const plan = new Planner(host.reference).plan(chosen);
  const entries = [host.entry, ...plan.entries];
  const { left, unsaid, marked } = plan;
  const common = { entries, left, unsaid, marked, program: programOf(entries, { adopt }) };
  if (adopt) return { ...common, file: undefined, unsettled: [] };
  const { imported, unsettled } = await statesOf(plan, context);
  return { ...common, file: importFile([{ entry: host.entry, state: host.state }, ...imported], target), unsettled };
}

/** The state of each object, which must be one that a refresh leaves as it is. */
async function statesOf({ entries }: Plan, context: Context) {
  const imported: Imported[] = [];
  const unsettled: string[] = [];
  for (const entry of entries) {
    const { handler, id, name, inputs } = entry;
    const state = await handler.takeOver(id, inputs, context);
    const seen = state && (await handler.read(id, state, context));
    if (!state || !seen) throw new UsageError(`${handler.type} ${name} went away in the meantime: run this again`);
    const changes = handler.diff(id, state, seen.inputs).changes.map(({ property }) => property);
    if (changes.length > 0) unsettled.push(`${handler.type} ${name}: a refresh will show ${changes.join(", ")}`);
    imported.push({ entry, state });
  }
  return { imported, unsettled };
}

/** What the program calls the host: the first part of its name. Colons have no place in the name of a project. */
export function hostName(uri: string): string {
  const { host } = parseUri(uri);
  if (host === undefined) return "local";
  return isIP(host) === 0 ? (host.split(".")[0] ?? host) : host.replaceAll(/[:%]+/g, "-");
}
