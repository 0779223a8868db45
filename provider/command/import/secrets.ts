/**
 * Members of documents that are never shown: passwords and cookies, which libvirt hides too, and where configurations of guests and
 * tokens are handed over. What is in QEMU's arguments, everybody on the host can see.
 */
const members = ["passwd", "cookies.cookie.value", "sysinfo.entry.value", "qemu:commandline.env.value"].map(
  (place) => `.${place}`,
);

/** Whether what is at the path of a document, or of inputs that have one in them, is never to be seen. */
export function holdsSecret(path: readonly string[]): boolean {
  const place = ["", ...path.filter((part) => !/^\d+$/.test(part))].join(".");
  return members.some((member) => place.endsWith(member));
}

/** Paths of all that is never to be seen. */
export function secretsIn(value: unknown, path: readonly string[] = []): string[] {
  if (holdsSecret(path)) return [path.join(".")];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => secretsIn(item, [...path, name]));
}
