import type { HostState } from "./capacity";

/** What may be done, one or another. */
export function oneOf(...remedies: readonly string[]): string {
  const last = remedies.at(-1) ?? "";
  return remedies.length > 1 ? `${remedies.slice(0, -1).join(", ")} or ${last}` : last;
}

/** What gives guests more CPUs to own, by what the Host declares and whom the CPUs belong to. */
export function moreToOwn({ limits, owners }: HostState): string[] {
  const declared =
    limits.dedicated !== undefined
      ? ["widen the host's dedicatedCpus"]
      : limits.housekeeping.length > 0
        ? ["narrow the host's housekeepingCpus"]
        : [];
  return [...declared, ...withoutOwners(owners)];
}

/** What gives vCPUs more CPUs to float over. */
export function moreToFloat({ limits, owners }: Pick<HostState, "limits" | "owners">): string[] {
  const declared = [
    ...(limits.dedicated !== undefined ? ["dedicatedCpus"] : []),
    ...(limits.housekeeping.length > 0 ? ["housekeepingCpus"] : []),
  ];
  const narrower = declared.length > 0 ? [`narrow the host's ${declared.join(" and ")}`] : [];
  return [...narrower, ...withoutOwners(owners)];
}

/** What leaves guests more ordinary memory, beside less of them. */
export function moreMemory({ limits }: HostState): string[] {
  const isReserved = [...limits.reserveKiB.values()].some((reserve) => reserve > 0);
  return isReserved ? ["lower the host's reservedMemory"] : [];
}

function withoutOwners(owners: HostState["owners"]): string[] {
  return owners.size > 0 ? ["remove one of the owners"] : [];
}
