import { element, render } from "../schema/tree";
import { overlay as merge } from "./overlay";
import { hasDevices, type PoolReference } from "./pool-reference";

/** What a new volume is to be. */
export interface VolumeDocument {
  readonly pool: PoolReference;
  readonly name: string;
  readonly format: string;
  /** In bytes. */
  readonly capacity: bigint;
  readonly backing?: { readonly path: string; readonly format: string } | undefined;
  /** Octal, "0600". */
  readonly mode?: string | undefined;
  /** Whatever else libvirt can say of a volume, merged over it. */
  readonly overlay?: unknown;
}

/** The document of a new volume. It takes no more space than what is written to it; a device takes all at once. */
export function renderVolume({ pool, name, format, capacity, backing, mode, overlay }: VolumeDocument): string {
  const isDevice = hasDevices(pool.type);
  const target = element(
    "target",
    {},
    ...(isDevice ? [] : [element("format", { type: format })]),
    // Version 3 of qcow2: lazy refcounts, bitmaps for backups. libvirt 9.0 would make version 2.
    ...(format === "qcow2" ? [element("compat", {}, "1.1")] : []),
    ...(mode === undefined ? [] : [element("permissions", {}, element("mode", {}, mode))]),
  );
  const store =
    backing &&
    element("backingStore", {}, element("path", {}, backing.path), element("format", { type: backing.format }));
  const document = element(
    "volume",
    {},
    element("name", {}, name),
    element("capacity", { unit: "bytes" }, String(capacity)),
    ...(format === "raw" && !isDevice ? [element("allocation", { unit: "bytes" }, "0")] : []),
    target,
    ...(store ? [store] : []),
  );
  merge(document, { overlay });
  return render(document);
}
