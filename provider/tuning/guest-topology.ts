import type { HostState } from "./capacity";
import type { GuestTopology } from "./placement";

/** The length that all runs of equal keys have; undefined where runs differ or a key comes back. */
function runLength(keys: readonly string[]): number | undefined {
  const runs: { key: string; length: number }[] = [];
  for (const key of keys) {
    const last = runs.at(-1);
    if (last?.key === key) last.length++;
    else runs.push({ key, length: 1 });
  }
  const length = runs[0]?.length;
  const even = runs.every((run) => run.length === length);
  return even && new Set(runs.map((run) => run.key)).size === runs.length ? length : undefined;
}

/**
 * The topology that tells the guest what its vCPUs really share: threads are siblings, a die is a cache group, a
 * socket a host socket. A level that does not come out even is left out. vCPUs that float have one socket per cell.
 */
export function guestTopology(
  state: HostState,
  vcpus: readonly (readonly number[])[],
  cellSizes: readonly number[],
): GuestTopology {
  const count = vcpus.length;
  if (vcpus.some((cpus) => cpus.length !== 1)) {
    const even = cellSizes.length > 0 && cellSizes.every((size) => size * cellSizes.length === count);
    const sockets = even ? cellSizes.length : 1;
    return { sockets, dies: 1, clusters: 1, cores: count / sockets, threads: 1 };
  }
  const cores = new Map(
    state.cells.flatMap(({ cores }) => cores.flatMap((core) => core.cpus.map((cpu) => [cpu, core] as const))),
  );
  const pinned = vcpus.map(([cpu]) => cores.get(cpu ?? -1));
  const level = (within: number, above: number, key: (core: (typeof pinned)[number]) => string): number => {
    const length = runLength(pinned.map(key)) ?? above;
    return length % within === 0 && above % length === 0 ? length : above;
  };
  const threads = runLength(pinned.map((core) => `${core?.cpus[0]}`)) ?? 1;
  const socket = level(threads, count, (core) => `${core?.socket}`);
  const die = level(threads, socket, (core) => `${core?.socket}.${core?.cache}`);
  const cluster = level(threads, die, (core) => `${core?.socket}.${core?.cache}.${core?.cluster}`);
  return {
    sockets: count / socket,
    dies: socket / die,
    clusters: die / cluster,
    cores: cluster / threads,
    threads,
  };
}
