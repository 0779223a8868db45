import type { HostTopology } from "./topology";

/**
 * Groups of CPUs that share what a guest should stay within, by number: last-level caches. Where the host names none,
 * the clusters of its dies, which share a cache of their own on Arm, if they are more than single cores.
 */
export function coreGroups(host: HostTopology): ReadonlyMap<number, number> {
  const cached = host.cacheGroups.flatMap((group, index) => group.map((cpu) => [cpu, `${index}`] as const));
  const cacheOf = new Map(cached);
  const cpus = host.cells.flatMap((cell) => cell.cpus).sort((a, b) => a.id - b.id);
  const clusterOf = new Map(cpus.map(({ id, cluster }) => [id, `${cacheOf.get(id)}.${cluster}`] as const));
  const cores = new Map<string, Set<number>>();
  for (const { id, siblings } of cpus) {
    const key = clusterOf.get(id) ?? "";
    cores.set(key, (cores.get(key) ?? new Set()).add(siblings[0] ?? id));
  }
  const isClustered = host.cacheLevel === undefined && [...cores.values()].every((cluster) => cluster.size > 1);
  const keys = isClustered ? clusterOf : cacheOf;
  const numbers = new Map<string, number>();
  for (const key of keys.values()) numbers.set(key, numbers.get(key) ?? numbers.size);
  return new Map([...keys].map(([cpu, key]) => [cpu, numbers.get(key) ?? 0]));
}
