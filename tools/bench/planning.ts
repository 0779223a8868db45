import { place } from "../../provider/tuning/place";
import { placeAll } from "../../provider/tuning/place-all";
import { GiB, host, request, unlimited } from "../../test/unit/tuning/hosts";

/** Placement alone, without a host. The first time counts: a program that plans one machine plans once. */
export function measurePlanning(): object[] {
  const wide = host(16, 8, 2, { cacheCores: 4 });
  const one = () => place(wide, unlimited, { claims: [] }, request("one", 48, { memoryKiB: 96 * GiB }));
  const large = host(8, 16, 2, { cacheCores: 8, memoryKiB: 256 * GiB });
  const guests = Array.from({ length: 200 }, (_, index) => request(`vm${index}`, 1, { smt: "any" }));
  const many = () => placeAll(large, unlimited, { claims: [] }, guests).placements.filter(({ fits }) => fits).length;
  return [
    { measure: "plan 1 VM on 16 cells", ...timed(() => one().fits), goal: "below 50 ms" },
    { measure: "plan 200 VMs on 256 CPUs", ...timed(many), goal: "below 5000 ms" },
  ];
}

function timed<T>(work: () => T): { fits: T; milliseconds: number } {
  const started = performance.now();
  const fits = work();
  return { fits, milliseconds: Math.round(performance.now() - started) };
}
