import { child, children, type Element, element, remove, render } from "../../schema/tree";
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
  const mark = child(live, "metadata")?.children.find(isMark);
  return mark ? children(mark).flatMap(({ attributes }) => attributes["name"] ?? []) : [];
}

/** Makes the mark of the running guest name these properties, and no others. */
export async function markWaiting(domain: Domain, live: Element, properties: readonly string[]): Promise<void> {
  const [noted, wanted] = [waitingOf(live), properties].map((names) => [...names].sort().join("\n"));
  if (noted === wanted) return;
  const named = properties.map((name) => element("property", { name }));
  const xml = named.length > 0 ? render(element("waiting", {}, ...named)) : undefined;
  await domain.setLiveMetadataElement(xml, "pulumi-kvm", namespace);
}

/** Takes the mark out of a definition, which that of a guest without one is made of. */
export function dropWaiting(definition: Element): void {
  const metadata = child(definition, "metadata");
  if (!metadata) return;
  metadata.children = metadata.children.filter((node) => !isMark(node));
  if (metadata.children.length === 0) remove(definition, "metadata");
}

function isMark(node: Element["children"][number]): node is Element {
  return "name" in node && Object.values(node.attributes).includes(namespace);
}
