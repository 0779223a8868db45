/** Far above any host: keeps a mistyped range from filling memory. */
const highest = 65535;

/**
 * The CPUs of libvirt's notation "0-3,8,^2", ascending: entries count from left to right, "^" takes away.
 *
 * @throws RangeError for anything else, naming the part that is wrong.
 */
export function parseCpuSet(text: string): number[] {
  const found = new Set<number>();
  for (const part of text.split(",").map((item) => item.trim())) {
    const match = /^(\^?)(\d+)(?:-(\d+))?$/.exec(part);
    const first = Number(match?.[2]);
    const last = Number(match?.[3] ?? match?.[2]);
    if (!match || first > last || last > highest || (match[1] === "^" && match[3] !== undefined)) {
      throw new RangeError(`"${part}" is not a CPU or a range of CPUs; write for example "0-3,8,^2"`);
    }
    for (let cpu = first; cpu <= last; cpu++) {
      if (match[1] === "^") found.delete(cpu);
      else found.add(cpu);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** The same of a set that may have none, and is "" then. */
export function cpusIn(text: string): number[] {
  return text === "" ? [] : parseCpuSet(text);
}

/** The shortest spelling of a set of CPUs, such as "0-3,8"; "" for none. */
export function formatCpuSet(cpus: Iterable<number>): string {
  const ranges: [first: number, last: number][] = [];
  for (const cpu of [...new Set(cpus)].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === cpu - 1) range[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
