import { z } from "../core/attribute";
import { type Element, element } from "../schema/tree";
import { formatCpuSet, parseCpuSet } from "../tuning/cpu-set";
import type { SmtPolicy } from "../tuning/request";
import { formatPages, type GuestPages, parsePages } from "./added-pages";
import { dropMetadata, metadataCall, metadataIn, putMetadata } from "./metadata";

/** The namespace of the record in `<metadata>`; never changes. */
const namespace = "urn:pulumi-kvm:placement:1";

/** Name of a group whose guests keep apart: the record carries it to other deployments. */
export const apartGroup = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "must be a name of up to 63 letters, digits, dots, dashes and underscores",
  );

/** What a placed domain says of its CPUs to whoever places the next one. */
export interface PlacementRecord {
  readonly smt: SmtPolicy;
  /** CPUs that nobody else may own. */
  readonly owned: readonly number[];
  /** CPUs that it floats over, however few they are. */
  readonly shared: readonly number[];
  /** Its group of guests that keep apart. */
  readonly apart?: string;
  /** Huge pages that were added to the host's for it, and go back with it. */
  readonly pages?: readonly GuestPages[];
}

/** The record in a domain's document; undefined where we placed nothing. */
export function readRecord(document: Element): PlacementRecord | undefined {
  const found = metadataIn(document, namespace);
  if (found === undefined) return undefined;
  const { smt, owned = "", shared = "", apart, pages } = found.attributes;
  const policy = (["whole-core", "isolate", "any"] as const).find((known) => known === smt) ?? "whole-core";
  const cpus = (text: string) => (/^[\d,-]+$/.test(text) ? parseCpuSet(text) : []);
  return {
    ...{ smt: policy, owned: cpus(owned), shared: cpus(shared) },
    ...(apart !== undefined && { apart }),
    ...(pages !== undefined && { pages: parsePages(pages) }),
  };
}

/** Puts the record into the document in place of an earlier one; undefined takes it out. */
export function writeRecord(document: Element, record: PlacementRecord | undefined): void {
  if (record) putMetadata(document, namespace, elementOf(record));
  else dropMetadata(document, namespace);
}

/** The record as virDomainSetMetadata takes it; undefined removes it. */
export function recordMetadata(record: PlacementRecord | undefined) {
  return metadataCall(namespace, record && elementOf(record));
}

function elementOf({ smt, owned, shared, apart, pages = [] }: PlacementRecord): Element {
  const cpus = { owned: formatCpuSet(owned), shared: formatCpuSet(shared) };
  return element("placement", { smt, ...cpus, apart, pages: pages.length > 0 ? formatPages(pages) : undefined });
}
