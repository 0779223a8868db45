import { children, type Element, element } from "../../schema/tree";
import { dropMetadata, metadataCall, metadataIn } from "../metadata";
import type { Domain } from "./domain";

/** The namespace of the mark in `<metadata>` of a running guest; never changes. */
const namespace = "urn:pulumi-kvm:waiting:1";

/**
 * What the program says no more, and the guest gives up with the end of this very run alone. No later look could tell
 * it from what libvirt chose for the guest by itself, so it is noted, and in the running guest: libvirt drops that with
 * the run, and keeps it where the run goes on, from a saved state, a snapshot or on another host. Its numbers of runs
 * do not: a saved guest goes on under another one, and they begin anew with the host.
 */
export function waitingOf(live: Element): string[] {
  const mark = metadataIn(live, namespace);
  return mark ? children(mark).flatMap(({ attributes }) => attributes["name"] ?? []) : [];
}

/** Makes the mark of the running guest name these properties, and no others. */
export async function markWaiting(domain: Domain, live: Element, properties: readonly string[]): Promise<void> {
  const [noted, wanted] = [waitingOf(live), properties].map((names) => [...names].sort().join("\n"));
  if (noted === wanted) return;
  const named = properties.map((name) => element("property", { name }));
  const mark = named.length > 0 ? element("waiting", {}, ...named) : undefined;
  const { xml, key, uri } = metadataCall(namespace, mark);
  await domain.setLiveMetadataElement(xml, key, uri);
}

/** Takes the mark out of a definition, which that of a guest without one is made of. */
export function dropWaiting(definition: Element): void {
  dropMetadata(definition, namespace);
}
