import type { StateOf } from "../../core/attribute";
import { element, render as renderXml } from "../../schema/tree";
import type { rows } from "./rows";

/** The document of a new volume of `capacity` bytes. */
export function render(inputs: StateOf<typeof rows>, capacity: bigint): string {
  const { name, format, backing, mode } = inputs;
  const logical = inputs.pool.type === "logical";
  const target = element(
    "target",
    {},
    ...(logical ? [] : [element("format", { type: format })]),
    // Version 3 of qcow2: lazy refcounts, bitmaps for backups. libvirt 9.0 would make version 2.
    ...(format === "qcow2" ? [element("compat", {}, "1.1")] : []),
    ...(mode === undefined ? [] : [element("permissions", {}, element("mode", {}, mode))]),
  );
  const store =
    backing &&
    element("backingStore", {}, element("path", {}, backing.path), element("format", { type: backing.format }));
  return renderXml(
    element(
      "volume",
      {},
      element("name", {}, name),
      element("capacity", { unit: "bytes" }, String(capacity)),
      ...(format === "raw" && !logical ? [element("allocation", { unit: "bytes" }, "0")] : []),
      target,
      ...(store ? [store] : []),
    ),
  );
}
