import type { Meta } from "./handler";

/**
 * Who has adopted what, by type and id, as far as this process has seen it: volumes and pools have no place for a mark that
 * would tell. It is made anew for each command, and looks at all of the program before anything is deleted that is not
 * in it any more.
 */
const adopters = new Map<string, string>();

/** Takes note of an object that the resource has adopted, by what its state says. */
export function noteAdopter(type: string, id: string, { adopted }: { readonly adopted?: unknown }, meta?: Meta): void {
  if (adopted === true && meta) adopters.set(`${type} ${id}`, meta.urn);
}

/** Another resource that has adopted the object meanwhile; one that is deleted itself has it no longer. */
export function otherAdopter(type: string, id: string, meta: Meta | undefined): string | undefined {
  const adopter = adopters.get(`${type} ${id}`);
  if (adopter !== meta?.urn) return adopter;
  adopters.delete(`${type} ${id}`);
  return undefined;
}
