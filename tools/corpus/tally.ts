import type { Verdict } from "./judge";

/** Most failures that are listed. */
const listed = 50;

/** Counts verdicts by kind of document. */
export class Tally {
  private readonly counts = new Map<string, { good: number; all: number }>();
  /** What is none of libvirt's documents, by name. */
  private readonly others = new Map<string, number>();
  private readonly failures: string[] = [];
  /** Kept whole, though libvirt's schema is to refuse them. */
  private readonly refused: string[] = [];
  private malformed = 0;

  add(path: string, { kind, known, fault, kept }: Verdict): void {
    if (!known) {
      this.setAside(`unknown root <${kind}>`);
      return;
    }
    const isGood = fault === undefined || (kept === true && isRefusedByLibvirt(path));
    if (fault !== undefined && isGood) this.refused.push(`${path}: ${fault}`);
    if (!isGood) this.failures.push(`${path}: ${fault}`);
    const count = this.counts.get(kind) ?? { good: 0, all: 0 };
    this.counts.set(kind, { good: count.good + (isGood ? 1 : 0), all: count.all + 1 });
  }

  setAside(what: string): void {
    this.others.set(what, (this.others.get(what) ?? 0) + 1);
  }

  /** A file that cannot be read. */
  fail(path: string, reason: string): void {
    this.malformed++;
    this.failures.push(`${path}: ${reason}`);
  }

  get failed(): boolean {
    return this.failures.length > 0;
  }

  report(): string[] {
    const counts = sorted(this.counts);
    const [good, all] = counts.reduce(([g, a], [, count]) => [g + count.good, a + count.all], [0, 0]);
    return [
      ...this.failures.slice(0, listed),
      ...(this.failures.length > listed ? [`and ${this.failures.length - listed} more`] : []),
      ...(this.malformed > 0 ? [`not readable as XML: ${this.malformed}`] : []),
      ...sorted(this.others).map(([what, count]) => `${what}: ${count}, not judged`),
      ...counts.map(([kind, count]) => `${kind}: ${count.good} of ${count.all}`),
      ...this.refused.slice(0, listed).map((what) => `kept, as libvirt's schema is to refuse it: ${what}`),
      `${good} of ${all} round-trip`,
    ];
  }
}

/**
 * libvirt's own tests name documents so that its schema has to refuse (virschematest.c). What such a one holds wrong
 * cannot be known to a model of that schema, but it must not be lost.
 */
function isRefusedByLibvirt(path: string): boolean {
  return path.endsWith("-invalid.xml");
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
