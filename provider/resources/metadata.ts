import { child, type Element, element, ensure, remove, render } from "../schema/tree";

// What we keep in the `<metadata>` of libvirt's objects: an element of ours for each namespace.

const prefix = "pulumi-kvm";

/** Our element of that namespace. */
export function metadataIn(document: Element, namespace: string): Element | undefined {
  const nodes = child(document, "metadata")?.children ?? [];
  return nodes.find((node): node is Element => isOf(node, namespace));
}

/** Puts the element into the document, in place of an earlier one; other metadata stays. */
export function putMetadata(document: Element, namespace: string, { name, attributes }: Element): void {
  const metadata = ensure(document, "metadata");
  const others = metadata.children.filter((node) => !isOf(node, namespace));
  const ours = element(`${prefix}:${name}`, { [`xmlns:${prefix}`]: namespace, ...attributes });
  metadata.children = [...others, ours];
}

/** Takes our element out again, and with it a `<metadata>` that has become empty. */
export function dropMetadata(document: Element, namespace: string): void {
  const metadata = child(document, "metadata");
  if (!metadata) return;
  metadata.children = metadata.children.filter((node) => !isOf(node, namespace));
  if (metadata.children.length === 0) remove(document, "metadata");
}

/** An element as virDomainSetMetadata takes it: libvirt adds prefix and namespace itself. Undefined removes it. */
export function metadataCall(namespace: string, item: Element | undefined) {
  return { xml: item && render(item), key: prefix, uri: namespace };
}

function isOf(node: Element["children"][number], namespace: string): node is Element {
  return "name" in node && Object.values(node.attributes).includes(namespace);
}
