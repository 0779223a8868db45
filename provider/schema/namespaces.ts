/** The prefix that libvirt writes for each of its namespaces. */
const prefixes: Readonly<Record<string, string>> = {
  "http://libvirt.org/schemas/domain/qemu/1.0": "qemu",
  "http://libvirt.org/schemas/domain/lxc/1.0": "lxc",
  "http://libvirt.org/schemas/domain/bhyve/1.0": "bhyve",
  "http://libvirt.org/schemas/domain/xen/1.0": "xen",
  "http://libvirt.org/schemas/domain/vmware/1.0": "vmware",
  "http://libvirt.org/schemas/network/dnsmasq/1.0": "dnsmasq",
  "http://libvirt.org/schemas/storagepool/fs/1.0": "fs",
  "http://libvirt.org/schemas/storagepool/rbd/1.0": "rbd",
};

/** The prefixes that are in force at one place of a document; "" stands for elements without one. */
export type Scope = Readonly<Record<string, string>>;

/** The scope inside an element with these attributes. */
export function inner(scope: Scope, attributes: Readonly<Record<string, string>>): Scope {
  const declared = Object.entries(attributes).flatMap(([name, uri]): [string, string][] => {
    if (name === "xmlns") return [["", uri]];
    return name.startsWith("xmlns:") ? [[name.slice("xmlns:".length), uri]] : [];
  });
  return declared.length === 0 ? scope : { ...scope, ...Object.fromEntries(declared) };
}

/** True for `xmlns` and `xmlns:prefix`. */
export function isDeclaration(attribute: string): boolean {
  return attribute === "xmlns" || attribute.startsWith("xmlns:");
}

/** Name of an element as the tables have it: `{namespace}local`, or the bare name outside any namespace. */
export function expanded(name: string, scope: Scope): string {
  const colon = name.indexOf(":");
  const uri = scope[colon < 0 ? "" : name.slice(0, colon)];
  return uri === undefined || uri === "" ? name : `{${uri}}${name.slice(colon + 1)}`;
}

/** The parts of a name of the tables. */
export function split(name: string): { readonly uri: string; readonly local: string } {
  const found = /^\{(.*)\}(.*)$/.exec(name);
  return { uri: found?.[1] ?? "", local: found?.[2] ?? name };
}

/** True for a namespace of libvirt's own. */
export function isLibvirts(uri: string): boolean {
  return Object.hasOwn(prefixes, uri);
}

/** The prefix under which we write a namespace. */
export function prefixOf(uri: string): string {
  const prefix = prefixes[uri];
  if (prefix === undefined)
    throw new Error(`libvirt's namespace ${uri} has no prefix in provider/schema/namespaces.ts`);
  return prefix;
}
