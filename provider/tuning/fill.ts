import type { CoreState } from "./capacity";

/** CPUs that are taken of one core. */
export type Share = { readonly core: CoreState; readonly cpus: readonly number[] };

/** Takes CPUs so that few cores are left broken, then so that few whole ones are touched. The cores hold the need. */
export function fill(cores: readonly CoreState[], need: number): Share[] {
  return cores.some((core) => core.cpus.length > 2) ? fillExactly(cores, need) : fillPairs(cores, need);
}

/** With at most two threads a core: what is broken already first, then whole cores, the odd CPU from the narrowest. */
function fillPairs(cores: readonly CoreState[], need: number): Share[] {
  const left = [...cores];
  const shares: Share[] = [];
  for (let remaining = need; remaining > 0; ) {
    const partial = left.filter((core) => !core.whole);
    const open = partial.length > 0 ? partial : left;
    const filled = open.filter((core) => core.free.length <= remaining);
    const core =
      filled.length > 0
        ? filled.reduce((best, next) => (next.free.length > best.free.length ? next : best))
        : open.reduce((best, next) => (next.free.length < best.free.length ? next : best));
    left.splice(left.indexOf(core), 1);
    const cpus = core.free.slice(0, remaining);
    shares.push({ core, cpus });
    remaining -= cpus.length;
  }
  return shares;
}

type Step = { readonly broken: number; readonly whole: number; readonly taken: number };

/** Cores of many threads, or of several kinds: the best way to each number of CPUs, core after core. */
function fillExactly(cores: readonly CoreState[], need: number): Share[] {
  let best: (Step | undefined)[] = [{ broken: 0, whole: 0, taken: 0 }];
  const steps = cores.map((core) => {
    const isBroken = (owned: number) => (owned > 0 && owned < core.cpus.length ? 1 : 0);
    const next: (Step | undefined)[] = [];
    for (let total = 0; total <= need; total++) {
      for (let taken = 0; taken <= Math.min(total, core.free.length); taken++) {
        const before = best[total - taken];
        if (before === undefined) continue;
        const broken = before.broken + (taken > 0 ? isBroken(core.owned + taken) - isBroken(core.owned) : 0);
        const whole = before.whole + (taken > 0 && core.whole ? 1 : 0);
        const old = next[total];
        // Of equals the one that takes more of this core: lower numbers come first.
        if (old === undefined || broken < old.broken || (broken === old.broken && whole < old.whole)) {
          next[total] = { broken, whole, taken };
        }
      }
    }
    best = next;
    return next;
  });
  const shares: Share[] = [];
  let remaining = need;
  for (let index = cores.length - 1; index >= 0; index--) {
    const taken = steps[index]?.[remaining]?.taken ?? 0;
    const core = cores[index];
    if (core === undefined || taken === 0) continue;
    shares.push({ core, cpus: core.free.slice(0, taken) });
    remaining -= taken;
  }
  return shares;
}
