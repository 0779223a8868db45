/** "pc-q35" of "pc-q35-7.2"; a type without a version is its own family. */
export function familyOf(machine: string): string {
  return machine.replace(/-[\d.]+$/, "");
}

/** For sorting: "pc-q35-2.9" is older than "pc-q35-2.10". Node's own comparison by numbers loads its tables for 10 ms. */
export function oldestFirst(a: string, b: string): number {
  const [left, right] = [padded(a), padded(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function padded(machine: string): string {
  return machine.replace(/\d+/g, (digits) => digits.padStart(8, "0"));
}
