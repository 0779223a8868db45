import { factsOf } from "../facts";

/** The kinds of virtualization that Host found on its machine; empty when it is not known. */
export function knownTypes(host: unknown): readonly unknown[] {
  return listed(host, "virtTypes");
}

/** The newest machine type that the host has of the same family, when it is older than the one that is asked for. */
export function newestBelow(host: unknown, machine: string): string | undefined {
  const family = (name: string) => name.replace(/-[\d.]+$/, "");
  const newest = listed(host, "machines").find((name) => typeof name === "string" && family(name) === family(machine));
  if (typeof newest !== "string" || family(machine) === machine) return undefined;
  return machine.localeCompare(newest, "en", { numeric: true }) > 0 ? newest : undefined;
}

/** The ways of encrypting memory that Host found; undefined when it is not known. */
export function knownEncryption(host: unknown): readonly unknown[] | undefined {
  return Array.isArray(factsOf(host).launchSecurity) ? listed(host, "launchSecurity") : undefined;
}

function listed(host: unknown, name: "virtTypes" | "machines" | "launchSecurity"): readonly unknown[] {
  const list = factsOf(host)[name];
  return Array.isArray(list) ? list : [];
}
