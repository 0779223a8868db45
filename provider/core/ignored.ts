import { isWithin, namesIn } from "./paths";

/**
 * Whether Pulumi's option `ignoreChanges` names the property, or what it is part of: `memory`, `nics.lan.link`,
 * `disks["data"].size`, `nics.*.link`.
 */
export function isIgnored(property: string, ignored: readonly string[] = []): boolean {
  return ignored.some((text) => isWithin(namesIn(property), namesIn(text)));
}
