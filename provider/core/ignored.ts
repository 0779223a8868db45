/**
 * Whether Pulumi's option `ignoreChanges` names the property at this path, or what it is part of: `memory`,
 * `nics.lan.link`, `disks["data.1"].size`, `nics.*.link`.
 */
export function isIgnored(path: readonly string[], ignored: readonly string[] = []): boolean {
  return ignored.some((text) => {
    const names = namesIn(text);
    return names.length <= path.length && names.every((name, index) => name === "*" || name === path[index]);
  });
}

function namesIn(path: string): string[] {
  return [...path.matchAll(/"((?:\\"|[^"])*)"|[^.[\]]+/g)].map(
    ([name, quoted]) => quoted?.replaceAll('\\"', '"') ?? name,
  );
}
