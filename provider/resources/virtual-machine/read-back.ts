import { type Change, diffRows } from "../../core/diff";
import { KvmError } from "../../core/errors";
import type { Values } from "../../core/handler";
import type { Element } from "../../schema/tree";
import { readRows } from "../document";
import type { Domain } from "./domain";
import { type Inputs, rows } from "./rows";

/** A definition before the change, as it was sent, and as libvirt shows it since. */
interface Definitions {
  readonly before: Element;
  readonly wanted: Element;
  readonly config: Element;
}

/** What is off where it is not said, and libvirt may say nothing of. */
const isSaid = ({ next, class: kind }: Change) => kind !== "none" && next !== undefined && next !== false && next !== 0;

/** A libvirt that does not know a value accepts the document and leaves it out in silence: that is an error. */
export function requireTaken(domain: Domain, inputs: Inputs, { before, wanted, config }: Definitions): void {
  const [was, sent, is] = [before, wanted, config].map((document) => readRows(rows, inputs as Values, document));
  const taken = new Set(diffRows(rows, was ?? {}, is ?? {}).map(({ property }) => property));
  const dropped = diffRows(rows, was ?? {}, sent ?? {}).filter(
    (change) => isSaid(change) && !taken.has(change.property),
  );
  if (dropped.length === 0) return;
  throw new KvmError("unsupported", {
    step: `define VirtualMachine ${domain.name}`,
    host: domain.host,
    reason: `libvirt accepted the definition and left out ${dropped.map(({ property }) => property).join(", ")}`,
    remedy: "take it out of the program, or upgrade libvirt on the host to one that knows it",
  });
}
