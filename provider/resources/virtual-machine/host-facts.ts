import { factsOf } from "../facts";
import { familyOf, oldestFirst } from "../machine-types";

/** The kinds of virtualization that Host found for our guests, which are x86_64; empty when it is not known. */
export function knownTypes(host: unknown): readonly unknown[] {
  return otherArchitecture(host) === undefined ? listed(host, "virtTypes") : [];
}

/** The architecture of a machine that is known not to be x86_64. */
export function otherArchitecture(host: unknown): string | undefined {
  return factsOf(host).architecture;
}

/** The newest machine type that the host has of the same family, when it is older than the one that is asked for. */
export function newestBelow(host: unknown, machine: string): string | undefined {
  const family = familyOf(machine);
  const newest = listed(host, "machines").find((name) => typeof name === "string" && familyOf(name) === family);
  if (typeof newest !== "string" || family === machine) return undefined;
  return oldestFirst(machine, newest) > 0 ? newest : undefined;
}

/** The ways of encrypting memory that Host found; undefined when it is not known. */
export function knownEncryption(host: unknown): readonly unknown[] | undefined {
  return Array.isArray(factsOf(host).launchSecurity) ? listed(host, "launchSecurity") : undefined;
}

function listed(host: unknown, name: "virtTypes" | "machines" | "launchSecurity"): readonly unknown[] {
  const list = factsOf(host)[name];
  return Array.isArray(list) ? list : [];
}
