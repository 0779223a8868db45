/** What to do about what libvirt said, by words that it has in it; the first that are found count. */
export type Remedies = readonly (readonly [said: RegExp, remedy: string])[];

/** Undefined for words that are not known. */
export function remedyIn(remedies: Remedies, said: string): string | undefined {
  return remedies.find(([words]) => words.test(said))?.[1];
}
