/** "9.7.0" or "9.7" as libvirt counts versions: 1000000 * major + 1000 * minor + release. */
export function versionNumber(text: string): number {
  const [major = 0, minor = 0, release = 0] = text.split(".").map(Number);
  return major * 1_000_000 + minor * 1_000 + release;
}

/** A version as people write it: "9.0.0". */
export function versionText(version: number): string {
  return [Math.floor(version / 1_000_000), Math.floor(version / 1_000) % 1_000, version % 1_000].join(".");
}
