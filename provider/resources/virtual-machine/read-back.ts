import { type Change, diffRows } from "../../core/diff";
import { KvmError } from "../../core/errors";
import { formatPath } from "../../core/faults";
import type { Context, Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { type Element, equal } from "../../schema/tree";
import { readRows } from "../document";
import type { Domain } from "./domain";
import { type Inputs, rows } from "./rows";

/** A definition as it was sent, and as libvirt shows it since. */
interface Definitions {
  readonly wanted: Element;
  readonly config: Element;
}

/**
 * Compares what was defined with what libvirt gave back. One that does not know a value accepts the document and leaves
 * it out in silence: that is an error. A value that it rounds or aligns is a warning.
 */
export function requireTaken(domain: Domain, inputs: Inputs, { wanted, config }: Definitions, context: Context): void {
  if (equal(wanted, config)) return;
  const [sent = {}, is = {}] = [wanted, config].map((document) => readRows(rows, inputs as Values, document));
  const changes = diffRows(rows, is, sent).filter(({ class: kind }) => kind !== "none");
  const dropped = changes.flatMap(({ path, old, next }) => missing(path, next, old));
  if (dropped.length > 0) {
    throw new KvmError("unsupported", {
      step: `define VirtualMachine ${domain.name}`,
      host: domain.host,
      reason: `libvirt accepted the definition and left out ${dropped.join(", ")}`,
      remedy: "take it out of the program, or upgrade libvirt on the host to one that knows it",
    });
  }
  const others = changes.filter(isOther).map(({ property }) => property);
  if (others.length === 0) return;
  context.warn(
    `libvirt has other values than it was given for ${others.join(", ")}: \`virsh dumpxml --inactive ${domain.name}\` shows them`,
  );
}

/** Where something was said and nothing is there. What is off where it is not said, libvirt may say nothing of. */
function missing(path: readonly string[], sent: unknown, is: unknown): string[] {
  if (sent === undefined || sent === null || sent === false || sent === 0) return [];
  if (is === undefined || (sent === true && is === false)) return [formatPath(path)];
  // A list is what it is as a whole, an object may have been completed.
  if (!isPlainObject(sent) || !isPlainObject(is)) return [];
  return Object.entries(sent).flatMap(([name, value]) => missing([...path, name], value, is[name]));
}

/** Parts of a document are spelled and completed by libvirt in its own way. */
function isOther({ next, old }: Change): boolean {
  return next !== undefined && old !== undefined && !isPlainObject(next) && !Array.isArray(next);
}
