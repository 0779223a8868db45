import type { Values } from "../../core/handler";
import type { Element } from "../../schema/tree";
import { claimLost, claimPlaces, claimRows, claimSure } from "../claim";
import { aliasOf, devicesOf } from "./alias";
import type { Domain } from "./domain";
import { rows } from "./rows";

/**
 * Devices of an adopted domain have no names of ours before the first change writes them, nor in a guest that was
 * started before that: they are read under the names that these inputs give them, the first that fit. So are those of a
 * domain of ours which has none of our names any more: a tool has written it that keeps no aliases. Where it has some,
 * only a device that lost its own, or that somebody took out and put back by hand, is known again.
 */
export function nameDevices(domain: Domain, state: Values, ...inputs: readonly Values[]): void {
  domain.nameDevices((document) => {
    const isOurs = state["adopted"] !== true && hasOurs(document);
    if (isOurs) claimLost(rows, state, document);
    for (const values of inputs) {
      if (isOurs) claimSure(rows, values, document);
      else {
        claimRows(rows, values, document, inputs);
        claimPlaces(rows, values, document);
      }
    }
  });
}

function hasOurs(document: Element): boolean {
  return devicesOf(document).some((device) => aliasOf(device)?.startsWith("ua-"));
}
